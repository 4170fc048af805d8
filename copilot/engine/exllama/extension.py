"""The compiled part of a GPU library: found, or built once, before a worker needs it.

PyPI's wheels of ExLlamaV2 and V3 hold sources. Their import compiles them, some minutes long, which is not for a worker
with a model to load; and a build that was killed leaves a lock file at which every later import waits for ever
(``torch/utils/file_baton.py``). So the host does it, alone and with progress, into a folder of ours; from there the
finished module is imported like any other, without the compiler.
"""

import contextlib
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

import filelock

from copilot import paths
from copilot.errors import SlipstreamError

NAMES = {"exllamav2": "ExLlamaV2", "exllamav3": "ExLlamaV3"}
_EXTRAS = {"exllamav2": "gpu", "exllamav3": "gpu3"}

Report = Callable[[str, float | None], None]
"""Told what is going on in words, and the share that is done where it is known."""

_BUILT = "built"

_failed: dict[str, SlipstreamError] = {}
"""Builds of this process that failed while compiling. They take minutes and all cores, so they are not repeated with
every look at whether the GPU is back."""

_SECONDS = 0.5
_LOG_BYTES = 20_000


def folder(library: str) -> Path:
    """Where the part of this library is built for this Python and this torch: it suits no other."""
    tag = f"{library}-{_version(library)}-torch-{_version('torch')}-py{sys.version_info[0]}{sys.version_info[1]}"
    return paths.cache_dir() / "extensions" / tag


def ready(library: str) -> Path | None:
    """The folder to import it from, once it is built."""
    found = folder(library) / f"{library}_ext"
    return found if (folder(library) / _BUILT).exists() else None


def ensure(library: str, report: Report, cancel: threading.Event) -> str:
    """Build it unless it is there. Returns the folder to import it from; empty where it is installed with the library.

    Blocks, for minutes when it builds; ``cancel`` ends that. Raises :class:`SlipstreamError` with code ``no_engine``
    when the library or torch is missing, ``engine_failed`` when it can't be built.
    """
    for package in (library, "torch"):
        if importlib.util.find_spec(package) is None:
            raise missing(library, package)
    if importlib.util.find_spec(f"{library}_ext") is not None:
        return ""
    if (found := ready(library)) is not None:
        return str(found)
    target = folder(library)
    target.mkdir(parents=True, exist_ok=True)
    with _alone(target, report, cancel):
        if ready(library) is None:
            if (known := _failed.get(library)) is not None:
                raise known
            _build(library, target, report, cancel)
    found = ready(library)
    assert found is not None
    return str(found)


@contextlib.contextmanager
def _alone(target: Path, report: Report, cancel: threading.Event) -> Iterator[None]:
    lock = filelock.FileLock(target.with_suffix(".lock"))
    while True:
        try:
            lock.acquire(timeout=_SECONDS)
        except filelock.Timeout:
            report("Another process builds the GPU engine", None)
            if cancel.is_set():
                raise _cancelled() from None
        else:
            break
    try:
        yield
    finally:
        lock.release()


def _build(library: str, target: Path, report: Report, cancel: threading.Event) -> None:
    parts = target / f"{library}_ext"
    # We hold our own lock: whoever left torch's is gone.
    (parts / "lock").unlink(missing_ok=True)
    sources = _sources(library)
    log = target / "build.log"
    with log.open("wb") as output:
        child = subprocess.Popen(
            [sys.executable, "-P", "-c", f"import {library}"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, **_environment(), "TORCH_EXTENSIONS_DIR": str(target)},
            start_new_session=True,
        )
        try:
            while _running(child):
                done = len(list(parts.glob("*.o")))
                report(f"Building the GPU engine {NAMES[library]}, once", min(1.0, done / max(1, sources)))
                if cancel.is_set():
                    raise _cancelled()
        finally:
            _end(child)
    built = list(parts.glob(f"{library}_ext*.so")) + list(parts.glob(f"{library}_ext*.pyd"))
    if child.returncode or not built:
        error = explain(library, _tail(log))
        if list(parts.glob("*.o")):
            hint = f"{error.hint} It is tried again when the host is restarted (`slipstream stop`)."
            _failed[library] = SlipstreamError(error.message, hint=hint, code=error.code)
        raise error
    (target / _BUILT).touch()


def _running(child: "subprocess.Popen[bytes]") -> bool:
    try:
        child.wait(_SECONDS)
    except subprocess.TimeoutExpired:
        return True
    return False


def _end(child: "subprocess.Popen[bytes]") -> None:
    """With the compilers that it started."""
    if child.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def _environment() -> dict[str, str]:
    """What the build looks for: headers that a toolkit may lack and pip's nvidia packages have; and ninja, which pip
    installs beside this Python, where only an activated environment looks."""
    path = os.pathsep.join([sysconfig.get_path("scripts"), os.environ.get("PATH", os.defpath)])
    nvidia = importlib.util.find_spec("nvidia")
    roots = list(nvidia.submodule_search_locations or []) if nvidia else []
    headers = sorted(str(found) for root in roots for found in Path(root).glob("*/include"))
    given = os.environ.get("CPATH", "")
    found = {"CPATH": os.pathsep.join([*headers, *([given] if given else [])])} if headers else {}
    return {"PATH": path, **found}


def _sources(library: str) -> int:
    spec = importlib.util.find_spec(library)
    roots = list(spec.submodule_search_locations or []) if spec else []
    # Each becomes an object file.
    return sum(1 for root in roots for kind in ("*.cu", "*.cpp") for _ in Path(root, f"{library}_ext").rglob(kind))


def _tail(log: Path) -> str:
    with log.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _LOG_BYTES))
        return file.read().decode(errors="replace")


def missing(library: str, package: str) -> SlipstreamError:
    """``package`` is not installed, which ``library`` needs."""
    name, extra = NAMES[library], _EXTRAS[library]
    what = name if package == library else f"torch, which {name} needs,"
    return SlipstreamError(
        f"{what} is not installed.",
        hint=f"Install a CUDA build of torch that suits the driver, then `pip install 'slipstream-copilot[{extra}]'`; "
        "or choose a GGUF model, which needs neither.",
        code="no_engine",
    )


def explain(library: str, output: str) -> SlipstreamError:
    """Why a build or an import failed, from what it printed."""
    name = NAMES[library]
    known = (
        ("does not support CUDA", "the torch that is installed is a build without CUDA", "Install a CUDA build of it."),
        (
            "Torch not compiled with CUDA",
            "the torch that is installed is a build without CUDA",
            "Install a CUDA build.",
        ),
        ("CUDA_HOME environment variable is not set", "no CUDA compiler was found", _TOOLKIT),
        ("nvcc: not found", "no CUDA compiler was found", _TOOLKIT),
        ("Ninja is required", "ninja is missing", "`pip install ninja`."),
        (".h: No such file", "headers of the CUDA toolkit are missing", _TOOLKIT),
        (
            "unsupported GNU version",
            "the CUDA compiler does not take this gcc",
            "Install an older gcc, and set CC and CXX.",
        ),
        ("No space left", "the disk is full", f"Free some space in {paths.cache_dir()}."),
        ("Killed", "a compiler was killed, as when memory runs out", "Set MAX_JOBS=2 and try again."),
    )
    for mark, why, hint in known:
        if mark in output:
            return SlipstreamError(f"{name} can't be used: {why}.", hint=hint, code="engine_failed")
    last = next((line for line in reversed(output.splitlines()) if "rror" in line), "it says nothing about it")
    return SlipstreamError(
        f"{name} could not be built: {last.strip()[:200]}",
        hint=f"The whole output is in {folder(library) / 'build.log'}.",
        code="engine_failed",
    )


_TOOLKIT = "Install the CUDA toolkit of torch's CUDA version, with nvcc, and set CUDA_HOME to its folder."


def forget(library: str) -> None:
    """Remove what was built, so that the next load builds it anew."""
    shutil.rmtree(folder(library), ignore_errors=True)


def _cancelled() -> SlipstreamError:
    return SlipstreamError("The build was stopped.", hint="The next load goes on with it.", code="cancelled")


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return "0"
