"""Models that answer: the ``Engine`` protocol, prompt planning, the worker process and its backends."""
