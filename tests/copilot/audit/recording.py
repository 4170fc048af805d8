"""What the tests of the audit share: events, what lies in the files, and a disk that is full."""

import contextlib
import json
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from copilot.audit.events import Ended, Row, row
from copilot.audit.folder import Folder
from copilot.audit.jsonl import JsonlSink

DAY = 86_400.0
PATIENCE_SECONDS = 60.0


def ended(number: int, tenant: str = "alice") -> Ended:
    return Ended(tenant=tenant, request=f"r{number}", lane="inline", reason="stop", generated_tokens=number)


def rows(count: int, *, start: int = 1, tenant: str = "alice") -> list[Row]:
    numbers = range(start, start + count)
    return [row(ended(at, tenant), run="0" * 8, number=at, wall_ns=at * 10**9, monotonic=float(at)) for at in numbers]


def sink(folder: Path, *, clock: Callable[[], float] = time.time, keep_bytes: int = 10**9) -> JsonlSink:
    return JsonlSink(folder, keep_days=14, keep_bytes=keep_bytes, clock=clock)


def files(folder: Path) -> list[Path]:
    return [file.path for file in Folder(folder).files()]


def stored(folder: Path) -> list[dict[str, Any]]:
    """Every line of the files; each is one object, or this raises."""
    return [json.loads(line) for path in files(folder) for line in path.read_bytes().splitlines()]


def requests(found: list[dict[str, Any]]) -> list[str]:
    return [it["request"] for it in found if it["event"] == "ended"]


def missing(found: list[dict[str, Any]]) -> int:
    return sum(it["count"] for it in found if it["event"] == "audit_gap")


def wait_until(holds: Callable[[], bool]) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not holds():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.01)


@contextlib.contextmanager
def no_file_above(size: int) -> Iterator[None]:
    """Writes beyond ``size`` fail, the first of them in its middle, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
