"""A request that is not answered yet. Values only."""

from copilot.completion.suggestion import Suggestion
from copilot.text.spot import Spot


class Waiting:
    """``since``: when it was asked, on the session's clock. ``asked``: the generation started for this very place."""

    def __init__(self, id: int, spot: Spot, since: float, *, invoked: bool, streaming: bool) -> None:
        self.id = id
        self.spot = spot
        self.since = since
        self.invoked = invoked
        self.streaming = streaming
        self.passing = False
        """The caret seems to be on its way to somewhere else."""
        self.asked: int | None = None
        self.retried = False
        self.grown: tuple[Suggestion, ...] = ()
        """What was shown meanwhile."""
        self.tries = 0
        """At other candidates."""
