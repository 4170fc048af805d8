"""How the server is started: by which name, with which options, at which host."""

import subprocess
import sys
from pathlib import Path

import pytest

from copilot import __version__, paths
from tests.lsp.fake_host import FakeHost
from tests.lsp.jrpc import SERVER, Client, inline

SCRIPT = str(Path(sys.executable).with_name("slipstream-language-server"))
URI = "file:///project/a.py"
COMPLETE = "textDocument/inlineCompletion"


@pytest.mark.parametrize("options", [[], ["--stdio"], ["--stdio", "--clientProcessId=1"]])
def test_the_script_is_the_server(host: FakeHost, options: list[str]) -> None:
    with Client([SCRIPT, *options]) as client:
        client.initialize()
        client.open(URI, "x = ")
        assert client.result(COMPLETE, inline(URI, 0, 4))["items"]
        assert client.stop() == 0


def test_the_script_tells_its_version() -> None:
    done = subprocess.run([SCRIPT, "--version"], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == __version__


@pytest.mark.parametrize("address", ["tcp:localhost:1", "unix:", "unix:relative.sock", "/a.sock", ""])
def test_an_address_that_is_none_is_refused_in_words(address: str) -> None:
    done = subprocess.run(
        [*SERVER, "--host", address], capture_output=True, text=True, check=False, timeout=60, stdin=subprocess.DEVNULL
    )
    assert done.returncode == 1
    assert "unix:/path/to.sock" in done.stderr
    assert not done.stdout


def test_a_host_elsewhere_is_asked(host: FakeHost, home: Path) -> None:
    elsewhere = home / "far.sock"
    elsewhere.symlink_to(paths.host_socket())
    with Client([*SERVER, "--host", f"unix:{elsewhere}"]) as client:
        client.initialize()
        client.open(URI, "x = ")
        assert client.result(COMPLETE, inline(URI, 0, 4))["items"]


def test_where_none_answers_none_is_started(home: Path) -> None:
    with Client([*SERVER, "--host", f"unix:{home / 'far.sock'}"]) as client:
        client.initialize(initializationOptions={"status": True})
        client.until("the message", lambda: client.of("window/showMessage"))
        assert "No engine host answers" in client.of("window/showMessage")[0]["message"]
        assert client.result("slipstream/status")["state"] == "failed"
        assert not paths.host_socket().exists()
