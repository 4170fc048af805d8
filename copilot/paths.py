"""Where Slipstream keeps its files: one function a folder, nothing is created by asking.

``SLIPSTREAM_HOME`` moves everything below one folder; ``SLIPSTREAM_MODELS_DIR`` moves only the model files,
which are large and often shared.
"""

import contextlib
import hashlib
import os
import stat
import tempfile
from pathlib import Path

import platformdirs

from copilot.errors import SlipstreamError

APP = "slipstream"


def _home() -> Path | None:
    home = os.environ.get("SLIPSTREAM_HOME")
    # Absolute: the engine host, which inherits it, runs in another folder.
    return Path(home).absolute() if home else None


def config_file() -> Path:
    """The one configuration file; it need not exist."""
    named = os.environ.get("SLIPSTREAM_CONFIG")
    if named:
        return Path(named).absolute()
    home = _home()
    return (home or platformdirs.user_config_path(APP, appauthor=False)) / "config.toml"


def models_dir() -> Path:
    """The shared cache of model files."""
    named = os.environ.get("SLIPSTREAM_MODELS_DIR")
    if named:
        return Path(named).absolute()
    home = _home()
    return (home or platformdirs.user_data_path(APP, appauthor=False)) / "models"


def log_dir() -> Path:
    """Logs of the background processes. They never hold document text."""
    home = _home()
    return home / "logs" if home else platformdirs.user_log_path(APP, appauthor=False)


def cache_dir() -> Path:
    """What can be made again: compiled parts of GPU libraries, indexes of workspaces."""
    home = _home()
    return home / "cache" if home else platformdirs.user_cache_path(APP, appauthor=False)


def index_dir(root: Path) -> Path:
    """What is known of the workspace at ``root``; found by the folder's name, whatever link leads there."""
    name = hashlib.blake2b(os.fsencode(root.resolve()), digest_size=12).hexdigest()
    return cache_dir() / "index" / name


def ledger_file() -> Path:
    """What became of suggestions: lengths, times and outcomes, no code."""
    home = _home()
    return (home or platformdirs.user_state_path(APP, appauthor=False)) / "suggestions.sqlite"


def history_file() -> Path:
    """Conversations of the companion window, and what it was asked to remember."""
    home = _home()
    return (home or platformdirs.user_state_path(APP, appauthor=False)) / "conversations.sqlite"


def steering_file() -> Path:
    """What someone pinned, banned or never wants to see in a prompt, by workspace."""
    home = _home()
    return (home or platformdirs.user_state_path(APP, appauthor=False)) / "context.json"


def trust_file() -> Path:
    """Which rules files of workspaces are trusted, by the hash of their content."""
    home = _home()
    return (home or platformdirs.user_state_path(APP, appauthor=False)) / "trust.json"


def users_file() -> Path:
    """Users of a shared host, with hashes of their tokens; in a private folder of its own."""
    home = _home()
    return (home or platformdirs.user_state_path(APP, appauthor=False)) / "team" / "users.json"


def use_file() -> Path:
    """How much each user of a shared host has asked of it."""
    return users_file().with_name("use.json")


def login_file() -> Path:
    """The shared host that this user's clients talk to, and the token for it where there is no keyring."""
    home = _home()
    return (home or platformdirs.user_config_path(APP, appauthor=False)) / "login.json"


def audit_dir() -> Path:
    """What the engine host recorded of its use; see ``copilot.audit``."""
    home = _home()
    return (home or platformdirs.user_state_path(APP, appauthor=False)) / "audit"


def window_file() -> Path:
    """Where the companion window was, and how it looks."""
    home = _home()
    return (home or platformdirs.user_state_path(APP, appauthor=False)) / "window.ini"


def window_socket() -> Path:
    """Where a second companion window finds the first."""
    return runtime_dir() / "window.sock"


def runtime_dir() -> Path:
    """Sockets and locks of this user."""
    home = _home()
    if home:
        return home / "run"
    base = os.environ.get("XDG_RUNTIME_DIR")
    if base:
        return Path(base) / APP
    return Path(tempfile.gettempdir()) / f"{APP}-{os.getuid()}"


def host_socket() -> Path:
    """The engine host's Unix socket."""
    return runtime_dir() / "host.sock"


def make_private_dir(path: Path) -> Path:
    """Create ``path`` as 0700, or check that it already is ours and private.

    Raises :class:`SlipstreamError` when another user owns it, it is a link, or others may enter: a shared
    temporary folder is where a stranger could have put it first.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileExistsError):
        path.mkdir(mode=0o700)
    info = path.lstat()
    if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid():
        raise SlipstreamError(
            f"{path} is not a folder of yours.",
            hint="Remove it, or set SLIPSTREAM_HOME to a folder that only you can write.",
            code="unsafe_directory",
        )
    if stat.S_IMODE(info.st_mode) & 0o077:
        path.chmod(0o700)
    return path


def write_private(path: Path, data: bytes, *, durable: bool = False) -> None:
    """Put ``data`` in the place of the file at ``path`` in one step, for this user only; its folder must be there.

    ``durable``: it is on the disk when this returns. Raises ``OSError``, and the old file is as it was.
    """
    # As mkstemp makes it, nobody else reads it.
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        Path(name).replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            Path(name).unlink()
        raise
