"""What may help at a caret: a question as a snapshot, and the candidates that answer it. Values only."""

from enum import StrEnum
from typing import NamedTuple


class Source(StrEnum):
    """Which retriever found a candidate."""

    DEFINITION = "definition"
    """What a name near the caret is."""
    IMPORT = "import"
    """What the file imports, used yet or not."""
    HEADER = "header"
    """The document's own imports, where they stand too far up for the model to see."""
    CALLER = "caller"
    """How others use what is being called or written here."""
    SIBLING = "sibling"
    """How others implement the same: subclasses of the same base, the method of the same name."""
    RECENT = "recent"
    """Edited or looked at a short time ago."""
    OPEN = "open"
    """Like the text at the caret, in a document that is open."""
    TWIN = "twin"
    """The test of a file, the file of a test, the header of a source."""
    SIMILAR = "similar"
    """Like the text at the caret, anywhere in the workspace."""
    LSP = "lsp"
    """Where the editor's own language servers say that a name is defined."""
    PINNED = "pinned"
    """What the user wants to be there."""


class Candidate(NamedTuple):
    """Lines ``first`` to ``last`` (from 1, inclusive) of ``path``, or an outline of them.

    ``score``: higher is better; 1 is the definition of a name on the caret's own line. ``reason``: for people.
    """

    path: str
    first: int
    last: int
    text: str
    source: Source
    score: float
    reason: str


class Region(NamedTuple):
    """Lines that were edited, or else on the screen, at a moment ``at`` (seconds, monotonic)."""

    path: str
    first: int
    last: int
    at: float
    edited: bool


class Buffer(NamedTuple):
    """An open document as the editor shows it, secrets masked. It wins over the disk and over the index."""

    path: str
    language: str
    text: str


class Question(NamedTuple):
    """The caret at ``line`` and ``column`` (code points, from 0) of ``text``, and what else is known at that moment.

    ``text`` is the whole document with ``\\n`` at its line ends. ``given``: candidates that others found, ready-made.
    ``now``: the clock of ``Region.at``.
    """

    path: str
    language: str
    text: str
    line: int
    column: int
    buffers: tuple[Buffer, ...] = ()
    regions: tuple[Region, ...] = ()
    given: tuple[Candidate, ...] = ()
    now: float = 0.0
