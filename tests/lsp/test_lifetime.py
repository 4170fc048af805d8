"""The process leaves when its editor does, keeps standard output clean, and outlives a client that stops reading."""

import contextlib
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from copilot_lsp.parent import ParentWatch, alive

from tests.lsp.fake_host import FakeHost
from tests.lsp.jrpc import GUARD_SECONDS, SERVER, Client, Json, inline

URI = "file:///w/a.py"
COMPLETE = "textDocument/inlineCompletion"


def eventually(what: str, found: Callable[[], object]) -> None:
    end = time.monotonic() + GUARD_SECONDS
    while not found():
        assert time.monotonic() < end, what
        time.sleep(0.02)


@pytest.fixture
def sleeper() -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
    yield process
    process.kill()
    process.wait()


def close_input(client: Client) -> None:
    assert client.process.stdin is not None
    client.process.stdin.close()


def test_the_end_of_input_is_the_end(client: Client) -> None:
    client.initialize()
    close_input(client)
    assert client.exit_status() == 1


def test_the_end_of_input_after_shutdown_is_fine(client: Client) -> None:
    client.initialize()
    client.result("shutdown")
    close_input(client)
    assert client.exit_status() == 0


def test_the_end_of_input_ends_running_requests(client: Client, host: FakeHost) -> None:
    host.hold_after = 0
    client.initialize()
    client.open(URI, "x = ")
    client.send(COMPLETE, inline(URI, 0, 4))
    client.until("the request at the host", lambda: host.asked)
    close_input(client)
    assert client.exit_status() == 1
    eventually("the stream closed", lambda: host.asked[0].ended == "closed")


def test_it_leaves_while_the_host_is_loading(client: Client, host: FakeHost) -> None:
    from copilot.serve.api import HostState, HostStatus

    host.status = HostStatus(state=HostState.STARTING, version="0", pid=1)
    client.initialize()
    client.open(URI, "x = ")
    client.send(COMPLETE, inline(URI, 0, 4, context={"triggerKind": 1}))
    assert client.stop() == 0


def test_it_leaves_with_the_editor_it_was_told_of(client: Client, sleeper: "subprocess.Popen[bytes]") -> None:
    """Its input stays open: another process has inherited the pipe."""
    client.initialize(processId=sleeper.pid)
    sleeper.kill()  # not reaped: a zombie is no editor
    assert client.exit_status() == 1


def test_it_leaves_with_its_parent(home: Path) -> None:
    """What started it is killed; this test still holds both ends of its input."""
    reading, writing = os.pipe()
    starter = (
        "import subprocess, sys, time\n"
        f"server = subprocess.Popen({list(SERVER)}, stdin={reading}, stdout=subprocess.DEVNULL)\n"
        "print(server.pid, flush=True)\n"
        "time.sleep(600)\n"
    )
    parent = subprocess.Popen([sys.executable, "-c", starter], stdout=subprocess.PIPE, pass_fds=[reading])
    with parent:
        assert parent.stdout is not None
        server = int(parent.stdout.readline())
        eventually("the server's threads", lambda: _threads(server) >= 3)
        parent.kill()
    eventually("the server's end", lambda: not alive(server))
    os.close(reading)
    os.close(writing)


def _threads(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def test_a_process_that_it_cannot_see_is_no_reason_to_leave(client: Client) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    client.initialize(processId=gone.pid)
    time.sleep(2.5)
    assert client.error("alive?")["code"] == -32601


def test_the_watch_works_whatever_the_loop_does(sleeper: "subprocess.Popen[bytes]") -> None:
    told: list[bool] = []
    watch = ParentWatch(gone=lambda: told.append(True), poll_seconds=0.01)
    watch.watch(sleeper.pid)
    watch.start()
    sleeper.kill()
    watch.join(GUARD_SECONDS)
    assert told == [True]


def test_a_busy_server_leaves_too(home: Path) -> None:
    """Its loop is stuck in a handler; the input ends, and threads see to it."""
    stuck = (
        "import sys, time\n"
        "from copilot.cli import main\n"
        "from copilot_lsp.server import Server\n"
        "Server._opened = lambda self, params: (print('stuck', file=sys.stderr, flush=True), time.sleep(600))\n"
        "sys.exit(main(['lsp']))\n"
    )
    with Client([sys.executable, "-c", stuck]) as client:
        client.initialize(initializationOptions={"enabled": False})
        client.open(URI, "x")
        client.until("the handler", lambda: any("stuck" in line for line in client.log))
        close_input(client)
        assert client.exit_status() == 1


def test_what_prints_does_not_disturb_the_protocol(home: Path) -> None:
    noisy = (
        "import ctypes, os, subprocess, sys\n"
        "from copilot.cli import main\n"
        "from copilot_lsp.server import Server\n"
        "def opened(self, params):\n"
        "    print('from python', flush=True)\n"
        "    libc = ctypes.CDLL(None)\n"
        "    libc.puts(b'from C')\n"
        "    libc.fflush(None)\n"
        "    os.write(1, b'from a descriptor\\n')\n"
        "    subprocess.run(['sh', '-c', 'echo from a child; cat'])\n"
        "Server._opened = opened\n"
        "sys.exit(main(['lsp']))\n"
    )
    with Client([sys.executable, "-c", noisy]) as client:
        client.initialize(initializationOptions={"enabled": False})
        client.open(URI, "x")
        assert client.error("alive?")["code"] == -32601
        assert client.stop() == 0
        log = "".join(client.log)
    assert client.protocol_error is None
    for source in ("python", "C", "a descriptor", "a child"):
        assert f"from {source}\n" in log


def test_a_client_that_stops_reading_does_not_stop_the_server(home: Path) -> None:
    """Answers wait in memory up to a limit; then the server gives the connection up instead of growing or hanging."""
    reading, writing = os.pipe()
    with subprocess.Popen(list(SERVER), stdin=subprocess.PIPE, stdout=writing, stderr=subprocess.DEVNULL) as process:
        os.close(writing)
        assert process.stdin is not None
        body = b'{"jsonrpc":"2.0","id":"%s","method":"no/such"}' % (b"i" * 100_000)
        with contextlib.suppress(BrokenPipeError):
            for _ in range(400):
                process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        assert process.wait(GUARD_SECONDS) == 1
        with contextlib.suppress(BrokenPipeError):
            process.stdin.close()
    os.close(reading)


def test_a_client_that_reads_late_gets_every_answer(home: Path) -> None:
    """While it does not read, the server has far more to say than a pipe holds, and goes on listening."""
    reading = threading.Event()

    class Late(Client):
        def _next(self) -> Json | None:
            assert reading.wait(GUARD_SECONDS)
            return super()._next()

    with Late() as client:
        client.send("initialize", {"processId": None, "capabilities": {}}, "first")
        ids = [f"{number}-{'x' * 20_000}" for number in range(50)]
        for request_id in ids:
            client.send("no/such", None, request_id)
        reading.set()
        for request_id in ids:
            assert client.wait(request_id)["error"]["code"] == -32601
        assert "result" in client.wait("first")
        assert client.stop() == 0


def test_it_says_what_it_is_for_on_a_terminal(home: Path) -> None:
    main, terminal = os.openpty()
    process = subprocess.Popen(list(SERVER), stdin=terminal, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    assert b"editor" in process.stderr.readline()
    process.kill()
    process.wait()
    process.stderr.close()
    os.close(terminal)
    os.close(main)


def test_arguments_that_clients_add_are_accepted(host: FakeHost) -> None:
    with Client([*SERVER, "--stdio"]) as client:
        client.initialize()
        assert client.stop() == 0


# ---------------------------------------------------------------------------------------------------------- the log

CANARY = "kanarienvogel"


@pytest.mark.parametrize("level", ["warning", "info", "debug"])
def test_the_log_holds_no_document_text(host: FakeHost, level: str) -> None:
    host.tokens = (CANARY,)
    with Client([*SERVER, "--log-level", level]) as client:
        client.initialize(initializationOptions={CANARY: CANARY})
        client.open(URI, f"{CANARY} = ")
        client.change(URI, 2, {"text": f"{CANARY} = 2 + "})
        client.result(COMPLETE, inline(URI, 0, 99, partialResultToken="t"))
        client.change(URI, 1, {"range": {"start": CANARY}, "text": CANARY})
        client.change(URI, 1, {"range": None, "text": [CANARY]})
        client.error(COMPLETE, {"textDocument": CANARY, "position": CANARY})
        client.error("workspace/executeCommand", {"command": 7, "arguments": CANARY})
        client.error("workspace/executeCommand", {"command": CANARY})
        client.error(CANARY, {CANARY: CANARY})
        client.notify("workspace/didChangeWorkspaceFolders", {"event": CANARY})
        client.raw_bytes(b"Content-Length: 17\r\n\r\n{" + CANARY.encode() + b"]xx")
        client.wait(None)
        assert client.stop() == 0
        log = "".join(client.log)
    assert CANARY not in log
    assert "refused" in log


def test_a_handler_that_fails_says_where_and_not_what(home: Path) -> None:
    broken = (
        "import sys\n"
        "from copilot.cli import main\n"
        "from copilot_lsp.server import Server\n"
        f"def failing(self, params): raise ValueError('{CANARY}' + params.text_document.text)\n"
        "Server._opened = failing\n"
        "def get(self, uri): raise RuntimeError(uri)\n"
        "from copilot.text.store import DocumentStore\n"
        "DocumentStore.get = get\n"
        "sys.exit(main(['lsp']))\n"
    )
    with Client([sys.executable, "-c", broken]) as client:
        client.initialize(initializationOptions={"enabled": False})
        client.open(URI, CANARY)
        error = client.error(COMPLETE, inline(f"file:///{CANARY}", 0, 0))
        assert error == {"code": -32603, "message": "Internal error."}
        assert client.stop() == 0
        log = "".join(client.log)
    assert "ValueError at failing" in log
    assert "RuntimeError at get" in log
    assert CANARY not in log


@pytest.mark.parametrize("result", ["object()", "{1, 2}", "float('nan')"])
def test_a_result_that_is_no_json_is_an_error(home: Path, result: str) -> None:
    odd = (
        "import sys\n"
        "from copilot.cli import main\n"
        "from copilot_lsp import inline\n"
        f"async def nothing(): return [{result}]\n"
        "inline._nothing = nothing\n"
        "sys.exit(main(['lsp']))\n"
    )
    with Client([sys.executable, "-c", odd]) as client:
        client.initialize(initializationOptions={"enabled": False})
        assert client.error(COMPLETE, inline(URI, 0, 0))["code"] == -32603
        assert client.stop() == 0
