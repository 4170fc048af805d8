"""What an @ in a question may stand for, and how it becomes an attachment. Reads the workspace; no Qt."""

from collections.abc import Sequence
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


def searched(root: str, word: str, now: Now) -> list[Mention]:
    """For ``word`` behind an @: ``file:``, ``folder:`` and ``symbol:`` narrow it down. Reads the disk."""
    kind, colon, rest = word.partition(":")
    wanted = kind if colon and kind in _KINDS else ""
    name = rest if wanted else word
    found = [] if wanted else fixed(now, word, workspace=bool(root))
    if not root:
        return found
    workspace = Workspace(Path(root))
    files = workspace.files()
    if wanted in {"", "file"}:
        found += [Mention("file", it, PurePosixPath(it).name, it) for it in _fitting(files, name)]
    if wanted in {"", "folder"} and name:
        found += [Mention("folder", it, f"{it}/", "folder") for it in _fitting(workspace.folders(files), name)[:4]]
    if wanted in {"", "symbol"} and len(name) >= 2:
        symbols = workspace.symbols(files, name)
        found += [
            Mention("symbol", f"{it.path}:{it.first}:{it.last}", it.name, f"{it.path}:{it.first}") for it in symbols
        ]
    return found[:_MOST]


def attached(root: str, mention: Mention) -> Attachment:
    """What the workspace has for it. Raises ``SlipstreamError``."""
    workspace = Workspace(Path(root))
    match mention.kind:
        case "file":
            return workspace.file(mention.key)
        case "folder":
            return workspace.folder(mention.key, workspace.files())
        case "symbol":
            path, first, last = mention.key.rsplit(":", 2)
            return workspace.symbol(Symbol(mention.title, path, int(first), int(last)))
        case "diff":
            return workspace.diff()
        case _:
            raise SlipstreamError(f"{mention.title} cannot be attached.", code="unknown_mention")


def _fitting(names: Sequence[str], word: str) -> list[str]:
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
    return [name for _, _, name in sorted(ranked)[:_MOST]]


def _in_order(word: str, name: str) -> bool:
    letters = iter(name)
    return all(letter in letters for letter in word)
