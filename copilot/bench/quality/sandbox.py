"""Runs a program that a model has written a part of, and says whether it came to its end.

What holds where is in ``docs/benchmarks.md``. Everywhere: a process of its own with an empty environment, in an empty
folder that is removed, with limits on time, memory and files, killed with all of its process group. On Linux also no
network, no process that outlives it (both by namespaces) and no writing outside its folder (by Landlock), as far as
the kernel lets an unprivileged user have these. It is made against mistakes, which models make; a program that sets
out to cheat can.
"""

import contextlib
import functools
import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
from typing import NamedTuple

from copilot.bench.quality import jail

SECONDS = 10.0
MEMORY_BYTES = 1024 * 1024 * 1024
_PATIENCE_SECONDS = 5.0
_REASON_BYTES = 400
_NAMESPACES = ("--user", "--map-root-user", "--net", "--pid", "--fork", "--kill-child")


class Outcome(NamedTuple):
    """``reason``: why it did not pass, for people."""

    passed: bool
    reason: str = ""


def run_program(program: str, *, seconds: float = SECONDS, memory_bytes: int = MEMORY_BYTES) -> Outcome:
    """Run ``program`` as Python, to its end or for ``seconds`` of wall time."""
    token = secrets.token_hex(16)
    # CPU time beyond the wall time can only be that of several threads.
    command = [*_isolated(), sys.executable, "-I", "-S", "-B", jail.__file__]
    command += [str(int(seconds) + 1), str(memory_bytes)]
    with (
        tempfile.TemporaryDirectory(prefix="slipstream-bench-", ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryFile() as source,
        tempfile.TemporaryFile() as output,
    ):
        source.write(f"{token}\n{program}".encode("utf-8", "replace"))
        source.seek(0)
        process = subprocess.Popen(
            command,
            stdin=source,
            stdout=output,
            stderr=subprocess.DEVNULL,
            cwd=folder,
            env={},
            start_new_session=True,
        )
        try:
            process.wait(seconds)
            late = False
        except subprocess.TimeoutExpired:
            late = True
        finally:
            _end(process)
        output.seek(0)
        said = output.read(_REASON_BYTES).decode("utf-8", "replace")
    if said == token:
        return Outcome(True)
    if late:
        return Outcome(False, "timeout")
    return Outcome(False, said.replace(token, "") or f"ended early, status {process.returncode}")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """The whole group, also when its leader has ended and left something behind."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_PATIENCE_SECONDS)


@functools.cache
def _isolated() -> tuple[str, ...]:
    """What goes before a command to run it in namespaces of its own; nothing where that is not to be had."""
    unshare = shutil.which("unshare") if sys.platform.startswith("linux") else None
    if unshare is None:
        return ()
    command = (unshare, *_NAMESPACES)
    with contextlib.suppress(OSError, subprocess.TimeoutExpired):
        done = subprocess.run(
            [*command, "true"], env={"PATH": os.defpath}, capture_output=True, timeout=_PATIENCE_SECONDS, check=False
        )
        if done.returncode == 0:
            return command
    return ()


def guarantees() -> list[str]:
    """What is kept from a program on this machine beyond the limits that hold everywhere, for the report."""
    held = ["no network", "no process left behind"] if _isolated() else []
    return held + (["no writing outside its folder"] if _has_landlock() else [])


@functools.cache
def _has_landlock() -> bool:
    """Asked of a child: what a process gives up that way it does not get back."""
    question = f"import runpy, sys; sys.exit(not runpy.run_path({jail.__file__!r})['forbid_writing_outside']('/'))"
    command = [sys.executable, "-I", "-S", "-c", question]
    try:
        return subprocess.run(command, env={}, capture_output=True, timeout=30, check=False).returncode == 0
    except (OSError, subprocess.TimeoutExpired):
        return False
