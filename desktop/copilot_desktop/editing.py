"""Code on its way from an answer into an editor, and a look at the place that an answer names."""

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from copilot.chat.attachments import Attachment
from copilot.chat.exchange import Failed, Proposed, Review
from copilot.safety.invisible import with_invisible_shown
from copilot_desktop.editors import Answer, Editors
from copilot_desktop.reading import Reading


class Editing:
    """``look`` is shown a review; ``over`` is called when it has been decided."""

    def __init__(
        self,
        parent: QWidget,
        editors: Editors,
        *,
        say: Callable[[str], None],
        look: Callable[[Review], None],
        over: Callable[[], None],
    ) -> None:
        self._parent = parent
        self._editors = editors
        self._say = say
        self._look = look
        self._over = over
        self._from: dict[str, str] = {}

    def insert(self, code: str) -> None:
        self._editors.insert(code, self._told(lambda: self._say(f"Inserted in {self._editors.name}.")))

    def propose(self, code: str) -> None:
        """Where the code belongs in the file, as a change to look at."""
        editor = self._editors.current

        def proposed(answer: Answer) -> None:
            if isinstance(answer, Proposed):
                self.review(editor, answer.review)
            elif isinstance(answer, Failed):
                self.failed(answer)

        self._editors.propose(code, proposed)

    def review(self, editor: str, review: Review) -> None:
        self._from[review.name] = editor
        self._look(review)

    def decide(self, review: Review, chosen: tuple[int, ...]) -> None:
        """None chosen: the change is dropped."""

        def made() -> None:
            self._from.pop(review.name, None)
            self._say(f"Applied in {self._editors.name}." if chosen else "Discarded.")
            self._over()

        if not chosen:
            self._over()
        self._editors.apply(review.name, chosen, self._told(made), self._from.get(review.name, ""))

    def open_at(self, source: Attachment, line: int) -> None:
        if source.uri:
            self._editors.open(source.uri, line, self._told(lambda: None))
        else:
            self.look_at(source)

    def look_at(self, attachment: Attachment) -> None:
        reading = Reading(self._parent, with_invisible_shown(attachment.origin))
        reading.show_text(attachment.text)
        reading.open()

    def failed(self, answer: Failed) -> None:
        self._say(f"{answer.message} {answer.hint}".strip())

    def _told(self, done: Callable[[], None]) -> Callable[[Answer], None]:
        return lambda answer: self.failed(answer) if isinstance(answer, Failed) else done()
