"""Says once what is wrong, however many keystrokes run into it. No I/O."""

from pygls.exceptions import JsonRpcException

from copilot.errors import SlipstreamError

# Ends of a request that need nobody's help: someone typed on, others were first, or the host or its
# model is coming or going.
QUIET = frozenset(
    {
        *("superseded", "cancelled", "expired", "busy", "starting", "unloaded", "server_draining", "host_lost"),
        "empty_prompt",
    }
)


class Troubles:
    """Remembers the kinds of trouble that were told since things last worked."""

    def __init__(self) -> None:
        self._told: set[str] = set()

    def tell(self, error: SlipstreamError) -> str | None:
        """What to show for ``error``; None when its kind was shown already or concerns nobody."""
        if error.code in QUIET or error.code in self._told:
            return None
        self._told.add(error.code)
        return f"Slipstream: {error}"

    def recovered(self) -> None:
        """It works again; the same trouble is news the next time."""
        self._told.clear()


class RequestFailed(JsonRpcException):
    """Answered with words for people, which hold no document text. LSP 3.17, ``LSPErrorCodes.RequestFailed``."""

    CODE = -32803
