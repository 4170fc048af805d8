"""What the document itself imports, where that stands too far up for the model to see it.

The names that it may use next are mostly among these, and nothing says so much in so few tokens.
"""

import re
from collections.abc import Iterator, Sequence

from copilot.context.candidates import Candidate, Source
from copilot.context.imported import begins_statement
from copilot.context.near import words_of
from copilot.context.shapes import on_one_line
from copilot.context.view import View

VISIBLE = 1500
"""Characters above the caret that are in the prompt anyway."""

MOST = 500
"""Characters. Of more, what is imported from the workspace comes first."""

_SCORE = 1.2
_FROM = re.compile(r"(from \S+ import )\(?([^()#;]+?)\)?$")


def header(view: View) -> Iterator[Candidate]:
    seen_from = view.question.text.count("\n", 0, max(0, view.caret - VISIBLE))
    numbers = [at for at in view.statement_lines if at < seen_from]
    if not numbers:
        return
    from copilot.safety.secrets import masked

    shown = "\n".join(_chosen(_whole(view.lines, numbers), frozenset(view.imports.names)))
    reason = "what this file imports, further up"
    yield Candidate(
        view.question.path, numbers[0] + 1, numbers[-1] + 1, masked(shown)[0], Source.HEADER, _SCORE, reason
    )


def _whole(lines: Sequence[str], numbers: Sequence[int]) -> list[str]:
    """Each statement on one line, those of Python with all that is imported from a module."""
    found: list[list[str]] = []
    for at in numbers:
        if begins_statement(lines[at]) or not found:
            found.append([])
        found[-1].append(lines[at])
    whole: dict[str, str] = {}
    for statement in map(on_one_line, found):
        parts = _FROM.match(statement)
        key = statement if parts is None else parts[1]
        whole[key] = statement if parts is None else f"{whole[key]}, {parts[2]}" if key in whole else key + parts[2]
    return list(whole.values())


def _chosen(statements: Sequence[str], local: frozenset[str]) -> list[str]:
    """As many as there is room for, as they stood."""
    room = MOST
    chosen: set[int] = set()
    for at in sorted(range(len(statements)), key=lambda it: (local.isdisjoint(words_of(statements[it])), it)):
        room -= len(statements[at]) + 1
        if room >= 0:
            chosen.add(at)
    return [it for at, it in enumerate(statements) if at in chosen]
