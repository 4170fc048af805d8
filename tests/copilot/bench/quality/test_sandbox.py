"""Programs that a model may write, the bad ones above all."""

import os
import socket
import tempfile
from pathlib import Path

import psutil
import pytest

from copilot.bench.quality import sandbox
from copilot.bench.quality.sandbox import guarantees, run_program

SECONDS = 2.0


@pytest.fixture(params=["as far as the system allows", "without namespaces"])
def anywhere(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also on a system that lets nobody make namespaces."""
    if request.param == "without namespaces":
        monkeypatch.setattr(sandbox, "_isolated", lambda: ())


def test_a_program_that_comes_to_its_end_passed() -> None:
    assert run_program("import math\nassert math.sqrt(4) == 2\nprint('fine')\n").passed


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("assert 1 == 2\n", "AssertionError"),
        ("assert 1 == 2, 'one\\ntwo'\n", "AssertionError: one"),
        ("x = (\n", "SyntaxError"),
        ("1 / 0\n", "ZeroDivisionError"),
        ("'\udc80' + 1", "TypeError"),
        ("raise SystemExit(0)\n", "SystemExit: 0"),
        ("import sys\nsys.exit()\n", "SystemExit"),
        ("import os\nos._exit(0)\nassert False\n", "ended early, status 0"),
        ("import os, signal\nos.abort()\n", "ended early"),
        ("def f(n):\n    return f(n + 1)\nf(0)\n", "RecursionError"),
    ],
)
@pytest.mark.usefixtures("anywhere")
def test_one_that_does_not_says_why(program: str, reason: str) -> None:
    outcome = run_program(program, seconds=SECONDS)
    assert not outcome.passed
    assert outcome.reason.startswith(reason)


@pytest.mark.usefixtures("anywhere")
def test_an_endless_loop_is_ended() -> None:
    assert run_program("while True:\n    pass\n", seconds=0.5) == (False, "timeout")
    assert run_program("import time\ntime.sleep(60)\n", seconds=0.5) == (False, "timeout")
    # One that catches everything, too.
    stubborn = "while True:\n    try:\n        while True: pass\n    except BaseException:\n        pass\n"
    assert run_program(stubborn, seconds=0.5) == (False, "timeout")


def test_memory_is_limited() -> None:
    outcome = run_program("x = bytearray(1 << 30)\n", seconds=SECONDS, memory_bytes=256 << 20)
    assert (outcome.passed, outcome.reason.partition(":")[0]) == (False, "MemoryError")
    assert run_program("x = bytearray(1 << 20)\n", memory_bytes=256 << 20).passed


def test_a_flood_of_output_costs_nothing() -> None:
    flood = (
        "import sys\nfor _ in range(2000):\n    sys.stdout.write('x' * 100_000)\n    sys.stderr.write('y' * 100_000)\n"
    )
    assert run_program(flood).passed


def test_a_flood_into_a_file_is_ended() -> None:
    outcome = run_program("f = open('big', 'wb')\nwhile True:\n    f.write(b'x' * 65536)\n", seconds=SECONDS)
    assert not outcome.passed
    assert outcome.reason != "timeout"


@pytest.mark.parametrize(
    "bomb",
    [
        "import os\nwhile True:\n    os.fork()\n",
        "import subprocess, sys\nsubprocess.run([sys.executable, '-c', 'print(1)'])\n",
        "import multiprocessing\nmultiprocessing.Process(target=print).start()\n",
        "import os\nos.system('sleep 60')\n",
        "import ctypes\nctypes.CDLL(None).fork()\n",
    ],
)
@pytest.mark.usefixtures("anywhere")
def test_no_process_is_started(bomb: str) -> None:
    before = {process.pid for process in psutil.process_iter()}
    outcome = run_program(bomb, seconds=SECONDS)
    assert not outcome.passed
    left = [p for p in psutil.process_iter(["name", "ppid"]) if p.pid not in before and p.info["ppid"] == os.getpid()]
    assert left == []


@pytest.mark.usefixtures("anywhere")
def test_threads_are_bounded_and_do_not_outlive_it() -> None:
    outcome = run_program(
        "import threading, time\nwhile True:\n    threading.Thread(target=time.sleep, args=(60,)).start()\n",
        seconds=SECONDS,
    )
    assert not outcome.passed


@pytest.mark.usefixtures("anywhere")
def test_there_is_no_network() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        program = f"import socket\nsocket.create_connection(('127.0.0.1', {port}), 1)\n"
        assert not run_program(program, seconds=SECONDS).passed
        server.settimeout(0.2)
        with pytest.raises(TimeoutError):
            server.accept()


def test_nothing_outside_its_folder_is_written(tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    kept.write_text("mine")
    for attempt in (
        f"open({str(kept)!r}, 'w').write('theirs')",
        f"import os\nos.remove({str(kept)!r})",
        f"import os\nos.rename({str(kept)!r}, 'here')",
        f"import shutil\nshutil.rmtree({str(tmp_path)!r})",
        f"import os\nos.open({str(tmp_path / 'new')!r}, os.O_CREAT | os.O_WRONLY)",
    ):
        assert not run_program(attempt, seconds=SECONDS).passed, attempt
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == {"kept": "mine"}
    assert run_program("open('own', 'w').write('x')\nassert open('own').read() == 'x'\n").passed


def test_its_folder_is_gone_afterwards(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    run_program("open('own', 'w').write('x')\n")
    run_program("open('own', 'w').write('x')\nwhile True: pass\n", seconds=0.3)
    assert list(tmp_path.iterdir()) == []


def test_it_sees_neither_our_environment_nor_our_modules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "word")
    assert run_program("import os\nassert 'SECRET' not in os.environ\n").passed
    assert not run_program("import copilot\n").passed
    assert not run_program("import jail\n").passed
    assert run_program("import sys\nassert sys.argv == ['']\n").passed


def test_what_holds_here_can_be_said() -> None:
    assert set(guarantees()) <= {"no network", "no process left behind", "no writing outside its folder"}


def test_many_in_a_row_leave_nothing() -> None:
    descriptors = len(list(Path("/dev/fd").iterdir())) if Path("/dev/fd").exists() else 0
    for _ in range(5):
        assert run_program("x = 1\n").passed
    if descriptors:
        assert len(list(Path("/dev/fd").iterdir())) == descriptors
