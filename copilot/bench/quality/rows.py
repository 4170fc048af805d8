"""Rows of published infilling sets as problems. Pure; reading the files is ``data``.

* HumanEval infilling (openai/human-eval-infilling; Bavarian et al., arXiv 2207.14255): ``task_id``, ``prompt``,
  ``suffix``, ``canonical_solution``, ``test``, ``entry_point``. Python.
* CrossCodeEval (amazon-science/cceval; Ding et al., arXiv 2310.11248): ``prompt``, ``groundtruth``,
  ``right_context``, ``metadata`` with ``task_id`` and ``file``. The rest of a line is missing.
"""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from random import Random
from typing import Any

from copilot.bench.quality.holes import Hole, holes_in_line
from copilot.bench.quality.problems import Check, Problem, Stratum
from copilot.text.languages import language_of

Row = Mapping[str, Any]

HUMANEVAL_FIELDS = ("task_id", "prompt", "suffix", "canonical_solution", "test", "entry_point")
CROSSCODE_FIELDS = ("prompt", "groundtruth", "right_context", "metadata")


def has_fields(row: object, fields: Sequence[str]) -> bool:
    return isinstance(row, dict) and all(field in row for field in fields)


def humaneval(rows: Sequence[Row], seed: int) -> Iterator[Problem]:
    """Problems in the order of ``rows``.

    A set whose every hole is one whole line gives a hole for each place of the caret on that line; a set of whole
    lines gives blocks, of which those of a single line are left out; any other set gives spans as they are.
    """
    if all(_whole_lines(row) for row in rows):
        one = all(row["canonical_solution"].count("\n") == 1 for row in rows)
        make = _of_one_line if one else _of_block
    else:
        make = _of_span
    for row in rows:
        yield from make(row, seed)


def _whole_lines(row: Row) -> bool:
    return (row["prompt"][-1:] in {"", "\n"}) and row["canonical_solution"].endswith("\n")


def _of_one_line(row: Row, seed: int) -> Iterator[Problem]:
    line = row["canonical_solution"][:-1]
    # Seeded by the row, so that a problem is the same whatever else is in the set.
    rng = Random(f"{seed} {row['task_id']}")  # noqa: S311 - no secret
    for hole in holes_in_line(row["prompt"], line, "\n" + row["suffix"], rng):
        yield _python(row, hole)
    yield _python(row, _as_it_is(row, Stratum.PUBLISHED))


def _of_block(row: Row, _seed: int) -> Iterator[Problem]:
    gold = row["canonical_solution"][:-1]
    if "\n" in gold:
        yield _python(row, Hole(Stratum.BLOCK, row["prompt"], gold, "\n" + row["suffix"]), one_line=False)


def _of_span(row: Row, _seed: int) -> Iterator[Problem]:
    yield _python(row, _as_it_is(row, Stratum.SPAN), one_line=False)


def _as_it_is(row: Row, stratum: Stratum) -> Hole:
    return Hole(stratum, row["prompt"], row["canonical_solution"], row["suffix"])


def _python(row: Row, hole: Hole, *, one_line: bool = True) -> Problem:
    return Problem(
        id=row["task_id"],
        stratum=hole.stratum,
        prefix=hole.before,
        gold=hole.gold,
        suffix=hole.after,
        one_line=one_line,
        language="python",
        check=Check(row["test"], row["entry_point"]),
    )


def crosscode(rows: Sequence[Row], _seed: int) -> Iterator[Problem]:
    """The text from other files that the rows bring is not used: the pipeline gathers its own."""
    for row in rows:
        metadata = row["metadata"]
        path = str(metadata.get("file", ""))
        rest = row["groundtruth"].partition("\n")[0]
        if rest.strip():
            yield Problem(
                id=str(metadata.get("task_id", path)),
                stratum=Stratum.BEGUN,
                prefix=row["prompt"],
                gold=rest,
                suffix=row["right_context"],
                one_line=True,
                language=language_of(PurePath(path)),
                path=path or None,
            )
