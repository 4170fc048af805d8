"""One window of VS Code for a module, a file of its own for each test, and a host that does what a test tells it."""

import os
import shutil
import tempfile
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from tests.conftest import REAL_MODELS_DIR
from tests.editors.vscode.code_server import CodeServer
from tests.editors.vscode.screen import Screen
from tests.lsp.fake_host import FakeHost

CODE = '''"""Stores values as files: {name}."""
from pathlib import Path


def write(path: Path, value: bytes) -> None:
    """Write the file."""
    


def main() -> None:
    write(Path("copy"), b"")
'''  # noqa: W293
LINE = 7
"""The empty line in the middle of it, indented by four."""


def code(name: str, line: str = "") -> str:
    """The text that a test begins with; its empty line filled with ``line``. No two names give the server the same."""
    return CODE.replace("    \n", f"    {line}\n", 1).format(name=name)


@contextmanager
def folders() -> Iterator[Path]:
    """A user's folders for a whole module; short, because sockets lie there."""
    folder = Path(tempfile.mkdtemp(prefix="vs-"))
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("SLIPSTREAM_")]:
            if name != "SLIPSTREAM_TEST_TOOLS":
                patch.delenv(name)
        patch.setenv("SLIPSTREAM_HOME", str(folder / "s"))
        patch.setenv("SLIPSTREAM_MODELS_DIR", str(REAL_MODELS_DIR))
        patch.setenv("OMP_WAIT_POLICY", "passive")
        yield folder
    shutil.rmtree(folder, ignore_errors=True)


def forget(host: FakeHost) -> None:
    """Make ``host`` as new. Streams that it holds go on."""
    for item in fields(host):
        setattr(host, item.name, item.default if item.default_factory is MISSING else item.default_factory())


@pytest.fixture(scope="module")
def user() -> Iterator[Path]:
    with folders() as folder:
        yield folder


@pytest.fixture(scope="module")
def module_host(user: Path) -> Iterator[FakeHost]:
    with FakeHost() as host:
        yield host


@pytest.fixture(scope="module")
def code_server(user: Path, module_host: FakeHost) -> Iterator[CodeServer]:
    with CodeServer(user / "c") as code_server:
        yield code_server


@pytest.fixture(scope="module")
def window(code_server: CodeServer) -> Iterator[Screen]:
    with Screen(code_server) as screen:
        screen.load()
        yield screen


@pytest.fixture
def host(module_host: FakeHost) -> Iterator[FakeHost]:
    forget(module_host)
    yield module_host
    forget(module_host)


@pytest.fixture
def screen(window: Screen) -> Iterator[Screen]:
    yield window
    window.clear()


Opened = Callable[..., Path]


@pytest.fixture
def opened(screen: Screen, host: FakeHost, request: pytest.FixtureRequest) -> Opened:
    """Open a file of the test's own with ``text`` in it, or :func:`code`, the caret at the end of ``line``."""

    def opened(text: str | bytes | None = None, *, line: int = LINE, suffix: str = ".py") -> Path:
        name = request.node.name.removeprefix("test_")
        content = code(name) if text is None else text
        path = screen.workspace / f"{name}{suffix}"
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        screen.open(path, line)
        return path

    return opened


Report = pytest.TestReport


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]) -> Generator[None, Report, Report]:
    """What was on the screen when a test failed."""
    report = yield
    window = getattr(item, "funcargs", {}).get("screen")
    if report.failed and report.when == "call" and isinstance(window, Screen):
        report.sections.append(("The screen", f"{window.kept_picture()}"))
    return report
