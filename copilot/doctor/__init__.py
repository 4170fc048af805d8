"""What stands between this machine and a completion: small checks, each with a verdict and a next step."""
