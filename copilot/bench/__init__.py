"""Measuring completions the way someone at an editor meets them: typing replayed, and the quality of what is shown."""
