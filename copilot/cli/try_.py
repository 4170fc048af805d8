"""Type into a copy of a file, as an editor would, and watch completions come.

Starts `slipstream lsp` and talks to it as an editor does: it opens a copy of FILE (a sample when left out), types at a
few places, and shows the ghost text as it grows, line by line, with its speed. Your file is never touched.
"""

import argparse
import asyncio
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from copilot.cli import ghost, source
from copilot.cli.typing_places import TypingPlace, choose
from copilot.client.lsp_session import LspSession, run_server
from copilot.config.load import LoadedSettings, as_options, load
from copilot.errors import SlipstreamError
from copilot.text.document import Change, Document
from copilot.text.position import Position, PositionEncoding, Range

_HINT = "`slipstream doctor` looks for the reason."
_KEY_SECONDS = 0.12
_READ_SECONDS = 0.8
_COMPLETION_SECONDS = 120.0
_READY_PAUSE_SECONDS = 0.5
# Characters of a position are then code points, as in our documents.
_ENCODING = PositionEncoding.UTF32
_AUTOMATIC, _INVOKED = 2, 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", metavar="FILE", nargs="?", type=Path, help="a file to copy and type into")
    parser.add_argument(
        "--places", type=_at_least_one, default=4, metavar="N", help="how many places (default: %(default)s)"
    )
    parser.add_argument(
        "--timeout",
        type=_seconds,
        default=1800.0,
        metavar="SECONDS",
        help="give up after this long, fetching the model included (default: %(default).0f)",
    )


def run(args: argparse.Namespace) -> int:
    """0 when real completions came, 1 when none did."""
    loaded = load(args.config_file, args.overrides)
    for warning in loaded.warnings:
        print(f"slipstream try: {warning}", file=sys.stderr)
    document = source.read_document(args.file or Path(__file__).with_name("samples") / "inventory.py")
    _refuse_switched_off(loaded, document.language)
    places = choose([line.rstrip("\r\n") for line in document.lines], args.places)
    if not places:
        raise SlipstreamError(
            f"{args.file} has no line to type.", hint="Name a file with some code in it.", code="nothing_to_type"
        )
    screen = ghost.screen()
    try:
        results = asyncio.run(_try(document, places, screen, server_command(args), args.timeout))
    finally:
        screen.close()
    return _conclude(results)


def _at_least_one(text: str) -> int:
    value = int(text) if text.isascii() and text.isdecimal() else 0
    if value < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 1 on")
    return value


def _seconds(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not 0 < value < math.inf:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of seconds above 0")
    return value


def _refuse_switched_off(loaded: LoadedSettings, language: str) -> None:
    """Without this it would wait for completions that the server is told never to give."""
    completion = loaded.settings.completion
    if not completion.enabled:
        name, state, hint = "completion.enabled", "is false", "Set it to true to see some."
    elif language in completion.disabled_languages:
        name, state = "completion.disabled_languages", f"holds {language}"
        hint = f"Take {language} out of it, or name a file in another language."
    else:
        return
    raise SlipstreamError(
        f"Completions are switched off: {name} {state} ({loaded.origins[name]}).", hint=hint, code="switched_off"
    )


def server_command(args: argparse.Namespace) -> list[str]:
    """The installed ``slipstream lsp``, with the options this command was given."""
    script = Path(sys.executable).with_name("slipstream")
    command = [str(script)] if script.exists() else [sys.executable, "-m", "copilot"]
    return [*command, *as_options(args.config_file, args.overrides), "lsp"]


class Answer(NamedTuple):
    """One completion, and how many characters right of the caret it replaces.

    ``ttft`` in seconds from the request to the first ghost text; None when there was none. ``stats``: the server's
    own, as ``slipstream/completionStats`` gives them.
    """

    text: str = ""
    replaced: int = 0
    ttft: float | None = None
    stats: Mapping[str, Any] = MappingProxyType({})

    def describe(self) -> str:
        if not self.text or self.ttft is None:
            return "no suggestion"
        speed, tokens, prompt, reused = (
            self.stats.get(key) for key in ("tokensPerSecond", "generatedTokens", "promptTokens", "reusedTokens")
        )
        parts = [f"TTFT {self.ttft * 1000:.0f} ms"]
        if (self.stats.get("ttftMs") or math.inf) > self.ttft * 1000:
            # Sooner than any token of its own could be.
            return f"{parts[0]} · kept while you typed"
        parts += [f"{speed:.1f} tokens/s"] if speed else []
        parts += [f"{tokens} tokens"] if tokens else []
        parts += [f"{reused} of {prompt} prompt tokens reused"] if prompt else []
        return " · ".join(parts)


class Result(NamedTuple):
    """What came at one place: when the caret got there, and after the last of ``keys``."""

    arrived: Answer
    typed: Answer
    keys: int

    def describe(self) -> str:
        keys = "1 key" if self.keys == 1 else f"{self.keys} keys"
        return f"at first      {self.arrived.describe()}\n  after {keys:7} {self.typed.describe()}"


def _conclude(results: Sequence[Result]) -> int:
    came = [result.typed.ttft for result in results if result.typed.text and result.typed.ttft is not None]
    if not came:
        print("\nNo completion came. Next: `slipstream doctor` looks for the reason.", file=sys.stderr)
        return 1
    middle = statistics.median(came) * 1000
    print(f"\n{len(came)} of {len(results)} places got a completion; TTFT while typing: median {middle:.0f} ms.")
    print("Next: connect your editor to `slipstream lsp`; the README says how.")
    return 0


async def _try(
    document: Document, places: Sequence[TypingPlace], screen: ghost.Screen, command: Sequence[str], seconds: float
) -> list[Result]:
    with tempfile.TemporaryDirectory(prefix="slipstream-try-") as folder:
        path = Path(folder) / Path(document.uri).name
        path.write_text(document.text, encoding="utf-8", newline="")
        copy = Document.from_text(path.as_uri(), document.language, 1, document.text)
        try:
            async with asyncio.timeout(seconds), run_server(command) as session:
                editor = _Editor(session, copy, screen)
                await editor.open(Path(folder))
                return [await editor.type_at(place, accept=index % 2 == 0) for index, place in enumerate(places)]
        except TimeoutError:
            raise SlipstreamError(
                f"It was not done within {seconds:.0f} seconds.", hint=_HINT, code="timeout", retryable=True
            ) from None


class _Question(NamedTuple):
    """A request on its way. ``asked``: monotonic seconds."""

    id: int
    answer: "asyncio.Future[Any]"
    asked: float


class _Editor:
    """What an editor does for inline completion: keeps the document, asks at every key, shows the newest answer."""

    def __init__(self, session: LspSession, document: Document, screen: ghost.Screen) -> None:
        self._session = session
        self._document = document
        self._screen = screen
        self._caret = Position(0, 0)
        self._settled = False
        self._token = 0
        self._first_ghost_at: float | None = None
        self._stats: dict[int, dict[str, Any]] = {}
        self._errors: list[str] = []
        session.on_notification = self._notified

    async def open(self, folder: Path) -> None:
        """Start the session and wait until the server can complete."""
        self._screen.note("Starting the language server")
        await self._session.request(
            "initialize",
            {
                "processId": None,
                "clientInfo": {"name": "slipstream try"},
                "rootUri": folder.as_uri(),
                "workspaceFolders": [{"uri": folder.as_uri(), "name": folder.name}],
                "initializationOptions": {"completionStats": True},
                "capabilities": {
                    "general": {"positionEncodings": [_ENCODING.value]},
                    "window": {"workDoneProgress": True},
                    "workspace": {"configuration": True},
                    "textDocument": {"inlineCompletion": {"dynamicRegistration": False}},
                },
            },
        )
        self._session.notify("initialized", {})
        await self._wait_for_model(folder)
        self._did_open(self._document)

    async def _wait_for_model(self, folder: Path) -> None:
        """Ask in a tiny document until there is an answer: null means that the model is not there yet.

        It has the language of the document: the server may be told to leave others alone.
        """
        name = "probe" + Path(self._document.uri).suffix
        probe = Document.from_text((folder / name).as_uri(), self._document.language, 1, "x = 1 + ")
        self._did_open(probe)
        self._screen.note("Waiting for the model")
        while (
            await self._session.request(
                "textDocument/inlineCompletion",
                _inline_completion(probe.uri, Position(0, 8), _INVOKED),
                _COMPLETION_SECONDS,
            )
            is None
        ):
            if self._errors:
                raise SlipstreamError(self._errors[0], hint=_HINT, code="not_ready")
            await asyncio.sleep(_READY_PAUSE_SECONDS)
        self._session.notify("textDocument/didClose", {"textDocument": {"uri": probe.uri}})

    def _did_open(self, document: Document) -> None:
        item = {
            "uri": document.uri,
            "languageId": document.language,
            "version": document.version,
            "text": document.text,
        }
        self._session.notify("textDocument/didOpen", {"textDocument": item})

    async def type_at(self, place: TypingPlace, *, accept: bool) -> Result:
        """Put the caret at the place, then type its keys; each key's request supersedes the one before."""
        before = self._document
        self._screen.begin(f"{Path(before.uri).name}:{place.line + 1}  {place.what}")
        self._change(Change(place.removed, ""), place.removed.start)
        self._settled = False
        arrived = await self._answer(self._ask())
        for number, key in enumerate(place.keys, 1):
            self._insert(key)
            self._settled = number == len(place.keys)
            question = self._ask()
            if not self._settled:
                await asyncio.sleep(_KEY_SECONDS)
        typed = await self._answer(question)
        self._draw(typed.text, typed.replaced)
        await asyncio.sleep(_READ_SECONDS if sys.stdout.isatty() else 0)
        if accept and typed.text:
            self._draw(typed.text, typed.replaced, accepted=True)
            self._insert(typed.text, typed.replaced)
        result = Result(arrived, typed, len(place.keys))
        self._screen.end(result.describe() + (" · accepted" if accept and typed.text else ""))
        # The next place is to be found as it is in the file.
        self._apply(Change(None, before.text))
        return result

    async def _answer(self, question: "_Question") -> Answer:
        try:
            value = await asyncio.wait_for(question.answer, _COMPLETION_SECONDS)
        except TimeoutError:
            return Answer()
        text, replaced = _first(value)
        if text and self._first_ghost_at is None:
            self._first_ghost_at = time.monotonic()
        ttft = None if self._first_ghost_at is None else self._first_ghost_at - question.asked
        return Answer(text, replaced, ttft, self._stats.get(question.id, {}))

    # The document

    def _insert(self, text: str, replaced: int = 0) -> None:
        caret = self._caret
        end = Position(caret.line, caret.character + replaced)
        lines = text.split("\n")
        after = Position(caret.line + len(lines) - 1, len(lines[-1]) + (caret.character if len(lines) == 1 else 0))
        self._change(Change(Range(caret, end), text), after)

    def _change(self, change: Change, caret: Position) -> None:
        self._apply(change)
        self._caret = caret

    def _apply(self, change: Change) -> None:
        self._document = self._document.apply([change], _ENCODING, self._document.version + 1)
        content: dict[str, Any] = {"text": change.text}
        if change.range is not None:
            content["range"] = {"start": _wire(change.range.start), "end": _wire(change.range.end)}
        self._session.notify(
            "textDocument/didChange",
            {
                "textDocument": {"uri": self._document.uri, "version": self._document.version},
                "contentChanges": [content],
            },
        )

    # The ghost text

    def _ask(self) -> "_Question":
        self._token += 1
        self._first_ghost_at = None
        self._draw("", waiting=True)
        params = {**_inline_completion(self._document.uri, self._caret, _AUTOMATIC), "partialResultToken": self._token}
        asked = time.monotonic()
        return _Question(*self._session.send("textDocument/inlineCompletion", params), asked)

    def _draw(self, text: str, replaced: int = 0, *, waiting: bool = False, accepted: bool = False) -> None:
        lines = [line.rstrip("\r\n") for line in self._document.lines]
        line, column = self._caret.line, self._caret.character
        lines[line] = lines[line][:column] + lines[line][column + replaced :]
        self._screen.show(
            ghost.Scene(
                lines,
                line,
                column,
                text,
                settled=self._settled,
                waiting=waiting,
                accepted=accepted,
            )
        )

    def _notified(self, method: str, params: Any) -> None:
        if method == "$/progress":
            self._progressed(params["token"], params["value"])
        elif method == "slipstream/completionStats":
            self._stats[params["requestId"]] = params
        elif method == "window/showMessage" and params.get("type") == 1:
            self._errors.append(str(params.get("message")).removeprefix("Slipstream: "))

    def _progressed(self, token: object, value: dict[str, Any]) -> None:
        if token == self._token:
            text, replaced = _first(value)
            if text and self._first_ghost_at is None:
                self._first_ghost_at = time.monotonic()
            self._draw(text, replaced)
        elif value.get("message"):
            share = value.get("percentage")
            self._screen.note(str(value["message"]) + (f" ({share} %)" if share is not None else ""))


def _inline_completion(uri: str, caret: Position, trigger: int) -> dict[str, Any]:
    return {"textDocument": {"uri": uri}, "position": _wire(caret), "context": {"triggerKind": trigger}}


def _wire(position: Position) -> dict[str, int]:
    return {"line": position.line, "character": position.character}


def _first(value: Any) -> tuple[str, int]:
    """The first suggestion, and how many characters right of the caret it replaces."""
    items = value.get("items") if isinstance(value, dict) else value
    if not items:
        return "", 0
    span = items[0].get("range")
    return str(items[0]["insertText"]), span["end"]["character"] - span["start"]["character"] if span else 0
