"""From an @ or a click to an attachment of the question, and from the question to its exact prompt."""

from collections.abc import Callable

from PySide6.QtWidgets import QWidget

from copilot.chat.attachments import Attachment
from copilot.chat.exchange import Failed, Looked
from copilot.chat.mentioned import without_mentions
from copilot.chat.planning import ANSWER_TOKENS
from copilot.chat.retrieval import ROOM, Attached
from copilot.serve.api import PromptData
from copilot_desktop import mentions
from copilot_desktop.composer import Composer
from copilot_desktop.editors import Answer, Editors
from copilot_desktop.events import Came
from copilot_desktop.mention import Mention
from copilot_desktop.reading import Reading
from copilot_desktop.talk import Queued, Talk
from copilot_desktop.theme import Colours
from copilot_desktop.wire import Wire

_OF_EDITOR = {"current": "file", "selection": "selection", "problems": "problems", "open": "open"}


class Attaching:
    """``folder`` is the one whose files an @ means where no editor says otherwise."""

    def __init__(
        self,
        parent: QWidget,
        composer: Composer,
        *,
        talk: Talk,
        editors: Editors,
        wire: Wire,
        say: Callable[[str], None],
    ) -> None:
        self.folder = ""
        self.exclude: tuple[str, ...] = ()
        self.prompt: Reading | None = None
        self._parent = parent
        self._composer = composer
        self._talk = talk
        self._editors = editors
        self._wire = wire
        self._say = say
        self._completing: dict[str, Queued] = {}
        self._returned = ""
        """The question that was given back; who sends it again wants it asked as it is."""
        self._count = 0

    @property
    def root(self) -> str:
        return self._editors.workspace or self.folder

    def attach(self, mention: Mention) -> None:
        root, exclude = self.root, self.exclude
        if mention.kind == "codebase":
            self._composer.attach(mentions.CODEBASE)
        elif mention.kind in _OF_EDITOR:
            self._editors.look(_OF_EDITOR[mention.kind], self._looked, mention.key)
        else:
            self._wire.work(
                f"attach:{mention.kind}:{mention.key}", lambda _report: mentions.attached(root, mention, exclude)
            )

    def search(self, word: str) -> None:
        """What is known at once, and then what the disk has."""
        root, now, exclude = self.root, self._editors.now, self.exclude
        self._composer.offer(word, mentions.fixed(now, word, workspace=bool(root)))
        if root:
            self._wire.work(f"mentions:{word}", lambda _report: mentions.searched(root, word, now, exclude))

    def complete(self, question: Queued) -> None:
        """Look for what the question names, then ask it."""
        root, now, exclude, room = self.root, self._editors.now, self.exclude, min(ROOM, self._talk.room // 2)
        self._count += 1
        name = f"complete:{self._count}"
        self._completing[name] = question
        self._say("Looking through the workspace…")
        text, attachments = question.text, question.attachments
        self._wire.work(
            name,
            lambda _report: mentions.completed(root, text, attachments, room=room, now=now, exclude=exclude),
        )

    def show_plan(self) -> None:
        text, attachments = self._composer.text, self._composer.attachments
        self._composer.show_plan(self._talk.planned(text, attachments) if text or attachments else None)

    def show_prompt(self) -> None:
        """Exactly what the model would be asked, as its tokenizer counts it."""
        turns = self._talk.planned(self._composer.text or "…", self._composer.attachments).turns
        self.prompt = Reading(self._parent, "Prompt", "Asking the engine host…")
        self.prompt.show_text("\n\n".join(f"[{turn['role']}]\n{turn['content']}" for turn in turns))
        self.prompt.open()
        self._wire.call("prompt", lambda client: client.prompt(turns, max_tokens=ANSWER_TOKENS))

    def came(self, event: Came, colours: Colours) -> bool:
        """Whether it was something of this."""
        kind, _, rest = event.name.partition(":")
        if kind == "mentions":
            if event.value is not None:
                self._composer.offer(rest, event.value)
        elif kind == "attach":
            if isinstance(event.value, Attachment):
                self._composer.attach(event.value)
            elif event.error is not None:
                self._say(str(event.error))
        elif kind == "complete":
            self._completed(event, self._completing.pop(event.name))
        elif kind == "prompt" and self.prompt is not None:
            if isinstance(event.value, PromptData):
                self.prompt.show_prompt(event.value, colours)
            elif event.error is not None:
                words = "These are the messages; the model's own tokens around them are not known."
                self.prompt.note.setText(f"{event.error.message} {words}")
        else:
            return False
        return True

    def _completed(self, event: Came, question: Queued) -> None:
        found = event.value
        asked = question
        question = question._replace(attachments=tuple(it for it in question.attachments if it != mentions.CODEBASE))
        said = list(found.said) if isinstance(found, Attached) else [str(event.error)]
        if said:
            self._say(" ".join(said))
            # Its writer decides whether to ask without.
            if not self._composer.text and not self._composer.attachments and asked.text != self._returned:
                self._returned = asked.text
                self._say(f"{' '.join(said)} Send it again to ask without that.")
                self._composer.fill(asked.text, asked.attachments)
                return
        if isinstance(found, Attached):
            if not said:
                self._say("")
            question = question._replace(text=without_mentions(question.text), attachments=found.attachments)
        self._talk.ask_there(question)

    def _looked(self, answer: Answer) -> None:
        if isinstance(answer, Looked):
            for it in answer.attachments:
                self._composer.attach(it)
            if not answer.attachments:
                self._say("The editor has nothing of that.")
        elif isinstance(answer, Failed):
            self._say(f"{answer.message} {answer.hint}".strip())
