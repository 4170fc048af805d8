"""A folder with an index of it, as the product makes one, and questions at a caret in it."""

from collections.abc import Mapping
from pathlib import Path

from copilot.context.candidates import Buffer, Candidate, Question, Region, Source
from copilot.context.retrieval import Retriever
from copilot.index.parsed import Task, language_at
from copilot.index.reader import Reader
from copilot.index.store import Store
from copilot.index.worker import looked_at
from copilot.safety.gate import Gate

CARET = "¦"


class Tree:
    def __init__(self, folder: Path, files: Mapping[str, str]) -> None:
        self.root = (folder / "project").resolve()
        self.root.mkdir()
        self.gate = Gate(self.root)
        (folder / "index").mkdir()
        self._store = Store(folder / "index", self.root)
        for path, text in files.items():
            self.write(path, text)
        self.index(*files)
        self.reader = Reader(self.root, folder / "index", self.gate)
        self.retriever = Retriever(self.reader, self.gate)

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def index(self, *paths: str) -> None:
        for path in paths:
            self._store.write(looked_at(self.gate, Task(path)))
        self._store.commit()

    def close(self) -> None:
        self.reader.close()
        self._store.close()

    def ask(
        self,
        path: str,
        text: str,
        *,
        off: frozenset[Source] = frozenset(),
        buffers: tuple[tuple[str, str], ...] = (),
        regions: tuple[Region, ...] = (),
        given: tuple[Candidate, ...] = (),
        now: float = 0.0,
    ) -> list[Candidate]:
        """The candidates where ``CARET`` stands in ``text``."""
        return self.retriever.candidates(
            Question(
                *question(path, text)[:5],
                tuple(Buffer(name, language_at(name), content) for name, content in buffers),
                regions,
                given,
                now,
            ),
            off,
        )


def question(path: str, text: str) -> Question:
    before, _, after = text.partition(CARET)
    return Question(path, language_at(path), before + after, before.count("\n"), len(before.rpartition("\n")[2]))


def of(found: list[Candidate], source: Source) -> list[Candidate]:
    return [it for it in found if it.source is source]


def about(found: list[Candidate], text: str) -> list[Candidate]:
    return [it for it in found if text in it.text]
