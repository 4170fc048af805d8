"""What an @ in a question may stand for, and how it becomes an attachment. Reads the workspace; no Qt."""

import contextlib
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath

from copilot.chat.attachments import Attachment, AttachmentKind
from copilot.chat.exchange import Now
from copilot.chat.mentioned import mentioned
from copilot.chat.retrieval import Attached, map_of
from copilot.chat.retrieval import attached as attached_in_text
from copilot.chat.workspace import Symbol, Workspace, texts_now
from copilot.context.steering import steering_file
from copilot.errors import SlipstreamError
from copilot_desktop.mention import Mention

_KINDS = ("file", "folder", "symbol")
_MOST = 12


def of_editor(now: Now) -> list[Mention]:
    """What an editor shows, most specific first."""
    found = []
    if now.file is not None:
        name = PurePosixPath(now.file.path).name
        if now.selection is not None:
            first, last = now.selection
            found.append(Mention("selection", "", f"{name}:{first}-{last}", "selected"))
        if now.problems:
            found.append(Mention("problems", "", f"{now.problems} problem{'s' if now.problems > 1 else ''}", name))
        found.append(Mention("current", now.file.uri, name, "open in the editor"))
    return found


def fixed(now: Now, word: str, *, workspace: bool) -> list[Mention]:
    """Those that are always there, as far as they fit ``word``."""
    found = []
    if now.file is not None:
        found += [
            Mention("current", now.file.uri, "@file", f"this file, {now.file.path}"),
            Mention("open", "", "@open", f"the {len(now.open)} open files"),
        ]
        if now.selection is not None:
            found.append(Mention("selection", "", "@selection", f"lines {now.selection[0]}-{now.selection[1]}"))
        if now.problems:
            found.append(Mention("problems", "", "@problems", f"{now.problems} that the editor reports"))
    if workspace:
        found += [
            Mention("codebase", "", "@codebase", "what fits the question, looked for when it is sent"),
            Mention("map", "", "@map", "the most central definitions of the workspace"),
            Mention("diff", "", "@diff", "what is not committed"),
        ]
    return [it for it in found if it.title[1:].startswith(word.lower())]


def searched(root: str, word: str, now: Now, exclude: Sequence[str] = ()) -> list[Mention]:
    """For ``word`` behind an @: ``file:``, ``folder:`` and ``symbol:`` narrow it down. Reads the index, or the disk.

    ``exclude``: patterns of the user's, whose files are never offered.
    """
    kind, colon, rest = word.partition(":")
    wanted = kind if colon and kind in _KINDS else ""
    name = rest if wanted else word
    found = [] if wanted else fixed(now, word, workspace=bool(root))
    if not root:
        return found
    with contextlib.closing(Workspace.of(Path(root), exclude)) as workspace:
        files = workspace.files(name)
        if wanted in {"", "file"}:
            fitting = (it for it in _fitting(files, name) if workspace.allows(it))
            found += [Mention("file", it, PurePosixPath(it).name, it) for it in islice(fitting, _MOST)]
        if wanted in {"", "folder"} and name:
            folders = (it for it in _fitting(workspace.folders(files), name) if workspace.allows_folder(it))
            found += [Mention("folder", it, f"{it}/", "folder") for it in islice(folders, 4)]
        if wanted in {"", "symbol"} and len(name) >= 2:
            found += [
                Mention("symbol", f"{it.path}:{it.first}:{it.last}", it.name, f"{it.path}:{it.first}")
                for it in workspace.symbols(name)
            ]
    return found[:_MOST]


def attached(root: str, mention: Mention, exclude: Sequence[str] = ()) -> Attachment:
    """What the workspace has for it. Raises ``SlipstreamError``."""
    with contextlib.closing(Workspace.of(Path(root), exclude)) as workspace:
        match mention.kind:
            case "file":
                return workspace.file(mention.key)
            case "folder":
                return workspace.folder(mention.key)
            case "symbol":
                path, first, last = mention.key.rsplit(":", 2)
                return workspace.symbol(Symbol(mention.title, path, int(first), int(last)))
            case "diff":
                return workspace.diff()
            case "map":
                return map_of(workspace, hidden=never_shown(workspace.root))
            case _:
                raise SlipstreamError(f"{mention.title} cannot be attached.", code="unknown_mention")


CODEBASE = Attachment(kind=AttachmentKind.CODEBASE, label="codebase", text="")
"""Stands for what will be looked for."""


def asks_for_more(root: str, text: str, attachments: Sequence[Attachment]) -> bool:
    """Whether something must be looked for before this question is asked."""
    return CODEBASE in attachments or bool(root and mentioned(text))


def completed(
    root: str, text: str, attachments: Sequence[Attachment], *, room: int, now: Now, exclude: Sequence[str] = ()
) -> Attached:
    """All that a question is asked with. Reads the index and the disk."""
    if not root:
        return Attached(tuple(it for it in attachments if it != CODEBASE), ("No folder is open to look in.",))
    question = text
    if CODEBASE in attachments and not any(it.kind == "codebase" for it in mentioned(text)):
        question = f"{text} @codebase"
    open_files = (now.file, *now.open)
    with contextlib.closing(Workspace.of(Path(root), exclude)) as workspace:
        near = [it.path for it in open_files if it is not None]
        found = attached_in_text(question, workspace, room=room, near=near, hidden=never_shown(workspace.root))
    chosen = [it for it in attachments if it != CODEBASE]
    new = [it for it in found.attachments if not any(_same(it, other) for other in chosen)]
    return Attached((*chosen, *new), found.said)


def texts(root: str, sources: Sequence[Attachment], exclude: Sequence[str] = ()) -> dict[str, str | None]:
    """See ``texts_now``; of none where there is no folder."""
    if not root:
        return {}
    with contextlib.closing(Workspace.of(Path(root), exclude)) as workspace:
        return texts_now(workspace, sources)


def never_shown(root: Path) -> Callable[[str], bool]:
    """What the user wants no model to be shown of a workspace."""
    return steering_file().of(root).hides


def _same(one: Attachment, other: Attachment) -> bool:
    return (one.path, one.first, one.last, one.label) == (other.path, other.first, other.last, other.label)


def _fitting(names: Sequence[str], word: str) -> Iterator[str]:
    """Those that hold the letters of ``word`` in their order; names that begin with it first, then short ones."""
    word = word.lower()
    ranked = []
    for name in names:
        base, low = PurePosixPath(name).name.lower(), name.lower()
        if base.startswith(word):
            ranked.append((0, len(name), name))
        elif word in low:
            ranked.append((1, len(name), name))
        elif _in_order(word, low if "/" in word else base):
            # Across folders nearly every short word fits nearly every long path.
            ranked.append((2, len(name), name))
    return (name for _, _, name in sorted(ranked))


def _in_order(word: str, name: str) -> bool:
    letters = iter(name)
    return all(letter in letters for letter in word)
