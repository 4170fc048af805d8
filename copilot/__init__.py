"""Slipstream's core: everything that knows neither the Language Server Protocol nor Qt."""

__version__ = "0.1.0"
