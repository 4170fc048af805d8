"""One message: a question as it was written, or an answer in prose and code cards."""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QFrame, QHBoxLayout, QLabel, QPushButton, QSizePolicy, QVBoxLayout, QWidget

from copilot.chat.attachments import Attachment, Citation, citations, linked
from copilot.chat.freshness import standing
from copilot.chat.segments import Kind, SegmentStream
from copilot.chat.thread import Figures, Message, MessageState
from copilot.safety.invisible import with_invisible_shown
from copilot_desktop.code_card import CodeCard
from copilot_desktop.parts import FlowLayout, button, emptied, label
from copilot_desktop.prose import CITATION, Prose
from copilot_desktop.theme import Colours

_SAID = {
    MessageState.STOPPED: "Stopped.",
    MessageState.LENGTH: "The answer reached its limit and broke off.",
    MessageState.FAILED: "This answer is incomplete.",
}


class Deeds(NamedTuple):
    """What can be done from a message."""

    insert: Callable[[str], None]
    apply: Callable[[str], None]
    open_at: Callable[[Attachment, int, int], None]
    follow: Callable[[str], None]
    look_at: Callable[[Attachment], None]
    regenerate: Callable[[int], None]
    go_on: Callable[[int], None]
    edit: Callable[[int], None]
    show_version: Callable[[int], None]


class Thought(QWidget):
    """What a reasoning model wrote for itself, folded away."""

    def __init__(self) -> None:
        super().__init__()
        self._text = label(wrap=True, name="dim")
        self._text.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)
        self._text.hide()
        self.toggle: QPushButton = button("▸ Thinking…", self._toggle, name="flat", accessible="Show the thoughts")
        box = QVBoxLayout(self)
        box.setContentsMargins(0, 0, 0, 0)
        box.setSpacing(2)
        box.addWidget(self.toggle, 0, Qt.AlignmentFlag.AlignLeft)
        box.addWidget(self._text)

    def show_text(self, text: str) -> None:
        self._text.setText(with_invisible_shown(text.strip()))

    def finish(self) -> None:
        self.toggle.setText(f"{'▾' if self._text.isVisible() else '▸'} Thoughts")

    def dress(self, colours: Colours) -> None:
        """Nothing of it has colours of its own."""

    def _toggle(self) -> None:
        self._text.setVisible(not self._text.isVisible())
        self.finish()


class AnswerText(QWidget):
    """The parts of an answer. The cost of :meth:`feed` follows the part that is still open, not the answer."""

    def __init__(self, colours: Colours, deeds: Deeds, sources: Sequence[Attachment]) -> None:
        super().__init__()
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.parts: list[Prose | CodeCard | Thought] = []
        self._stream = SegmentStream()
        self._colours = colours
        self._deeds = deeds
        self._sources = tuple(sources)
        self._editor = ""
        self._texts: Mapping[str, str | None] = {}
        self._ended: set[int] = set()
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(8)

    def feed(self, piece: str) -> None:
        self._refresh(self._stream.feed(piece))

    def finish(self) -> None:
        last = max(0, len(self._stream.segments) - 1)
        self._stream.close()
        self._refresh(last)

    def dress(self, colours: Colours) -> None:
        self._colours = colours
        for part in self.parts:
            if isinstance(part, Prose):
                part.again()
            else:
                part.dress(colours)

    def judge(self, texts: Mapping[str, str | None]) -> None:
        """Mark the places that are not what they were; ``texts`` of files as they are now, by path."""
        self._texts = texts
        for at, part in enumerate(self.parts):
            if isinstance(part, Prose) and at in self._ended:
                part.show_text(self._linked(self._stream.visible(at)))

    def connect_editor(self, name: str) -> None:
        self._editor = name
        for part in self.parts:
            if isinstance(part, CodeCard):
                part.connect_editor(name)

    def _refresh(self, first: int) -> None:
        for at, segment in enumerate(self._stream.segments[first:], first):
            if at == len(self.parts):
                part = self._part(segment.kind, segment.language)
                self.parts.append(part)
                self._box.addWidget(part)
            part = self.parts[at]
            text = self._stream.visible(at)
            if isinstance(part, Prose) and segment.closed:
                text = self._linked(text)
            if at not in self._ended:
                part.show_text(text)
            if segment.closed and at not in self._ended:
                self._ended.add(at)
                part.finish()
                if isinstance(part, CodeCard):
                    part.connect_editor(self._editor)

    def _linked(self, text: str) -> str:
        return linked(text, self._sources, CITATION, self._remark)

    def _remark(self, found: Citation) -> str:
        if found.attachment.path not in self._texts:
            return ""
        return standing(found.attachment, self._texts[found.attachment.path], found.line, found.last).words

    def _part(self, kind: Kind, language: str) -> Prose | CodeCard | Thought:
        if kind is Kind.THOUGHT:
            return Thought()
        if kind is Kind.CODE:
            card = CodeCard(language, self._colours, insert=self._deeds.insert, apply=self._deeds.apply)
            card.connect_editor(self._editor)
            return card
        prose = Prose()
        prose.followed.connect(self._follow)
        return prose

    def _follow(self, target: str) -> None:
        if not target.startswith(CITATION):
            self._deeds.follow(target)
            return
        index, *lines = target.removeprefix(CITATION).split("/")
        if index.isdigit() and int(index) < len(self._sources):
            line, last = (int(it) if it.isdigit() else 0 for it in (*lines, "", "")[:2])
            self._deeds.open_at(self._sources[int(index)], line, last)


class MessageView(QFrame):
    """``sources``: what the question of an answer was asked with."""

    def __init__(
        self,
        message: Message,
        versions: Sequence[int],
        *,
        colours: Colours,
        deeds: Deeds,
        sources: Sequence[Attachment] = (),
    ) -> None:
        super().__init__()
        self.message = message
        self._deeds = deeds
        self._sources = sources
        self._texts: Mapping[str, str | None] = {}
        self._box = QVBoxLayout(self)
        self._box.setContentsMargins(0, 0, 0, 0)
        self._box.setSpacing(4)
        self.setSizePolicy(QSizePolicy.Policy.Preferred, QSizePolicy.Policy.Maximum)
        self.answer: AnswerText | None = None
        self._body(colours)
        self.note = label(wrap=True, name="dim")
        self.note.hide()
        self._box.addWidget(self.note)
        self.rests = QWidget()
        self._rests_on = FlowLayout(2)
        self.rests.setLayout(self._rests_on)
        self.rests.hide()
        self._box.addWidget(self.rests)
        self._foot(versions)
        if message.state is not MessageState.RUNNING:
            self.show_end(message)
        elif not message.text:
            self.wait("Reading…")

    def feed(self, piece: str) -> None:
        if self.answer is not None:
            self.answer.feed(piece)

    def wait(self, words: str) -> None:
        """Say what an answer waits for; empty: nothing any more."""
        self.note.setText(words)
        self.note.setVisible(bool(words))

    def show_end(self, message: Message) -> None:
        """The message as it ended."""
        self.message = message
        if self.answer is not None:
            self.answer.finish()
        said = " ".join(filter(None, [_SAID.get(message.state, ""), message.note]))
        self.wait(said)
        self.figures.setText(_figures(message.figures, message.model) if message.role == "assistant" else "")
        is_answer = message.role == "assistant"
        self.go_on_button.setVisible(is_answer and message.state is not MessageState.DONE and bool(message.text))
        self.regenerate_button.setVisible(is_answer)
        self._show_sources()

    def show_versions(self, versions: Sequence[int]) -> None:
        """Those beside it, itself included."""
        at = versions.index(self.message.id)
        self._versions = list(versions)
        several = len(versions) > 1
        for it in (self.older_button, self.newer_button, self.which):
            it.setVisible(several)
        self.which.setText(f"{at + 1}/{len(versions)}")
        self.older_button.setEnabled(at > 0)
        self.newer_button.setEnabled(at + 1 < len(versions))

    @property
    def sources(self) -> Sequence[Attachment]:
        return self._sources

    def judge(self, texts: Mapping[str, str | None]) -> None:
        """Mark what is not as it was read; what is not in ``texts`` stays as it was judged before."""
        known = {path: text for path, text in texts.items() if any(it.path == path for it in self._sources)}
        if self.answer is None or not known or known.items() <= self._texts.items():
            return
        self._texts = {**self._texts, **known}
        self.answer.judge(self._texts)
        if self._rests_on.count():
            emptied(self._rests_on)
            self._show_sources()

    def connect_editor(self, name: str) -> None:
        if self.answer is not None:
            self.answer.connect_editor(name)

    def dress(self, colours: Colours) -> None:
        if self.answer is not None:
            self.answer.dress(colours)

    # ------------------------------------------------------------------------------------------------ inside

    def _body(self, colours: Colours) -> None:
        message = self.message
        if message.role == "assistant":
            self.setAccessibleName("Answer")
            self.answer = AnswerText(colours, self._deeds, self._sources)
            self._box.addWidget(self.answer)
            if message.text:
                self.answer.feed(message.text)
            return
        self.setAccessibleName("Question")
        question = label(with_invisible_shown(message.text), name="you", wrap=True)
        question.setTextInteractionFlags(
            Qt.TextInteractionFlag.TextSelectableByMouse | Qt.TextInteractionFlag.TextSelectableByKeyboard
        )
        self._box.addWidget(question)
        if message.attachments:
            row = QWidget()
            flow = FlowLayout(2)
            row.setLayout(flow)
            for it in message.attachments:
                flow.addWidget(self._source_button(it, look=True))
            self._box.addWidget(row)

    def _source_button(self, source: Attachment, *, look: bool, line: int = 0, last: int = 0) -> QPushButton:
        words = with_invisible_shown(source.origin if not line else f"{source.path}:{line}")
        if look:
            reason = with_invisible_shown(source.reason)
            made = button(
                f"{words} · {reason.partition(';')[0]}" if reason else words,
                lambda: self._deeds.look_at(source),
                name="link",
                accessible=f"Look at what was attached: {words}" + (f", because it {reason}" if reason else ""),
            )
            made.setToolTip(reason)
            return made
        said = ""
        if source.path in self._texts:
            said = standing(source, self._texts[source.path], line, last).words
        return button(
            f"{words} ({said})" if said else words,
            lambda: self._deeds.open_at(source, line or source.first, last or source.last),
            name="link",
            accessible=f"Open {words} in the editor" + (f"; {said}" if said else ""),
        )

    def _show_sources(self) -> None:
        """Of an answer: what it names, and what it was given beside."""
        if self.message.role != "assistant" or not self._sources or self._rests_on.count():
            return
        named_places: dict[tuple[str, int], tuple[Attachment, int]] = {}
        for it in citations(self.message.text, self._sources):
            named_places.setdefault((it.attachment.path, it.line), (it.attachment, it.last))
        for source in self._sources:
            if source.uri and not any(path == source.path for path, _ in named_places):
                named_places[source.path, source.first] = (source, source.last)
        if named_places:
            self._rests_on.addWidget(label("Rests on", name="dim"))
            for (_path, line), (source, last) in list(named_places.items())[:12]:
                whole = line == source.first
                place = (0, 0) if whole else (line, last)
                self._rests_on.addWidget(self._source_button(source, look=False, line=place[0], last=place[1]))
            self.rests.show()

    def _foot(self, versions: Sequence[int]) -> None:
        message, deeds = self.message, self._deeds
        what = "answer" if message.role == "assistant" else "question"
        self.figures = label(name="dim", wrap=True)
        # Its words may take two lines, never a wider window.
        self.figures.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.copy_button = button("Copy", self._copy, name="flat", accessible=f"Copy the {what}")
        self.go_on_button = button(
            "Continue", lambda: deeds.go_on(self.message.id), name="flat", accessible="Continue the answer"
        )
        self.regenerate_button = button(
            "Regenerate", lambda: deeds.regenerate(self.message.id), name="flat", accessible="Regenerate the answer"
        )
        self.edit_button = button(
            "Edit", lambda: deeds.edit(self.message.id), name="flat", accessible="Edit the question and ask again"
        )
        self.older_button = button(
            "‹", lambda: self._step(-1), name="flat", accessible=f"Show the version of the {what} before"
        )
        self.which: QLabel = label(name="dim")
        self.newer_button = button(
            "›", lambda: self._step(1), name="flat", accessible=f"Show the next version of the {what}"
        )
        row = QHBoxLayout()
        row.setSpacing(2)
        row.addWidget(self.figures, 1)
        for it in (self.older_button, self.which, self.newer_button):
            row.addWidget(it)
        for it in (self.go_on_button, self.regenerate_button, self.edit_button, self.copy_button):
            row.addWidget(it)
        self.edit_button.setVisible(message.role == "user")
        self.regenerate_button.hide()
        self.go_on_button.hide()
        self.show_versions(versions)
        self._box.addLayout(row)

    def _step(self, by: int) -> None:
        self._deeds.show_version(self._versions[self._versions.index(self.message.id) + by])

    def _copy(self) -> None:
        QGuiApplication.clipboard().setText(self.message.text)
        self.copy_button.setText("Copied")


def _figures(figures: Figures, model: str) -> str:
    parts = [model] if model else []
    if figures.tokens_per_second:
        parts.append(f"{figures.tokens_per_second:.0f} tokens/s")
    if figures.ttft_ms is not None:
        parts.append(f"first token {figures.ttft_ms / 1000:.1f} s")
    if figures.prompt_tokens:
        parts.append(f"{figures.prompt_tokens} tokens read, {figures.reused_tokens} of them reused")
    return " · ".join(parts)
