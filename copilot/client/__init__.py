"""The asynchronous client of the engine host: find or start it, ask, stream, cancel."""
