"""What happens to streams, for the audit: each moment becomes an event on the bus, which waits for nothing."""

import re
import time
from collections.abc import Callable
from typing import NamedTuple, Self

import msgspec

from copilot import __version__
from copilot.audit.bus import Bus
from copilot.audit.events import Admitted, Ended, FirstToken, LoginRefused, Refused, SettingsRead, Started, Text
from copilot.config.settings import Settings
from copilot.errors import SlipstreamError
from copilot.serve.api import DoneData, ErrorData, Lane
from copilot.serve.observing import Seen

SELDOM_SECONDS = 10.0
_MOST_KINDS = 10_000


class _Refusals(NamedTuple):
    """``at``: when one was recorded. ``more``: so many since, the last of which is ``last``."""

    at: float
    more: int
    last: Refused | LoginRefused


class Recorder:
    """See :class:`copilot.serve.observing.Observer`. ``clock``: seconds, never goes back.

    Refusals come as fast as anyone can ask. Of each kind one is recorded in ``SELDOM_SECONDS``, with how many there
    were, so that no flood of them drives out what else is recorded.
    """

    def __init__(self, bus: Bus, clock: Callable[[], float] = time.monotonic) -> None:
        self._bus = bus
        self._clock = clock
        self._refusals: dict[tuple[str, str, str], _Refusals] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Waits for what is not written yet."""
        for refusals in self._refusals.values():
            if refusals.more:
                self._bus.publish(msgspec.structs.replace(refusals.last, count=refusals.more))
        self._bus.close()

    def settings_read(self, settings: Settings) -> None:
        """What the host runs with."""
        tables: dict[str, dict[str, object]] = msgspec.to_builtins(settings)
        values = {f"{table}.{key}": str(value) for table, keys in tables.items() for key, value in keys.items()}
        values["audit.nats"] = re.sub(r"//[^/]*@", "//", values["audit.nats"])
        self._bus.publish(SettingsRead(version=__version__, values=values))

    def need_record(self) -> None:
        """Raises :class:`SlipstreamError` ``not_recorded`` where what is asked must be recorded and can't be."""
        if self._bus.refusing:
            raise SlipstreamError(
                "Requests must be recorded on this host, and can't be now.",
                hint="Tell whoever runs it: its log says why. It goes on by itself when it can.",
                code="not_recorded",
                retryable=True,
            )

    def login_refused(self, code: str, address: str) -> None:
        self._refuse(("", "", code), LoginRefused(code=code, client=address))

    @property
    def takes_text(self) -> bool:
        return self._bus.takes_text

    def written(self, seen: Seen, prompt: str, answer: str, /) -> None:
        text = Text(tenant=seen.tenant, request=seen.stream, lane=seen.lane, prompt=prompt, answer=answer)
        self._bus.publish(text)

    def queued(self, seen: Seen, /) -> None:
        self._bus.publish(Admitted(tenant=seen.tenant, request=seen.stream, lane=seen.lane))

    def started(self, seen: Seen, queue_ms: float, /) -> None:
        model = seen.model.id
        self._bus.publish(
            Started(tenant=seen.tenant, request=seen.stream, lane=seen.lane, model=model, queue_ms=round(queue_ms, 3))
        )

    def first_token(self, seen: Seen, ttft_ms: float, /) -> None:
        self._bus.publish(
            FirstToken(tenant=seen.tenant, request=seen.stream, lane=seen.lane, ttft_ms=round(ttft_ms, 3))
        )

    def ended(self, seen: Seen, end: DoneData | ErrorData, /) -> None:
        event = Ended(
            tenant=seen.tenant,
            request=seen.stream,
            lane=seen.lane,
            reason=end.code if isinstance(end, ErrorData) else end.reason,
            model=seen.model.id,
            model_sha256=seen.model.sha256,
        )
        if isinstance(end, DoneData):
            event = msgspec.structs.replace(
                event,
                prompt_tokens=end.prompt_tokens,
                reused_tokens=end.reused_tokens,
                generated_tokens=end.generated_tokens,
                queue_ms=round(end.queue_ms, 3),
                ttft_ms=None if end.ttft_ms is None else round(end.ttft_ms, 3),
                total_ms=round(end.total_ms, 3),
            )
        self._bus.publish(event)

    def refused(self, tenant: str, lane: Lane, code: str, /) -> None:
        self._refuse((tenant, lane, code), Refused(tenant=tenant, lane=lane, code=code))

    def _refuse(self, kind: tuple[str, str, str], event: Refused | LoginRefused) -> None:
        now = self._clock()
        if len(self._refusals) >= _MOST_KINDS and kind not in self._refusals:
            kind = ("", "", "other")
        before = self._refusals.get(kind)
        count = 1 if before is None else before.more + 1
        if before is not None and now - before.at < SELDOM_SECONDS:
            self._refusals[kind] = _Refusals(before.at, count, event)
            return
        self._refusals[kind] = _Refusals(now, 0, event)
        self._bus.publish(msgspec.structs.replace(event, count=count))
