"""How good completions are: holes in real code, filled through the whole pipeline, scored by caret position."""
