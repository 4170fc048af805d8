"""What is staged in a Git repository, as a diff. A repository may be hostile: nothing that it configures is run."""

import os
import subprocess
from pathlib import Path

from copilot.errors import SlipstreamError

SECONDS = 10.0
MOST_BYTES = 400_000
"""A diff beyond this is cut: no model reads more."""

# Settings of a repository that name programs, each with a value that names none.
_HARMLESS = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.pager": "cat",
    "core.attributesFile": os.devnull,
    "diff.external": "",
    "protocol.allow": "never",
}
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
    _git(folder, "rev-parse", "--is-inside-work-tree")
    stat = _git(folder, "diff", "--cached", "--stat=100", *_OPTIONS)
    diff = _git(folder, "diff", "--cached", "--unified=2", *_OPTIONS)
    if not diff.strip():
        raise SlipstreamError("Nothing is staged.", hint="Stage changes with `git add` first.", code="nothing_staged")
    return f"{stat.rstrip()}\n\n{diff}"


def _git(folder: Path, *arguments: str) -> str:
    settings = [item for name, value in _HARMLESS.items() for item in ("-c", f"{name}={value}")]
    command = ["git", "--no-pager", "--no-optional-locks", *settings, "-C", str(folder), *arguments]
    try:
        # Not `run`: output beyond the limit is never held.
        with subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(),
            cwd="/",
        ) as process:
            return _output(process)
    except FileNotFoundError:
        raise SlipstreamError("Git was not found.", hint="Install git, or put it on the PATH.", code="no_git") from None


def _output(process: "subprocess.Popen[bytes]") -> str:
    import threading

    assert process.stdout is not None
    timer = threading.Timer(SECONDS, process.kill)
    timer.start()
    try:
        data = process.stdout.read(MOST_BYTES + 1)
        cut = len(data) > MOST_BYTES
        if cut:
            process.kill()
        status = process.wait()
    finally:
        timer.cancel()
    if status != 0 and not cut:
        raise _failure(status)
    return data[:MOST_BYTES].decode(errors="replace")


def _failure(status: int) -> SlipstreamError:
    if status == 128:
        return SlipstreamError(
            "Git knows no repository here.",
            hint="Open a file of one; where there is one, `git status` says why Git does not accept it.",
            code="no_repository",
        )
    if status < 0:
        return SlipstreamError("Git took too long.", hint="Stage fewer changes.", code="git_failed")
    return SlipstreamError("Git failed.", hint="`git diff --cached` may say why.", code="git_failed")


def _environment() -> dict[str, str]:
    """Ours, without what points Git at another repository or makes it run something."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**kept, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
