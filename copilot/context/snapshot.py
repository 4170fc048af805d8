"""A caret and what is around it in the editor, at one moment. Values only."""

from typing import NamedTuple

from copilot.context.candidates import Region
from copilot.context.request import Snippet
from copilot.text.document import Document


class Place(NamedTuple):
    """Line ``line`` (from 1) of a file, which the editor's own language servers name as a definition of ``name``."""

    path: str
    line: int
    name: str


class Snapshot(NamedTuple):
    """Lines and columns from 0, in code points.

    ``others``: path and document of the other open files, the one looked at last first. ``kept``: what the model is
    shown now. ``characters``: how much there may be. ``now``: seconds on the clock of ``regions``.
    """

    path: str
    document: Document
    line: int
    column: int
    others: tuple[tuple[str, Document], ...] = ()
    regions: tuple[Region, ...] = ()
    places: tuple[Place, ...] = ()
    kept: tuple[Snippet, ...] = ()
    characters: int = 0
    now: float = 0.0
