"""Documents, lines and positions as editors count them. No I/O."""
