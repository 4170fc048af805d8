"""What of the workspace may help at a caret: every source asked, every answer checked at the gate.

Runs with each key, so everything is bounded: the names that are looked up, the files that are read, the texts that are
parsed. :class:`Retriever` holds what the next question will want again.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from copilot.context.candidates import Candidate, Question, Source
from copilot.context.definitions import definitions
from copilot.context.header import header
from copilot.context.near import Near, near
from copilot.context.outlook import outlook
from copilot.context.recent import recent
from copilot.context.shapes import shape
from copilot.context.similar import in_buffers, similar
from copilot.context.snapshot import Place
from copilot.context.twin import twin
from copilot.context.usages import callers, siblings
from copilot.context.view import Cache, View

if TYPE_CHECKING:
    from copilot.index.reader import Reader
    from copilot.safety.gate import Gate


_ROUNDS = 8
_GIVEN_SCORE = 0.9


class Retriever:
    """For one workspace and one thread."""

    def __init__(self, reader: "Reader", gate: "Gate") -> None:
        self._reader = reader
        self._gate = gate
        self._cache = Cache()
        self.unfinished = False
        """The last question would have read more files than one may. The same again goes on where it ended."""

    def complete(self, question: Question, off: frozenset[Source] = frozenset()) -> list[Candidate]:
        """As :meth:`candidates`, with all that it would read, however long that takes. For a thread of its own."""
        found = self.candidates(question, off)
        for _ in range(_ROUNDS):
            if not self.unfinished:
                break
            found = self.candidates(question, off)
        return found

    def candidates(self, question: Question, off: frozenset[Source] = frozenset()) -> list[Candidate]:
        """Best first, of every source that is not in ``off``; one text of one place comes once."""
        view = View(question, self._reader, self._gate, self._cache)
        line = min(max(0, question.line), len(view.lines) - 1)
        around = near(view.lines, line, min(max(0, question.column), len(view.lines[line])), question.language)
        found = [*question.given]
        for source, retrieve in _retrievers(view, around, self._cache):
            if source not in off:
                found += retrieve()
        self.unfinished = bool(view.postponed)
        return _distinct(it for it in found if it.source not in off and _may_be_shown(it, view))

    def defined_at(self, question: Question, places: Sequence[Place]) -> list[Candidate]:
        """What others say is defined there, as it is shown elsewhere; left out where that can't be read soon."""
        view = View(question, self._reader, self._gate, self._cache)
        found = []
        for place in places:
            around = [it for it in view.symbols(place.path).rows if it.first <= place.line <= it.last]
            if not around:
                continue
            row = min(around, key=lambda it: it.last - it.first)
            shown = shape(row, view)
            if shown is None:
                continue
            first, last, text = shown
            reason = f"the editor's language server says that it defines `{place.name}`"
            found.append(Candidate(row.path, first, last, text, Source.LSP, _GIVEN_SCORE, reason))
        return _distinct(it for it in found if _may_be_shown(it, view))


def candidates(
    question: Question, reader: "Reader", gate: "Gate", off: frozenset[Source] = frozenset()
) -> list[Candidate]:
    """As :meth:`Retriever.candidates`, for one question alone."""
    return Retriever(reader, gate).candidates(question, off)


def _retrievers(view: View, around: Near, cache: Cache) -> Iterator[tuple[Source, Callable[[], Iterable[Candidate]]]]:
    yield Source.DEFINITION, lambda: definitions(view, around)
    yield Source.IMPORT, lambda: outlook(view, around)
    yield Source.HEADER, lambda: header(view)
    yield Source.CALLER, lambda: callers(view, around)
    yield Source.SIBLING, lambda: siblings(view, around)
    yield Source.RECENT, lambda: recent(view, around)
    yield Source.OPEN, lambda: in_buffers(view, around, cache)
    yield Source.TWIN, lambda: twin(view, around, cache)
    yield Source.SIMILAR, lambda: similar(view, around, cache)


def _may_be_shown(candidate: Candidate, view: View) -> bool:
    if candidate.path == view.question.path and candidate.source is not Source.HEADER:
        return False
    return bool(candidate.text.strip()) and view.allowed(candidate.path)


def _distinct(found: Iterable[Candidate]) -> list[Candidate]:
    """The best of those that show the same."""
    best: dict[tuple[str, int, str], Candidate] = {}
    for candidate in found:
        key = (candidate.path, candidate.first, candidate.text)
        if key not in best or best[key].score < candidate.score:
            best[key] = candidate
    return sorted(best.values(), key=lambda it: (-it.score, it.path, it.first))
