"""The real indexer of a workspace, as a process, for tests."""

import contextlib
import json
import os
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from copilot.index.handle import command, environment
from copilot.index.reader import Reader

LIMIT_SECONDS = 60.0


def until(condition: Callable[[], object], what: str = "it") -> None:
    """Wait for something that is going to happen."""
    end = time.monotonic() + LIMIT_SECONDS
    while not condition():
        assert time.monotonic() < end, f"{what} never happened"
        time.sleep(0.02)


def write(root: Path, files: dict[str, str]) -> None:
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text, encoding="utf-8")


class Indexer:
    """A process that keeps the index, and what it said."""

    def __init__(self, root: Path, *exclude: str, wrapper: tuple[str, ...] = ()) -> None:
        self.process = subprocess.Popen(
            [*wrapper, *command(root, exclude)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd="/",
            env=environment(os.environ),
        )
        self.said: list[dict[str, Any]] = []
        self._listener = threading.Thread(target=self._listen)
        self._listener.start()

    def _listen(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(json.loads(line))

    @property
    def state(self) -> str:
        return str(self.said[-1]["state"]) if self.said else ""

    def tell(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n")
        self.process.stdin.flush()

    def until(self, state: str) -> None:
        until(lambda: self.state == state, f"{state} (it said {self.said[-3:]})")

    def close(self) -> None:
        assert self.process.stdin is not None and self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        self.process.wait(LIMIT_SECONDS)
        self._listener.join()
        self.process.stdout.close()

    def kill(self) -> None:
        self.process.kill()
        self.close()


@contextlib.contextmanager
def indexing(root: Path, *exclude: str, wrapper: tuple[str, ...] = ()) -> Iterator[Indexer]:
    indexer = Indexer(root, *exclude, wrapper=wrapper)
    try:
        yield indexer
    finally:
        indexer.close()


@contextlib.contextmanager
def reading(root: Path) -> Iterator[Reader]:
    reader = Reader.of(root)
    try:
        yield reader
    finally:
        reader.close()


def defined(reader: Reader, name: str) -> list[str]:
    """The paths of the files that define it."""
    return [it.path for it in reader.definitions(name)]
