"""What of a workspace a question is about, as attachments: by search, by a map, or by what the question names.

The index says where to look; what is attached is read through the gate at that moment.
"""

import contextlib
from collections.abc import Callable, Collection, Iterable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, NamedTuple

from copilot.chat.attachments import Attachment, AttachmentKind
from copilot.chat.mentioned import mentioned, without_mentions
from copilot.chat.workspace import Symbol, Workspace
from copilot.context.rules import NEVER_CHOSEN
from copilot.errors import SlipstreamError
from copilot.index.repo_map import repo_map
from copilot.index.search import Hit, Retriever, asked, search

if TYPE_CHECKING:
    from copilot.index.reader import Reader

_MOST_PIECES = 8
_MOST_LINES = 60
_MOST_LOOKED_AT = 40
MAP_TOKENS = 1_000
ROOM = 12_000
"""Characters of what is found for a question, at most."""


class Attached(NamedTuple):
    """``said``: in words, what was asked for and is not attached."""

    attachments: tuple[Attachment, ...]
    said: tuple[str, ...] = ()


def attached(
    question: str,
    workspace: Workspace,
    *,
    room: int = ROOM,
    near: Collection[str] = (),
    hidden: Callable[[str], bool] = lambda path: False,
) -> Attached:
    """What the @-mentions in the text of a question stand for.

    ``near``: files that someone works on; ``hidden``: those that must not be chosen for them.
    """
    found: list[Attachment] = []
    said: list[str] = []
    for it in mentioned(question):
        try:
            match it.kind:
                case "codebase":
                    found += codebase(without_mentions(question), workspace, room=room, near=near, hidden=hidden)
                case "map":
                    found.append(map_of(workspace, question, room=room, near=near, hidden=hidden))
                case "diff":
                    found.append(workspace.diff())
                case "file":
                    found.append(workspace.file(_file_named(it.name, workspace)))
                case "folder":
                    found.append(workspace.folder(it.name))
                case _:
                    found.append(_symbol_named(it.name, workspace))
        except SlipstreamError as error:
            said.append(str(error))
    unique = {(it.kind, it.path, it.first, it.last, it.label): it for it in found}
    return Attached(tuple(unique.values()), tuple(dict.fromkeys(said)))


def codebase(
    question: str,
    workspace: Workspace,
    *,
    room: int = ROOM,
    near: Collection[str] = (),
    hidden: Callable[[str], bool] = lambda path: False,
    others: Iterable[Retriever] = (),
) -> list[Attachment]:
    """Pieces of the workspace that fit a question, best first, each with its reason, in ``room`` characters.

    Raises :class:`SlipstreamError` ``no_index`` or ``nothing_found``.
    """
    index = _index(workspace)
    found: list[Attachment] = []
    left = room
    for hit in search(question, index, near=near, others=others, limit=_MOST_LOOKED_AT):
        if len(found) == _MOST_PIECES or left < 200:
            break
        if hidden(hit.path) or PurePosixPath(hit.path).name in NEVER_CHOSEN:
            continue
        try:
            piece = _piece(hit, workspace)
        except SlipstreamError:
            # Hidden, or excluded or removed since it was indexed.
            continue
        if piece is None or len(piece.text) > left or not piece.text.strip() or _overlaps(piece, found):
            continue
        left -= len(piece.text)
        found.append(piece)
    if not found:
        raise SlipstreamError(
            "Nothing in the workspace fits this question.",
            hint="Name a function, a file or a word of the code in it.",
            code="nothing_found",
        )
    return found


def map_of(
    workspace: Workspace,
    question: str = "",
    *,
    room: int = ROOM,
    near: Collection[str] = (),
    hidden: Callable[[str], bool] = lambda path: False,
) -> Attachment:
    """The most central definitions of the workspace. Raises :class:`SlipstreamError` ``no_index`` or
    ``nothing_found``."""
    index = _index(workspace)
    said = asked(without_mentions(question))
    tokens = min(MAP_TOKENS, room // 4)
    text = repo_map(
        index,
        tokens,
        wanted={*said.names, *said.words},
        near=near,
        allowed=lambda path: not hidden(path) and workspace.allows(path),
    )
    if not text:
        raise SlipstreamError(
            "There is no map of this workspace: none of its files uses another's definitions.", code="nothing_found"
        )
    return Attachment(kind=AttachmentKind.MAP, label="map of the repository", text=text)


def _index(workspace: Workspace) -> "Reader":
    if workspace.index is None or not workspace.indexed:
        raise SlipstreamError(
            "There is no index of this workspace yet.",
            hint="It is made while an editor or the window has the folder open; `slipstream index status` says how far"
            " it is.",
            code="no_index",
            retryable=True,
        )
    return workspace.index


def _piece(hit: Hit, workspace: Workspace) -> Attachment | None:
    reason = "; ".join(hit.reasons[:3])
    first, last = hit.first, hit.last
    if hit.name:
        # By its name: it may stand elsewhere than when it was indexed.
        symbol = workspace.symbol(Symbol(hit.name, hit.path, first, last))
        first, last = symbol.first, symbol.last
    return workspace.lines(hit.path, first, min(last, first + _MOST_LINES - 1), reason=reason)


def _overlaps(piece: Attachment, found: Iterable[Attachment]) -> bool:
    return any(it.path == piece.path and it.first <= piece.last and piece.first <= it.last for it in found)


def _file_named(name: str, workspace: Workspace) -> str:
    """The path itself, or the one path that ends so."""
    name = name.removeprefix("./")
    with contextlib.suppress(OSError):
        # A name may be too long to be one.
        if (workspace.root / name).is_file():
            return name
    files = workspace.files(name)
    ending = [it for it in files if it == name or it.endswith(f"/{name}")]
    if len(ending) > 1:
        raise SlipstreamError(
            f"Several files are called {name}: {', '.join(ending[:4])}.", hint="Name one by its path.", code="no_file"
        )
    return ending[0] if ending else name


def _symbol_named(name: str, workspace: Workspace) -> Attachment:
    """``Class.method`` means that one; a bare name the first of it."""
    scope, _, bare = name.rpartition(".")
    if workspace.index is not None and workspace.indexed:
        # Of those that may be shown: no one file was named.
        rows = [it for it in workspace.index.definitions(bare) if workspace.allows(it.path)]
        rows = [it for it in rows if it.scope == scope or it.scope.endswith(f".{scope}")] if scope else rows
        symbols = [Symbol(it.name, it.path, it.first, it.last) for it in rows]
    else:
        symbols = [it for it in workspace.symbols(bare) if it.name == bare]
    if not symbols:
        raise SlipstreamError(
            f"There is no definition of {name} in the workspace.",
            hint="Names are written as in the code.",
            code="no_symbol",
        )
    return workspace.symbol(symbols[0])
