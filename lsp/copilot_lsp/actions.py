"""``textDocument/codeAction``: what can be asked about a place. No I/O."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from copilot.chat.task import Task
from copilot.text.position import Range
from copilot_lsp.messages import DocumentId, Json, Wire

PREFIX = "slipstream.ask."
_AUTOMATIC = 2
"""LSP 3.17, ``CodeActionTriggerKind``."""


class _Action(NamedTuple):
    """``kinds``: the first that a client asks for is the one that it gets."""

    task: Task
    title: str
    kinds: tuple[str, ...]


_ACTIONS = (
    # A quick fix belongs to a fault: LSP4IJ leaves one out where somebody has only selected code.
    _Action(Task.FIX, "Fix", ("refactor.rewrite.fix", "quickfix")),
    _Action(Task.DOCUMENT, "Document", ("refactor.rewrite.document",)),
    _Action(Task.RENAME, "Suggest names", ("refactor.rewrite.rename",)),
    _Action(Task.TESTS, "Generate tests", ("refactor.rewrite.tests",)),
    # No kind of the protocol's fits what changes nothing.
    _Action(Task.EXPLAIN, "Explain", ("slipstream.explain",)),
)
KINDS = tuple(kind for action in _ACTIONS for kind in action.kinds)


class CodeActionContext(Wire, frozen=True):
    diagnostics: tuple[Any, ...] = ()
    only: tuple[str, ...] | None = None
    trigger_kind: int | None = None


class CodeActionParams(Wire, frozen=True):
    """``textDocument/codeAction``."""

    text_document: DocumentId
    range: Range
    context: CodeActionContext = CodeActionContext()


def actions(params: CodeActionParams, *, literals: bool) -> list[Json]:
    """``literals``: the client takes code actions; others get the commands that these would run.

    A client asks by itself at every move of the caret. It gets something then only where there is something to ask
    about, a selection or a fault: a light bulb on every line says nothing.
    """
    selected = params.range.start != params.range.end
    if params.context.trigger_kind == _AUTOMATIC and not selected and not params.context.diagnostics:
        return []
    return list(_offered(params, literals=literals))


def _offered(params: CodeActionParams, *, literals: bool) -> Iterator[Json]:
    place = {"start": _position(params.range.start), "end": _position(params.range.end)}
    faults = list(params.context.diagnostics)
    for action in _ACTIONS:
        kinds = reversed(action.kinds) if faults else action.kinds
        kind = next((kind for kind in kinds if _wanted(kind, params.context.only)), None)
        if kind is None:
            continue
        of_faults = {"diagnostics": faults} if action.task is Task.FIX else {}
        argument = {"uri": params.text_document.uri, "range": place, **of_faults}
        title = f"Slipstream: {action.title}"
        command = {"title": title, "command": f"{PREFIX}{action.task}", "arguments": [argument]}
        if literals:
            # Without a fault there is nothing that it would resolve.
            yield {"title": title, "kind": kind, "command": command, **(of_faults if faults else {})}
        else:
            yield command


def _position(position: Any) -> Json:
    return {"line": position.line, "character": position.character}


def _wanted(kind: str, only: tuple[str, ...] | None) -> bool:
    """Kinds are a tree, written with dots; an empty one is its root."""
    return only is None or any(not it or kind == it or kind.startswith(f"{it}.") for it in only)
