"""The language server: handlers that translate between editors and Slipstream's core."""
