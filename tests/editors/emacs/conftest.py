"""A file to write in, and an engine host that does what a test tells it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lsp.fake_host import FakeHost

TEXT = '''import json
from pathlib import Path


def write_json(path: Path, value: object) -> None:
    """Write the file."""
    


def main() -> None:
    write_json(Path("copy.json"), {})
'''  # noqa: W293
LINE = 7
"""The empty line in the middle of it, indented by four."""


@pytest.fixture
def host() -> Iterator[FakeHost]:
    with FakeHost() as host:
        yield host


@pytest.fixture
def file(home: Path) -> Path:
    path = home / "store.py"
    path.write_text(TEXT)
    return path
