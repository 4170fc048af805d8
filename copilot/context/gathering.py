"""Snippets for a caret: what the retrievers find, what the user wants and does not want, packed into its budget.

One object for a workspace, used from one thread: it holds the index's connection. Nothing here raises; where something
can't be read, the rest is shown.
"""

from copilot.context.candidates import Buffer, Candidate, Question, Source
from copilot.context.packing import packed
from copilot.context.request import Snippet
from copilot.context.retrieval import Retriever
from copilot.context.rules import NEVER_CHOSEN
from copilot.context.snapshot import Snapshot
from copilot.context.steering import Pin, Steering, SteeringFile, place_of
from copilot.index.reader import Reader
from copilot.safety.gate import Gate, Refused
from copilot.safety.kinds import kind_of
from copilot.text.document import Document
from copilot.text.line_ends import to_newlines

_PINNED_SCORE = 100.0
_MOST_CACHED = 64


class Gatherer:
    def __init__(self, gate: Gate, steering: SteeringFile, reader: Reader | None = None) -> None:
        self.gate = gate
        self.indexed = reader is None
        self._steering = steering
        self._reader = reader or Reader.of(gate.root, gate)
        self._retriever = Retriever(self._reader, gate)
        self._buffers: dict[str, tuple[Document, Buffer | None]] = {}

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
            now=snapshot.now,
        )
        found = [*self._retriever.complete(question), *self._retriever.defined_at(question, snapshot.places)]
        found = [it for it in found if _may_be_chosen(it.path)]
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
        known: dict[str, tuple[Document, Buffer | None]] = {}
        for path, document in snapshot.others[:_MOST_CACHED]:
            before = self._buffers.get(path)
            same = before is not None and before[0] is document
            known[path] = before if before is not None and same else (document, self._buffer(path, document))
        self._buffers = known
        # What may be seen may change while the text stays.
        return tuple(
            it
            for _, it in known.values()
            if it is not None and not steering.hides(it.path) and self.gate.refusal(it.path) is None
        )

    def _buffer(self, path: str, document: Document) -> Buffer | None:
        """As the gate would have it on disk: no links, nothing huge or generated."""
        try:
            text = to_newlines(document.text)
            if self.gate.led_to(path) != path or kind_of(path, text.encode("utf-8", "replace")) is not None:
                return None
            return Buffer(path, document.language, self.gate.shown(path, text))
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


def _may_be_chosen(path: str) -> bool:
    return path.rpartition("/")[2] not in NEVER_CHOSEN
