"""How fast an engine is, beside what the memory of its device allows and beside the bare library."""
