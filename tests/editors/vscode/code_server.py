"""VS Code, as code-server with the extension installed from its package, on a port of its own."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

ROOT = Path(__file__).resolve().parents[3]
PACKAGE = ROOT / "editor-plugins" / "vscode" / "slipstream.vsix"
OUR_SERVER = Path(sys.executable).parent / "slipstream"
VERSION = "4.100.3"
GUARD_SECONDS = 90.0

SETTINGS: Mapping[str, object] = {
    "chat.commandCenter.enabled": False,
    "editor.minimap.enabled": False,
    "editor.quickSuggestions": {"other": "off", "comments": "off", "strings": "off"},
    "editor.suggestOnTriggerCharacters": False,
    "editor.stickyScroll.enabled": False,
    "editor.wordBasedSuggestions": "currentDocument",
    "extensions.autoCheckUpdates": False,
    "extensions.ignoreRecommendations": True,
    "files.autoSave": "off",
    "git.openRepositoryInParentFolders": "never",
    "security.workspace.trust.enabled": False,
    "telemetry.telemetryLevel": "off",
    "update.mode": "none",
    "window.restoreWindows": "none",
    "workbench.editor.enablePreview": False,
    "workbench.secondarySideBar.defaultVisibility": "hidden",
    "workbench.startupEditor": "none",
    "workbench.tips.enabled": False,
}
# Keys for the tests.
KEY_CLEAR = "Control+Alt+Shift+F9"
KEY_CLOSE = "Control+Alt+Shift+F8"
KEYS = (
    {
        "key": KEY_CLEAR.replace("Control", "ctrl").lower(),
        "command": "runCommands",
        "args": {"commands": ["notifications.clearAll", "workbench.action.closePanel"]},
    },
    {"key": KEY_CLOSE.replace("Control", "ctrl").lower(), "command": "workbench.action.revertAndCloseActiveEditor"},
)


def _entry() -> Path:
    tools = Path(os.environ.get("SLIPSTREAM_TEST_TOOLS") or Path.home() / ".cache" / "slipstream-test-tools")
    entry = tools / f"code-server-{VERSION}" / "node_modules" / "code-server" / "out" / "node" / "entry.js"
    assert entry.exists(), f"{entry} is missing: run tests/editors/vscode/install.sh, or make test-editors"
    return entry


class CodeServer:
    """Keeps its files below ``folder``, which is short because sockets lie there. ``workspace`` is what it opens.

    ``server``: the program that the extension starts; None leaves that to the extension. ``extensions``: packages of
    others beside ours.
    """

    def __init__(
        self,
        folder: Path,
        *,
        server: Path | None = OUR_SERVER,
        settings: Mapping[str, object] | None = None,
        env: Mapping[str, str] | None = None,
        extensions: Sequence[Path] = (),
    ) -> None:
        assert PACKAGE.exists(), f"{PACKAGE} is missing: run `npm ci && npm run package` there, or make test-editors"
        self.folder = folder
        self._packages = (PACKAGE, *extensions)
        self.workspace = folder / "w"
        self.data = folder / "d"
        self.port = 0
        self._log = folder / "code-server.log"
        self._runtime = folder / "r"
        self._env = {
            **os.environ,
            **(env or {}),
            "HOME": str(folder / "h"),
            "XDG_RUNTIME_DIR": str(self._runtime),
            # Playwright and pytest need none of it, and VS Code would take it for a terminal of its own.
            "VSCODE_IPC_HOOK_CLI": "",
        }
        for path in (self.workspace, self.data / "User", self._runtime, folder / "h"):
            path.mkdir(parents=True)
        self._runtime.chmod(0o700)
        own = {} if server is None else {"slipstream.serverPath": str(server)}
        self.configure({**SETTINGS, **own, **(settings or {})})
        (self.data / "User" / "keybindings.json").write_text(json.dumps(KEYS))
        self._process: subprocess.Popen[bytes] | None = None

    def configure(self, settings: Mapping[str, object]) -> None:
        """The user's settings, whole."""
        self.settings = dict(settings)
        (self.data / "User" / "settings.json").write_text(json.dumps(self.settings, indent=2))

    def __enter__(self) -> Self:
        for package in self._packages:
            self._run("--install-extension", str(package))
        command = self._command("--auth", "none", "--bind-addr", "127.0.0.1:0", "--disable-telemetry")
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--disable-update-check", "--disable-getting-started-override"],
                env=self._env, stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
        end = time.monotonic() + GUARD_SECONDS
        while (found := re.search(r"listening on http://[^ ]*:(\d+)\s*/", self._log.read_text())) is None:
            assert self._process.poll() is None, self._log.read_text()
            assert time.monotonic() < end, self._log.read_text()
            time.sleep(0.1)
        self.port = int(found[1])
        return self

    def __exit__(self, *_error: object) -> None:
        if self._process is not None:
            # All of its processes are in the session that was made for it.
            os.killpg(self._process.pid, signal.SIGTERM)
            try:
                self._process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/?folder={self.workspace}"

    def open(self, file: Path) -> None:
        """Open ``file`` in the window that is there, as the ``code`` command in its terminal does."""
        uri = f"vscode-remote://127.0.0.1:{self.port}{file}"
        body = json.dumps({"type": "open", "fileURIs": [uri], "folderURIs": [], "forceReuseWindow": True})
        newest = max(self._runtime.glob("vscode-ipc-*.sock"), key=lambda path: path.stat().st_mtime)
        connection = http.client.HTTPConnection("localhost")
        connection.sock = socket.socket(socket.AF_UNIX)
        connection.sock.connect(str(newest))
        try:
            connection.request("POST", "/", body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            assert answer.status == 200, answer.read()
        finally:
            connection.close()

    def extension_log(self) -> str:
        """What the extension wrote to its output channel, in the newest window."""
        found = sorted(
            self.data.glob("logs/*/exthost*/slipstream.slipstream/*.log"), key=lambda path: path.stat().st_mtime
        )
        return found[-1].read_text() if found else ""

    def _command(self, *arguments: str) -> list[str]:
        node = shutil.which("node")
        assert node is not None, "there is no Node"
        folders = ["--user-data-dir", str(self.data), "--extensions-dir", str(self.folder / "e")]
        return [node, str(_entry()), "--config", str(self.folder / "config.yaml"), *folders, *arguments]

    def _run(self, *arguments: str) -> None:
        done = subprocess.run(
            self._command(*arguments), env=self._env, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr
