"""The private folder, and a real host in each of its states."""

import asyncio
import socket
from pathlib import Path

import pytest

import copilot
from copilot import paths
from copilot.doctor import host
from copilot.doctor.finding import Finding, Verdict
from copilot.errors import SlipstreamError
from copilot.serve.api import HostState, HostStatus
from copilot.serve.claim import listening, only_one
from copilot.serve.keeper import Loaded, Report
from tests.fakes import ScriptedEngine
from tests.hosts import GUARD_SECONDS, running


def look() -> Finding:
    return host.host(host.ask_host(), paths.host_socket())


def folder_finding() -> Finding:
    return host.runtime_folder(paths.runtime_dir(), paths.host_socket())


def test_the_folder_that_is_not_there_yet() -> None:
    finding = folder_finding()
    assert finding.verdict is Verdict.OK
    assert "will be created" in finding.detail
    assert not paths.runtime_dir().exists()


def test_the_private_folder() -> None:
    paths.make_private_dir(paths.runtime_dir())
    assert folder_finding().verdict is Verdict.OK


def test_a_folder_that_others_may_enter() -> None:
    paths.runtime_dir().mkdir()
    paths.runtime_dir().chmod(0o755)
    finding = folder_finding()
    assert finding.verdict is Verdict.WARN
    assert finding.next_step == f"Run: chmod 700 {paths.runtime_dir()}"


@pytest.mark.parametrize("kind", ["link", "file"])
def test_what_is_no_folder_of_ours(tmp_path: Path, kind: str) -> None:
    if kind == "link":
        paths.runtime_dir().symlink_to(tmp_path)
    else:
        paths.runtime_dir().write_text("")
    finding = folder_finding()
    assert finding.verdict is Verdict.FAIL
    assert "not a folder of yours" in finding.detail
    # The product refuses what the doctor refuses.
    with pytest.raises(SlipstreamError):
        paths.make_private_dir(paths.runtime_dir())


def test_a_path_is_too_long_exactly_when_the_host_refuses_it(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def moved(length: int) -> Finding:
        padding = "x" * (length - len(str(home / "x" / "run" / "host.sock")) + 1)
        monkeypatch.setenv("SLIPSTREAM_HOME", str(home / padding))
        assert len(str(paths.host_socket())) == length
        return folder_finding()

    assert moved(103).verdict is Verdict.OK
    with listening(paths.host_socket()):
        pass
    finding = moved(104)
    assert finding.verdict is Verdict.FAIL
    assert "SLIPSTREAM_HOME" in finding.next_step
    with pytest.raises(SlipstreamError), listening(paths.host_socket()):
        pass


def test_no_host() -> None:
    finding = look()
    assert finding.verdict is Verdict.OK
    assert finding.detail.startswith("Not running; it starts")


def test_a_stale_socket() -> None:
    paths.make_private_dir(paths.runtime_dir())
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(paths.host_socket()))
    finding = look()
    assert finding.verdict is Verdict.OK
    assert f"stale socket {paths.host_socket()}" in finding.detail


def test_something_that_is_no_socket() -> None:
    paths.make_private_dir(paths.runtime_dir())
    paths.host_socket().write_text("")
    finding = look()
    assert finding.verdict is Verdict.FAIL
    assert finding.next_step == f"Remove {paths.host_socket()}."


def test_a_stranger_on_the_socket() -> None:
    with listening(paths.host_socket()):
        finding = host.host(host.ask_host(timeout=0.5), paths.host_socket())
    assert finding.verdict is Verdict.FAIL
    assert "Something else listens" in finding.detail


def test_a_host_that_does_not_answer() -> None:
    with only_one(), listening(paths.host_socket()):
        finding = host.host(host.ask_host(timeout=0.5), paths.host_socket())
    assert finding.verdict is Verdict.WARN
    assert "does not answer" in finding.detail
    assert "slipstream stop" in finding.next_step


async def test_a_host_that_is_ready() -> None:
    async with running(ScriptedEngine()):
        finding = await asyncio.to_thread(look)
    assert (finding.verdict, finding.next_step) == (Verdict.OK, "")
    assert f"version {copilot.__version__}), scripted on scripted is ready" in finding.detail


async def test_a_host_that_starts() -> None:
    reported = asyncio.Event()

    async def load(report: Report) -> Loaded:
        report("Fetching the model", 0.1)
        reported.set()
        await asyncio.Event().wait()
        raise AssertionError

    async with running(load=load, ready=False):
        await asyncio.wait_for(reported.wait(), GUARD_SECONDS)
        finding = await asyncio.to_thread(look)
    assert finding.verdict is Verdict.OK
    assert "not ready yet: Fetching the model" in finding.detail


async def test_a_host_that_could_not_load() -> None:
    async def load(_report: Report) -> Loaded:
        raise SlipstreamError("The model is damaged.", hint="Fetch it again.")

    async with running(load=load):
        finding = await asyncio.to_thread(look)
    assert finding.verdict is Verdict.FAIL
    assert "The model is damaged." in finding.detail
    assert finding.next_step == "Fetch it again. Run `slipstream stop`; it starts anew with the next completion."


def test_a_host_of_another_version() -> None:
    status = HostStatus(state=HostState.READY, version="0.0.1", pid=7, model="m", backend="b")
    finding = host.host(status, paths.host_socket())
    assert finding.verdict is Verdict.WARN
    assert "slipstream stop" in finding.next_step
