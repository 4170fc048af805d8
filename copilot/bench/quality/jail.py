"""The child that runs one program: ``python -I -S jail.py SECONDS BYTES``, on standard input a token and the program.

Stands alone: it is run as a file, in an empty environment, and imports nothing of ours. It gives up what it can before
it compiles the program, and prints the token, the first line of its input, only when the program has run to its end:
one that ends early, by ``os._exit(0)`` or otherwise, does not count as one that passed.
"""

import contextlib
import ctypes
import os
import resource
import sys

FILE_BYTES = 1024 * 1024
PROCESSES = 64
OPEN_FILES = 64

# Number of the system call on every architecture, struct landlock_ruleset_attr and the rights: linux/landlock.h.
_LANDLOCK_CREATE_RULESET, _LANDLOCK_ADD_RULE, _LANDLOCK_RESTRICT_SELF = 444, 445, 446
_LANDLOCK_VERSION = 1
_LANDLOCK_RULE_PATH_BENEATH = 1
_PR_SET_NO_NEW_PRIVS = 38
# write_file; remove_dir .. make_sym
_WRITING = 1 << 1 | sum(1 << bit for bit in range(4, 13))
_REFER, _TRUNCATE = 1 << 13, 1 << 14

# What no test of a function needs: processes, the network, and calls around all of this.
_REFUSED = (
    "os.fork",
    "os.forkpty",
    "os.exec",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "os.kill",
    "os.killpg",
    "os.putenv",
    "os.unsetenv",
    "subprocess.Popen",
    "pty.spawn",
    "socket.",
    "ctypes.",
    "signal.pthread_kill",
    "webbrowser.open",
    "urllib.Request",
)
_CHANGING = ("os.remove", "os.rename", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink", "os.chmod")
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


class _LandlockRuleset(ctypes.Structure):
    _fields_ = (("handled_access_fs", ctypes.c_uint64),)


class _LandlockPath(ctypes.Structure):
    _pack_ = 1
    _fields_ = (("allowed_access", ctypes.c_uint64), ("parent_fd", ctypes.c_int32))


def limit_resources(seconds: int, memory: int) -> None:
    for name, value in (
        ("RLIMIT_CPU", seconds),
        ("RLIMIT_AS", memory),
        ("RLIMIT_DATA", memory),
        ("RLIMIT_FSIZE", FILE_BYTES),
        ("RLIMIT_NPROC", PROCESSES),
        ("RLIMIT_NOFILE", OPEN_FILES),
        ("RLIMIT_CORE", 0),
    ):
        # Not every system has each of them, or lets it be set.
        with contextlib.suppress(AttributeError, ValueError, OSError):
            resource.setrlimit(getattr(resource, name), (value, value))


def forbid_writing_outside(folder: str) -> bool:
    """By Landlock (Linux 5.13 and later). Whether it holds from now on."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None, use_errno=True)
    version = libc.syscall(_LANDLOCK_CREATE_RULESET, None, 0, _LANDLOCK_VERSION)
    if version < 1:
        return False
    rights = _WRITING | (_REFER if version >= 2 else 0) | (_TRUNCATE if version >= 3 else 0)
    attributes = _LandlockRuleset(rights)
    ruleset = libc.syscall(
        _LANDLOCK_CREATE_RULESET, ctypes.byref(attributes), ctypes.c_size_t(ctypes.sizeof(attributes)), 0
    )
    if ruleset < 0:
        return False
    below = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    rule = _LandlockPath(rights, below)
    held: bool = (
        libc.syscall(_LANDLOCK_ADD_RULE, ruleset, _LANDLOCK_RULE_PATH_BENEATH, ctypes.byref(rule), 0) == 0
        and libc.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
        and libc.syscall(_LANDLOCK_RESTRICT_SELF, ruleset, 0) == 0
    )
    os.close(below)
    os.close(ruleset)
    return held


def refuse_by_hook(folder: str) -> None:
    """Refuse what Python itself reports before it is done. Native code goes unseen."""
    inside = os.path.realpath(folder) + os.sep

    def is_inside(path: object) -> bool:
        if not isinstance(path, (str, bytes)):
            return isinstance(path, int)
        return os.path.realpath(os.fsdecode(path)).startswith(inside)

    def watch(event: str, args: tuple[object, ...]) -> None:
        if event.startswith(_REFUSED):
            raise PermissionError(f"{event} is not allowed here")
        if event == "open":
            path, mode, flags = args
            writes = (isinstance(flags, int) and flags & _WRITE_FLAGS) or (
                isinstance(mode, str) and set(mode) & set("wax+")
            )
            if writes and not is_inside(path):
                raise PermissionError("files are written in the current folder only")
        elif event.startswith(_CHANGING) and not all(is_inside(arg) for arg in args if isinstance(arg, (str, bytes))):
            raise PermissionError("files are changed in the current folder only")

    sys.addaudithook(watch)


def main() -> None:
    seconds, memory = int(sys.argv[1]), int(sys.argv[2])
    token, _, program = sys.stdin.buffer.read().partition(b"\n")
    result = os.dup(1)
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    limit_resources(seconds, memory)
    folder = os.getcwd()  # noqa: PTH109 - pathlib would cost a third of the start
    forbid_writing_outside(folder)
    # Nothing of the program may find these.
    sys.argv = [""]
    sys.path = [entry for entry in sys.path if entry != os.path.dirname(__file__)]  # noqa: PTH120
    refuse_by_hook(folder)
    try:
        code = compile(program, "<program>", "exec")
        exec(code, {"__name__": "__main__", "__builtins__": __builtins__})  # noqa: S102
    except BaseException as error:
        first = next(iter(str(error).splitlines()), "")
        reason = type(error).__name__ + (f": {first}" if first else "")
        os.write(result, reason[:200].encode("utf-8", "replace"))
        os._exit(1)
    os.write(result, token)
    os._exit(0)


if __name__ == "__main__":
    main()
