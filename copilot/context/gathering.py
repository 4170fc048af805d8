"""Snippets for a caret: what the retrievers find, what the user wants and does not want, packed into its budget.

One object for a workspace, used from one thread: it holds the index's connection. Nothing here raises; where something
can't be read, the rest is shown.
"""

from pathlib import PurePosixPath

from copilot.context.candidates import Buffer, Candidate, Question, Source
from copilot.context.packing import packed
from copilot.context.request import Snippet
from copilot.context.retrieval import Retriever
from copilot.context.rules import NEVER_CHOSEN
from copilot.context.snapshot import Snapshot
from copilot.context.steering import Pin, Steering, SteeringFile, place_of
from copilot.index.reader import Reader
from copilot.safety.gate import Gate, Refused
from copilot.syntax.outline import outline
from copilot.text.document import Document
from copilot.text.languages import language_of
from copilot.text.line_ends import to_newlines

_PINNED_SCORE = 100.0
_LSP_SCORE = 0.9
_WHOLE_LINES = 14
"""A definition of so many lines is shown whole, of a longer one the header."""

_MOST_CACHED = 64


class Gatherer:
    def __init__(self, gate: Gate, steering: SteeringFile, reader: Reader | None = None) -> None:
        self.gate = gate
        self._steering = steering
        self._reader = reader or Reader.of(gate.root, gate)
        self._retriever = Retriever(self._reader, gate)
        self._buffers: dict[tuple[str, str, int], Buffer | None] = {}

    def gather(self, snapshot: Snapshot) -> tuple[Snippet, ...]:
        """What the model should be shown beside the file itself."""
        steering = self._steering.of(self.gate.root)
        buffers = self._shown(snapshot, steering)
        question = Question(
            path=snapshot.path,
            language=snapshot.document.language,
            text=to_newlines(snapshot.document.text),
            line=snapshot.line,
            column=snapshot.column,
            buffers=buffers,
            regions=tuple(it for it in snapshot.regions if not steering.hides(it.path)),
            given=self._given(snapshot, buffers),
            now=snapshot.now,
        )
        found = [it for it in self._retriever.complete(question) if _may_be_chosen(it.path)]
        found = [it for it in found if steering.allows(it.path, it.text)]
        found += self._pinned(steering, snapshot.path, buffers)
        kept = [it for it in snapshot.kept if steering.allows(it.path, it.text)]
        return packed(found, snapshot.characters, kept)

    def close(self) -> None:
        self._reader.close()

    # ------------------------------------------------------------------------------------------------------- details

    def _shown(self, snapshot: Snapshot, steering: Steering) -> tuple[Buffer, ...]:
        """The other open documents that may be seen, secrets masked. The index must not stand in for those that may
        not: an open file that is refused is refused on disk as well."""
        known: dict[tuple[str, str, int], Buffer | None] = {}
        for path, document in snapshot.others[:_MOST_CACHED]:
            key = (path, document.uri, document.version)
            known[key] = self._buffers[key] if key in self._buffers else self._buffer(path, document)
        self._buffers = known
        return tuple(it for it in known.values() if it is not None and not steering.hides(it.path))

    def _buffer(self, path: str, document: Document) -> Buffer | None:
        if self.gate.refusal(path) is not None:
            return None
        try:
            return Buffer(path, document.language, self.gate.shown(path, to_newlines(document.text)))
        except Refused:
            return None

    def _text(self, path: str, buffers: tuple[Buffer, ...]) -> str | None:
        """What may be seen of a file: as it is open in the editor, else as it is on disk."""
        for buffer in buffers:
            if buffer.path == path:
                return buffer.text
        try:
            return self.gate.read(path).text
        except Refused:
            return None

    def _pinned(self, steering: Steering, own: str, buffers: tuple[Buffer, ...]) -> list[Candidate]:
        found = []
        for number, pin in enumerate(steering.pins):
            # A file sees itself, and its own lines twice make a model repeat them.
            if pin.path != own and not steering.hides(pin.path):
                found += self._pin(pin, number, buffers)
        return found

    def _pin(self, pin: Pin, number: int, buffers: tuple[Buffer, ...]) -> list[Candidate]:
        text = self._text(pin.path, buffers)
        lines = text.split("\n") if text is not None else []
        place = place_of(pin, lines)
        if place is None:
            return []
        first, last = place
        shown = "\n".join(lines[first - 1 : last])
        # Those that were pinned first keep their place.
        score = _PINNED_SCORE - number / 1000
        return [Candidate(pin.path, first, last, shown, Source.PINNED, score, "you pinned it")]

    def _given(self, snapshot: Snapshot, buffers: tuple[Buffer, ...]) -> tuple[Candidate, ...]:
        found = []
        for place in snapshot.places:
            text = self._text(place.path, buffers) if place.path != snapshot.path else None
            shown = outline(text, language_of(PurePosixPath(place.path))) if text is not None else None
            if text is None or shown is None:
                continue
            around = [it for it in shown.symbols if it.first <= place.line <= it.last]
            if not around:
                continue
            symbol = min(around, key=lambda it: it.last - it.first)
            short = symbol.last - symbol.first < _WHOLE_LINES
            whole = "\n".join(text.split("\n")[symbol.first - 1 : symbol.last])
            found.append(
                Candidate(
                    place.path,
                    symbol.first,
                    symbol.last,
                    whole if short else symbol.signature,
                    Source.LSP,
                    _LSP_SCORE,
                    f"the editor's language server says that it defines `{place.name}`",
                )
            )
        return tuple(found)


def _may_be_chosen(path: str) -> bool:
    return path.rpartition("/")[2] not in NEVER_CHOSEN
