"""Errors: as a client is told of them, and as the log may hold them."""

import traceback

from copilot.errors import SlipstreamError
from copilot.serve.api import ErrorData


def describe_crash(error: BaseException) -> str:
    """Type and places of an unexpected error. Not its message, which may hold someone's code."""
    return f"{type(error).__name__}\n{''.join(traceback.format_tb(error.__traceback__))}"


def internal_error() -> SlipstreamError:
    """What a client is told about a bug of ours."""
    return SlipstreamError(
        "The engine host hit an internal error.", hint="Its log, host.log, says where.", code="internal", retryable=True
    )


def error_data(error: SlipstreamError, *, partial: bool = False) -> ErrorData:
    """The wire form of a user's error."""
    return ErrorData(
        code=error.code, message=error.message, hint=error.hint, retryable=error.retryable, partial=partial
    )
