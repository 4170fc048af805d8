"""What can go wrong between a client and the host, as one kind of error."""

import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from copilot.client.dial import ConnectionLostError, Loss
from copilot.errors import SlipstreamError
from copilot.serve.api import ErrorData


class HostError(SlipstreamError):
    """What the host said went wrong, or that it is gone (``host_lost``, retryable).

    ``partial``: text came before, and is all that will come.
    """

    def __init__(self, error: ErrorData) -> None:
        super().__init__(error.message, hint=error.hint, code=error.code, retryable=error.retryable)
        self.partial = error.partial


_LOSSES = {
    Loss.REFUSED: "The engine host is not running.",
    Loss.BROKEN: "The connection to the engine host was lost.",
    Loss.SILENT: "The engine host does not answer any more.",
}
_BARRED = {
    Loss.UNTRUSTED: ErrorData(
        code="host_untrusted",
        message="The certificate of the shared host is not one that this machine trusts.",
        hint="Give the file of its authority: `slipstream login URL --ca FILE`.",
    ),
    Loss.PROXY: ErrorData(
        code="proxy_refused",
        message="The proxy does not connect to the shared host.",
        hint="Check its address: `slipstream login URL --proxy ADDRESS`.",
    ),
}


@contextlib.contextmanager
def translated_errors(partial: Callable[[], bool] = lambda: False) -> Iterator[None]:
    """Every failure of the connection is one :class:`HostError`."""
    try:
        yield
    except ConnectionLostError as error:
        if error.loss in _BARRED:
            raise HostError(_BARRED[error.loss]) from None
        raise lost(_LOSSES[error.loss], partial=partial()) from None


def lost(message: str, *, partial: bool = False) -> HostError:
    hint = "Ask again; a host of this machine's own is started anew."
    return HostError(ErrorData(code="host_lost", message=message, hint=hint, retryable=True, partial=partial))


def refusal(status: int, body: bytes) -> HostError:
    """The error of an answer that is none: an ``ErrorData``, or OpenAI's form of one."""
    with contextlib.suppress(msgspec.MsgspecError, ValueError):
        value = msgspec.json.decode(body)
        if isinstance(value, dict) and isinstance(value.get("error"), dict):
            return openai_error(value["error"], retryable=status == 503)
        return HostError(msgspec.convert(value, ErrorData))
    return incompatible()


def incompatible() -> HostError:
    return HostError(
        ErrorData(
            code="host_incompatible",
            message="What answers on the engine host's socket is not a host of this version.",
            hint="Run `slipstream stop`; the next request starts one.",
        )
    )


def openai_error(error: dict[str, Any], *, retryable: bool, partial: bool = False) -> HostError:
    return HostError(
        ErrorData(
            code=str(error.get("code") or "error"),
            message=str(error.get("message") or "The engine host refused the request."),
            retryable=retryable,
            partial=partial,
        )
    )
