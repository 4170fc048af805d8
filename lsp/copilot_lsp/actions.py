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
    task: Task
    kind: str
    title: str


_ACTIONS = (
    _Action(Task.FIX, "quickfix", "Fix"),
    _Action(Task.DOCUMENT, "refactor.rewrite.document", "Document"),
    _Action(Task.RENAME, "refactor.rewrite.rename", "Suggest names"),
    _Action(Task.TESTS, "refactor.rewrite.tests", "Generate tests"),
    # No kind of the protocol's fits what changes nothing.
    _Action(Task.EXPLAIN, "slipstream.explain", "Explain"),
)
_FIX_OF_CODE = "refactor.rewrite.fix"
"""A quick fix belongs to a fault: LSP4IJ leaves one out where somebody has only selected code."""
KINDS = (*(action.kind for action in _ACTIONS), _FIX_OF_CODE)


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
    for action in _ACTIONS:
        only = params.context.only
        if only is not None and not any(_within(action.kind, kind) for kind in only):
            continue
        argument: Json = {"uri": params.text_document.uri, "range": place}
        if action.task is Task.FIX:
            argument["diagnostics"] = list(params.context.diagnostics)
        mere_code = action.task is Task.FIX and only is None and not params.context.diagnostics
        title = f"Slipstream: {action.title}"
        command = {"title": title, "command": f"{PREFIX}{action.task}", "arguments": [argument]}
        if not literals:
            yield command
            continue
        found: Json = {"title": title, "kind": _FIX_OF_CODE if mere_code else action.kind, "command": command}
        if action.task is Task.FIX and params.context.diagnostics:
            found["diagnostics"] = list(params.context.diagnostics)
        yield found


def _position(position: Any) -> Json:
    return {"line": position.line, "character": position.character}


def _within(kind: str, wanted: str) -> bool:
    """Kinds are a tree, written with dots; an empty one is its root."""
    return not wanted or kind == wanted or kind.startswith(f"{wanted}.")
