"""A hub on a real socket that fails in the ways that real ones do."""

import contextlib
import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from copilot.config.settings import DownloadSettings


class Asked:
    """A request that came. ``start`` is the first byte asked for."""

    def __init__(self, path: str, headers: dict[str, str]) -> None:
        self.path = path
        self.headers = headers
        span = headers.get("range", "bytes=0-").removeprefix("bytes=")
        self.ranged = "range" in headers
        self.start = int(span.split("-")[0])
        self.last = int(span.split("-")[1]) if span.split("-")[1] else None


class Reply:
    """What to answer; ``cut`` is how many bytes of the body come before the connection breaks, ``hold`` is waited for
    after the head.
    """

    def __init__(
        self, status: int, body: bytes = b"", headers: dict[str, str] | None = None, cut: int | None = None
    ) -> None:
        self.status = status
        self.body = body
        self.headers = headers or {}
        self.cut = cut
        self.hold: threading.Event | None = None


class HubServer:
    """Serves ``content`` under every path, as a hub does, until ``answer`` is replaced by something worse."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        self.etag = '"first"'
        self.asked: list[Asked] = []
        self.answer: Callable[[Asked], Reply] = self.right
        self.api: dict[str, Any] = {}
        self.hold = threading.Event()
        """While it is not set, nothing is answered."""
        self.hold.set()
        self.stall_after: int | None = None
        """Answers go silent after so many bytes of the body."""
        self.stopped = threading.Event()
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                asked = Asked(self.path, {name.lower(): text for name, text in self.headers.items()})
                with outer._lock:
                    outer.asked.append(asked)
                    reply = outer._reply(asked)
                outer.hold.wait(600)
                # A client that leaves in the middle is part of what is tested.
                with contextlib.suppress(OSError):
                    self.send_response(reply.status)
                    for name, text in {"Content-Length": str(len(reply.body)), **reply.headers}.items():
                        self.send_header(name, text)
                    self.end_headers()
                    if reply.hold:
                        reply.hold.wait(600)
                    if outer.stall_after is not None:
                        self.wfile.write(reply.body[: outer.stall_after])
                        outer.stopped.wait(600)
                    else:
                        self.wfile.write(reply.body[: reply.cut])
                self.close_connection = reply.cut is not None

            def log_message(self, format: str, *args: object) -> None:
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def handle_error(self, request: object, client_address: object) -> None:
                pass

        self._server = Server(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.settings = DownloadSettings(hub=self.url, connect_seconds=20)

    def right(self, asked: Asked) -> Reply:
        """What a good hub says."""
        headers = {"ETag": self.etag}
        if not asked.ranged:
            return Reply(200, self.content, headers)
        if asked.start >= len(self.content):
            return Reply(416)
        last = len(self.content) - 1 if asked.last is None else min(asked.last, len(self.content) - 1)
        headers["Content-Range"] = f"bytes {asked.start}-{last}/{len(self.content)}"
        return Reply(206, self.content[asked.start : last + 1], headers)

    def _reply(self, asked: Asked) -> Reply:
        if asked.path.startswith("/api/"):
            found = self.api.get(asked.path.split("?")[0])
            return Reply(404) if found is None else Reply(200, json.dumps(found).encode())
        return self.answer(asked)

    @property
    def starts(self) -> list[int]:
        """The first byte of each request for the file."""
        return [asked.start for asked in self.asked if not asked.path.startswith("/api/")]

    @contextlib.contextmanager
    def running(self) -> Iterator["HubServer"]:
        thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        try:
            yield self
        finally:
            self.hold.set()
            self.stopped.set()
            self._server.shutdown()
            self._server.server_close()
            thread.join(10)
