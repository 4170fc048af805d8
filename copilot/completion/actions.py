"""What a completion session decides: values for whoever carries them out."""

from typing import NamedTuple

from copilot.completion.moment import Moment
from copilot.completion.suggestion import Suggestion
from copilot.completion.traces import Origin
from copilot.serve.api import InfillBody


class Start(NamedTuple):
    """Ask the host; ``generation`` names the stream in every later action and event. ``invoked``: someone waits who
    asked explicitly."""

    generation: int
    body: InfillBody
    origin: Origin
    invoked: bool = False


class Stop(NamedTuple):
    """Close the stream: the engine stops within a step."""

    generation: int


class Answer(NamedTuple):
    """The end of a request. None: nothing new, leave what is shown; an empty tuple hides it.

    ``generation`` made it, where one did; ``gave_up``: what its prompt lacks for the user's budget.
    """

    request: int
    suggestions: tuple[Suggestion, ...] | None
    generation: int | None = None
    gave_up: tuple[str, ...] = ()


class Grow(NamedTuple):
    """What to show meanwhile, for a request that wants to see it grow."""

    request: int
    suggestions: tuple[Suggestion, ...]


class Note(NamedTuple):
    """A moment in the life of a suggestion, to be recorded."""

    moment: Moment


Action = Start | Stop | Answer | Grow | Note
