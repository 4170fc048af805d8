"""What happens to streams, for the audit: each moment becomes an event on the bus, which waits for nothing."""

from typing import Self

import msgspec

from copilot import __version__
from copilot.audit.bus import Bus
from copilot.audit.events import Admitted, Ended, FirstToken, LoginRefused, Refused, SettingsRead, Started
from copilot.config.settings import Settings
from copilot.errors import SlipstreamError
from copilot.serve.api import DoneData, ErrorData, Lane
from copilot.serve.observing import Seen


class Recorder:
    """See :class:`copilot.serve.observing.Observer`."""

    def __init__(self, bus: Bus) -> None:
        self._bus = bus

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        """Waits for what is not written yet."""
        self._bus.close()

    def settings_read(self, settings: Settings) -> None:
        """What the host runs with."""
        tables: dict[str, dict[str, object]] = msgspec.to_builtins(settings)
        values = {f"{table}.{key}": str(value) for table, keys in tables.items() for key, value in keys.items()}
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

    def login_refused(self, code: str) -> None:
        self._bus.publish(LoginRefused(code=code))

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
        self._bus.publish(Refused(tenant=tenant, lane=lane, code=code))
