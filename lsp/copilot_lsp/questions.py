"""From the parameters of ``slipstream.ask.*`` to the question for the model. What lies on disk is read here."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

import msgspec
from pygls.exceptions import JsonRpcInvalidParams
from pygls.uris import from_fs_path, to_fs_path

from copilot.chat.task import Task
from copilot.errors import SlipstreamError
from copilot.text.document import Document
from copilot.text.position import PositionEncoding, Range
from copilot_lsp.messages import Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from copilot.chat.attachments import Attachment
    from copilot.chat.conversation import Conversation
    from copilot.chat.place import Place
    from copilot.chat.question import Question
    from copilot.chat.unit_tests import Target
    from copilot_lsp.within import Within

_ROLES = frozenset({"user", "assistant"})
_MOST_TEST_BYTES = 1_000_000
_MOST_FOUND = 8_000
"""Characters of what is looked for: about half of what is asked with."""

# A name of the client's own comes back in every notification.
_StreamName = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]


class Diagnostic(Wire, frozen=True):
    range: Range
    message: Any = ""
    source: str | None = None

    @property
    def words(self) -> str:
        """LSP 3.18 has marked-up messages too."""
        said = self.message.get("value") if isinstance(self.message, dict) else self.message
        words = said if isinstance(said, str) else ""
        return f"{self.source}: {words}" if self.source else words


class ChatTurn(Wire, frozen=True):
    role: str
    content: str


class AskParams(Wire, frozen=True):
    """The one argument of each command; docs/commands.md describes it."""

    uri: str | None = None
    range: Range | None = None
    diagnostics: tuple[Diagnostic, ...] = ()
    question: str = ""
    messages: tuple[ChatTurn, ...] = ()
    name: str | None = None
    stream: _StreamName | None = None

    @property
    def diagnostics_as_given(self) -> list[Any]:
        return [msgspec.to_builtins(it) for it in self.diagnostics]

    def words(self, task: Task, title: str) -> str:
        """The question as its user would put it."""
        question = self.question.strip()
        if task is Task.CHAT:
            return question
        return f"{title}: {question}" if question else title

    def check(self, task: Task) -> None:
        """Raises ``JsonRpcInvalidParams`` where something is missing."""
        if task is Task.CHAT and not self.question.strip():
            raise JsonRpcInvalidParams("A chat needs a question.")
        if task is not Task.CHAT and self.uri is None:
            raise JsonRpcInvalidParams(f"{task.label} needs a uri.")
        if task.of_code and self.range is None:
            raise JsonRpcInvalidParams(f"{task.label} needs a range.")


class Surroundings(NamedTuple):
    """What a question takes from the editor. ``others``: the documents that are open; ``path``: how a model may see
    one's path. ``within``: the workspace, where there is one; ``exclude``: patterns of the user's.
    """

    document: Document | None
    encoding: PositionEncoding
    path: "Callable[[str], str | None]"
    others: "Callable[[str], Document | None]"
    within: "Within | None" = None
    exclude: tuple[str, ...] = ()


def question_of(task: Task, params: AskParams, around: Surroundings) -> "Question":
    """Reads the disk and runs Git for some tasks, so it belongs in a thread. Raises ``SlipstreamError``."""
    from copilot.chat.committing import CommitMessage
    from copilot.chat.conversation import Conversation
    from copilot.chat.documenting import Documenting
    from copilot.chat.explain import Explain
    from copilot.chat.fix import Fix
    from copilot.chat.renaming import Renaming
    from copilot.chat.staged import staged_diff
    from copilot.chat.unit_tests import UnitTests

    if task is Task.COMMIT_MESSAGE:
        path, within = _path_of(params.uri), around.within
        diff = staged_diff(path, around.exclude, *((within.folder.root, within.hides) if within is not None else ()))
        return CommitMessage(diff, params.question)
    place = _place(params, around)
    if task is Task.CHAT or place is None:
        turns = [{"role": it.role, "content": it.content} for it in params.messages if it.role in _ROLES]
        return _with_mentions(Conversation(params.question, turns, place), around.within)
    match task:
        case Task.FIX:
            problems = [(it.range.start.line, it.words) for it in params.diagnostics if it.words.strip()]
            return Fix(place, problems, params.question)
        case Task.DOCUMENT:
            return Documenting(place, params.question)
        case Task.TESTS:
            return UnitTests(place, _target(place, around), params.question)
        case Task.RENAME:
            return Renaming(place, params.question)
        case _:
            return Explain(place, params.question)


def _with_mentions(question: "Conversation", within: "Within | None") -> "Conversation":
    """What the question names with an @, looked for and read."""
    from copilot.chat.mentioned import mentioned, without_mentions

    if not mentioned(question.question):
        return question
    if within is None:
        return question._replace(said=("No folder is open in the editor, so nothing was attached.",))
    from copilot.chat.retrieval import attached

    with within.workspace() as workspace:
        found = attached(question.question, workspace, room=_MOST_FOUND, near=within.near, hidden=within.hides)
    return question._replace(
        question=without_mentions(question.question), attachments=found.attachments, said=found.said
    )


def attached_to(params: AskParams, around: Surroundings, question: "Question") -> "tuple[Attachment, ...]":
    """The code that a question is about, as a companion window shows it."""
    from copilot.chat.conversation import Conversation

    named = tuple(question.attachments) if isinstance(question, Conversation) else ()
    place = _place(params, around)
    if place is None:
        return named
    from copilot_lsp.looking import piece_of, problems_at

    problems = problems_at(place.document, place.path, params.diagnostics_as_given)
    return (piece_of(place), *named) if problems is None else (piece_of(place), problems, *named)


def _place(params: AskParams, around: Surroundings) -> "Place | None":
    from copilot.chat.place import Place

    document = around.document
    if document is None or params.range is None:
        return None
    start, end = (document.split_at(it, around.encoding) for it in (params.range.start, params.range.end))
    return Place(document, start, end, path=around.path(document.uri))


def _path_of(uri: str | None) -> Path:
    path = to_fs_path(uri) if uri is not None and uri.startswith("file:") else None
    if path is None:
        raise SlipstreamError(
            "This file lies in no folder.", hint="Save it, or ask from a file of the repository.", code="no_repository"
        )
    return Path(path)


def _target(place: "Place", around: Surroundings) -> "Target | None":
    """Where tests of ``place`` go; None where its file is not on disk, or the test file cannot be read."""
    from copilot.chat.unit_tests import Target, module_name, test_file

    uri = place.document.uri
    path = to_fs_path(uri) if uri.startswith("file:") else None
    file = test_file(Path(path), place.language) if path is not None else None
    target_uri = from_fs_path(str(file)) if file is not None else None
    if path is None or file is None or target_uri is None or not file.parent.is_dir() or _hidden(file, around):
        return None
    module = module_name(Path(path))
    shown = around.others(target_uri)
    if shown is not None:
        return Target(target_uri, module, shown.text, shown.version)
    try:
        return Target(target_uri, module, on_disk(file))
    except (OSError, UnicodeError):
        return None


def _hidden(file: Path, around: Surroundings) -> bool:
    """Whether a model must not see it, though the code that it is for may be seen."""
    from copilot.safety.gate import Refusal

    place = around.within.folder.path_of(file) if around.within is not None else None
    if around.within is None or place is None:
        return False
    return around.within.folder.gate.refusal(place) in {Refusal.EXCLUDED, Refusal.SENSITIVE}


def on_disk(path: Path) -> str | None:
    """The text of a file, None where there is none. Raises ``OSError`` or ``UnicodeError`` for what is no text."""
    if not path.exists():
        return None
    if not path.is_file() or path.stat().st_size > _MOST_TEST_BYTES:
        raise OSError(f"{path} is no text file")
    # Line ends as they are: universal newlines would hide them.
    return path.read_bytes().decode()
