"""How much of the prompt comes from the KV cache while someone types ten characters, each with a new request.

Through the real `slipstream lsp`, host and model: a copy of a file is opened, the rest of a line is deleted, and its
first ten characters are typed again; each request is answered before the next key. The first request of a place pays
for the move of the caret; the goal, at least 90 % of the prompt's tokens reused, is for the second and later ones.

    python -m benchmarks.kv_reuse [--file FILE] [--places 6]
"""

import argparse
import asyncio
import os
import statistics
import sys
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any, NamedTuple

from copilot import paths
from copilot.cli import source
from copilot.client.host import HostClient
from copilot.client.lsp_session import LspSession, run_server
from copilot.text.document import Document

KEYS = 10
GOAL = 0.9


class Place(NamedTuple):
    """Line and column (code points, from 0) from where the rest of the line is typed again."""

    line: int
    column: int
    what: str


class Key(NamedTuple):
    prompt: int
    reused: int


def choose(document: Document, count: int) -> list[Place]:
    """Lines with enough text, evenly spread over the file; typed from their indentation or from their middle."""
    lines = [line.rstrip("\r\n") for line in document.lines]
    long = [at for at, line in enumerate(lines) if len(line.strip()) >= 2 * KEYS]
    places = []
    for index in range(min(count, len(long))):
        at = long[(2 * index + 1) * len(long) // (2 * count)]
        indent = len(lines[at]) - len(lines[at].lstrip())
        if index % 2:
            places.append(Place(at, indent + KEYS, "end of a line"))
        else:
            places.append(Place(at, indent, "fresh line"))
    return places


class Typist:
    """An editor that waits for each answer."""

    def __init__(self, session: LspSession, document: Document) -> None:
        self._session = session
        self._document = document
        self._version = 1
        self._stats: dict[int, asyncio.Future[dict[str, Any]]] = {}
        session.on_notification = self._notified

    async def start(self) -> None:
        options = {"completionStats": True, "maxTokens": 8}
        capabilities = {"general": {"positionEncodings": ["utf-32"]}}
        await self._session.request(
            "initialize",
            {"processId": None, "rootUri": None, "initializationOptions": options, "capabilities": capabilities},
        )
        self._session.notify("initialized", {})
        item = {"uri": self._document.uri, "languageId": self._document.language, "version": 1}
        self._session.notify("textDocument/didOpen", {"textDocument": {**item, "text": self._document.text}})

    async def type_at(self, place: Place) -> list[Key]:
        """What each of the requests found in the cache; the first is made before the first key."""
        line = self._document.lines[place.line].rstrip("\r\n")
        self._edit(place.line, place.column, len(line), "")
        keys = [await self._ask(place.line, place.column)]
        for offset, character in enumerate(line[place.column : place.column + KEYS]):
            column = place.column + offset
            self._edit(place.line, column, column, character)
            keys.append(await self._ask(place.line, column + 1))
        self._edit(place.line, 0, place.column + KEYS, line)
        return keys

    def _edit(self, line: int, start: int, end: int, text: str) -> None:
        self._version += 1
        span = {"start": {"line": line, "character": start}, "end": {"line": line, "character": end}}
        self._session.notify(
            "textDocument/didChange",
            {
                "textDocument": {"uri": self._document.uri, "version": self._version},
                "contentChanges": [{"range": span, "text": text}],
            },
        )

    async def _ask(self, line: int, column: int) -> Key:
        params = {
            "textDocument": {"uri": self._document.uri},
            "position": {"line": line, "character": column},
            "context": {"triggerKind": 1},
        }
        while True:
            request, answer = self._session.send("textDocument/inlineCompletion", params)
            stats = self._stats[request] = asyncio.get_running_loop().create_future()
            # null: the model is not loaded yet.
            if await asyncio.wait_for(answer, 300) is not None:
                facts = await asyncio.wait_for(stats, 10)
                return Key(facts["promptTokens"], facts["reusedTokens"])
            await asyncio.sleep(0.5)

    def _notified(self, method: str, params: Any) -> None:
        if method == "slipstream/completionStats":
            self._stats[params["requestId"]].set_result(params)


async def measure(path: Path, count: int) -> bool:
    """Print a line for each place; returns whether all met the goal."""
    document = source.read_document(path)
    met = True
    async with run_server([str(Path(sys.executable).with_name("slipstream")), "lsp"]) as session:
        typist = Typist(session, document)
        await typist.start()
        print(f"{path.name}, {len(document.lines)} lines; share of prompt tokens reused")
        print("  line | place         | prompt tokens | first request | later: least, median | goal")
        for place in choose(document, count):
            first, *later = await typist.type_at(place)
            shares = [key.reused / key.prompt for key in later]
            good = min(shares) >= GOAL
            met = met and good
            print(
                f"{place.line + 1:>6} | {place.what:13} | {later[-1].prompt:13} | {first.reused / first.prompt:13.1%} |"
                f" {min(shares):6.1%}, {statistics.median(shares):12.1%} | {'met' if good else 'MISSED'}",
                flush=True,
            )
    async with HostClient() as client:
        await client.shutdown()
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, help="a source file (default: the sample of `slipstream try`)")
    parser.add_argument("--places", type=int, default=6)
    args = parser.parse_args()
    models = str(paths.models_dir())
    with (
        tempfile.TemporaryDirectory(prefix="ss-") as home,
        resources.as_file(resources.files("copilot.cli.samples") / "inventory.py") as sample,
    ):
        os.environ.update(SLIPSTREAM_HOME=home, SLIPSTREAM_MODELS_DIR=models)
        return 0 if asyncio.run(measure((args.file or sample).resolve(), args.places)) else 1


if __name__ == "__main__":
    raise SystemExit(main())
