"""What the model sees: prefix, suffix and snippets, each with its origin."""
