"""A model folder to another: 16-bit weights to EXL2 by the library's own converter, and what became of them."""
