"""Settings: one typed tree, read from one TOML file, the environment and the command line."""
