"""``workspace/executeCommand``: the server's commands by name, each with a handler. No I/O of its own."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from pygls.exceptions import JsonRpcInvalidParams

from copilot_lsp.messages import ExecuteCommandParams, ProgressToken, RequestId

CommandHandler = Callable[[RequestId, Sequence[Any], ProgressToken | None], Awaitable[object]]
"""Is given the request's id, the arguments as they came, and the token for work-done progress where the client sent
one. It is called before the next message is looked at; what it returns is awaited, and is the answer. Arguments that
do not fit: raise ``msgspec.ValidationError`` or one of pygls' ``JsonRpcException``."""

PREFIX = "slipstream."


class Commands(dict[str, CommandHandler]):
    """Whoever has a command registers it: ``server.commands[name] = handler``."""

    @property
    def announced(self) -> list[str]:
        """Those that a client is told of. Only our own: clients register each as a command of the editor, and a name
        of another vendor may be taken there."""
        return sorted(name for name in self if name.startswith(PREFIX))

    def execute(self, request_id: RequestId, params: ExecuteCommandParams) -> Awaitable[object]:
        """Run a command. Raises ``JsonRpcInvalidParams`` for one that there is not."""
        handler = self.get(params.command)
        if handler is None:
            raise JsonRpcInvalidParams(f"There is no command of this name; there are {', '.join(self.announced)}.")
        return handler(request_id, params.arguments or (), params.work_done_token)
