"""What was changed in a Git repository, as a diff: what is staged, or all that is not committed.

Of what the gate refuses nothing is in it, and secrets are masked.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

from copilot.chat.git import MOST_BYTES, git
from copilot.chat.patch import masked_and_narrowed
from copilot.errors import SlipstreamError
from copilot.safety.gate import Gate
from copilot.safety.kinds import LARGEST

_CONTEXT = 2
_WHOLE_FILES = 10_000_000
_MOST_FILES = 2_000
_MOST_READ = 8_000_000
"""Bytes of whole files around the changes."""

_OPTIONS = (
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--ignore-submodules=all",
    "--src-prefix=a/",
    "--dst-prefix=b/",
    "--relative",
)


Hides = Callable[[str], bool]
"""Whether a user wants a path of a workspace never to be shown."""


def nothing_hidden(path: str) -> bool:
    return False


def staged_diff(
    path: Path, exclude: Sequence[str] = (), workspace: Path | None = None, hides: Hides = nothing_hidden
) -> str:
    """The diff between HEAD and the index of the repository that ``path``, a file or folder, lies in, with a summary
    before it.

    ``exclude``: patterns of the user's; they count from ``workspace``, or else from the repository's top, and so do the
    paths that ``hides`` is asked about. Takes up to ``SECONDS`` for each question to Git. Raises
    :class:`SlipstreamError` with code ``no_git``, ``no_repository``, ``nothing_staged``, ``all_refused`` or
    ``git_failed``.
    """
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        raise SlipstreamError(f"{folder} is not a folder.", hint="Save the file first.", code="no_repository")
    top = _top(folder)
    gates = [Gate(top, exclude=exclude)]
    if workspace is not None and workspace.resolve() != top:
        gates.append(Gate(workspace, exclude=exclude))
    names = _names(top, "--cached")
    if not names:
        raise SlipstreamError("Nothing is staged.", hint="Stage changes with `git add` first.", code="nothing_staged")
    root = workspace.resolve() if workspace is not None else top
    seen = [name for name in names if not _refused(top / name, gates) and not _hidden(top / name, root, hides)]
    stat, diff = ("", "")
    if seen:
        stat = _limited(top, seen, "--cached", "--stat=100")
        diff = _diff(top, seen, "--cached")
    return _put_together(f"{stat.rstrip()}\n\n{diff}" if diff else "", len(names) - len(seen), staged=True)


def uncommitted_diff(gate: Gate, hides: Hides = nothing_hidden) -> str:
    """The diff between HEAD and the files of a workspace, staged or not; before the first commit all that Git knows of
    is new.

    Raises as :func:`staged_diff` does, with ``nothing_changed`` in place of ``nothing_staged``.
    """
    root = gate.root
    _top(root)
    last = _last_commit(root)
    names = _names(root, last or _no_files(root))
    if not names and not last:
        raise SlipstreamError(
            "There is no commit yet, and no file has been added.",
            hint="Add files with `git add` first.",
            code="nothing_changed",
        )
    if not names:
        raise SlipstreamError("Nothing was changed since the last commit.", code="nothing_changed")
    seen = [name for name in names if not _refused(root / name, [gate]) and not hides(name)]
    diff = _diff(root, seen, last or _no_files(root)) if seen else ""
    return _put_together(diff, len(names) - len(seen), staged=False)


def _last_commit(folder: Path) -> str:
    """Empty where there is none yet."""
    try:
        return git(folder, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").strip()
    except SlipstreamError as error:
        if error.code != "git_failed":
            raise
        return ""


def _no_files(folder: Path) -> str:
    """The name of a tree without files, in the repository's own kind of hash."""
    return git(folder, "hash-object", "-t", "tree", "--stdin").strip()


def _top(folder: Path) -> Path:
    return Path(git(folder, "rev-parse", "--show-toplevel").removesuffix("\n")).resolve()


def _names(folder: Path, what: str) -> list[str]:
    """Of the files below ``folder`` that changed, each old name too."""
    listed = git(folder, "diff", what, "--name-only", "--no-renames", "-z", *_OPTIONS, "--", ".")
    return [name for name in listed.split("\0") if name]


def _hidden(file: Path, root: Path, hides: Hides) -> bool:
    return file.is_relative_to(root) and hides(file.relative_to(root).as_posix())


def _refused(file: Path, gates: Sequence[Gate]) -> bool:
    for gate in gates:
        inside = os.path.relpath(file, gate.root)
        if not inside.startswith("..") and gate.refusal(inside) is not None:
            return True
    try:
        return file.lstat().st_size > LARGEST
    except OSError:
        return False


def _diff(folder: Path, names: Sequence[str], what: str) -> str:
    from copilot.safety.secrets import masked

    # Whether a line is part of a secret is seen in the whole file only.
    whole = _limited(folder, names, what, f"--unified={_WHOLE_FILES}", most_bytes=_MOST_READ)
    diff, _count = masked_and_narrowed(whole, _CONTEXT, masked)
    return diff[:MOST_BYTES]


def _limited(folder: Path, names: Sequence[str], what: str, how: str, most_bytes: int = MOST_BYTES) -> str:
    """Asked of these names only: what is staged meanwhile is not in it."""
    return git(
        folder,
        *("--literal-pathspecs", "diff", what, how, *_OPTIONS, "--", *names[:_MOST_FILES]),
        most_bytes=most_bytes,
    )


def _put_together(diff: str, refused: int, *, staged: bool) -> str:
    if not refused:
        return diff
    files = "one file" if refused == 1 else f"{refused} files"
    if not diff:
        what = "staged" if staged else "changed"
        raise SlipstreamError(
            f"Only files were {what} that Slipstream may not read.",
            hint="Ignore files, the settings or you exclude them, their names speak of secrets, or they are too large.",
            code="all_refused",
        )
    return f"{diff.rstrip()}\n\n(Changes of {files} are left out: excluded, too large, or likely to hold secrets.)\n"
