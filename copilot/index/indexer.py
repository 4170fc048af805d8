"""The process that keeps the index of a workspace: ``python -m copilot.index.indexer ROOT [--exclude PATTERN ...]``.

Each client starts one, and it lives as long as the pipe on its stdin: one of them writes, the others wait for its
lock. Lines on stdin: ``saved PATH``, ``rebuild``. Lines on stdout: a ``Status`` as JSON, with each change.
"""

import argparse
import contextlib
import os
import select
import sys
from pathlib import Path
from typing import IO

from copilot import paths
from copilot.index import status as statuses
from copilot.index.lock import lock_file, locked
from copilot.index.priority import INDEXER, lower_priority
from copilot.index.schema import MARKER
from copilot.index.status import Status

_WAIT_SECONDS = 0.3


def main() -> None:
    parser = argparse.ArgumentParser(prog="copilot.index.indexer", allow_abbrev=False)
    parser.add_argument("root", type=Path)
    parser.add_argument("--exclude", action="append", default=[], metavar="PATTERN")
    args = parser.parse_args()
    lower_priority(INDEXER)
    root = args.root.resolve()
    folder = paths.make_private_dir(paths.index_dir(root))
    requests = Lines(sys.stdin.fileno())
    with lock_file(folder) as lock:
        if _waited(lock, folder, requests):
            # Not before: one that waits may do so for hours, and should take no memory for it.
            from copilot.index.left_over import remove_left_over
            from copilot.index.upkeep import Upkeep

            def report(status: Status) -> None:
                statuses.write(folder, status)
                say(status)

            remove_left_over(folder.parent)
            Upkeep(root, folder, args.exclude, requests, report).run()


class Lines:
    """Lines from a pipe as they come; ``over`` when it is closed."""

    def __init__(self, descriptor: int) -> None:
        self.over = False
        self._descriptor = descriptor
        self._rest = b""

    def fileno(self) -> int:
        return self._descriptor

    def lines(self) -> list[str]:
        """Call it when there is something to read."""
        data = os.read(self._descriptor, 1 << 16)
        self.over = not data
        *whole, self._rest = (self._rest + data).split(b"\n")
        return [os.fsdecode(line) for line in whole]


def say(status: Status) -> None:
    # Whoever listened may have gone; that shows on stdin.
    with contextlib.suppress(BrokenPipeError):
        os.write(sys.stdout.fileno(), f"{statuses.encoded(status)}\n".encode())


def _waited(lock: IO[str], folder: Path, requests: Lines) -> bool:
    """Wait for the lock; False: the client left before. The client hears what the one that writes says."""
    said: Status | None = None
    while not locked(lock):
        other = statuses.read(folder) or Status("scanning")
        news = other._replace(state="waiting", writer=other.state)
        if news != said:
            say(news)
            said = news
        if select.select([requests], [], [], _WAIT_SECONDS)[0]:
            # What was saved the other one sees by itself.
            if "rebuild" in requests.lines():
                (folder / MARKER).write_text("asked\n", encoding="ascii")
            if requests.over:
                return False
    return True


if __name__ == "__main__":
    main()
