"""A client's end of a language server on standard input and output: JSON-RPC as the protocol has it, nothing more."""

import asyncio
import contextlib
import json
import os
import tempfile
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from typing import Any

from copilot.errors import SlipstreamError

_HINT = "`slipstream doctor` looks for the reason."
_ANSWER_SECONDS = 30.0
_LEAVE_SECONDS = 5.0
_TAIL_CHARACTERS = 2_000


class LspSession:
    """Requests and notifications both ways. ``on_notification`` gets the server's, in order, while reading."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._last_id = 0
        self._waiting: dict[int, asyncio.Future[Any]] = {}
        self._reader = asyncio.create_task(self._read_all(), name="language server")
        self.on_notification: Callable[[str, Any], None] = lambda method, params: None

    @property
    def process_id(self) -> int:
        """Of the server."""
        return self._process.pid

    @property
    def ended(self) -> bool:
        """Whether the server has closed its side."""
        return self._reader.done()

    def send(self, method: str, params: object) -> tuple[int, asyncio.Future[Any]]:
        """Send a request; returns its id and the answer to come. A server that ends makes it an error."""
        self._last_id += 1
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        if self._reader.done():
            answer.set_exception(self._gone())
        else:
            self._waiting[self._last_id] = answer
            self._write({"id": self._last_id, "method": method, "params": params})
        return self._last_id, answer

    async def request(self, method: str, params: object, seconds: float = _ANSWER_SECONDS) -> Any:
        """Raises :class:`SlipstreamError` when the server answers with an error, not in time, or ends."""
        try:
            return await asyncio.wait_for(self.send(method, params)[1], seconds)
        except TimeoutError:
            raise SlipstreamError(
                f"The language server did not answer {method} within {seconds:.0f} seconds.",
                hint=_HINT,
                code="server_silent",
            ) from None

    def notify(self, method: str, params: object) -> None:
        self._write({"method": method, "params": params})

    def _write(self, message: dict[str, Any]) -> None:
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        # A server that has ended is noticed by the reader, which says it better.
        with contextlib.suppress(ConnectionError, RuntimeError):
            self._stdin.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)

    async def _read_all(self) -> None:
        try:
            while (message := await self._read()) is not None:
                self._take(message)
        finally:
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(self._gone())
                    # Whoever still waits is told; an answer that nobody waits for is no error of its own.
                    answer.exception()

    async def _read(self) -> dict[str, Any] | None:
        length = 0
        while True:
            line = await self._stdout.readline()
            if not line:
                return None
            if not line.strip():
                break
            name, _, value = line.partition(b":")
            if name.strip().lower() == b"content-length":
                length = int(value)
        try:
            message: dict[str, Any] = json.loads(await self._stdout.readexactly(length))
        except asyncio.IncompleteReadError:
            return None
        return message

    def _take(self, message: dict[str, Any]) -> None:
        method = message.get("method")
        if method is None:
            answer = self._waiting.pop(message.get("id", 0), None)
            if answer is None or answer.done():
                return
            if "error" in message:
                answer.set_exception(SlipstreamError(str(message["error"].get("message")), hint=_HINT, code="lsp"))
            else:
                answer.set_result(message.get("result"))
        elif "id" in message:
            # Settings it asks for are the user's own; anything else it asks is agreed to.
            items = (message.get("params") or {}).get("items") if method == "workspace/configuration" else None
            self._write({"id": message["id"], "result": None if items is None else [None for _ in items]})
        else:
            self.on_notification(method, message.get("params"))

    def _gone(self) -> SlipstreamError:
        return SlipstreamError("The language server ended.", hint=_HINT, code="server_gone")

    async def leave(self) -> None:
        """Shut the server down as the protocol asks, and end it if it doesn't listen."""
        with contextlib.suppress(SlipstreamError):
            await self.request("shutdown", None, _LEAVE_SECONDS)
        self.notify("exit", None)
        self._stdin.close()
        try:
            await asyncio.wait_for(self._process.wait(), _LEAVE_SECONDS)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()
        self._reader.cancel()
        await asyncio.wait([self._reader])


@contextlib.asynccontextmanager
async def run_server(
    command: Sequence[str], environment: Mapping[str, str] | None = None
) -> AsyncGenerator[LspSession]:
    """Start ``command`` and talk to it; leaving the block, for whatever reason, shuts it down.

    ``environment``: instead of this process' own.

    When it ended by itself, the :class:`SlipstreamError` on the way out tells the end of its log.
    """
    with tempfile.TemporaryFile() as log:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=log,
            env=environment,
            limit=16 * 1024 * 1024,
            # Ctrl-C in the terminal is for us; the server is then shut down in good order.
            start_new_session=True,
        )
        session = LspSession(process)
        try:
            yield session
        except SlipstreamError as error:
            if error.code != "server_gone":
                raise
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), _LEAVE_SECONDS)
            raise _with_log(error, log.fileno(), process.returncode) from None
        finally:
            # Also when we are being cancelled: the wait is bounded.
            await asyncio.shield(asyncio.ensure_future(session.leave()))


def _with_log(error: SlipstreamError, log: int, status: int | None) -> SlipstreamError:
    size = os.fstat(log).st_size
    tail = os.pread(log, _TAIL_CHARACTERS, max(0, size - _TAIL_CHARACTERS)).decode(errors="replace").strip()
    message = error.message if status is None else f"The language server ended with status {status}."
    return SlipstreamError(f"{message}\n{tail}".strip(), hint=error.hint, code=error.code)
