"""Rows of published sets as problems."""

from copilot.bench.quality.problems import Problem, Stratum
from copilot.bench.quality.rows import crosscode, humaneval
from copilot.context.request import CaretPlace

TEST = "\n\ndef check(candidate):\n    assert candidate(2) == 4\n"


def row(prompt: str, gold: str, suffix: str, name: str = "a") -> dict[str, str]:
    return {
        "task_id": name,
        "prompt": prompt,
        "canonical_solution": gold,
        "suffix": suffix,
        "test": TEST,
        "entry_point": "double",
    }


HEAD = "def double(x):\n"
SINGLE = row(HEAD, "    y = x * 2\n", "    return y\n")


def made(*rows: dict[str, str], seed: int = 0) -> list[Problem]:
    problems = list(humaneval(rows, seed))
    for problem in problems:
        (origin,) = [r for r in rows if r["task_id"] == problem.id]
        program = origin["prompt"] + origin["canonical_solution"] + origin["suffix"]
        assert problem.prefix + problem.gold + problem.suffix == program
        assert problem.check is not None
        assert problem.language == "python"
    return problems


def test_a_line_is_asked_for_at_every_place() -> None:
    problems = {problem.stratum: problem for problem in made(SINGLE)}
    assert set(problems) == set(Stratum) - {Stratum.BLOCK, Stratum.SPAN, Stratum.BEFORE_CLOSER}
    fresh = problems[Stratum.FRESH_LINE]
    # In an editor the line that is missing is an empty one, not none.
    assert (fresh.prefix, fresh.gold, fresh.suffix) == (HEAD, "    y = x * 2", "\n    return y\n")
    assert fresh.place is CaretPlace.FRESH_LINE
    assert problems[Stratum.INDENTED].prefix == HEAD + "    "
    assert problems[Stratum.LINE_END].prefix == HEAD[:-1]
    assert problems[Stratum.LINE_END].place is CaretPlace.LINE_END
    assert all(problem.one_line for problem in problems.values())


def test_as_published_it_is_as_published() -> None:
    problem = next(problem for problem in made(SINGLE) if problem.stratum is Stratum.PUBLISHED)
    assert (problem.prefix, problem.gold, problem.suffix) == (HEAD, "    y = x * 2\n", "    return y\n")
    assert problem.place is CaretPlace.FRESH_LINE


def test_a_set_of_whole_lines_gives_blocks() -> None:
    block = row(HEAD, "    y = x * 2\n    return y\n", "", "b")
    (problem,) = made(SINGLE | {"task_id": "a"}, block)
    assert (problem.id, problem.stratum, problem.one_line) == ("b", Stratum.BLOCK, False)
    assert (problem.gold, problem.suffix) == ("    y = x * 2\n    return y", "\n")


def test_any_other_set_gives_spans_as_they_are() -> None:
    problems = made(row(HEAD + "    y = x", " * 2\n    ret", "urn y\n"), SINGLE | {"task_id": "c"})
    assert [problem.stratum for problem in problems] == [Stratum.SPAN, Stratum.SPAN]
    assert (problems[0].gold, problems[0].place) == (" * 2\n    ret", CaretPlace.MID_LINE)
    assert not problems[0].one_line


def test_a_problem_is_the_same_whatever_stands_beside_it() -> None:
    other = row("import os\n\n\n" + HEAD, "    y = x * 2\n", "    return y\n", "other")
    alone = made(SINGLE, seed=5)
    assert [problem for problem in made(other, SINGLE, seed=5) if problem.id == "a"] == alone
    assert {p.gold for s in range(9) for p in made(SINGLE, seed=s) if p.stratum is Stratum.BEGUN} > {alone[3].gold}


def test_crosscode_rows_ask_for_the_rest_of_a_line() -> None:
    rows = [
        {
            "prompt": "import a\nx = a.",
            "groundtruth": "run(1)\nmore",
            "right_context": "\nprint(x)\n",
            "metadata": {"task_id": "project/1", "file": "src/b.py"},
        },
        {"prompt": "x", "groundtruth": "  ", "right_context": "", "metadata": {"task_id": "empty", "file": "b.py"}},
    ]
    (problem,) = crosscode(rows, 0)
    assert (problem.id, problem.stratum, problem.place) == ("project/1", Stratum.BEGUN, CaretPlace.LINE_END)
    assert (problem.gold, problem.language, problem.path, problem.check) == ("run(1)", "python", "src/b.py", None)
