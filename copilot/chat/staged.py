"""What was changed in a Git repository, as a diff: what is staged, or all that is not committed."""

from pathlib import Path

from copilot.chat.git import git
from copilot.errors import SlipstreamError

_OPTIONS = (
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--ignore-submodules=all",
    "--src-prefix=a/",
    "--dst-prefix=b/",
)


def staged_diff(path: Path) -> str:
    """The diff between HEAD and the index of the repository that ``path``, a file or folder, lies in.

    Takes up to ``SECONDS``. Raises :class:`SlipstreamError` with code ``no_git``, ``no_repository``,
    ``nothing_staged`` or ``git_failed``.
    """
    folder = path if path.is_dir() else path.parent
    if not folder.is_dir():
        raise SlipstreamError(f"{folder} is not a folder.", hint="Save the file first.", code="no_repository")
    git(folder, "rev-parse", "--is-inside-work-tree")
    stat = git(folder, "diff", "--cached", "--stat=100", *_OPTIONS)
    diff = git(folder, "diff", "--cached", "--unified=2", *_OPTIONS)
    if not diff.strip():
        raise SlipstreamError("Nothing is staged.", hint="Stage changes with `git add` first.", code="nothing_staged")
    return f"{stat.rstrip()}\n\n{diff}"


def uncommitted_diff(folder: Path) -> str:
    """The diff between HEAD and the files below ``folder``, staged or not.

    Raises as :func:`staged_diff` does, with ``nothing_changed`` in place of ``nothing_staged``.
    """
    git(folder, "rev-parse", "--is-inside-work-tree")
    diff = git(folder, "diff", "HEAD", "--unified=2", *_OPTIONS, "--", ".")
    if not diff.strip():
        raise SlipstreamError("Nothing was changed since the last commit.", code="nothing_changed")
    return diff
