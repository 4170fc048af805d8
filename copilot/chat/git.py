"""Git, asked to read. A repository may be hostile: nothing that it configures is run."""

import os
import subprocess
import threading
from pathlib import Path

from copilot.errors import SlipstreamError

SECONDS = 10.0
MOST_BYTES = 400_000
"""Output beyond this is cut: no model reads more."""

# Settings of a repository that name programs, each with a value that names none.
_HARMLESS = {
    "core.fsmonitor": "false",
    "core.hooksPath": os.devnull,
    "core.pager": "cat",
    "core.attributesFile": os.devnull,
    "diff.external": "",
    "protocol.allow": "never",
}


def git(folder: Path, *arguments: str, most_bytes: int = MOST_BYTES) -> str:
    """What ``git`` prints in ``folder``, up to ``most_bytes``; takes up to ``SECONDS``.

    Raises :class:`SlipstreamError` ``no_git``, ``no_repository`` or ``git_failed``.
    """
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
            return _output(process, most_bytes)
    except FileNotFoundError:
        raise SlipstreamError("Git was not found.", hint="Install git, or put it on the PATH.", code="no_git") from None


def _output(process: "subprocess.Popen[bytes]", most_bytes: int) -> str:
    assert process.stdout is not None
    timer = threading.Timer(SECONDS, process.kill)
    timer.start()
    try:
        data = process.stdout.read(most_bytes + 1)
        cut = len(data) > most_bytes
        if cut:
            process.kill()
        status = process.wait()
    finally:
        timer.cancel()
    if status != 0 and not cut:
        raise _failure(status)
    return data[:most_bytes].decode(errors="replace")


def _failure(status: int) -> SlipstreamError:
    if status == 128:
        return SlipstreamError(
            "Git knows no repository here.",
            hint="Open a file of one; where there is one, `git status` says why Git does not accept it.",
            code="no_repository",
        )
    if status < 0:
        return SlipstreamError("Git took too long.", hint="Change or stage less at a time.", code="git_failed")
    return SlipstreamError("Git failed.", hint="`git status` may say why.", code="git_failed")


def _environment() -> dict[str, str]:
    """Ours, without what points Git at another repository or makes it run something."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    return {**kept, "GIT_OPTIONAL_LOCKS": "0", "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
