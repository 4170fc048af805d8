"""What a text means to a grammar: tree-sitter, one language at a time, loaded when it is first asked for."""
