"""What the model is asked beside the conversation, while nobody waits: titles, and summaries of what grew too long."""

from collections.abc import Sequence

from copilot.chat.history import History, Summary
from copilot.chat.planning import Planned
from copilot.chat.question import Turn
from copilot.chat.shortening import SUMMARY_TOKENS, TITLE_TOKENS, summary_turns, title_of, title_turns, to_summarise
from copilot.chat.thread import Message
from copilot.client.host import HostClient
from copilot_desktop.events import Came
from copilot_desktop.wire import Wire

_FULL = 0.75
"""Share of the model's window from which on a summary is worth its time."""


class Naming:
    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._asked: set[str] = set()

    def name(self, history: History, conversation: int, branch: Sequence[Message]) -> None:
        entry = history.entry(conversation)
        if entry is not None and not entry.named:
            self._ask(f"title:{conversation}", title_turns(branch[0].text, branch[-1].text), TITLE_TOKENS)

    def summarise(
        self, history: History, conversation: int, branch: Sequence[Message], planned: Planned, room: int
    ) -> None:
        """``planned``: how the last question of ``branch`` was asked."""
        if planned.share < _FULL and not planned.dropped:
            return
        before = history.summary(conversation)
        older = to_summarise(branch, before.upto)
        if older:
            turns = summary_turns(before.text, older, room // 2)
            self._ask(f"summary:{conversation}:{older[-1].id}", turns, SUMMARY_TOKENS)

    def stop(self) -> None:
        """Someone asks: nobody should wait for a title."""
        for name in self._asked:
            self._wire.stop(name)
        self._asked.clear()

    def came(self, history: History, event: Came) -> bool:
        """Whether it was something of this."""
        kind, _, rest = event.name.partition(":")
        if kind not in {"title", "summary"}:
            return False
        self._asked.discard(event.name)
        if not isinstance(event.value, str):
            return True
        conversation, _, upto = rest.partition(":")
        if kind == "title":
            title, entry = title_of(event.value), history.entry(int(conversation))
            if title is not None and entry is not None and not entry.named:
                history.rename(int(conversation), title)
        elif event.value.strip():
            history.summarise(int(conversation), Summary(event.value.strip(), int(upto)))
        return True

    def _ask(self, name: str, turns: list[Turn], tokens: int) -> None:
        async def whole(client: HostClient) -> str:
            return "".join([piece async for piece in client.chat(turns, max_tokens=tokens, temperature=0.0)])

        self._asked.add(name)
        self._wire.call(name, whole)
