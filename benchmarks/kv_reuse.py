"""How much of the prompts comes from the KV cache while someone types ten characters, each with a new request.

Through the real `slipstream lsp`, host and model: a copy of a file is opened, the rest of a line is deleted, and ten
letters are typed there that no suggestion foresees, so that the engine is asked at every key; each request is answered
before the next key. What is counted is what the engine did, as the host tells it, second tries included. The first
request of a place pays for the move of the caret; the goal, at least 97 % of the prompts' tokens reused, is for the
keys from the second on, in each order of the prompt.

    python -m benchmarks.kv_reuse [--file FILE] [--places 6] [--seed 1] [--keys]
"""

import argparse
import asyncio
import os
import random
import string
import sys
import tempfile
from importlib import resources
from pathlib import Path
from typing import NamedTuple

from copilot import paths
from copilot.cli import source
from copilot.client.host import HostClient
from copilot.client.lsp_session import LspSession, run_server
from copilot.text.document import Document

KEYS = 10
GOAL = 0.97


class Place(NamedTuple):
    """Line and column (code points, from 0) from where the rest of the line is typed again."""

    line: int
    column: int
    what: str


class Work(NamedTuple):
    """Tokens of prompts, and how many of them were in the KV cache."""

    prompt: int
    reused: int

    @property
    def share(self) -> float:
        return self.reused / self.prompt if self.prompt else 1.0


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
    """An editor that waits for each answer, and looks at what the engine did for it."""

    def __init__(self, session: LspSession, host: HostClient, document: Document, choose: random.Random) -> None:
        self._session = session
        self._host = host
        self._document = document
        self._choose = choose
        self._version = 1
        self._seen = Work(0, 0)

    async def start(self) -> None:
        # No work but what the keys ask for.
        options = {"maxTokens": 8, "candidates": 1, "prefetch": False}
        capabilities = {"general": {"positionEncodings": ["utf-32"]}}
        await self._session.request(
            "initialize",
            {"processId": None, "rootUri": None, "initializationOptions": options, "capabilities": capabilities},
        )
        self._session.notify("initialized", {})
        item = {"uri": self._document.uri, "languageId": self._document.language, "version": 1}
        self._session.notify("textDocument/didOpen", {"textDocument": {**item, "text": self._document.text}})

    async def type_at(self, place: Place) -> list[Work]:
        """What each of the requests asked of the engine; the first is made before the first key."""
        line = self._document.lines[place.line].rstrip("\r\n")
        self._edit(place.line, place.column, len(line), "")
        keys = [await self._ask(place.line, place.column)]
        for offset, letter in enumerate(self._choose.choices(string.ascii_lowercase, k=KEYS)):
            column = place.column + offset
            self._edit(place.line, column, column, letter)
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

    async def _ask(self, line: int, column: int) -> Work:
        params = {
            "textDocument": {"uri": self._document.uri},
            "position": {"line": line, "character": column},
            "context": {"triggerKind": 1},
        }
        # null: the model is not loaded yet.
        while await self._session.request("textDocument/inlineCompletion", params, 300) is None:  # noqa: ASYNC110
            await asyncio.sleep(0.5)
        while (status := await self._host.status()) is None or status.active_streams:  # noqa: ASYNC110 - another process
            await asyncio.sleep(0.01)
        now = Work(status.prompt_tokens, status.reused_tokens)
        before, self._seen = self._seen, now
        return Work(now.prompt - before.prompt, now.reused - before.reused)


async def measure(path: Path, count: int, seed: int, *, each_key: bool) -> bool:
    """Print a line for each place, and the tokens of each key if so wanted; returns whether all met the goal."""
    document = source.read_document(path)
    met = True
    async with (
        run_server([str(Path(sys.executable).with_name("slipstream")), "lsp"]) as session,
        HostClient() as host,
    ):
        typist = Typist(session, host, document, random.Random(seed))
        await typist.start()
        print(f"{path.name}, {len(document.lines)} lines; share of prompt tokens reused")
        print("  line | place         | prompt tokens | first request | keys: asked, least, all | goal")
        for place in choose(document, count):
            first, *keys = await typist.type_at(place)
            asked = [key for key in keys if key.prompt]
            # From the second key on.
            later = [key for key in keys[1:] if key.prompt]
            whole = Work(sum(key.prompt for key in later), sum(key.reused for key in later))
            good = whole.share >= GOAL
            met = met and good
            print(
                f"{place.line + 1:>6} | {place.what:13} | {asked[-1].prompt if asked else 0:13} | {first.share:13.1%} |"
                f" {len(asked):11}, {min((key.share for key in later), default=1):5.1%}, {whole.share:5.1%} |"
                f" {'met' if good else 'MISSED'}",
                flush=True,
            )
            if each_key:
                print("         " + " ".join(f"{key.reused}/{key.prompt}" for key in (first, *keys)), flush=True)
        await host.shutdown()
    return met


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--file", type=Path, help="a source file (default: the sample of `slipstream try`)")
    parser.add_argument("--places", type=int, default=6)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keys", action="store_true", help="print reused and prompt tokens of each key")
    args = parser.parse_args()
    models = str(paths.models_dir())
    with (
        tempfile.TemporaryDirectory(prefix="ss-") as home,
        resources.as_file(resources.files("copilot.cli.samples") / "inventory.py") as sample,
    ):
        os.environ.update(SLIPSTREAM_HOME=home, SLIPSTREAM_MODELS_DIR=models)
        return (
            0
            if asyncio.run(measure((args.file or sample).resolve(), args.places, args.seed, each_key=args.keys))
            else 1
        )


if __name__ == "__main__":
    raise SystemExit(main())
