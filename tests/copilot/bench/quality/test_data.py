"""From a path to problems: what is recognized, and what is said of everything else."""

import gzip
import json
from pathlib import Path

import pytest

from copilot.bench.quality import data
from copilot.bench.quality.problems import DEFAULT_STRATA, Stratum
from copilot.bench.quality.scoring import passes
from copilot.errors import SlipstreamError

ROW = {
    "task_id": "a",
    "prompt": "def double(x):\n",
    "canonical_solution": "    return x * 2\n",
    "suffix": "",
    "test": "def check(f):\n    assert f(2) == 4\n",
    "entry_point": "double",
}
CROSS = {
    "prompt": "x = a.",
    "groundtruth": "run()",
    "right_context": "\n",
    "metadata": {"task_id": "p/1", "file": "a.py"},
    "crossfile_context": {"text": ""},
}


def jsonl(path: Path, *rows: object) -> Path:
    text = "".join(json.dumps(row) + "\n" for row in rows)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def load(
    path: Path | None, *, limit: int = 0, seed: int = 0, strata: tuple[Stratum, ...] = DEFAULT_STRATA
) -> data.Data:
    return data.load(path, seed=seed, limit=limit, strata=strata)


def test_the_sample_is_sound() -> None:
    """Every program passes its test with the gold, and fails it without; every place of the caret is there."""
    sample = load(None, strata=tuple(Stratum))
    assert {problem.stratum for problem in sample.problems} == set(Stratum)
    assert len({problem.id for problem in sample.problems if problem.stratum is Stratum.FRESH_LINE}) == 12
    for problem in sample.problems:
        gold = passes(problem, problem.gold)
        assert gold is not None
        assert gold.passed, (problem.key, gold)
        if problem.stratum in {Stratum.FRESH_LINE, Stratum.BLOCK, Stratum.SPAN}:
            wrong = passes(problem, "pass")
            assert wrong is not None
            assert not wrong.passed, problem.key


@pytest.mark.parametrize("name", ["set.jsonl", "set.jsonl.gz"])
def test_a_file_of_rows(tmp_path: Path, name: str) -> None:
    loaded = load(jsonl(tmp_path / name, ROW))
    assert {problem.id for problem in loaded.problems} == {"a"}
    assert load(jsonl(tmp_path / name, CROSS)).problems[0].id == "p/1"


def test_a_folder_of_sets_takes_the_known_ones(tmp_path: Path) -> None:
    jsonl(tmp_path / "deep" / "one.jsonl.gz", ROW)
    jsonl(tmp_path / "two.jsonl", CROSS)
    jsonl(tmp_path / "other.jsonl", {"id": 1})
    (tmp_path / "broken.jsonl").write_text("no json")
    (tmp_path / "script.py").write_text("print('not masked, there are sets')\n")
    loaded = load(tmp_path)
    assert {problem.id for problem in loaded.problems} == {"a", "p/1"}
    assert loaded.what.startswith("2 sets in ")


def test_a_folder_of_source_files(tmp_path: Path) -> None:
    for name in ("a.py", "sub/b.go", "node_modules/c.js", ".hidden/d.py", "e.md", "f.bin"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("first = 1\r\nvalue = compute(first, second)\r\n")
    (tmp_path / "g.py").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "h.py").write_text("x = 1\n" * 100_000)
    (tmp_path / "i.jsonl").write_text('{"event": 1}\n')
    loaded = load(tmp_path)
    assert {problem.path for problem in loaded.problems} == {"a.py", "sub/b.go"}
    assert loaded.what == f"lines of 2 source files in {tmp_path}"
    assert not any("\r" in problem.prefix + problem.gold + problem.suffix for problem in loaded.problems)


def test_one_source_file(tmp_path: Path) -> None:
    file = tmp_path / "a.py"
    file.write_text("first = 1\nvalue = compute(first, second)\n")
    assert {problem.path for problem in load(file).problems} == {"a.py"}


def test_the_limit_counts_by_place_and_the_seed_chooses(tmp_path: Path) -> None:
    rows = [ROW | {"task_id": str(n)} for n in range(30)]
    file = jsonl(tmp_path / "set.jsonl", *rows)
    loaded = load(file, limit=4)
    for stratum in (Stratum.FRESH_LINE, Stratum.LINE_END, Stratum.MID_LINE):
        assert sum(problem.stratum is stratum for problem in loaded.problems) == 4
    assert loaded == load(file, limit=4)
    assert loaded != load(file, limit=4, seed=1)
    # More of the same come after those that were there, so that a longer run goes on with a shorter one.
    longer = load(file, limit=8, strata=(Stratum.FRESH_LINE,)).problems
    assert longer[:4] == [problem for problem in loaded.problems if problem.stratum is Stratum.FRESH_LINE]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path / "none", "There is no file or folder"),
        (lambda path: path, "holds no source files and no infilling sets"),
        (lambda path: jsonl(path / "a.jsonl", {"text": "x", "label": 1}), "first row has the fields text, label"),
        (lambda path: jsonl(path / "a.jsonl"), "no infilling set"),
        (lambda path: jsonl(path / "a.jsonl", ROW, {"task_id": "b"}), "Row 2 of"),
        (lambda path: jsonl(path / "a.jsonl", ROW | {"suffix": None}), "Row 1 of"),
        (lambda path: jsonl(path / "a.jsonl", CROSS | {"metadata": "x"}), "Row 1 of"),
    ],
)
def test_anything_else_is_said(tmp_path: Path, make: object, message: str) -> None:
    assert callable(make)
    with pytest.raises(SlipstreamError, match=message) as caught:
        load(make(tmp_path))
    assert caught.value.hint


def test_damaged_files_are_said(tmp_path: Path) -> None:
    file = tmp_path / "a.jsonl"
    file.write_text(json.dumps(ROW) + "\n{broken\n")
    with pytest.raises(SlipstreamError, match="can't be read at line 2"):
        load(file)
    packed = tmp_path / "b.jsonl.gz"
    packed.write_bytes(gzip.compress(json.dumps(ROW).encode())[:-20])
    with pytest.raises(SlipstreamError, match="gzipped"):
        load(packed)
    packed.write_text("plain")
    with pytest.raises(SlipstreamError, match="gzipped"):
        load(packed)


def test_places_that_the_data_lacks_are_said(tmp_path: Path) -> None:
    file = jsonl(tmp_path / "a.jsonl", CROSS)
    with pytest.raises(SlipstreamError, match="nothing to measure at span"):
        load(file, strata=(Stratum.SPAN,))
