"""Typing replayed against completion pipelines."""
