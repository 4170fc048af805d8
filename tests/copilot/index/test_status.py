"""The small file that says how far an index is."""

from pathlib import Path

import pytest

from copilot.index import status as statuses
from copilot.index.status import Status

STATUS = Status("scanning", 3, 9, 2, "A notice.", 77)


def test_what_is_written_is_read(tmp_path: Path) -> None:
    statuses.write(tmp_path, STATUS)
    statuses.write(tmp_path, STATUS._replace(done=4))
    assert statuses.read(tmp_path) == STATUS._replace(done=4)
    assert [it.stat().st_mode & 0o777 for it in tmp_path.iterdir()] == [0o600]


@pytest.mark.parametrize("text", ["", "{", "[]", "3", '{"nonsense": 1}', '"text"'])
def test_what_is_no_status_is_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "status.json").write_text(text)
    assert statuses.read(tmp_path) is None
    assert statuses.decoded(text) is None


def test_a_place_that_cannot_be_written_costs_only_the_news(tmp_path: Path) -> None:
    statuses.write(tmp_path / "never", STATUS)
    assert statuses.read(tmp_path / "never") is None
