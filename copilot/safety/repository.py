"""Where Git keeps ignore rules besides ``.gitignore``: the repository's own file, the user's, and one setting.

Git itself is asked only for its configuration, whose syntax is its own affair; without it the defaults hold.
"""

import os
import subprocess
from pathlib import Path
from typing import NamedTuple

from copilot.safety.inside import begin_of

_SECONDS = 5.0
_MOST_BYTES = 4096


class GitSettings(NamedTuple):
    """``excludes``: the user's own ignore file, which need not exist; None where the user wants none."""

    excludes: Path | None
    ignores_case: bool


def top_of(folder: Path) -> Path | None:
    """The top of the repository that ``folder`` belongs to."""
    return next((it for it in (folder, *folder.parents) if _git_dir(it) is not None), None)


def exclude_file(top: Path) -> Path | None:
    """``info/exclude`` of the repository at ``top``, also where that is a linked worktree or a submodule."""
    git_dir = _git_dir(top)
    if git_dir is None:
        return None
    common = _line(git_dir / "commondir")
    return (git_dir / common if common else git_dir) / "info" / "exclude"


def git_settings(folder: Path) -> GitSettings:
    named = _config(folder, "path", "core.excludesFile")
    if named is None:
        base = os.environ.get("XDG_CONFIG_HOME")
        excludes = (Path(base) if base else Path("~/.config").expanduser()) / "git" / "ignore"
    else:
        # Git reads a relative one from the top.
        excludes = (top_of(folder) or folder) / named
    return GitSettings(
        excludes=None if named == "" else excludes, ignores_case=_config(folder, "bool", "core.ignoreCase") == "true"
    )


def _git_dir(folder: Path) -> Path | None:
    dot = folder / ".git"
    try:
        if dot.is_dir():
            (dot / "HEAD").lstat()
            return dot
    except OSError:
        # Not there, or not to be entered: Git looks further up too.
        return None
    named = _line(dot)
    return folder / named[8:] if named.startswith("gitdir: ") else None


def _line(path: Path) -> str:
    """What the small file holds; "" where there is none. For Git a line is a string of C."""
    try:
        return os.fsdecode(begin_of(path, _MOST_BYTES).partition(b"\0")[0]).rstrip("\r\n")
    except OSError:
        return ""


def _config(folder: Path, kind: str, name: str) -> str | None:
    command = ["git", "-C", str(folder), "config", "-z", f"--type={kind}", "--get", name]
    # What a caller such as a hook says of another repository doesn't hold here; what it configures does.
    env = {it: value for it, value in os.environ.items() if not it.startswith("GIT_") or it.startswith("GIT_CONFIG")}
    try:
        done = subprocess.run(command, env=env, cwd="/", capture_output=True, check=False, timeout=_SECONDS)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return os.fsdecode(done.stdout).removesuffix("\0") if done.returncode == 0 else None
