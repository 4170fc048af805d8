"""What the Neovim plugin adds to a keystroke, how soon a first line is seen, and memory over many suggestions.

A real Neovim with the plugin of this repository and a real server; the engine host is the tests' own, which answers at
a fixed rate, so no model's speed is in the figures.

    python -m benchmarks.editor_neovim [--keys 200] [--answers 10] [--suggestions 2000]

"plugin" is the key's way without the server: from the key until its request is sent (the core's document change
included, the plugin's debounce set to 0), plus from the answer's arrival until the screen with its ghost text is
redrawn. A terminal's own drawing is not in it. "first line" is the time from the request until the first line is drawn,
over the time until the answer has ended, for answers of eight lines with a token every 25 ms. Memory is the resident
set after every quarter of the suggestions, Lua's garbage collected.

Goals: the plugin's p50 at most 10 ms, the first line in at most 40 % of the time. Exit status 1 when one is missed.
"""

import argparse
import os
import statistics
import sys
import tempfile
from pathlib import Path

from tests.editors.neovim.driver import Neovim
from tests.lsp.fake_host import FakeHost

OWN_GOAL_MS = 10.0
FIRST_LINE_GOAL = 0.4
TOKEN_SECONDS = 0.025
LINES = 8

# Times in milliseconds. One question at a time is under way.
PROBE = """
Own, Shares, Answered = {}, {}, 0
local key_at, sent_at, first_line, before_server
local client = require('slipstream.client')
local ghost = require('slipstream.ghost')
local function now() return vim.uv.hrtime() / 1e6 end
local drawn
local draw = ghost.draw
ghost.draw = function(buffer, row, column, suggestion, over)
  draw(buffer, row, column, suggestion, over)
  drawn = suggestion
end
vim.on_key(function() key_at = now() end)
local request = client.request_growing
client.request_growing = function(server, method, params, grow, answer, buffer)
  local function timed(call)
    return function(...)
      local arrived = now()
      drawn = nil
      call(...)
      if drawn then
        vim.cmd.redraw()
        if before_server then
          Own[#Own + 1] = before_server + now() - arrived
          before_server = nil
        end
        if drawn:find('row_0 = read()', 1, true) and not first_line then first_line = now() - sent_at end
      end
    end
  end
  first_line = nil
  local ended = timed(answer)
  local cancel = request(server, method, params, timed(grow), function(...)
    ended(...)
    if first_line then Shares[#Shares + 1] = first_line / (now() - sent_at) end
    Answered = Answered + 1
  end, buffer)
  sent_at = now()
  before_server = key_at and sent_at - key_at
  key_at = nil
  return cancel
end
"""


def resident_mb(pid: int) -> float:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith("VmRSS:")).split()[1]) / 1000


def answer(nvim: Neovim, key: str) -> None:
    """Type a key that no suggestion begins with, and wait for the answer to it."""
    answered = nvim.lua("Sent, Told = {}, {}; return Answered")
    nvim.type(key)
    nvim.until("an answer", lambda: nvim.lua("return Answered") > answered)


def key_of(number: int) -> str:
    # The line must not grow for ever.
    return "<C-U>x" if number % 40 == 39 else "x"


def measure(file: Path, host: FakeHost, keys: int, answers: int, suggestions: int) -> bool:
    """Prints the figures; whether the goals are met."""
    with Neovim(file, options={"debounce_ms": 0}) as nvim:
        nvim.ready()
        nvim.insert_at(2)
        nvim.lua(PROBE)
        host.tokens = ("path", ".write_text(value)")
        for number in range(keys):
            answer(nvim, key_of(number))
        own = sorted(nvim.lua("return Own"))
        p50, p99 = statistics.median(own), own[int(0.99 * (len(own) - 1))]
        print(f"plugin, {len(own)} keys: p50 {p50:.2f} ms, p99 {p99:.2f} ms", flush=True)

        host.step_seconds = TOKEN_SECONDS
        rows = (("row" if row == 0 else "    row", f"_{row} ", "= ", "read()", "\n") for row in range(LINES))
        host.tokens = tuple(token for row in rows for token in row)
        nvim.lua("Shares = {}")
        nvim.nvim.command("set autoindent")
        for _ in range(answers):
            # A fresh line in a function: nothing else is answered with several lines.
            answer(nvim, "<CR>")
        shares = nvim.lua("return Shares")
        share = statistics.median(shares) if shares else float("inf")
        print(f"first line, {len(shares)} answers: seen after {100 * share:.0f} % of the time", flush=True)

        host.step_seconds = 0.001
        host.tokens = ("path", ".write_text(value)")
        editor = nvim.lua("return vim.fn.getpid()")
        server = int(Path(f"/proc/{editor}/task/{editor}/children").read_text().split()[0])
        for number in range(suggestions):
            answer(nvim, key_of(number))
            if (number + 1) % max(1, suggestions // 4) == 0:
                nvim.lua("Own, Shares = {}, {}; collectgarbage(); collectgarbage()")
                heap = nvim.lua("return collectgarbage('count')") / 1000
                print(
                    f"after {number + 1:5} suggestions: Neovim {resident_mb(editor):.1f} MB (Lua {heap:.1f} MB), "
                    f"server {resident_mb(server):.1f} MB",
                    flush=True,
                )
    return p50 <= OWN_GOAL_MS and share <= FIRST_LINE_GOAL


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--keys", type=int, default=200)
    parser.add_argument("--answers", type=int, default=10)
    parser.add_argument("--suggestions", type=int, default=2000)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="nv") as folder:
        os.environ["SLIPSTREAM_HOME"] = folder
        for name in ("STATE", "DATA", "CACHE", "CONFIG"):
            os.environ[f"XDG_{name}_HOME"] = f"{folder}/nvim"
        file = Path(folder) / "store.py"
        file.write_text("def main():\n    \n")
        with FakeHost() as host:
            met = measure(file, host, args.keys, args.answers, args.suggestions)
    sys.exit(0 if met else 1)


if __name__ == "__main__":
    main()
