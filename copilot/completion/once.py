"""The whole pipeline for one place: plan, stream, trim, refuse, ask again. For commands and benchmarks."""

from collections.abc import Callable, Sequence

import msgspec

from copilot.client.stats import StreamStats
from copilot.completion.completer import Completer, Host
from copilot.completion.framing import ModelFacts
from copilot.completion.suggestion import Suggestion
from copilot.config.settings import CompletionSettings
from copilot.errors import SlipstreamError
from copilot.text.spot import Spot

_PATIENT_MS = 10_000


class _Link:
    """A host that is there. The first error is kept for who waits."""

    def __init__(self, host: Host, model: ModelFacts) -> None:
        self.model = model
        self.error: SlipstreamError | None = None
        self._host = host

    async def host(self, *, invoked: bool) -> Host:
        return self._host

    def failed(self, error: SlipstreamError) -> None:
        self.error = error

    def answered(self, model: str | None = None) -> None:
        self.error = None


class Once:
    """``suggestion`` None: nothing to suggest. ``stats``: of the stream that made it."""

    def __init__(self, suggestion: Suggestion | None, stats: StreamStats | None) -> None:
        self.suggestion = suggestion
        self.stats = stats


async def complete_once(
    host: Host,
    spot: Spot,
    *,
    model: ModelFacts,
    settings: CompletionSettings,
    session: str = "once",
    path: str | None = None,
    grow: Callable[[str], object] | None = None,
) -> Once:
    """One suggestion at ``spot``, with all of the prompt however long it takes.

    ``grow`` is given each further piece of text. Raises :class:`SlipstreamError` when no host answers as it should.
    """
    alone = msgspec.structs.replace(settings, candidates=1, prefetch=False, budget_ms=_PATIENT_MS)
    link = _Link(host, model)
    completer = Completer(link, session, alone)
    sent = ""

    def show(suggestions: Sequence[Suggestion]) -> None:
        nonlocal sent
        text = suggestions[0].text
        if grow is not None and len(text) > len(sent):
            grow(text[len(sent) :])
        sent = text

    try:
        suggestions, facts = await completer.ask(spot, invoked=True, path=path, grow=show)
    finally:
        await completer.closed()
    if link.error is not None:
        raise link.error
    if suggestions:
        show(suggestions)
    return Once(suggestions[0] if suggestions else None, facts.stats)
