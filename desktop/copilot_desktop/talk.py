"""The conversation that goes on: what is asked, what waits, what is answered and kept. No Qt.

One answer at a time is written for this window; what is asked meanwhile waits its turn. Answers to what was asked in
editors come beside it, each into a conversation of its own.
"""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import msgspec

from copilot.chat.attachments import Attachment
from copilot.chat.exchange import Asked, Ended, Review, Wrote
from copilot.chat.history import History, Summary
from copilot.chat.memory import Memory, wished
from copilot.chat.planning import ANSWER_TOKENS, Planned, plan, room_for
from copilot.chat.question import Turn
from copilot.chat.shortening import first_words
from copilot.chat.thread import Message, MessageState, Thread
from copilot.errors import SlipstreamError
from copilot_desktop.events import AnswerOver, Came
from copilot_desktop.naming import Naming
from copilot_desktop.wire import Wire

_UNKNOWN_CONTEXT = 4096
_LEAST_ROOM = 600
_SAVE_SECONDS = 2.0
_GO_ON = "Continue exactly where your last answer stopped. Repeat nothing of it."
_STATES = {
    "stop": MessageState.DONE,
    "done": MessageState.DONE,
    "length": MessageState.LENGTH,
    "cancelled": MessageState.STOPPED,
    "error": MessageState.FAILED,
}


class View(Protocol):
    """What shows it."""

    def thread_shown(self, *, keep_place: bool) -> None: ...
    def message_added(self, message: Message, *, follow: bool) -> None: ...
    def message_grew(self, message: int, piece: str) -> None: ...
    def message_ended(self, message: Message) -> None: ...
    def message_waits(self, message: int, position: int) -> None: ...
    def entries_changed(self) -> None: ...
    def queue_changed(self) -> None: ...
    def busy_changed(self) -> None: ...
    def wish_heard(self, fact: str) -> None: ...
    def review_came(self, editor: str, review: Review) -> None: ...
    def trouble_came(self, error: SlipstreamError | None) -> None: ...
    def say(self, words: str) -> None: ...


class Queued(NamedTuple):
    """``conversation``: where it was asked, None in a new one; ``thread`` is that conversation's."""

    text: str
    attachments: tuple[Attachment, ...]
    conversation: int | None
    thread: Thread


@dataclass
class _Answer:
    """An answer that is being written. ``editor``: who asked for it, empty where this window did."""

    conversation: int
    thread: Thread
    message: Message
    room: int = 0
    editor: str = ""
    going_on: bool = False
    pieces: list[str] = field(default_factory=list)
    saved: float = 0.0

    @property
    def text(self) -> str:
        return "".join(self.pieces)


class Talk:
    """``clock``: seconds, monotonic."""

    def __init__(
        self, history: History, memory: Memory, wire: Wire, view: View, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.history = history
        self.memory = memory
        self.thread = Thread()
        self.conversation: int | None = None
        self.queue: list[Queued] = []
        self.context_tokens = 0
        """Of the model, as the host says; 0 while that is not known."""
        self.workspace = ""
        self.uses_memory = True
        self.answer_tokens = ANSWER_TOKENS
        """How long an answer may become."""
        self.rules: Callable[[], str] = lambda: ""
        """Of the workspace, where its user trusts them."""
        self.names = True
        """Whether the model is asked for titles and summaries."""
        self._wire = wire
        self._view = view
        self._clock = clock
        self._answers: dict[str, _Answer] = {}
        self._own: str | None = None
        self._deleted: set[int] = set()
        self._count = 0
        self._naming = Naming(wire)

    # --------------------------------------------------------------------------------------------- what is shown

    @property
    def busy(self) -> bool:
        """Whether an answer is being written for this window."""
        return self._own is not None

    @property
    def writing_here(self) -> bool:
        """Whether one is being written in the conversation that is looked at."""
        return any(it.conversation == self.conversation for it in self._answers.values())

    def new(self) -> None:
        self.conversation, self.thread = None, Thread()
        self._view.thread_shown(keep_place=False)
        self._view.busy_changed()

    def open(self, conversation: int) -> None:
        # What is being written there, or waits for it, goes on in the same thread.
        known: list[_Answer | Queued] = [*self._answers.values(), *self.queue]
        running = next((it for it in known if it.conversation == conversation), None)
        self.conversation = conversation
        self.thread = running.thread if running is not None else self.history.thread(conversation)
        self._sync()
        self._view.thread_shown(keep_place=False)
        self._view.busy_changed()

    def show_version(self, message: int) -> None:
        self._sync()
        leaf = self.thread.show(message)
        if self.conversation is not None:
            self.history.look_at(self.conversation, leaf)
        self._view.thread_shown(keep_place=True)

    def delete(self, conversation: int) -> None:
        for name, answer in list(self._answers.items()):
            if answer.conversation == conversation:
                del self._answers[name]
                self._wire.stop(name)
                self._own = None if self._own == name else self._own
        self.history.delete(conversation)
        self._deleted.add(conversation)
        self.queue = [it for it in self.queue if it.conversation != conversation]
        self._view.queue_changed()
        if self.conversation == conversation:
            self.new()
        self._view.entries_changed()
        self._view.busy_changed()

    def _sync(self) -> None:
        """What was written so far, into the messages."""
        for answer in self._answers.values():
            answer.message = msgspec.structs.replace(answer.message, text=answer.text)
            answer.thread.put(answer.message)

    # ------------------------------------------------------------------------------------------------- asking

    def ask(self, text: str, attachments: Sequence[Attachment] = ()) -> None:
        """Ask, or wait in line while an answer is being written."""
        self.ask_there(self.here(text, attachments))

    def here(self, text: str, attachments: Sequence[Attachment]) -> Queued:
        """A question in the conversation that is looked at, to be asked later."""
        return Queued(text, tuple(attachments), self.conversation, self.thread)

    def ask_there(self, question: Queued) -> None:
        if question.conversation in self._deleted:
            question = self.here(question.text, question.attachments)
        if question.conversation is None and question.thread is self.thread:
            # It may have begun meanwhile.
            question = question._replace(conversation=self.conversation)
        if self._own is not None:
            self.queue.append(question)
            self._view.queue_changed()
            return
        self._ask(question, question.thread.leaf)

    def edit(self, question: int, text: str) -> None:
        """Ask a question in other words; the old one stays as a version beside it."""
        if self._refuse_while_busy():
            return
        old = self.thread[question]
        self._ask(Queued(text, old.attachments, self.conversation, self.thread), old.parent)

    def regenerate(self, answer: int) -> None:
        parent = self.thread[answer].parent
        if parent is not None and self.conversation is not None and not self._refuse_while_busy():
            self._answer(self.thread[parent], self.conversation, self.thread)

    def go_on(self, answer: int) -> None:
        """Have an answer that broke off continued."""
        message = self.thread[answer]
        if message.parent is None or self.conversation is None or self._refuse_while_busy():
            return
        asked = self._plan(self.thread.branch(message.parent), self._room, self.conversation)
        turns: list[Turn] = [
            *asked.turns,
            {"role": "assistant", "content": message.text},
            {"role": "user", "content": _GO_ON},
        ]
        running = msgspec.structs.replace(message, state=MessageState.RUNNING, note="")
        again = _Answer(self.conversation, self.thread, running, self._room, going_on=True, pieces=[running.text])
        self._begin(again, turns)
        self._view.thread_shown(keep_place=False)

    def stop(self) -> None:
        """The answer that is being written in this conversation, or else the one for this window."""
        for name, answer in self._answers.items():
            if answer.conversation == self.conversation or name == self._own:
                self._stop_answer(name, answer)
                return

    def _stop_answer(self, name: str, answer: _Answer) -> None:
        if answer.editor:
            self.stop_in_editor(answer.editor, name.rpartition(":")[2])
        else:
            self._wire.stop(name)

    stop_in_editor: Callable[[str, str], None] = lambda editor, stream: None

    def unqueue(self, index: int) -> Queued:
        taken = self.queue.pop(index)
        self._view.queue_changed()
        return taken

    def planned(self, text: str, attachments: Sequence[Attachment]) -> Planned:
        """What would be asked now."""
        question = Message(id=-1, parent=None, role="user", text=text, attachments=tuple(attachments))
        return self._plan([*self.thread.branch(), question], self._room, self.conversation)

    @property
    def room(self) -> int:
        """Characters that a prompt may have."""
        return self._room

    @property
    def _room(self) -> int:
        return room_for(self.context_tokens or _UNKNOWN_CONTEXT)

    def _plan(self, branch: Sequence[Message], room: int, conversation: int | None) -> Planned:
        facts = [it.text for it in self.memory.facts(self.workspace)] if self.uses_memory else []
        summary = Summary("", None) if conversation is None else self.history.summary(conversation)
        return plan(branch, room, facts=facts, summary=summary, rules=self.rules())

    def _refuse_while_busy(self) -> bool:
        if self._own is not None:
            self._view.say("An answer is being written. Stop it first, or ask a new question: it waits its turn.")
        return self._own is not None

    def _ask(self, asked: Queued, parent: int | None) -> None:
        self._naming.stop()
        conversation, thread = asked.conversation, asked.thread
        if conversation is None:
            conversation = self.history.start(self.workspace, first_words(asked.text))
            # A number may come again.
            self._deleted.discard(conversation)
            if thread is self.thread:
                self.conversation = conversation
            self.queue = [it._replace(conversation=conversation) if it.thread is thread else it for it in self.queue]
        shown = thread is self.thread and parent == thread.leaf
        question = self.history.add(conversation, parent, "user", asked.text, attachments=asked.attachments)
        thread.put(question)
        thread.leaf = question.id
        if shown:
            self._view.message_added(question, follow=True)
        self._answer(question, conversation, thread, shown=shown)
        if self.uses_memory and (fact := wished(asked.text)) is not None:
            self._view.wish_heard(fact)

    def _answer(self, question: Message, conversation: int, thread: Thread, *, shown: bool = False) -> None:
        """``shown``: the question is the last that is laid out, and the answer only goes below it."""
        planned = self._plan(thread.branch(question.id), self._room, conversation)
        message = self.history.add(conversation, question.id, "assistant", "", state=MessageState.RUNNING)
        thread.put(message)
        thread.leaf = message.id
        self._begin(_Answer(conversation, thread, message, planned.room), planned.turns)
        if shown:
            self._view.message_added(message, follow=True)
        elif thread is self.thread:
            self._view.thread_shown(keep_place=False)
        self._view.entries_changed()

    def _begin(self, answer: _Answer, turns: list[Turn]) -> None:
        self._count += 1
        name = f"answer:{self._count}"
        self._own = name
        self._answers[name] = answer
        answer.thread.put(answer.message)
        self._wire.ask(name, turns, self.answer_tokens)
        self._view.trouble_came(None)
        self._view.busy_changed()

    # ----------------------------------------------------------------------------------------------- answers

    def text(self, name: str, piece: str) -> None:
        answer = self._answers.get(name)
        if answer is None:
            return
        answer.pieces.append(piece)
        self._view.message_grew(answer.message.id, piece)
        if self._clock() - answer.saved > _SAVE_SECONDS:
            # A window that is killed should not take an answer with it.
            answer.saved = self._clock()
            self.history.save(msgspec.structs.replace(answer.message, text=answer.text))

    def waits(self, name: str, position: int) -> None:
        if (answer := self._answers.get(name)) is not None:
            self._view.message_waits(answer.message.id, position)

    def over(self, event: AnswerOver) -> None:
        answer = self._answers.get(event.name)
        if answer is None:
            return
        error = event.error
        if error is not None and error.code == "context_too_long" and not answer.text and self._shorter(answer):
            return
        if error is not None:
            self._view.trouble_came(error)
        note = " ".join(filter(None, [error.message, error.hint])) if error is not None else ""
        ended = msgspec.structs.replace(
            answer.message,
            text=answer.text,
            state=_STATES.get(event.reason, MessageState.DONE),
            note=note,
            model=event.model or answer.message.model,
            figures=event.figures,
        )
        self._end(event.name, answer, ended)
        if event.name == self._own or self._own is None:
            self._own = None
            self._view.busy_changed()
            self._next(answer, ended)

    def _shorter(self, answer: _Answer) -> bool:
        """Ask with half as much around it."""
        parent = answer.message.parent
        if answer.room <= _LEAST_ROOM or parent is None or answer.going_on:
            return False
        del self._answers[self._own or ""]
        answer.room = max(_LEAST_ROOM, answer.room // 2)
        self._begin(answer, self._plan(answer.thread.branch(parent), answer.room, answer.conversation).turns)
        return True

    def _end(self, name: str, answer: _Answer, ended: Message) -> None:
        del self._answers[name]
        answer.thread.put(ended)
        self.history.save(ended)
        self._view.message_ended(ended)
        self._view.entries_changed()

    def _next(self, answer: _Answer, ended: Message) -> None:
        if self.queue:
            if ended.state is MessageState.FAILED:
                # It would fail as well; the user decides.
                self._view.say("The questions that wait were not asked.")
                return
            following = self.queue.pop(0)
            self._view.queue_changed()
            self._ask(following, following.thread.leaf)
            return
        if ended.state is MessageState.DONE and self.names:
            branch = answer.thread.branch()
            self._naming.name(self.history, answer.conversation, branch)
            planned = self._plan(branch[:-1], self._room, answer.conversation)
            self._naming.summarise(self.history, answer.conversation, branch, planned, self._room)

    def close(self) -> None:
        """Keep what was written so far."""
        for answer in self._answers.values():
            self.history.save(
                msgspec.structs.replace(
                    answer.message,
                    text=answer.text,
                    state=MessageState.STOPPED,
                    note="The window was closed.",
                )
            )
        self._answers.clear()

    def came(self, event: Came) -> bool:
        """Whether it was something of this."""
        mine = self._naming.came(self.history, event)
        if mine:
            self._view.entries_changed()
        return mine

    # ----------------------------------------------------------------------------------- asked in an editor

    def asked_in_editor(self, editor: str, letter: Asked, workspace: str) -> None:
        name = f"editor:{editor}:{letter.stream}"
        self.conversation = self.history.start(workspace, first_words(letter.title), named=True)
        self._deleted.discard(self.conversation)
        self.thread = Thread()
        question = self.history.add(self.conversation, None, "user", letter.question, attachments=letter.attachments)
        answer = self.history.add(self.conversation, question.id, "assistant", "", state=MessageState.RUNNING)
        self.thread.put(question)
        self.thread.put(answer)
        self.thread.leaf = answer.id
        self._answers[name] = _Answer(self.conversation, self.thread, answer, editor=editor)
        self._view.thread_shown(keep_place=False)
        self._view.entries_changed()
        self._view.busy_changed()

    def wrote_in_editor(self, editor: str, letter: Wrote) -> None:
        self.text(f"editor:{editor}:{letter.stream}", letter.text)

    def ended_in_editor(self, editor: str, letter: Ended) -> None:
        name = f"editor:{editor}:{letter.stream}"
        answer = self._answers.get(name)
        if answer is None:
            return
        ended = msgspec.structs.replace(
            answer.message,
            text=answer.text,
            state=_STATES.get(letter.reason, MessageState.FAILED),
            note=letter.message if letter.reason == "error" else "",
            model=letter.model,
        )
        self._end(name, answer, ended)
        self._view.busy_changed()
        if letter.review is not None:
            self._view.review_came(editor, letter.review)

    def editors_left(self, editors: Sequence[str]) -> None:
        """Those that are here now; what others were writing will not go on."""
        for name, answer in list(self._answers.items()):
            if answer.editor and answer.editor not in editors:
                ended = msgspec.structs.replace(
                    answer.message,
                    text=answer.text,
                    state=MessageState.FAILED,
                    note="The connection to the editor ended.",
                )
                self._end(name, answer, ended)
                self._view.busy_changed()
