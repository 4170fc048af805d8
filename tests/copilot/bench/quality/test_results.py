"""Results on disk: written one by one, found again when nothing that they depend on has changed."""

from pathlib import Path

import msgspec
import pytest

from copilot.bench.quality.problems import Problem, Stratum
from copilot.bench.quality.recording import Generation
from copilot.bench.quality.results import Result, Score, Setup, Store, digest
from copilot.bench.quality.scoring import Flaws
from copilot.context.request import CaretPlace
from copilot.errors import SlipstreamError

PROBLEM = Problem(
    id="p/1", stratum=Stratum.BEGUN, prefix="x = ", gold="1", suffix="\n", one_line=True, language="python"
)
SETUP = Setup(model="m", arm="as set", prefix_tokens=768, suffix_tokens=128, max_tokens=96, max_lines=12)
SCORE = Score(text="1", passed=None, exact=True, similarity=1.0, flaws=Flaws())
RESULT = Result(
    id=PROBLEM.id,
    stratum=PROBLEM.stratum,
    place=CaretPlace.LINE_END,
    digest=digest(PROBLEM),
    setup=SETUP,
    gold="1",
    generations=(Generation(layout="psm", text="1\n"),),
    suggestion="1",
    raw=SCORE,
    shown=SCORE,
    whole=SCORE,
)


def test_what_was_added_is_there_in_the_next_run(tmp_path: Path) -> None:
    file = tmp_path / "results.jsonl"
    store = Store(file)
    assert store.find(PROBLEM, SETUP) is None
    store.add(RESULT)
    assert file.read_bytes().count(b"\n") == 1
    assert Store(file).find(PROBLEM, SETUP) == RESULT


def test_another_hole_or_setup_is_not_found(tmp_path: Path) -> None:
    store = Store(tmp_path / "results.jsonl")
    store.add(RESULT)
    for other in (
        msgspec.structs.replace(PROBLEM, prefix="y = "),
        msgspec.structs.replace(PROBLEM, gold="2"),
        msgspec.structs.replace(PROBLEM, stratum=Stratum.SPAN),
    ):
        assert store.find(other, SETUP) is None
    for field, value in (("model", "n"), ("arm", "spm"), ("suffix_tokens", 16), ("max_lines", 1)):
        assert store.find(PROBLEM, msgspec.structs.replace(SETUP, **{field: value})) is None


def test_without_a_file_they_are_kept_for_the_run() -> None:
    store = Store(None)
    store.add(RESULT)
    assert store.find(PROBLEM, SETUP) == RESULT


def test_a_line_that_was_cut_off_costs_that_line_only(tmp_path: Path) -> None:
    """As after a power cut in the middle of writing."""
    file = tmp_path / "results.jsonl"
    Store(file).add(RESULT)
    whole = file.read_bytes()
    file.write_bytes(whole + whole[: len(whole) // 2])
    store = Store(file)
    assert store.find(PROBLEM, SETUP) == RESULT
    other = msgspec.structs.replace(RESULT, id="p/2")
    store.add(other)
    again = Store(file)
    assert again.find(PROBLEM, SETUP) == RESULT
    assert again.find(msgspec.structs.replace(PROBLEM, id="p/2"), SETUP) == other


def test_another_file_is_not_written_into(tmp_path: Path) -> None:
    file = tmp_path / "notes.txt"
    file.write_text("my notes\nof today\n")
    with pytest.raises(SlipstreamError, match="is no file of results: line 1"):
        Store(file)
    assert file.read_text() == "my notes\nof today\n"


def test_right_is_by_execution_where_there_is_one() -> None:
    assert SCORE.right
    assert not msgspec.structs.replace(SCORE, passed=False).right
    assert msgspec.structs.replace(SCORE, passed=True, exact=False).right
