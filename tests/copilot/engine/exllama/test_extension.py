"""The compiled part of a GPU library: built once, in a real child process, by a library that pretends to compile."""

import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from copilot.engine.exllama import extension
from copilot.errors import SlipstreamError

LIBRARY = """
import os, pathlib, sys
try:
    import exllamav2_ext
except ImportError:
    parts = pathlib.Path(os.environ["TORCH_EXTENSIONS_DIR"]) / "exllamav2_ext"
    parts.mkdir(parents=True, exist_ok=True)
    if (parts / "lock").exists():
        import time; time.sleep(600)  # as torch does
    (parts / "lock").touch()
    BODY
    (parts / "a.o").touch(); (parts / "b.o").touch()
    (parts / "exllamav2_ext.so").touch()
    (parts / "lock").unlink()
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Puts a library whose import does ``body`` where Python finds it, and a torch beside it."""
    site = tmp_path / "site"

    def put(body: str) -> None:
        for name, version, text in (("exllamav2", "0.3.2", LIBRARY.replace("BODY", body)), ("torch", "2.13.0", "")):
            (site / name).mkdir(parents=True, exist_ok=True)
            (site / name / "__init__.py").write_text(text)
            (site / f"{name}-{version}.dist-info").mkdir(exist_ok=True)
            (site / f"{name}-{version}.dist-info" / "METADATA").write_text(
                f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
            )
        sources = site / "exllamav2" / "exllamav2_ext"
        sources.mkdir(exist_ok=True)
        (sources / "a.cu").touch()
        (sources / "b.cpp").touch()

    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site))
    monkeypatch.setattr(extension, "_SECONDS", 0.02)
    yield put
    for name in [name for name in sys.modules if name.split(".")[0] in {"exllamav2", "torch"}]:
        del sys.modules[name]


Told = list[tuple[str, float | None]]


def ensure(cancel: threading.Event | None = None) -> tuple[str, Told]:
    told: Told = []
    found = extension.ensure("exllamav2", lambda what, share: told.append((what, share)), cancel or threading.Event())
    return found, told


def test_it_is_built_once_and_then_found(install: Callable[[str], None]) -> None:
    install("import time; time.sleep(0.3)")
    assert extension.ready("exllamav2") is None
    found, told = ensure()
    assert (Path(found) / "exllamav2_ext.so").exists()
    assert "torch-2.13.0" in found
    assert told
    assert told[-1][0] == "Building the GPU engine ExLlamaV2, once"
    install("raise SystemExit('it must not be built again')")
    assert ensure() == (found, [])


def test_a_lock_that_a_killed_build_left_is_no_hindrance(install: Callable[[str], None]) -> None:
    install("pass")
    stale = extension.folder("exllamav2") / "exllamav2_ext"
    stale.mkdir(parents=True)
    (stale / "lock").touch()
    ensure()


def test_a_build_can_be_stopped_with_all_that_it_started(install: Callable[[str], None], tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    install(
        "import subprocess; child = subprocess.Popen(['sleep', '600']);"
        f"pathlib.Path({str(pids)!r}).write_text(f'{{os.getpid()}} {{child.pid}}'); child.wait()"
    )
    cancel = threading.Event()

    def stop() -> None:
        while not (pids.exists() and pids.read_text()):
            time.sleep(0.01)
        cancel.set()

    stopper = threading.Thread(target=stop)
    stopper.start()
    with pytest.raises(SlipstreamError) as caught:
        ensure(cancel)
    stopper.join()
    assert caught.value.code == "cancelled"
    deadline = time.monotonic() + 20
    for pid in map(int, pids.read_text().split()):
        while _runs(pid) and time.monotonic() < deadline:
            time.sleep(0.01)
        assert not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().split()[2] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_one_that_came_with_the_library_is_used(
    install: Callable[[str], None], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    install("raise SystemExit('it must not be built')")
    (tmp_path / "site" / "exllamav2_ext.py").touch()
    assert ensure() == ("", [])


@pytest.mark.parametrize(
    ("printed", "words"),
    [
        ("OSError: CUDA_HOME environment variable is not set. Please set it to your CUDA install root.", "compiler"),
        (
            "PyTorch is 2.13.0+cpu and does not support CUDA or ROCm.\nOSError: CUDA_HOME environment variable",
            "without",
        ),
        ("fatal error: cusparse.h: No such file or directory", "headers"),
        ("RuntimeError: Ninja is required to load C++ extensions", "ninja"),
        ("fatal error: error writing to a.o: No space left on device", "disk is full"),
        ("g++: fatal error: Killed signal terminated program cc1plus", "killed"),
        ("error: something new", "error: something new"),
    ],
)
def test_why_it_could_not_be_built_is_said_in_plain_words(
    install: Callable[[str], None], printed: str, words: str
) -> None:
    install(f"raise SystemExit({printed!r})")
    with pytest.raises(SlipstreamError, match=words) as caught:
        ensure()
    assert caught.value.code == "engine_failed"
    assert caught.value.hint
    assert extension.ready("exllamav2") is None


def test_what_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None if name == "torch" else object())
    with pytest.raises(SlipstreamError, match="torch, which ExLlamaV2 needs, is not installed") as caught:
        ensure()
    assert caught.value.code == "no_engine"
    assert "slipstream-copilot[gpu]" in caught.value.hint


def test_it_is_built_into_a_folder_of_the_users_own(home: Path) -> None:
    assert extension.folder("exllamav2").is_relative_to(home)
    assert extension.folder("exllamav2").name.startswith("exllamav2-")
