"""``slipstream.ask.*``: from a client's command to a question for the model, and from its answer to the result.

Several may run at once. Each is one task of the loop, which ``$/cancelRequest`` and ``window/workDoneProgress/cancel``
cancel alike; that closes the stream at the host, and the engine stops within a step.
"""

import asyncio
import logging
import secrets
from collections.abc import Awaitable, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from lsprotocol import types
from pygls.exceptions import JsonRpcInvalidParams

from copilot.chat.task import Task
from copilot.errors import SlipstreamError
from copilot.text.document import Document
from copilot_lsp import actions
from copilot_lsp.asking import Answer, asked
from copilot_lsp.commands import Commands
from copilot_lsp.messages import Json, ProgressToken, RequestId, Wire
from copilot_lsp.progress import WorkDone
from copilot_lsp.protocol import PlainNotification, PlainRequest
from copilot_lsp.questions import AskParams, Surroundings, attached_to, question_of
from copilot_lsp.rules import WorkspaceRules
from copilot_lsp.showing import Offer, Showing
from copilot_lsp.streams import StreamNotes
from copilot_lsp.trouble import RequestFailed
from copilot_lsp.within import within

if TYPE_CHECKING:
    from copilot.chat.attachments import Attachment
    from copilot.chat.masking import Masking
    from copilot.chat.proposal import Proposal
    from copilot.chat.question import Outcome, Question
    from copilot_lsp.edits import EditAbilities
    from copilot_lsp.server import Server
    from copilot_lsp.within import Within

log = logging.getLogger(__name__)

_MOST_CHOICES = 3
_NO_CREATING = "This editor creates no files for a server, so the change is only shown."


class ProgressCancelParams(Wire, frozen=True):
    """``window/workDoneProgress/cancel``."""

    token: ProgressToken


class _Asked(NamedTuple):
    """One command, with the document and the workspace as they were when it came; the error where that is not known is
    told by the stream, which begins with every command.
    """

    task: Task
    params: AskParams
    document: Document | SlipstreamError | None
    within: "Within | None"


class Tasks:
    """The commands, and what runs of them."""

    def __init__(self, server: "Server") -> None:
        self._server = server
        self._running: dict[str, asyncio.Task[Json]] = {}
        self._by_token: dict[ProgressToken, asyncio.Task[Json]] = {}
        self._presenting: set[asyncio.Task[None]] = set()
        self._showing: Showing | None = None
        self._rules = WorkspaceRules(server, self._shows)

    def register(
        self,
        commands: Commands,
        requests: dict[str, PlainRequest],
        notifications: dict[str, PlainNotification],
    ) -> None:
        commands |= {f"{actions.PREFIX}{task}": partial(self._ask, task) for task in Task}
        self._rules.register(commands)
        requests[types.TEXT_DOCUMENT_CODE_ACTION] = PlainRequest(actions.CodeActionParams, self._actions)
        notifications[types.WINDOW_WORK_DONE_PROGRESS_CANCEL] = PlainNotification(ProgressCancelParams, self._cancel)

    def stop(self, stream: str) -> None:
        """End what runs under this name; one that is unknown is over."""
        if (running := self._running.get(stream)) is not None:
            running.cancel()

    def close(self) -> None:
        """End what runs, and remove the files that were shown."""
        for task in (*self._running.values(), *self._presenting):
            task.cancel()
        self._rules.close()
        if self._showing is not None:
            self._showing.close()

    def _cancel(self, params: ProgressCancelParams) -> None:
        """``window/workDoneProgress/cancel``; a token that is unknown is one whose work is over."""
        if (running := self._by_token.get(params.token)) is not None:
            running.cancel()

    async def _actions(self, request_id: RequestId, params: actions.CodeActionParams) -> list[Json]:
        self._server.companion.attention.on(params.text_document.uri, params.range, params.context.diagnostics)
        client = self._server.client_capabilities.text_document
        able = client.code_action if client is not None else None
        return actions.actions(params, literals=bool(able and able.code_action_literal_support))

    # ------------------------------------------------------------------------------------------- one command

    def _ask(
        self, task: Task, request_id: RequestId, arguments: Sequence[Any], token: ProgressToken | None
    ) -> Awaitable[Json]:
        """Take the document as it is before the next message can change it; answer later."""
        server = self._server
        params = msgspec.convert(arguments[0] if arguments else {}, AskParams)
        params.check(task)
        name = params.stream or secrets.token_hex(8)
        if name in self._running:
            raise JsonRpcInvalidParams("A stream of this name is still running.")
        question = _Asked(task, params, self._document(task, params), within(server, params.uri))
        notes = StreamNotes(
            server.protocol,
            name,
            command=f"{actions.PREFIX}{task}",
            uri=params.uri,
            wanted=server.options.streams,
            mirror=server.companion.mirror(name, str(task)),
        )
        if params.uri is not None and params.range is not None:
            server.companion.attention.on(params.uri, params.range, params.diagnostics_as_given)
        running = asyncio.create_task(self._run(question, notes, token), name=f"ask {task}")
        self._running[name] = running

        def over(_done: object) -> None:
            del self._running[name]
            if running.cancelled():
                # Cancelled before its first step, it never came to say so itself.
                notes.begin(task.label)
                notes.end("cancelled", "The request was cancelled.")

        running.add_done_callback(over)
        return running

    def _document(self, task: Task, params: AskParams) -> Document | SlipstreamError | None:
        if params.uri is None or params.range is None or not (task.of_code or task is Task.CHAT):
            return None
        if why := self._server.folders.refuses(params.uri):
            return SlipstreamError(f"The model is not shown this file: {why}.", code="refused")
        try:
            return self._server.documents.get(params.uri)
        except SlipstreamError as error:
            return error

    async def _run(self, about: _Asked, notes: StreamNotes, token: ProgressToken | None) -> Json:
        window = self._server.client_capabilities.window
        label = about.task.label
        work_done = WorkDone(
            self._server.protocol,
            f"Slipstream: {label}",
            supported=bool(window and window.work_done_progress),
            token=token,
            cancellable=True,
        )
        current = asyncio.current_task()
        assert current is not None
        self._by_token[work_done.token] = current
        try:
            work_done.report("Reading", None)
            return await self._answered(about, notes, work_done)
        except SlipstreamError as error:
            notes.begin(label)
            notes.end("error", error.message, error.hint)
            if not self._server.options.streams:
                # Most clients write the error of a command to a log, and the user waits for an answer. After the end of
                # the work: with that Helix clears the line where it shows messages.
                work_done.end()
                self._shows().say(str(error), types.MessageType.Error)
            raise RequestFailed(str(error)) from error
        except asyncio.CancelledError:
            notes.begin(label)
            notes.end("cancelled", "The request was cancelled.")
            raise
        except Exception:
            notes.begin(label)
            notes.end("error", "Internal error.", "The server's log says where.")
            raise
        finally:
            self._by_token.pop(work_done.token, None)
            work_done.end()

    async def _answered(self, about: _Asked, notes: StreamNotes, work_done: WorkDone) -> Json:
        # Parsing a large file takes a moment, in which someone may type.
        question, title, attached, masking = await asyncio.to_thread(self._question, about)
        rules = await self._rules.of(about.within.folder.root) if about.within is not None else ""
        # A window keeps what it is told.
        notes.mirror.question = masking.shown(about.params.words(about.task, title))
        notes.mirror.attachments = attached
        notes.begin(title)

        def came(text: str) -> None:
            work_done.report("Writing", None)
            notes.text(text)

        chosen = about.params.name if about.task is Task.RENAME else None
        if chosen is None:
            answer = await asked(self._server.host, question, came, masking, rules)
            outcome = await asyncio.to_thread(_read, question, answer, _text(about))
            if outcome.proposal is None and about.task is not Task.COMMIT_MESSAGE:
                said = await self._stale(about, answer.text, attached)
                outcome = outcome._replace(note=" ".join(filter(None, [outcome.note, *said])))
        else:
            answer = Answer()
            outcome = await asyncio.to_thread(_renamed, question, chosen)
        result = self._result(about.task, title, notes.name, answer, outcome)
        notes.mirror.model = answer.model or ""
        if outcome.proposal is not None and self._server.companion.watched:
            notes.mirror.review = self._server.companion.offer(outcome.proposal, title)
        notes.end(
            "done" if answer.whole else "length",
            "" if answer.whole else "The answer reached its limit and broke off.",
        )
        presenting = asyncio.create_task(self._present(question, title, result, outcome))
        self._presenting.add(presenting)
        presenting.add_done_callback(self._presented)
        return result

    def _question(self, about: _Asked) -> "tuple[Question, str, tuple[Attachment, ...], Masking]":
        from copilot.chat.masking import Masking

        if isinstance(about.document, SlipstreamError):
            raise about.document
        server = self._server
        around = Surroundings(
            about.document,
            server.documents.encoding,
            server.shown_path,
            server.documents.find,
            about.within,
            server.context.exclude,
        )
        question = question_of(about.task, about.params, around)
        masking = Masking(_text(about))
        return question, masking.shown(question.title), attached_to(about.params, around, question), masking

    async def _stale(self, about: _Asked, answer: str, attached: "Sequence[Attachment]") -> list[str]:
        """Which of the places that an answer names are not what the model read, in words."""
        from copilot.chat.attachments import citations
        from copilot.chat.freshness import stale

        found = citations(answer, attached)
        now = within(self._server, about.params.uri) if found else None
        if now is None:
            return []
        # A file that lies elsewhere has a path that means nothing in this folder.
        here = [it for it in found if self._server.folders.of(it.attachment.uri) == (now.folder, it.attachment.path)]
        texts = await asyncio.to_thread(now.texts, {it.attachment.path for it in here})
        return stale(here, texts)

    def _result(self, task: Task, title: str, stream: str, answer: Answer, outcome: "Outcome") -> Json:
        edit = diff = None
        note = outcome.note
        if outcome.proposal is not None:
            edit, diff, said = self._proposed(outcome.proposal)
            note = " ".join(filter(None, [note, said]))
        return {
            "stream": stream,
            "kind": str(task),
            "title": title,
            "text": answer.text,
            "model": answer.model,
            "incomplete": not answer.whole,
            "edit": edit,
            "diff": diff,
            "names": list(outcome.names),
            "commitMessage": outcome.commit_message,
            "note": note,
        }

    def _proposed(self, proposal: "Proposal") -> tuple[Json | None, str | None, str]:
        """The edit, its diff, and what is to be said of them."""
        from copilot.chat.diff import unified
        from copilot_lsp.edits import workspace_edit
        from copilot_lsp.proposals import CHANGED, fitted

        server = self._server
        fitting = fitted(proposal, server.documents)
        if fitting is None:
            return None, None, CHANGED
        proposal, version = fitting
        uri = proposal.document.uri
        diff = unified(proposal, server.shown_path(uri) or uri)
        edit = workspace_edit(proposal, server.documents.encoding, self.abilities, version=version)
        return edit, diff, _NO_CREATING if edit is None else ""

    # ------------------------------------------------------------------- clients without views of their own

    async def _present(self, question: "Question", title: str, result: Json, outcome: "Outcome") -> None:
        """Show what came of it, in a client that does not do so itself. The command is answered already: some clients
        give up on one that waits for a person.
        """
        options = self._server.options
        showing = self._shows()
        if self._server.companion.watched and not outcome.names and result["commitMessage"] is None:
            # It is all in the window, which is the better place.
            return
        proposes = outcome.proposal is not None or bool(outcome.names)
        if proposes and not options.review:
            await self._offer(showing, question, title, result, outcome)
        elif not proposes and not options.streams:
            if result["commitMessage"] is not None:
                await showing.text(title, result["commitMessage"], suffix=".txt")
            else:
                await showing.text(title, result["text"])
            if result["note"]:
                showing.say(result["note"])

    async def _offer(
        self, showing: Showing, question: "Question", title: str, result: Json, outcome: "Outcome"
    ) -> None:
        proposal, note = outcome.proposal, result["note"]
        if outcome.names:
            name = await showing.choose("A better name?", [*outcome.names[:_MOST_CHOICES], "Cancel"])
            if name is None or name == "Cancel":
                return
            outcome = await asyncio.to_thread(_renamed, question, name)
            title, proposal, note = f"Rename to {name}", outcome.proposal, outcome.note
        diff = None
        if proposal is not None:
            edit, diff, said = self._proposed(proposal)
            note = note if edit is not None else said
        if note:
            showing.say(note)
        if diff is not None and proposal is not None:
            wanted = proposal
            await showing.offer(Offer(title, diff, lambda: self._proposed(wanted)[0]))

    def _presented(self, done: asyncio.Task[None]) -> None:
        self._presenting.discard(done)
        if not done.cancelled() and (error := done.exception()) is not None:
            log.error("an answer could not be shown: %s", type(error).__name__)

    def _shows(self) -> Showing:
        if self._showing is None:
            window = self._server.client_capabilities.window
            files = bool(window and window.show_document and window.show_document.support)
            self._showing = Showing(self._server.protocol, files=files, applies=self.abilities.apply)
        return self._showing

    @property
    def abilities(self) -> "EditAbilities":
        from copilot_lsp.edits import EditAbilities

        return EditAbilities.of(self._server.client_capabilities)


def _text(about: _Asked) -> str:
    """Of the document that is asked about."""
    return about.document.text if isinstance(about.document, Document) else ""


def _read(question: "Question", answer: Answer, document: str) -> "Outcome":
    """What the answer comes to. ``document``: the text that the model saw without its secrets."""
    from copilot.chat.withheld import LEFT_OUT, left_out

    outcome = question.read("".join(answer.raw), whole=answer.whole)
    proposal = outcome.proposal
    if proposal is not None:
        new = "".join(line for hunk in proposal.hunks for line in hunk.lines)
        if left_out(new, document, proposal.document.text):
            return outcome._replace(note=" ".join(filter(None, [outcome.note, LEFT_OUT])))
    return outcome


def _renamed(question: "Question", name: str) -> "Outcome":
    from copilot.chat.renaming import Renaming

    assert isinstance(question, Renaming)
    return question.renamed(name)
