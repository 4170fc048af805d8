"""A file to complete in, user folders of the test's own, and a host that does what a test tells it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.lsp.fake_host import FakeHost

BEFORE = '''import json
from pathlib import Path


def read_json(path: Path) -> object:
    """Parse the file."""
    return json.loads(path.read_text())


def write_json(path: Path, value: object) -> None:
    """Write the file."""
    '''
AFTER = """

def main() -> None:
    settings = read_json(Path("settings.json"))
    write_json(Path("copy.json"), settings)
"""
CARET_LINE = BEFORE.count("\n") + 1


@pytest.fixture
def host() -> Iterator[FakeHost]:
    with FakeHost() as host:
        yield host


@pytest.fixture
def file(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("STATE", "DATA", "CACHE", "CONFIG"):
        monkeypatch.setenv(f"XDG_{name}_HOME", str(home / "nvim"))
    path = home / "store.py"
    path.write_text(BEFORE + "\n" + AFTER)
    return path
