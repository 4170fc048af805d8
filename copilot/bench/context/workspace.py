"""A package as a workspace of its own, with an index from which the file that is asked about is missing."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from copilot.bench.context.packages import Package, copied
from copilot.context.retrieval import Retriever
from copilot.index.parsed import Task
from copilot.index.reader import Reader
from copilot.index.store import Store
from copilot.index.worker import looked_at
from copilot.safety.gate import Gate


class Workspace:
    """Made in ``folder``, which holds the copy of the package and the index, and nothing else."""

    def __init__(self, package: Package, folder: Path) -> None:
        self.package = package
        self.root = (folder / "files").resolve()
        self.root.mkdir(parents=True)
        copied(package, self.root)
        self.gate = Gate(self.root)
        index = folder / "index"
        index.mkdir()
        self._store = Store(index, self.root)
        found = sorted(found.path for found in self.gate.walk())
        self.paths = tuple(path for path in found if self._write(path))
        """Those that may be seen, and that people wrote."""
        self._store.commit()
        self.reader = Reader(self.root, index, self.gate)
        self.retriever = Retriever(self.reader, self.gate)

    def close(self) -> None:
        self.reader.close()
        self._store.close()

    def add(self, path: str) -> None:
        """Index a file that was put there."""
        self._write(path)
        self._store.commit()

    @contextlib.contextmanager
    def without(self, path: str) -> Iterator[str]:
        """The text of a file, while it is neither on the disk nor in the index. Raises ``Refused``."""
        text = self.gate.read(path).text
        file = self.root / path
        data = file.read_bytes()
        file.unlink()
        self._store.remove([path])
        self._store.commit()
        try:
            yield text
        finally:
            file.write_bytes(data)
            self._write(path)
            self._store.commit()

    def _write(self, path: str) -> bool:
        """Whether it is in the index now."""
        file = looked_at(self.gate, Task(path))
        self._store.write(file)
        return not file.gone and file.left_out is None
