"""Leave when the editor has died, even if the pipe from it is still held open by someone else."""

import contextlib
import os
import threading
from collections.abc import Callable
from pathlib import Path

POLL_SECONDS = 2.0


def alive(pid: int) -> bool:
    """Whether a process of this number runs. One that ended and was not yet reaped by its parent does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    with contextlib.suppress(OSError, IndexError):
        # Linux, proc_pid_stat(5): the state follows the command, which is in brackets and may hold anything.
        return Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[0] not in (b"Z", b"X")
    return True


class ParentWatch(threading.Thread):
    """Calls ``gone`` once when the process that started this one, or :meth:`watch`'s, has ended.

    A thread, because the loop may be busy for longer than an orphan should live.
    """

    def __init__(self, gone: Callable[[], None], poll_seconds: float = POLL_SECONDS) -> None:
        super().__init__(name="parent-watch", daemon=True)
        self._gone = gone
        self._poll_seconds = poll_seconds
        self._parent = os.getppid()
        self._editor: int | None = None
        self._over = threading.Event()

    def watch(self, pid: int | None) -> None:
        """Watch the process that ``initialize`` names, too.

        One that cannot be seen now is left alone: it lives in another container or on another machine.
        """
        self._editor = pid if pid is not None and pid > 0 and alive(pid) else None

    def stop(self) -> None:
        self._over.set()

    def run(self) -> None:
        while not self._over.wait(self._poll_seconds):
            editor = self._editor
            if os.getppid() != self._parent or (editor is not None and not alive(editor)):
                self._gone()
                return
