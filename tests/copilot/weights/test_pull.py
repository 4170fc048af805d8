"""One download whoever asks, and after a kill or on a full disk nothing is lost and nothing wrong is left."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from copilot_models.manifests import Manifest, PathSource

from copilot.errors import SlipstreamError
from copilot.weights import disk, store
from copilot.weights.partial import PartialFile, WrongBytes
from copilot.weights.progress import Meter, PullProgress, Stage
from copilot.weights.pull import pull
from tests.copilot.weights import tiny
from tests.copilot.weights.hub_server import HubServer, Reply

Know = Callable[[Manifest], Manifest]
MEGABYTE = 1 << 20

PULL = """
import resource, sys
from copilot.config.settings import DownloadSettings
from copilot.errors import SlipstreamError
from copilot.weights.pull import pull
if len(sys.argv) > 2:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), int(sys.argv[2])))
try:
    done = pull("tiny", DownloadSettings(hub=sys.argv[1], connect_seconds=60), lambda p: print(p.message, flush=True))
except SlipstreamError as error:
    sys.exit(f"{error.code}: {error}")
print("PATH", done.path)
"""


def quiet(progress: PullProgress) -> None:
    pass


@pytest.fixture
def model(content: bytes, know: Know) -> Manifest:
    return know(tiny.manifest(content, tiny.hub_source()))


def start(hub: HubServer, *largest_file: str) -> subprocess.Popen[str]:
    """Another process that pulls the model."""
    command = [sys.executable, "-c", PULL, hub.url, *largest_file]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline, "it never happened"
        time.sleep(0.02)


def test_two_processes_make_one_download(hub: HubServer, model: Manifest, content: bytes) -> None:
    hub.hold.clear()
    first = start(hub)
    until(lambda: bool(hub.asked))
    second = start(hub)
    assert second.stdout is not None
    assert second.stdout.readline() == "waiting for another process that fetches this model\n"
    hub.hold.set()
    outputs = [process.communicate(timeout=60) for process in (first, second)]
    assert [process.returncode for process in (first, second)] == [0, 0], outputs
    assert all(output[0].endswith(f"PATH {store.location(model)}\n") for output in outputs)
    assert hub.starts == [0]
    assert store.location(model).read_bytes() == content


def test_two_threads_make_one_download(hub: HubServer, model: Manifest) -> None:
    hub.hold.clear()
    done: list[Path] = []
    told: list[str] = []

    def work() -> None:
        done.append(pull(model.id, hub.settings, lambda progress: told.append(progress.stage)).path)

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    until(lambda: bool(hub.asked) and told.count(Stage.WAITING) == 2)
    hub.hold.set()
    for thread in threads:
        thread.join(60)
    assert done == [store.location(model)] * 3
    assert hub.starts == [0]


def test_waiting_can_be_cancelled(hub: HubServer, model: Manifest) -> None:
    hub.hold.clear()
    other = start(hub)
    until(lambda: bool(hub.asked))
    cancel = threading.Event()

    def stop_waiting(progress: PullProgress) -> None:
        if progress.stage is Stage.WAITING:
            cancel.set()

    with pytest.raises(SlipstreamError) as caught:
        pull(model.id, hub.settings, stop_waiting, cancel)
    assert caught.value.code == "cancelled"
    hub.hold.set()
    other.communicate(timeout=60)
    assert other.returncode == 0


@pytest.mark.parametrize("size", [1, MEGABYTE, 2_500_000])
def test_killed_in_the_middle_and_resumed(hub: HubServer, model: Manifest, content: bytes, size: int) -> None:
    half = Reply(200, content, {"ETag": hub.etag})
    hub.stall_after = size
    hub.answer = lambda asked: half if not asked.ranged else hub.right(asked)
    process = start(hub)
    part = store.partial_path(model)
    until(lambda: part.exists() and part.stat().st_size == size)
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL
    assert not store.location(model).exists()
    hub.stall_after = None
    assert pull(model.id, hub.settings, quiet).path.read_bytes() == content
    assert hub.starts == [0, size]


def test_interrupted_by_the_user_and_resumed(hub: HubServer, model: Manifest, content: bytes) -> None:
    hub.stall_after = MEGABYTE
    process = start(hub)
    part = store.partial_path(model)
    until(lambda: part.exists() and part.stat().st_size == MEGABYTE)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert "KeyboardInterrupt" in errors
    hub.stall_after = None
    assert pull(model.id, hub.settings, quiet).path.read_bytes() == content
    assert hub.starts == [0, MEGABYTE]


@pytest.mark.parametrize("limit", [64, 65_536, 1_500_000, 2_999_999])
def test_a_full_disk(hub: HubServer, model: Manifest, content: bytes, limit: int) -> None:
    """A limit on the size of files is what a full disk looks like: a write that takes a part, then an error."""
    process = start(hub, str(limit))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1
    assert errors.startswith("disk_full: The disk of ")
    assert "Free some space" in errors
    assert not store.location(model).exists()
    assert pull(model.id, hub.settings, quiet).path.read_bytes() == content
    assert hub.starts == [0, limit], "what fitted was kept"


def test_every_failing_disk_operation_leaves_nothing_wrong(
    hub: HubServer, model: Manifest, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The n-th write, sync or rename fails, for each n until none does."""
    real = {name: getattr(os, name) for name in ("write", "fsync", "ftruncate", "rename", "replace")}
    failed = 0
    for n in range(1000):
        left = n

        def faulty(name: str) -> Callable[..., object]:
            def call(*args: object, **options: object) -> object:
                nonlocal left
                left -= 1
                if left == -1:
                    raise OSError(28, "No space left on device")
                return real[name](*args, **options)

            return call

        with monkeypatch.context() as patch:
            for name in real:
                patch.setattr(os, name, faulty(name))
            try:
                pull(model.id, hub.settings, quiet)
            except SlipstreamError as error:
                assert error.code == "disk_full"
                failed += 1
                final = store.location(model)
                assert not final.exists() or final.read_bytes() == content
            else:
                if left >= 0:
                    break
        assert pull(model.id, hub.settings, quiet).path.read_bytes() == content
        store.location(model).unlink()
        (store.location(model).parent / "verified" / f"{model.id}.json").unlink(missing_ok=True)
    else:
        pytest.fail("there was no end of disk operations")
    assert failed > 10


def test_too_little_space_is_said_before_anything_is_fetched(
    hub: HubServer, model: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk, "free_bytes", lambda folder: 12_000_000)
    with pytest.raises(SlipstreamError, match=r"37 MB are needed in .*, and 12 MB are free") as caught:
        pull(model.id, hub.settings, quiet)
    assert caught.value.code == "disk_full"
    assert not hub.asked


def test_a_damaged_file_is_replaced(hub: HubServer, model: Manifest, content: bytes) -> None:
    path = pull(model.id, hub.settings, quiet).path
    for damaged in (content[:-1], bytes(len(content))):
        path.write_bytes(damaged)
        assert pull(model.id, hub.settings, quiet).path.read_bytes() == content
    assert hub.starts == [0, 0, 0]


def test_a_right_file_that_was_put_there_is_taken(hub: HubServer, model: Manifest, content: bytes) -> None:
    store.location(model).write_bytes(content)
    assert pull(model.id, hub.settings, quiet).path == store.location(model)
    assert not hub.asked


def test_the_users_own_file_is_never_fetched(hub: HubServer, know: Know, content: bytes, tmp_path: Path) -> None:
    own = tmp_path / "own.gguf"
    of = know(tiny.manifest(content, PathSource(path=str(own))))
    with pytest.raises(SlipstreamError, match="not there any more"):
        pull(of.id, hub.settings, quiet)
    own.write_bytes(bytes(len(content)))
    with pytest.raises(SlipstreamError, match="remove tiny"):
        pull(of.id, hub.settings, quiet)
    assert own.read_bytes() == bytes(len(content))


def test_an_unknown_model_is_not_fetched(hub: HubServer) -> None:
    with pytest.raises(SlipstreamError) as caught:
        pull("no-such-model", hub.settings, quiet)
    assert caught.value.code == "unknown_model"


def test_a_cache_that_can_not_be_made(hub: HubServer, model: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    file = store.added_path(model.id)
    monkeypatch.setattr(store, "_added", lambda: ({model.id: model}, {}))
    monkeypatch.setenv("SLIPSTREAM_MODELS_DIR", str(file / "models"))
    with pytest.raises(SlipstreamError) as caught:
        pull(model.id, hub.settings, quiet)
    assert caught.value.code == "disk_error"
    assert "SLIPSTREAM_MODELS_DIR" in caught.value.hint


def test_a_partial_file_knows_its_own_end(tmp_path: Path) -> None:
    with PartialFile(tmp_path / "x.part", 3, "0" * 64) as part:
        part.append(b"ab")
        with pytest.raises(WrongBytes):
            part.append(b"cd")
    assert not (tmp_path / "x.part").exists()


def test_after_wrong_bytes_of_one_source_the_next_one_is_asked(hub: HubServer, know: Know, content: bytes) -> None:
    of = know(tiny.manifest(content, tiny.hub_source("wrong.gguf"), tiny.hub_source("right.gguf")))
    wrong = Reply(200, bytes(len(content)), {"ETag": '"wrong"'})
    hub.answer = lambda asked: wrong if asked.path.endswith("wrong.gguf") else hub.right(asked)
    said: list[str] = []
    installed = pull(of.id, hub.settings, lambda progress: said.append(progress.message))
    assert installed.path.read_bytes() == content
    assert any("not the publisher's" in message for message in said)
    assert hub.starts == [0, 0]
    assert not list(store.partial_path(of).parent.glob(f"*{of.id}*.part"))


def test_nothing_is_left_when_every_source_is_wrong(hub: HubServer, know: Know, content: bytes) -> None:
    of = know(tiny.manifest(content, tiny.hub_source("one.gguf"), tiny.hub_source("two.gguf")))
    hub.answer = lambda asked: Reply(200, bytes(len(content)), {"ETag": '"wrong"'})
    with pytest.raises(SlipstreamError) as caught:
        pull(of.id, hub.settings, quiet)
    assert caught.value.code == "wrong_hash"
    part = store.partial_path(of)
    assert not part.exists()
    assert not part.with_suffix(".tag").exists()


def test_reports_are_few_and_the_last_one_comes() -> None:
    told: list[PullProgress] = []
    meter = Meter("m", 10_000, told.append)
    meter.say(Stage.FETCHING, "fetching")
    for done in range(10_001):
        meter.at(done)
    assert told[-1].done_bytes == 10_000
    assert len(told) < 1000
