"""Model files on disk: find, fetch, verify, remove."""
