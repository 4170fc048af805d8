"""The workspace as it is known: scanned, watched, kept in SQLite, searched."""
