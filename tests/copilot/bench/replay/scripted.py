"""A pipeline that shows what a test tells it to, and nothing for a meter to count."""

from collections.abc import Callable

from copilot.bench.replay.editor import Buffer, Edit
from copilot.bench.replay.meter import Reading
from copilot.bench.replay.pipeline import Ghost, Opened, Screen


class Scripted:
    """``react`` is called after each key with the screen and the document."""

    name = "scripted"

    def __init__(self, react: Callable[[Screen, Buffer], None] = lambda screen, buffer: None) -> None:
        self.requests = 0
        self.cancels = 0
        self.react = react
        self.screen: Screen | None = None

    async def open(self, document: Opened, screen: Screen) -> None:
        self.screen = screen

    @property
    def busy(self) -> bool:
        return False

    def typed(self, before: Buffer, edit: Edit, after: Buffer) -> None:
        assert edit.apply(before) == after
        self.requests += 1
        assert self.screen is not None
        self.react(self.screen, after)

    def jumped(self, before: Buffer, after: Buffer) -> None: ...

    async def close(self) -> None: ...


class NoMeter:
    async def read(self) -> Reading:
        return Reading()


def right_line(goal: str) -> Callable[[Screen, Buffer], None]:
    """Shows the rest of the line as ``goal`` has it."""

    def react(screen: Screen, buffer: Buffer) -> None:
        rest = goal[len(buffer.before) :].partition("\n")[0] if goal.startswith(buffer.before) else ""
        screen.show(Ghost(rest) if rest else None)

    return react
