"""Which models suit a machine: what it has, what fits, and how fast that would be."""
