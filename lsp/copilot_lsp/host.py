"""The engine host as the language server sees it: brought up in the background, waited for only briefly."""

import asyncio
import logging
from collections.abc import Callable
from typing import TYPE_CHECKING

import msgspec

from copilot.completion.framing import UNKNOWN_MODEL, ModelFacts
from copilot.errors import SlipstreamError
from copilot.serve.api import HostState, HostStatus
from copilot_lsp.progress import WorkDone
from copilot_lsp.status import HostView, State
from copilot_lsp.trouble import QUIET

if TYPE_CHECKING:
    from copilot.client.host import HostClient

log = logging.getLogger(__name__)

# How long a request waits for a host that is still loading: someone who asked waits, someone who types does not.
_AUTOMATIC_WAIT_SECONDS = 1.0
_INVOKED_WAIT_SECONDS = 30.0
_POLL_SECONDS = 0.3
# Starting a process that fails is not for every keystroke.
_FIRST_RETRY_SECONDS = 1.0
_LAST_RETRY_SECONDS = 30.0


class HostLink:
    """Keeps the host running and says when it can be asked.

    ``connect`` makes the client, in a thread and on first use only: importing it takes longer than an editor should
    wait for anything. ``tell`` is given what goes wrong, ``ready`` the status of a host that was found ready;
    ``recovered`` is called when an answer shows that it works. ``see`` is given what a status bar shows.
    """

    def __init__(
        self,
        connect: "Callable[[], HostClient]",
        work_done: Callable[[], WorkDone],
        *,
        tell: Callable[[SlipstreamError], None],
        ready: Callable[[HostStatus], None],
        recovered: Callable[[], None],
        see: Callable[[HostView], None],
    ) -> None:
        self.model = UNKNOWN_MODEL
        self._connect = connect
        self._work_done = work_done
        self._tell = tell
        self._ready = ready
        self._recovered = recovered
        self._see = see
        self._view = HostView()
        self._doubtful = False
        """It said that it is ready, and did not answer as it should."""
        self._standing_in = ""
        self._looked_for: str | None = None
        """The model of an answer for which the host was looked at again."""
        self._client: HostClient | None = None
        self._answering = False
        self._task: asyncio.Task[None] | None = None
        self._retry_at = 0.0
        self._retry_seconds = _FIRST_RETRY_SECONDS

    def start(self) -> None:
        """Bring the host up in the background, unless that is going on, done, or failed a moment ago."""
        busy = self._task is not None and not self._task.done()
        if busy or self._answering or asyncio.get_running_loop().time() < self._retry_at:
            return
        self._task = asyncio.create_task(self._bring_up(), name="bring up host")

    async def host(self, *, invoked: bool) -> "HostClient | None":
        """The host's client, once the host can answer; None when it cannot, or not as soon as a request may wait."""
        seconds = _INVOKED_WAIT_SECONDS if invoked else _AUTOMATIC_WAIT_SECONDS
        self.start()
        if not self._answering and self._task is not None:
            await asyncio.wait([self._task], timeout=seconds)
        return self._client if self._answering else None

    @property
    def present(self) -> "HostClient | None":
        """The client of a host that can be asked now; none is brought up for it."""
        return self._client if self._answering else None

    def failed(self, error: SlipstreamError) -> None:
        """A request found that the host cannot answer: look again before the next one."""
        self._answering = False
        self._tell(error)
        if error.code not in QUIET:
            self._doubtful = True
            self._look(State.FAILED, error.message, error.hint)

    def answered(self, model: str | None = None) -> None:
        """A request was answered as it should be, by ``model`` where that is known."""
        self._doubtful = False
        self._look(State.READY, self._standing_in)
        self._recovered()
        idle = self._task is None or self._task.done()
        if model not in {None, self._view.model, self._looked_for} and idle and self._client is not None:
            # Another one stands in for it, or it is back.
            self._looked_for = model
            self._task = asyncio.create_task(self._look_again(self._client), name="look at host")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._client is not None:
            await self._client.aclose()

    async def _bring_up(self) -> None:
        try:
            if self._client is None:
                self._client = await asyncio.to_thread(self._connect)
            for _ in range(2):  # one that is just leaving is replaced
                await self._client.ensure_running()
                if await self._loaded(self._client):
                    break
            else:
                raise SlipstreamError(
                    "The engine host ended while it was starting.",
                    hint="`slipstream doctor` looks for the reason.",
                    code="host_ended",
                    retryable=True,
                )
        except SlipstreamError as error:
            self._retry_at = asyncio.get_running_loop().time() + self._retry_seconds
            self._retry_seconds = min(_LAST_RETRY_SECONDS, 2 * self._retry_seconds)
            self._look(State.FAILED, error.message, error.hint)
            self._tell(error)
        except Exception as error:
            self._retry_at = asyncio.get_running_loop().time() + _LAST_RETRY_SECONDS
            log.error("the engine host could not be started: %s", type(error).__name__)
            trouble = SlipstreamError("The engine host could not be started.", hint="Try `slipstream doctor`.")
            self._look(State.FAILED, trouble.message, trouble.hint)
            self._tell(trouble)
        else:
            self._retry_seconds = _FIRST_RETRY_SECONDS
            self._answering = True

    async def _loaded(self, client: "HostClient") -> bool:
        """Wait while the host fetches or loads its model, and show how far it is. False when it ended meanwhile.

        A host that failed to load answers too: the next request makes it try again, and is told why it failed.
        """
        work_done = self._work_done()
        try:
            while (status := await client.status()) is not None:
                if status.state is HostState.FAILED and status.error is not None:
                    error = status.error
                    self._look(State.FAILED, error.message, error.hint)
                    self._tell(SlipstreamError(error.message, hint=error.hint, code=error.code))
                if status.state is HostState.READY:
                    self._found(status)
                if status.state in {HostState.FAILED, HostState.READY, HostState.UNLOADED}:
                    return True
                detail = status.detail or "Starting"
                self._look(State.STARTING, detail, progress=status.progress)
                work_done.report(detail, status.progress)
                await asyncio.sleep(_POLL_SECONDS)
        finally:
            work_done.end()
        return False

    async def _look_again(self, client: "HostClient") -> None:
        try:
            status = await client.status()
        except SlipstreamError:
            # The next request finds out.
            return
        if status is not None and status.state is HostState.READY:
            self._found(status)

    def _found(self, status: HostStatus) -> None:
        """It is ready, with this model."""
        if status.order:
            self.model = ModelFacts(status.order, status.prefill_tokens_per_second, status.snippets)
        if self._view.model != status.model:
            self._looked_for = None
        # Words about the model that it stands in for, and why.
        self._standing_in = status.detail
        self._view = msgspec.structs.replace(self._view, model=status.model, backend=status.backend)
        if not self._doubtful:
            self._look(State.READY, self._standing_in)
        self._ready(status)

    def _look(self, state: State, message: str = "", hint: str = "", progress: float | None = None) -> None:
        view = self._view
        self._view = msgspec.structs.replace(view, state=state, message=message, hint=hint, progress=progress)
        if self._view != view:
            self._see(self._view)
