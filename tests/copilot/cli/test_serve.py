"""`slipstream serve`, `status` and `stop`, as a user types them."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from copilot import paths
from copilot.cli import main
from copilot.cli.status import describe
from copilot.serve.api import ErrorData, HostState, HostStatus
from copilot.serve.claim import answers, holder

ROOT = Path(__file__).parents[3]
GUARD_SECONDS = 30.0


def slipstream(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "copilot", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=GUARD_SECONDS,
        check=False,
    )


def wait_for(condition: Callable[[], object]) -> None:
    until = time.monotonic() + GUARD_SECONDS
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture
def served(home: Path) -> Iterator["subprocess.Popen[str]"]:
    """`slipstream serve` in the foreground, with a model that nobody knows."""
    (home / "config.toml").write_text('[model]\ncompletion = "no-such-model"\n')
    with subprocess.Popen(
        [sys.executable, "-m", "copilot", "serve"], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        try:
            wait_for(answers)
            yield process
        finally:
            process.kill()
            process.communicate()


def test_status_and_stop_without_a_host() -> None:
    status = slipstream("status")
    assert (status.returncode, status.stderr) == (1, "")
    assert "not running" in status.stdout
    assert json.loads(slipstream("status", "--json").stdout) == {"state": "stopped"}
    stop = slipstream("stop")
    assert (stop.returncode, stop.stdout) == (0, "The engine host is not running.\n")


def test_a_host_whose_model_cannot_be_loaded_stays_up_and_says_why(served: "subprocess.Popen[str]") -> None:
    wait_for(lambda: json.loads(slipstream("status", "--json").stdout)["state"] == "failed")
    status = slipstream("status")
    assert status.returncode == 1
    assert "no-such-model" in status.stdout
    assert f"process  {served.pid}" in status.stdout
    details = json.loads(slipstream("status", "--json").stdout)
    assert details["error"]["code"] == "unknown_model"
    assert details["pid"] == served.pid


def test_a_second_serve_says_that_one_is_running(served: "subprocess.Popen[str]") -> None:
    second = slipstream("serve")
    assert second.returncode == 1
    assert "running already" in second.stderr
    assert "slipstream stop" in second.stderr
    quiet = slipstream("serve", "--on-demand")
    assert (quiet.returncode, quiet.stderr) == (0, "")
    assert served.poll() is None


def test_stop_waits_until_the_host_is_gone(served: "subprocess.Popen[str]") -> None:
    stop = slipstream("stop")
    assert (stop.returncode, stop.stdout) == (0, "The engine host has stopped.\n")
    assert holder() is None
    assert not paths.host_socket().exists()
    assert served.wait(GUARD_SECONDS) == 0


def test_stop_ends_a_host_that_does_not_answer(served: "subprocess.Popen[str]") -> None:
    paths.host_socket().unlink()
    assert holder() == served.pid
    assert slipstream("stop").returncode == 0
    assert served.wait(GUARD_SECONDS) == 0


def test_a_host_that_hangs_is_no_host_that_is_missing(
    served: "subprocess.Popen[str]", monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("copilot.client.host.SILENCE_SECONDS", 0.5)
    served.send_signal(signal.SIGSTOP)
    assert main(["status"]) == 1
    told = capsys.readouterr().out
    assert f"Process {served.pid} holds the engine host's lock but does not answer." in told
    assert "slipstream stop" in told
    assert main(["status", "--json"]) == 1
    assert json.loads(capsys.readouterr().out) == {"state": "silent", "pid": served.pid}
    assert main(["stop"]) == 0
    assert served.wait(GUARD_SECONDS) == 0


SUCCESSOR = """
import fcntl, os, sys, time
from copilot import paths
with (paths.runtime_dir() / "host.lock").open("a+") as file:
    print("waiting", flush=True)
    fcntl.flock(file, fcntl.LOCK_EX)
    time.sleep(0.5)  # its number comes later
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    sys.stdin.read()
"""


def test_stop_does_not_take_the_next_host_for_the_one_it_stopped(served: "subprocess.Popen[str]") -> None:
    command = [sys.executable, "-c", SUCCESSOR]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, text=True) as successor:
        assert successor.stdout is not None
        assert successor.stdout.readline() == "waiting\n"
        # The lock is asked for right after that line, and given up only by the host that is stopped.
        time.sleep(0.2)
        stop = slipstream("stop")
        assert (stop.returncode, stop.stderr) == (0, "")
        assert stop.stdout.startswith("The engine host has stopped.\n")
        assert f"process {successor.pid}" in stop.stdout
        assert successor.poll() is None
        assert served.wait(GUARD_SECONDS) == 0
        successor.communicate()


def test_interrupting_the_foreground_host_ends_it_well(served: "subprocess.Popen[str]") -> None:
    served.send_signal(signal.SIGINT)
    assert served.wait(GUARD_SECONDS) == 0


def test_a_wrong_config_is_named_and_nothing_starts(home: Path) -> None:
    (home / "config.toml").write_text("[host]\nidle_minutes = 'long'\n")
    result = slipstream("serve")
    assert result.returncode == 1
    assert "config.toml" in result.stderr
    assert holder() is None


def test_the_log_of_a_host_nobody_watches_is_private_and_takes_what_it_prints(home: Path) -> None:
    (home / "config.toml").write_text('[model]\ncompletion = "no-such-model"\n')
    with subprocess.Popen([sys.executable, "-m", "copilot", "serve", "--on-demand"], cwd=ROOT) as process:
        try:
            wait_for(answers)
            assert slipstream("stop").returncode == 0
            assert process.wait(GUARD_SECONDS) == 0
        finally:
            process.kill()
    log = paths.log_dir() / "host.log"
    assert paths.log_dir().stat().st_mode & 0o077 == 0
    assert "left" in log.read_text()


def test_the_log_file_is_bounded() -> None:
    script = (
        "import logging, os, sys\nfrom copilot.serve import logs\nlogs.MAX_BYTES = 2000\nlogs.to_file()\n"
        "for number in range(500): logging.getLogger('x').info('line %d', number)\n"
        "os.write(2, b'a crash')\n"
    )
    subprocess.run([sys.executable, "-c", script], cwd=ROOT, check=True, timeout=GUARD_SECONDS)
    files = sorted(paths.log_dir().iterdir())
    assert len(files) == 3
    assert all(file.stat().st_size <= 2100 for file in files)
    assert "a crash" in (paths.log_dir() / "host.log").read_text()


def status(state: HostState, **fields: object) -> HostStatus:
    return HostStatus(state=state, version="1", pid=7, **fields)  # type: ignore[arg-type]


def test_the_status_in_words() -> None:
    loading = describe(status(HostState.STARTING, detail="Fetching m: 12 MB", progress=0.25))
    assert loading[0] == "The engine host is starting: Fetching m: 12 MB (25%)."
    ready = "\n".join(
        describe(status(HostState.READY, model="m", backend="llama.cpp", active_streams=2, slots=4, idle_limit_s=7200))
    )
    for words in ("is ready", "m on llama.cpp", "2 running, 0 waiting, 4 slots", "leaves after 2.0 h", "process  7"):
        assert words in ready
    failed = "\n".join(describe(status(HostState.FAILED, error=ErrorData(code="x", message="Why.", hint="Do."))))
    assert "no model is loaded" in failed
    assert "Why. Do." in failed
