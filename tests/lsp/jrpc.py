"""A raw JSON-RPC client over a child's standard input and output.

It sends whatever it is told to, also what no real client would, and assumes nothing about the server.
"""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

Json = dict[str, Any]

GUARD_SECONDS = 30.0
SERVER = (sys.executable, "-m", "copilot", "lsp")


class Client:
    """``answer`` replies to requests of the server; what it returns is the result, by default null."""

    def __init__(
        self,
        command: Sequence[str] = SERVER,
        *,
        env: Mapping[str, str] | None = None,
        answer: Callable[[Json], object] = lambda message: None,
    ) -> None:
        self.process = subprocess.Popen(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=env
        )
        self.responses: dict[object, Json] = {}
        self.notes: list[Json] = []
        """Notifications and requests from the server, in order."""
        self.log: list[str] = []
        self.protocol_error: str | None = None
        self._answer = answer
        self._ids = 0
        self._changed = threading.Condition()
        self._threads = [
            threading.Thread(target=self._read, daemon=True),
            threading.Thread(target=self._read_log, daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.kill()

    @staticmethod
    def command() -> list[str]:
        """How an editor starts the server."""
        return list(SERVER)

    # ------------------------------------------------------------------------------------------------ sending

    def raw_bytes(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def raw(self, message: object) -> None:
        body = json.dumps(message).encode()
        self.raw_bytes(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))

    def notify(self, method: str, params: object = None) -> None:
        self.raw({"jsonrpc": "2.0", "method": method, "params": params})

    def send(self, method: str, params: object = None, request_id: object = None) -> Any:
        """Send a request; returns its id at once."""
        self._ids += 1
        request_id = self._ids if request_id is None else request_id
        self.raw({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})
        return request_id

    # ----------------------------------------------------------------------------------------------- waiting

    def until(self, what: str, found: Callable[[], Any], timeout: float = GUARD_SECONDS) -> Any:
        """The first true value of ``found``."""
        end = time.monotonic() + timeout
        with self._changed:
            while not (value := found()):
                left = end - time.monotonic()
                if left <= 0 or self.protocol_error:
                    raise AssertionError(
                        f"{what} did not come; {self.protocol_error}; exit {self.process.poll()}; log {self.log[-20:]}"
                    )
                self._changed.wait(min(left, 0.1))
            return value

    def wait(self, request_id: object, timeout: float = GUARD_SECONDS) -> Json:
        """The response to a request."""
        self.until(f"the answer to {request_id!r}", lambda: request_id in self.responses, timeout)
        return self.responses[request_id]

    def call(self, method: str, params: object = None, timeout: float = GUARD_SECONDS) -> Json:
        return self.wait(self.send(method, params), timeout)

    def result(self, method: str, params: object = None, timeout: float = GUARD_SECONDS) -> Any:
        response = self.call(method, params, timeout)
        assert "error" not in response, response
        return response["result"]

    def error(self, method: str, params: object = None) -> Json:
        response = self.call(method, params)
        assert "error" in response, response
        error: Json = response["error"]
        return error

    def of(self, method: str) -> list[Any]:
        """Parameters of everything the server has sent under this name."""
        with self._changed:
            return [note["params"] for note in self.notes if note["method"] == method]

    def exit_status(self, timeout: float = GUARD_SECONDS) -> int:
        status = self.process.wait(timeout)
        for thread in self._threads:
            thread.join(timeout)
        return status

    # --------------------------------------------------------------------------------------------- life cycle

    def initialize(self, **params: object) -> Json:
        """The result of ``initialize``; sends ``initialized`` too."""
        whole = {"processId": os.getpid(), "rootUri": None, "capabilities": {}, **params}
        result: Json = self.result("initialize", whole)
        self.notify("initialized", {})
        return result

    def open(self, uri: str, text: str, *, language: str = "python", version: int = 1) -> None:
        item = {"uri": uri, "languageId": language, "version": version, "text": text}
        self.notify("textDocument/didOpen", {"textDocument": item})

    def change(self, uri: str, version: int, *changes: Json) -> None:
        self.notify(
            "textDocument/didChange",
            {"textDocument": {"uri": uri, "version": version}, "contentChanges": list(changes)},
        )

    def stop(self) -> int:
        """Shut down as the protocol asks; the exit status."""
        self.result("shutdown")
        self.notify("exit")
        return self.exit_status()

    def kill(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout, self.process.stderr):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()
        for thread in self._threads:
            thread.join(GUARD_SECONDS)

    # ----------------------------------------------------------------------------------------------- reading

    def _read(self) -> None:
        try:
            while (message := self._next()) is not None:
                self._take(message)
        except (OSError, ValueError) as error:
            if self.process.poll() is None:
                with self._changed:
                    self.protocol_error = repr(error)
                    self._changed.notify_all()

    def _next(self) -> Json | None:
        stream = self.process.stdout
        assert stream is not None
        length = None
        while (line := stream.readline()) != b"\r\n":
            if not line:
                return None
            name, colon, value = line.partition(b":")
            if not colon:
                raise ValueError(f"not a header: {line!r}")
            if name.lower() == b"content-length":
                length = int(value)
        if length is None:
            raise ValueError("a message without a length")
        message: Json = json.loads(stream.read(length))
        return message

    def _take(self, message: Json) -> None:
        with self._changed:
            if "method" in message:
                self.notes.append(message)
            else:
                assert message.get("id") is None or message["id"] not in self.responses, f"answered twice: {message}"
                self.responses[message["id"]] = message
            self._changed.notify_all()
        if "method" in message and "id" in message:
            self.raw({"jsonrpc": "2.0", "id": message["id"], "result": self._answer(message)})

    def _read_log(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self.log.append(line.decode(errors="replace"))


def at(line: int, character: int) -> Json:
    return {"line": line, "character": character}


def edit(start: tuple[int, int], end: tuple[int, int], text: str) -> Json:
    """A content change with a range."""
    return {"range": {"start": at(*start), "end": at(*end)}, "text": text}


def inline(uri: str, line: int, character: int, **more: object) -> Json:
    """Parameters of an automatic ``textDocument/inlineCompletion``."""
    return {
        "textDocument": {"uri": uri},
        "position": at(line, character),
        "context": {"triggerKind": 2},
        **more,
    }


def file_uri(path: Path) -> str:
    return path.as_uri()
