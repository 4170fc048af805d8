"""The seam between the player and what completes."""

from typing import NamedTuple, Protocol

from copilot.bench.replay.editor import Buffer, Edit


class Ghost(NamedTuple):
    """A suggestion at the caret: it replaces ``replaced`` characters right and ``left`` characters left of it.

    ``line_replaced``: what its first line replaces when that alone is accepted; None: as much.
    """

    text: str
    replaced: int = 0
    left: int = 0
    line_replaced: int | None = None

    @property
    def first_line(self) -> "Ghost":
        """The suggestion without its later lines."""
        replaced = self.replaced if self.line_replaced is None else self.line_replaced
        return Ghost(self.text.partition("\n")[0].rstrip(), replaced, self.left)


class Screen(Protocol):
    """Where a pipeline shows what it has. ``ghost`` is what stands there now."""

    @property
    def ghost(self) -> Ghost | None: ...
    def show(self, ghost: Ghost | None) -> None:
        """Put ``ghost`` at the caret as it is now, or take away what is there."""

    def answered(self, seconds: float, *, through: bool) -> None:
        """An answer to the newest key came."""


class Opened(NamedTuple):
    """A document that was just opened, with the caret where typing will begin."""

    name: str
    language: str
    buffer: Buffer


class Pipeline(Protocol):
    """What completes in one document at a time. ``name`` is what reports call it; ``requests`` and ``cancels`` count
    those of the open document. Raises :class:`copilot.errors.SlipstreamError` when it can't go on.
    """

    name: str
    requests: int
    cancels: int

    @property
    def busy(self) -> bool:
        """Something that was asked for is still to come."""

    async def open(self, document: Opened, screen: Screen) -> None: ...
    def typed(self, before: Buffer, edit: Edit, after: Buffer) -> None:
        """A key was pressed. What the screen keeps of the ghost text is settled before; called in the loop."""

    def jumped(self, before: Buffer, after: Buffer) -> None:
        """The caret went elsewhere; nothing but blanks before it was changed."""

    async def close(self) -> None:
        """Close the document."""
