"""A client's handle of the process: it starts, hears, restarts and ends it."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import psutil
import pytest

from copilot import paths
from copilot.index.handle import Handle, command, environment, last_words, status_of
from copilot.index.reader import Reader
from copilot.index.status import Status
from tests.copilot.index.indexing import LIMIT_SECONDS, defined, reading, write


class Client:
    def __init__(self, root: Path, *exclude: str) -> None:
        self.heard: list[Status] = []
        self.handle = Handle()
        self.handle.start(root, exclude, self.heard.append)

    async def until(self, condition: Callable[[], object]) -> None:
        async with asyncio.timeout(LIMIT_SECONDS):
            while not condition():  # noqa: ASYNC110
                await asyncio.sleep(0.02)

    async def until_state(self, state: str) -> None:
        await self.until(lambda: self.handle.status is not None and self.handle.status.state == state)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write(tmp_path / "ws", {"a.py": "def alpha():\n    pass\n", "b.py": "def beta():\n    pass\n"})
    return tmp_path / "ws"


@pytest.fixture
def reader(root: Path) -> Iterator[Reader]:
    with reading(root) as reader:
        yield reader


@pytest.fixture
async def client(root: Path) -> AsyncIterator[Client]:
    client = Client(root, "b.py")
    await client.until_state("ready")
    yield client
    await client.handle.close()


async def test_it_indexes_and_follows_saves(client: Client, root: Path, reader: Reader) -> None:
    assert client.heard[-1].files == 1
    assert (defined(reader, "alpha"), defined(reader, "beta")) == (["a.py"], [])
    write(root, {"a.py": "def alpha_two():\n    pass\n"})
    client.handle.saved(str(root / "a.py"))
    await client.until(lambda: defined(reader, "alpha_two"))
    created = reader.meta("created")
    client.handle.rebuild()
    await client.until(lambda: reader.meta("created") not in {None, created} and defined(reader, "alpha_two"))


async def test_a_path_can_smuggle_no_request(client: Client, root: Path, reader: Reader) -> None:
    created = reader.meta("created")
    write(root, {"a.py": "def alpha_two():\n    pass\n"})
    client.handle.saved("x\nrebuild")
    client.handle.saved("a.py")
    await client.until(lambda: defined(reader, "alpha_two"))
    assert reader.meta("created") == created


async def test_status_for_those_who_do_not_take_part(client: Client, root: Path, tmp_path: Path) -> None:
    status = status_of(root)
    assert status is not None and (status.state, status.files) == ("ready", 1)
    assert status_of(tmp_path) is None
    await client.handle.close()
    assert status_of(root) is None


async def test_a_process_that_ends_is_started_again(client: Client, root: Path, reader: Reader) -> None:
    assert client.handle.status is not None
    os.kill(client.handle.status.process, signal.SIGKILL)
    await client.until_state("failed")
    assert client.handle.status is not None and "tried again" in client.handle.status.notice
    client.handle.saved("a.py")
    await client.until_state("ready")
    write(root, {"a.py": "def alpha_two():\n    pass\n"})
    await client.until(lambda: defined(reader, "alpha_two"))


async def test_closing_ends_the_process_at_any_moment(root: Path) -> None:
    client = Client(root)
    await asyncio.sleep(0)
    await client.handle.close()
    client = Client(root)
    await client.until(lambda: client.heard)
    process = client.heard[-1].process
    await client.handle.close()
    assert not psutil.pid_exists(process)
    client.handle.saved("a.py")
    await client.handle.close()


async def test_a_second_client_waits_and_takes_over(client: Client, root: Path) -> None:
    second = Client(root)
    await second.until_state("waiting")
    assert second.handle.status is not None and second.handle.status.writer == "ready"
    await client.handle.close()
    await second.until_state("ready")
    await second.handle.close()


def test_only_what_is_needed_of_the_environment_is_passed() -> None:
    whole = {
        "HOME": "/h",
        "PATH": "/p",
        "SLIPSTREAM_HOME": "/s",
        "XDG_CACHE_HOME": "/x",
        "AWS_SECRET": "no",
        "API": "no",
    }
    assert set(environment(whole)) == {"HOME", "PATH", "SLIPSTREAM_HOME", "XDG_CACHE_HOME"}


def test_a_pattern_is_no_option() -> None:
    assert command(Path("/w"), ["-x", "*.key"])[-2:] == ["--exclude=-x", "--exclude=*.key"]


async def test_patterns_and_paths_that_no_system_takes(root: Path, reader: Reader) -> None:
    client = Client(root, "b.py\0c", "\ud800x", "\udcff")
    try:
        await client.until_state("ready")
        assert (defined(reader, "alpha"), defined(reader, "beta")) == (["a.py"], [])
        client.handle.saved("a\ud800.py")
    finally:
        await client.handle.close()


async def test_a_process_that_cannot_be_started_is_tried_again(root: Path) -> None:
    client = Client(root / "a\0b")
    await client.until_state("failed")
    await client.until(lambda: len(client.heard) > 1)
    assert "null byte" in client.heard[0].notice
    await client.handle.close()


async def test_closing_never_raises(root: Path) -> None:
    def fails(_status: Status) -> None:
        raise KeyError

    handle = Handle()
    handle.start(root, (), fails)
    assert handle._task is not None
    await asyncio.wait([handle._task], timeout=LIMIT_SECONDS)
    await handle.close()
    await handle.close()


async def test_why_it_ended_is_said(root: Path, tmp_path: Path) -> None:
    # Where its folder should be there is a file.
    folder = paths.index_dir(root)
    folder.parent.mkdir(parents=True, exist_ok=True)
    folder.write_text("")
    client = Client(root)
    await client.until_state("failed")
    await client.handle.close()
    assert "Error: " in client.heard[0].notice
    assert "File" not in client.heard[0].notice.split("Error: ")[0]


@pytest.mark.parametrize(
    ("complaints", "said"),
    [
        (b"", ""),
        (
            b'Traceback (most recent call last):\n  File "a.py", line 1\n    secret = 1\nValueError: no\n',
            "ValueError: no",
        ),
        (b"Traceback:\na.b.OwnError: two\nlines of it\n", "a.b.OwnError: two"),
        (b"Fatal Python error: Aborted\n\n  thread\n", "Fatal Python error: Aborted"),
        (b"    only code\n", ""),
        (b"KeyError: '\x1b[2J\xff" + b"x" * 900, "KeyError: '\u27e8U+001B\u27e9[2J\ufffd" + "x" * 177),
    ],
)
def test_last_words(complaints: bytes, said: str) -> None:
    assert last_words(complaints) == said
