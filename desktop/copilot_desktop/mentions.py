"""What an @ in a question may stand for, and how it becomes an attachment. Reads the workspace; no Qt."""

import contextlib
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath

from copilot.chat.attachments import Attachment
from copilot.chat.exchange import Now
from copilot.chat.workspace import Symbol, Workspace
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
        found.append(Mention("diff", "", "@diff", "what is not committed"))
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
            case _:
                raise SlipstreamError(f"{mention.title} cannot be attached.", code="unknown_mention")


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
