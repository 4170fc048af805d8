"""The window's connection to the engine host and to editors: one thread with a loop of its own. No Qt.

Everything that is asked for returns at once; what comes of it is taken with :meth:`Wire.take`. The host is started by a
question, not by looking: a window that is only open costs no memory for a model.
"""

import asyncio
import contextlib
import logging
import threading
import time
from collections import deque
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from copilot.chat.exchange import FromEditor, FromWindow
from copilot.chat.question import Turn
from copilot.chat.thread import Figures
from copilot.client.answers import ChatPiece
from copilot.client.host import HostClient
from copilot.errors import SlipstreamError
from copilot.serve.api import HostState, HostStatus, PeerBody, PeerRole, PeersData
from copilot_desktop.events import AnswerOver, Came, Event, HostSeen, LetterCame, PeersSeen, Progress, Text, Waiting

log = logging.getLogger(__name__)

POLL_SECONDS = 1.0
_QUEUE_SECONDS = 0.4
_SETTLE_SECONDS = 1.0
_CLOSE_SECONDS = 5.0

Work = Callable[[HostClient], Awaitable[Any]]
Report = Callable[[Any], None]


class Wire:
    """``connect`` makes the client; ``notify`` is called on the wire's thread when there is something to take, and not
    again until it is taken."""

    def __init__(self, connect: Callable[[], HostClient], notify: Callable[[], None]) -> None:
        self._client = connect()
        self._notify = notify
        self._events: deque[Event] = deque()
        self._told = False
        self._loop = asyncio.new_event_loop()
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._roots: asyncio.Queue[tuple[Path | None, tuple[str, ...]]] = asyncio.Queue()
        self._letters: asyncio.Queue[tuple[str, FromWindow]] = asyncio.Queue()
        self._stopped = asyncio.Event()
        self._poll = asyncio.Event()
        self._tell_again = True
        self._me = ""
        self._thread = threading.Thread(target=self._run, name="wire", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """End everything that runs; the host is told by its connections closing."""
        if not self._thread.is_alive():
            return
        self._loop.call_soon_threadsafe(self._stop)
        self._thread.join(_CLOSE_SECONDS)

    def take(self) -> list[Event]:
        """What came since the last time, in order; pieces of one answer that follow each other are one."""
        self._told = False
        taken: list[Event] = []
        pieces: list[str] = []
        while self._events:
            event = self._events.popleft()
            if isinstance(event, Text) and taken and isinstance(taken[-1], Text) and taken[-1].name == event.name:
                pieces.append(event.text)
                continue
            _joined(taken, pieces)
            taken.append(event)
        _joined(taken, pieces)
        return taken

    # ------------------------------------------------------------------------------------------ from Qt's thread

    def ask(self, name: str, turns: Sequence[Turn], max_tokens: int) -> None:
        """The answer comes as :class:`Text` and one :class:`AnswerOver`. Starts the host where there is none."""
        self._later(name, lambda: self._answer(name, turns, max_tokens))

    def stop(self, name: str) -> None:
        """End an answer or a piece of work. Its end comes as an event all the same."""
        self._loop.call_soon_threadsafe(self._cancel, name)

    def call(self, name: str, work: Work, *, start: bool = False) -> None:
        """Ask the host something; comes as :class:`Came`. ``start``: start a host for it."""

        async def called() -> Any:
            if start:
                await self._client.ensure_running()
            return await work(self._client)

        self._later(name, lambda: self._came(name, called))

    def work(self, name: str, work: Callable[[Report], Any]) -> None:
        """Something that reads the disk, in a thread of its own; comes as :class:`Came`, and before it as
        :class:`Progress` what it reports."""

        def report(value: Any) -> None:
            self._loop.call_soon_threadsafe(self._put, Progress(name, value))

        async def done() -> Any:
            return await asyncio.to_thread(work, report)

        self._later(name, lambda: self._came(name, done))

    def send(self, to: str, letter: FromWindow) -> None:
        """To an editor. Where it has gone meanwhile, nothing comes back."""
        self._loop.call_soon_threadsafe(self._letters.put_nowait, (to, letter))

    def keep_index(self, root: str, exclude: Sequence[str]) -> None:
        """Keep the index of a workspace from here on, and of no other; empty: of none."""
        folder = Path(root) if _is_project(root) else None
        self._loop.call_soon_threadsafe(self._roots.put_nowait, (folder, tuple(exclude)))

    def look(self) -> None:
        """Look after the host now, and tell of it even where nothing has changed."""

        def look() -> None:
            self._tell_again = True
            self._poll.set()

        self._loop.call_soon_threadsafe(look)

    # ------------------------------------------------------------------------------------------- on its own thread

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._stay())
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            # Not its executor: a thread that reads the disk may be in the middle, and nobody waits for it any more.
            self._loop.close()

    async def _stay(self) -> None:
        forever = {"watch": self._watch, "join": self._join, "deliver": self._deliver, "index": self._index}
        for name, work in forever.items():
            self._begin(name, work)
        await self._stopped.wait()
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._client.aclose()

    def _stop(self) -> None:
        self._stopped.set()

    def _later(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self._loop.call_soon_threadsafe(self._begin, name, work)

    def _begin(self, name: str, work: Callable[[], Awaitable[None]]) -> None:
        self._cancel(name)
        task = asyncio.ensure_future(work())
        self._tasks[name] = task

        def over(done: "asyncio.Future[None]") -> None:
            if self._tasks.get(name) is done:
                del self._tasks[name]

        task.add_done_callback(over)

    def _cancel(self, name: str) -> None:
        if (task := self._tasks.pop(name, None)) is not None:
            task.cancel()

    def _put(self, event: Event) -> None:
        self._events.append(event)
        if not self._told:
            self._told = True
            self._notify()

    async def _came(self, name: str, work: Callable[[], Awaitable[Any]]) -> None:
        try:
            self._put(Came(name, await work()))
        except SlipstreamError as error:
            self._put(Came(name, error=error))
        except asyncio.CancelledError:
            raise
        except Exception as error:
            log.exception("%s failed", name.partition(":")[0])
            self._put(Came(name, error=SlipstreamError(f"It failed: {type(error).__name__}.", code="internal")))

    async def _index(self) -> None:
        """One folder's index after the other."""
        folder, exclude = await self._roots.get()
        while True:
            kept = asyncio.ensure_future(self._indexed(folder, exclude))
            try:
                folder, exclude = await self._roots.get()
            finally:
                kept.cancel()
                # It ends its process; two for one folder would only wait for each other.
                await asyncio.wait([kept])

    async def _indexed(self, folder: Path | None, exclude: Sequence[str]) -> None:
        if folder is None:
            return
        # Editors come and go; a process is worth it for one that stays.
        await asyncio.sleep(_SETTLE_SECONDS)
        from copilot.index.handle import Handle

        handle = Handle()
        handle.start(folder, exclude, lambda status: None)
        try:
            await asyncio.Event().wait()
        finally:
            await handle.close()

    # ------------------------------------------------------------------------------------------------ the host

    async def _watch(self) -> None:
        seen: HostStatus | None = None
        while True:
            try:
                status = await self._client.status()
            except SlipstreamError:
                status = None
            told = _without_clock(status)
            if self._tell_again or told != seen:
                self._tell_again, seen = False, told
                self._put(HostSeen(status))
            self._poll.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(POLL_SECONDS):
                    await self._poll.wait()

    async def _join(self) -> None:
        """Be a peer wherever there is a host."""
        while True:
            with contextlib.suppress(SlipstreamError):
                async with contextlib.aclosing(
                    self._client.join(PeerBody(role=PeerRole.WINDOW, name="Slipstream window"))
                ) as posts:
                    async for post in posts:
                        if isinstance(post, PeersData):
                            self._me = post.you
                            self._put(PeersSeen(tuple(it for it in post.peers if it.role is PeerRole.EDITOR)))
                            continue
                        try:
                            letter = msgspec.json.decode(bytes(post.body), type=FromEditor)
                        except msgspec.MsgspecError:
                            log.warning("a letter of an editor was not understood")
                            continue
                        self._put(LetterCame(post.sender, letter))
            self._put(PeersSeen(()))
            await asyncio.sleep(POLL_SECONDS / 2)

    async def _deliver(self) -> None:
        while True:
            to, letter = await self._letters.get()
            with contextlib.suppress(SlipstreamError):
                await self._client.send(self._me, to, letter)

    # ----------------------------------------------------------------------------------------------- an answer

    async def _answer(self, name: str, turns: Sequence[Turn], max_tokens: int) -> None:
        run = _Run(name)
        try:
            await self._asked(run, turns, max_tokens)
        except SlipstreamError as error:
            self._put(AnswerOver(name, "error", run.model, run.figures, error))
        except asyncio.CancelledError:
            self._put(AnswerOver(name, "cancelled", run.model, run.figures))
            raise
        except Exception:
            log.exception("an answer failed")
            wrong = SlipstreamError("Something went wrong in this window.", hint="Ask again.", code="internal")
            self._put(AnswerOver(name, "error", run.model, run.figures, wrong))
        else:
            self._put(AnswerOver(name, run.finish or "stop", run.model, run.figures))

    async def _asked(self, run: "_Run", turns: Sequence[Turn], max_tokens: int) -> None:
        client = self._client
        for again in (True, False):
            await client.ensure_running()
            self._poll.set()
            async for status in client.wait_ready():
                self._put(HostSeen(status))
            try:
                await self._read(client, run, turns, max_tokens)
            except SlipstreamError as error:
                # A host that left while nobody asked is replaced; text that came is never asked for twice.
                if again and error.code == "host_lost" and not run.came:
                    continue
                raise
            return

    async def _read(self, client: HostClient, run: "_Run", turns: Sequence[Turn], max_tokens: int) -> None:
        pieces = client.chat_pieces(
            turns, max_tokens=max_tokens, stream_options={"include_usage": True}, temperature=0.2
        )
        watching: asyncio.Task[None] | None = None
        try:
            async with contextlib.aclosing(pieces):
                async for piece in pieces:
                    if piece.stream and watching is None:
                        watching = asyncio.ensure_future(self._queued(client, run, piece.stream))
                    run.take(piece)
                    if piece.text:
                        self._put(Text(run.name, piece.text))
        finally:
            if watching is not None:
                watching.cancel()

    async def _queued(self, client: HostClient, run: "_Run", stream: str) -> None:
        with contextlib.suppress(SlipstreamError):
            while not run.came and (position := await client.position(stream)) is not None:
                self._put(Waiting(run.name, position))
                await asyncio.sleep(_QUEUE_SECONDS)


class _Run:
    """An answer as it comes."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.model = ""
        self.finish: str | None = None
        self.came = False
        self._begun = time.monotonic()
        self._first: float | None = None
        self._usage: Mapping[str, Any] = {}

    def take(self, piece: ChatPiece) -> None:
        self.model = piece.model or self.model
        self.finish = piece.finish or self.finish
        self._usage = piece.usage or self._usage
        if piece.text and not self.came:
            self.came = True
            self._first = time.monotonic()

    @property
    def figures(self) -> Figures:
        """As the user saw them: from the question on, the queue included."""
        timings = self._usage.get("timings") or {}
        details = self._usage.get("prompt_tokens_details") or {}
        generated = int(self._usage.get("completion_tokens") or 0)
        decode_ms = float(timings.get("predicted_ms") or 0.0)
        return Figures(
            ttft_ms=None if self._first is None else (self._first - self._begun) * 1000,
            tokens_per_second=generated / decode_ms * 1000 if decode_ms > 0 else None,
            prompt_tokens=int(self._usage.get("prompt_tokens") or 0),
            reused_tokens=int(details.get("cached_tokens") or 0),
            generated_tokens=generated,
        )


def _joined(taken: list[Event], pieces: list[str]) -> None:
    if pieces:
        last = taken[-1]
        assert isinstance(last, Text)
        taken[-1] = Text(last.name, "".join([last.text, *pieces]))
        pieces.clear()


def _without_clock(status: HostStatus | None) -> HostStatus | None:
    """What of it is worth telling: the times change with every look."""
    if status is None:
        return None
    return msgspec.structs.replace(status, uptime_s=0.0, idle_s=0.0, memory_bytes=status.memory_bytes >> 24)


def _is_project(root: str) -> bool:
    """A home folder, or one above it, holds far more than that."""
    folder, home = Path(root), Path.home()
    return bool(root) and folder.is_dir() and folder != home and folder not in home.parents


def is_up(status: HostStatus | None) -> bool:
    return status is not None and status.state is not HostState.STOPPING
