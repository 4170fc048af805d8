"""A workspace of copies, small here."""

from pathlib import Path

import pytest

from copilot.bench.context import scale


def test_everything_is_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scale, "PLACES", 2)
    monkeypatch.setattr(scale, "KEYS", 2)
    lines = list(scale.measured(tmp_path, 25))
    assert lines[0].startswith("25 files")
    assert "2 questions" in lines[-1]
    assert "retrieval" in lines[-2]
