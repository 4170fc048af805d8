"""A real NATS server with JetStream, which can be stopped, frozen and started again."""

import asyncio
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.copilot.audit.recording import PATIENCE_SECONDS

# Where Debian puts it may be missing in a user's PATH.
PROGRAM = shutil.which("nats-server", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin")
needs_nats = pytest.mark.skipif(PROGRAM is None, reason="there is no nats-server: apt install nats-server")


class NatsServer:
    """Keeps its place and what it stores while it is stopped."""

    def __init__(self, folder: Path, *options: str) -> None:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._folder = folder
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def address(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        assert PROGRAM is not None
        command = [PROGRAM, "-a", "127.0.0.1", "-p", str(self.port), "-js", "-sd", str(self._folder), *self._options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
                return
            assert time.monotonic() < deadline and self._process.poll() is None, "nats-server did not start"
            time.sleep(0.01)

    def stop(self) -> None:
        if self._process is not None:
            self._process.send_signal(signal.SIGCONT)
            self._process.terminate()
            self._process.wait(PATIENCE_SECONDS)
            self._process = None

    def freeze(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        assert self._process is not None
        self._process.send_signal(signal.SIGCONT)

    def stored(self, stream: str = "SLIPSTREAM_AUDIT") -> list[dict[str, Any]]:
        """What the stream holds, in its order; nothing where there is no stream yet."""
        return [found for _subject, found in self.messages(stream)]

    def messages(self, stream: str = "SLIPSTREAM_AUDIT") -> list[tuple[str, dict[str, Any]]]:
        return asyncio.run(_messages(self.address, stream))


async def _messages(address: str, name: str) -> list[tuple[str, dict[str, Any]]]:
    import nats
    from nats.js.errors import NotFoundError

    client = await nats.connect(address)
    try:
        stream = client.jetstream()
        try:
            state = (await stream.stream_info(name)).state
        except NotFoundError:
            return []
        # An empty stream says that its first is 0, and has no such message.
        numbers = range(state.first_seq, state.last_seq + 1) if state.messages else ()
        found = [await stream.get_msg(name, number) for number in numbers]
        return [(str(it.subject), json.loads(it.data or b"")) for it in found]
    finally:
        await client.close()


@contextlib.contextmanager
def nats_server(folder: Path, *options: str) -> Iterator[NatsServer]:
    server = NatsServer(folder, *options)
    server.start()
    try:
        yield server
    finally:
        server.stop()
