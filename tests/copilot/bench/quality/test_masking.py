"""Lines and blocks of source files."""

from copilot.bench.quality.masking import LONGEST_LINE, SourceText, mask
from copilot.bench.quality.problems import Stratum

CODE = """\
import os

# A comment that is long enough.


def names(folder):
    found = []
    for entry in os.scandir(folder):
        if entry.is_file():
            found.append(entry.name)
    return sorted(found)
"""
SOURCE = SourceText("src/names.py", "python", CODE)


def test_the_file_is_its_prefix_gold_and_suffix() -> None:
    for text in (CODE, CODE.rstrip("\n"), CODE + "\n\n", "\n\nuse f\nlet x = f(1)\n"):
        problems = list(mask([SourceText("a", "python", text)], 0, 50))
        assert problems
        for problem in problems:
            assert problem.prefix + problem.gold + problem.suffix == text


def test_problems_know_where_they_are_from() -> None:
    problems = list(mask([SOURCE], 0, 50))
    assert {problem.path for problem in problems} == {"src/names.py"}
    assert {problem.language for problem in problems} == {"python"}
    assert {problem.id for problem in problems} == {f"src/names.py:{n}" for n in (6, 7, 8, 9, 10, 11)}
    assert all(problem.check is None for problem in problems)


def test_lines_not_worth_writing_are_left_alone() -> None:
    text = f"first line\n# a comment of some length\n}}\n  ]);\n{'x' * (LONGEST_LINE + 1)}\n    // another comment\n"
    assert list(mask([SourceText("a.js", "javascript", text)], 0, 50)) == []


def test_the_first_line_is_left_alone() -> None:
    """Nothing before it says what it may be, and a model without FIM tokens can't even be asked."""
    assert list(mask([SourceText("a.py", "python", "\n\nimport everything\n")], 0, 50)) == []


def test_blocks_end_with_their_indentation() -> None:
    blocks = {p.id: p.gold for p in mask([SOURCE], 0, 50) if p.stratum is Stratum.BLOCK}
    assert blocks["src/names.py:9"] == "        if entry.is_file():\n            found.append(entry.name)"
    assert "src/names.py:10" not in blocks
    assert blocks["src/names.py:6"].startswith("def names(folder):\n    found = []\n")


def test_every_file_has_its_turn() -> None:
    sources = [SourceText(f"{n}.py", "python", CODE) for n in range(5)]
    first = [problem.path for problem in mask(sources, 0, 2) if problem.stratum is Stratum.FRESH_LINE]
    assert first == [f"{n}.py" for n in range(5)] * 2


def test_the_choice_is_the_seeds() -> None:
    assert list(mask([SOURCE], 1, 2)) == list(mask([SOURCE], 1, 2))
    assert len({next(iter(mask([SOURCE], seed, 1))).id for seed in range(20)}) > 2
