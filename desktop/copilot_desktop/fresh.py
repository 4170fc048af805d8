"""Whether what answers rest on is still as it was read: looked at when an answer has ended, when someone comes back to
the window, and before a place is opened. No Qt."""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from copilot.chat.attachments import Attachment
from copilot.chat.exchange import Looked
from copilot.chat.freshness import State, standing
from copilot_desktop import mentions
from copilot_desktop.editors import Answer, Editors
from copilot_desktop.events import Came
from copilot_desktop.wire import Wire

Texts = dict[str, str | None]
"""Of files as they are now, by path; None for one that is not there. What is missing cannot be judged."""


class _Wanted(NamedTuple):
    """A place that someone wants to open."""

    source: Attachment
    line: int
    last: int


class Fresh:
    """``seen`` is told what files are now; ``open_at`` opens a line of what was attached."""

    def __init__(
        self,
        editors: Editors,
        wire: Wire,
        *,
        seen: Callable[[Texts], None],
        open_at: Callable[[Attachment, int], None],
        say: Callable[[str], None],
    ) -> None:
        self.root: Callable[[], str] = lambda: ""
        self.exclude: tuple[str, ...] = ()
        self._editors = editors
        self._wire = wire
        self._seen = seen
        self._open_at = open_at
        self._say = say
        self._opening: dict[str, _Wanted] = {}
        self._count = 0

    def look(self, sources: Iterable[Attachment]) -> None:
        """Judge them anew."""
        unique = {it.path: it for it in sources if it.uri and it.path}
        if unique:
            self._read("fresh", list(unique.values()))

    def open(self, source: Attachment, line: int, last: int) -> None:
        """Open the place where it is now, and say where it is not what it was."""
        if not source.uri or not source.path:
            self._open_at(source, line)
            return
        self._count += 1
        name = f"fresh:{self._count}"
        self._opening[name] = _Wanted(source, line, last)
        self._read(name, [source])

    def came(self, event: Came) -> bool:
        """Whether it was something of this."""
        if event.name.partition(":")[0] != "fresh":
            return False
        self._judge(event.name, event.value if isinstance(event.value, dict) else {})
        return True

    def _read(self, name: str, sources: Sequence[Attachment]) -> None:
        """What an editor shows wins over the disk."""
        root, exclude = self.root(), self.exclude
        open_files = {it.uri for it in self._editors.now.open}
        shown = [it for it in sources if it.uri in open_files]
        if name != "fresh" and shown:
            self._editors.look("file", lambda answer: self._judge(name, _texts(shown[0], answer)), shown[0].uri)
            return
        self._wire.work(name, lambda _report: mentions.texts(root, sources, exclude))
        for it in shown:
            self._editors.look("file", lambda answer, it=it: self._judge("fresh", _texts(it, answer)), it.uri)  # type: ignore[misc]

    def _judge(self, name: str, texts: Texts) -> None:
        self._seen(texts)
        wanted = self._opening.pop(name, None)
        if wanted is None:
            return
        source, line, last = wanted
        if source.path not in texts:
            self._open_at(source, line)
            return
        now = standing(source, texts[source.path], line, last)
        place = f"{source.path}:{line}" if line else source.path
        if now.words:
            self._say(f"{place}: {now.words}.")
        if now.state is not State.GONE:
            self._open_at(source, now.line if line else 0)


def _texts(source: Attachment, answer: Answer) -> Texts:
    if isinstance(answer, Looked) and answer.attachments:
        return {source.path: answer.attachments[0].text}
    return {}
