"""What context from other files is worth: real packages, each file asked about while it is not in the index."""
