"""Start and memory of ``slipstream lsp`` beside a bare pygls server, in one run.

    python -m benchmarks.lsp_start [--rounds 15] [--completions 20]

Each round starts both, in turn, and takes the time from the start of the process until ``initialize`` is answered.
Memory is the resident set after that and, where asked for, after completions from the engine host, which is started
for them with the user's own settings. Prints medians. Goals: a ratio of at most 1.3, and 90 MB.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

BARE = """
from lsprotocol import types
from pygls.lsp.server import LanguageServer

server = LanguageServer("bare", "1")


@server.feature(types.TEXT_DOCUMENT_INLINE_COMPLETION, types.InlineCompletionOptions())
def complete(params):
    return None


server.start_io()
"""

# What Neovim and VS Code send is of this kind: some hundred capabilities.
CAPABILITIES: dict[str, Any] = {
    "general": {"positionEncodings": ["utf-16"]},
    "window": {"workDoneProgress": True, "showMessage": {"messageActionItem": {"additionalPropertiesSupport": True}}},
    "workspace": {"configuration": True, "workspaceFolders": True, "applyEdit": True},
    "textDocument": {
        "synchronization": {"didSave": True, "willSave": False},
        "completion": {"completionItem": {"snippetSupport": True, "documentationFormat": ["markdown"]}},
        "inlineCompletion": {"dynamicRegistration": False},
    },
}


class Start(NamedTuple):
    """Seconds until ``initialize`` was answered, resident bytes after it and after the completions."""

    seconds: float
    memory: int
    memory_later: int


class Server:
    """One server process, asked by hand."""

    def __init__(self, command: Sequence[str]) -> None:
        self._process = subprocess.Popen(
            list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._ids = 0

    def notify(self, method: str, params: object) -> None:
        self._send({"method": method, "params": params})

    def ask(self, method: str, params: object) -> Any:
        self._ids += 1
        self._send({"id": self._ids, "method": method, "params": params})
        while True:
            message = self._read()
            if "method" not in message:
                return message["result"]
            if "id" in message:
                self._send({"id": message["id"], "result": None})

    def resident(self) -> int:
        """Bytes of memory that it holds."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(line.split()[1]) * 1024

    def leave(self) -> None:
        self.ask("shutdown", None)
        self.notify("exit", None)
        self._process.communicate(timeout=30)

    def _send(self, message: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        body = json.dumps({"jsonrpc": "2.0", **message}).encode()
        self._process.stdin.write(b"Content-Length: %d\r\n\r\n%s" % (len(body), body))
        self._process.stdin.flush()

    def _read(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        length = 0
        while (line := self._process.stdout.readline()) != b"\r\n":
            if not line:
                raise SystemExit("the server ended")
            if line.lower().startswith(b"content-length:"):
                length = int(line.split(b":")[1])
        message: dict[str, Any] = json.loads(self._process.stdout.read(length))
        return message


def measure(command: Sequence[str], *, enabled: bool, completions: int = 0) -> Start:
    began = time.perf_counter()
    server = Server(command)
    server.ask(
        "initialize",
        {
            "processId": os.getpid(),
            "rootUri": None,
            "capabilities": CAPABILITIES,
            "initializationOptions": {"enabled": enabled},
        },
    )
    seconds = time.perf_counter() - began
    memory = memory_later = server.resident()
    server.notify("initialized", {})
    if completions:
        uri, text = "file:///start.py", Path(__file__).read_text()
        item = {"uri": uri, "languageId": "python", "version": 1, "text": text}
        server.notify("textDocument/didOpen", {"textDocument": item})
        for line in range(completions):
            position = {"line": 40 + line, "character": 0}
            server.ask(
                "textDocument/inlineCompletion",
                {"textDocument": {"uri": uri}, "position": position, "context": {"triggerKind": 1}},
            )
        memory_later = server.resident()
    server.leave()
    return Start(seconds, memory, memory_later)


def show(name: str, starts: Sequence[Start]) -> None:
    seconds = statistics.median(start.seconds for start in starts)
    memory = statistics.median(start.memory for start in starts)
    print(f"{name:15} start {1000 * seconds:6.0f} ms   resident {memory / 1e6:5.1f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--completions", type=int, default=0, help="after the last round, from a host that is started")
    args = parser.parse_args()
    bare, ours = [sys.executable, "-c", BARE], [sys.executable, "-m", "copilot", "lsp"]
    for command in (bare, ours):
        measure(command, enabled=False)  # brings the files into memory
    rounds = [(measure(bare, enabled=False), measure(ours, enabled=False)) for _ in range(args.rounds)]
    for name, starts in (
        ("bare pygls", [pair[0] for pair in rounds]),
        ("slipstream lsp", [pair[1] for pair in rounds]),
    ):
        seconds = statistics.median(start.seconds for start in starts)
        memory = statistics.median(start.memory for start in starts)
        print(f"{name:15} start {1000 * seconds:6.0f} ms   resident {memory / 1e6:5.1f} MB")
    ratio = statistics.median(ours.seconds / bare.seconds for bare, ours in rounds)
    print(f"ratio of start times, median of {args.rounds} rounds: {ratio:.2f}")
    if args.completions:
        later = measure(ours, enabled=True, completions=args.completions)
        print(f"resident after {args.completions} completions: {later.memory_later / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
