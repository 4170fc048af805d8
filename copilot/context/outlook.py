"""What the imports of a document offer, whether or not it is used yet.

Who writes an import is about to use it; and where the imports stand too far up for the model to see, their outlines say
what there is.
"""

from collections.abc import Iterator

from copilot.context.candidates import Candidate, Source
from copilot.context.definitions import current, meant
from copilot.context.imported import Imported
from copilot.context.near import Name, Near, lines_with, words_of
from copilot.context.shapes import brief, outline_of
from copilot.context.view import View
from copilot.index.rows import SymbolRow

NAMES = 40
"""Imported names that are looked at, and modules."""

_MODULE_SYMBOLS = 12
_OFTEN = 4
_UNUSED, _USED, _VISIBLE = 0.75, 0.45, 0.15


def outlook(view: View, near: Near) -> Iterator[Candidate]:
    text = view.question.text
    bag = {name.name for name in near.names}
    uses_of = {here: _uses(here, text) for here in view.imports.names}
    # Those that are not used yet first, then those used most.
    for here in sorted(uses_of, key=lambda it: (uses_of[it] > 0, -uses_of[it], it))[:NAMES]:
        imported, uses = view.imports.names[here], uses_of[here]
        score = _UNUSED if uses <= 0 else _VISIBLE if here in bag else _USED + 0.03 * min(uses, 5)
        reason = f"defines `{here}`, imported and not used yet" if uses <= 0 else f"defines `{here}`, imported"
        if imported.name:
            for found in current(meant(Name(here, 1.0, 0), view, near), view, 1):
                yield Candidate(found.row.path, *brief(found.row, view), Source.IMPORT, score * found.certainty, reason)
        else:
            yield from _module(here, imported, view, near, 1.4 if near.receiver == here else score)


def _uses(name: str, text: str) -> int:
    """Beside the one that imports it. What is found often is not looked at closely."""
    count = text.count(name)
    return (count if count > _OFTEN else words_of(lines_with(name, text)).count(name)) - 1


def _module(here: str, imported: Imported, view: View, near: Near, score: float) -> Iterator[Candidate]:
    bag = {name.name for name in near.names}
    for path in imported.paths[:1]:
        rows = [row for row in view.symbols(path).by_scope.get("", ()) if not row.name.startswith("_")]
        if not rows:
            continue
        begun = near.begun if near.receiver == here else ""
        ranked = sorted(rows, key=lambda row: (_rank(row, bag, begun), row.first))[:_MODULE_SYMBOLS]
        kept = sorted(ranked, key=lambda row: row.first)
        text = outline_of(kept)
        last = max(row.last for row in kept)
        yield Candidate(path, kept[0].first, last, text, Source.IMPORT, score, f"is imported as `{here}`")


def _rank(row: SymbolRow, bag: set[str], begun: str) -> int:
    if begun and row.name.startswith(begun):
        return 0
    if row.name in bag:
        return 1
    return 2 if row.kind in ("function", "class") else 3
