"""The companion window (reserved: nothing of it exists yet)."""
