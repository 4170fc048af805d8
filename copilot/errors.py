"""The one exception type that reaches a user."""


class SlipstreamError(Exception):
    """Something the user can act on.

    ``message`` says what happened in one sentence; ``hint`` says what to do next, and is part of ``str()``.
    ``code`` is a stable word for programs (HTTP error bodies, ``--json`` output).
    ``retryable`` tells a client whether the same request may succeed later.
    """

    def __init__(self, message: str, *, hint: str = "", code: str = "error", retryable: bool = False) -> None:
        self.message = message
        self.hint = hint
        self.code = code
        self.retryable = retryable
        super().__init__(f"{message} {hint}".strip())
