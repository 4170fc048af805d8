"""Figures for Prometheus (https://prometheus.io/docs/practices/naming): counted as streams go, read at ``/metrics``.

Times in seconds, sizes in bytes. Each different set of labels is a series that a scraper keeps, so histograms tell
lanes apart but not tenants, and of tenants and error codes only the first ones have a name of their own.
"""

from collections import Counter as Sums
from collections.abc import Iterator, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4

from copilot.serve.api import DoneData, ErrorData, Lane
from copilot.serve.keeper import Ready
from copilot.serve.memory import resident_bytes
from copilot.serve.observing import Seen

MOST_TENANTS = 1000
OTHER = "other"
"""Stands for those beyond that."""

_MOST_REASONS = 100
"""Codes of errors come from the worker too, which runs foreign files."""

_SECONDS = (
    *(0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75),
    *(1.0, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 30.0, 60.0),
)
_FAST_SECONDS = (0.001, 0.002, 0.003, *_SECONDS)
"""A GPU needs less than 5 ms for a token of a small model."""

# Else every counter is followed by a series with the time of its making.
disable_created_metrics()  # type: ignore[no-untyped-call]


class Metrics:
    """An ``Observer``. ``tenant`` is empty for whoever runs the host."""

    content_type = CONTENT_TYPE_PLAIN_0_0_4
    """Of :meth:`exposition`."""

    def __init__(self) -> None:
        own = self._registry = CollectorRegistry()
        whose = ("lane", "tenant")
        self._tenants = _Few(MOST_TENANTS)
        self._reasons = _Few(_MOST_REASONS)
        self._started: set[str] = set()
        """Streams that run."""
        self._admitted = Counter("slipstream_requests_admitted", "Requests that became a stream.", whose, registry=own)
        self._refused = Counter(
            "slipstream_requests_refused",
            "Requests that did not, because someone asked too much or too many waited.",
            (*whose, "code"),
            registry=own,
        )
        self._ended = Counter(
            "slipstream_requests_ended",
            "Streams that ended: as stop, length or cancelled, or with the code of an error.",
            (*whose, "reason"),
            registry=own,
        )
        self._queue = Histogram(
            "slipstream_queue_seconds",
            "From a request's arrival until the engine took it, of those that it took.",
            ("lane",),
            buckets=_SECONDS,
            registry=own,
        )
        self._ttft = Histogram(
            "slipstream_ttft_seconds",
            "From a request's arrival until its first token.",
            ("lane",),
            buckets=_SECONDS,
            registry=own,
        )
        self._itl = Histogram(
            "slipstream_itl_seconds",
            "Between two tokens, on average over a stream that came to its own end; one value a stream.",
            ("lane",),
            buckets=_FAST_SECONDS,
            registry=own,
        )
        self._prompt = Counter(
            "slipstream_prompt_tokens", "In the prompts of streams that ended without an error.", whose, registry=own
        )
        self._reused = Counter(
            "slipstream_reused_tokens", "Those of them that were in the KV cache.", whose, registry=own
        )
        self._generated = Counter(
            "slipstream_generated_tokens", "In the answers of streams that ended without an error.", whose, registry=own
        )
        self._cancelled = Counter(
            "slipstream_cancelled_tokens", "Those of them whose stream was cancelled.", whose, registry=own
        )
        self._running = Gauge("slipstream_streams_running", "Streams that the engine took.", whose, registry=own)
        self._waiting = Gauge("slipstream_streams_waiting", "Streams that it did not take yet.", whose, registry=own)

    def queued(self, seen: Seen, /) -> None:
        whose = self._whose(seen.lane, seen.tenant)
        self._admitted.labels(*whose).inc()
        self._waiting.labels(*whose).inc()

    def started(self, seen: Seen, queue_ms: float, /) -> None:
        whose = self._whose(seen.lane, seen.tenant)
        self._started.add(seen.stream)
        self._waiting.labels(*whose).dec()
        self._running.labels(*whose).inc()
        self._queue.labels(seen.lane.value).observe(queue_ms / 1000)

    def first_token(self, seen: Seen, ttft_ms: float, /) -> None:
        self._ttft.labels(seen.lane.value).observe(ttft_ms / 1000)

    def ended(self, seen: Seen, end: DoneData | ErrorData, /) -> None:
        whose = self._whose(seen.lane, seen.tenant)
        (self._running if seen.stream in self._started else self._waiting).labels(*whose).dec()
        self._started.discard(seen.stream)
        reason = end.reason if isinstance(end, DoneData) else end.code
        self._ended.labels(*whose, self._reasons.name(reason)).inc()
        if isinstance(end, ErrorData):
            return
        if end.prompt_tokens > 0:
            self._prompt.labels(*whose).inc(end.prompt_tokens)
            self._reused.labels(*whose).inc(max(0, end.reused_tokens))
        if end.generated_tokens > 0:
            self._generated.labels(*whose).inc(end.generated_tokens)
            if reason == "cancelled":
                self._cancelled.labels(*whose).inc(end.generated_tokens)
        if reason != "cancelled" and (seconds := _itl_seconds(end)) is not None:
            self._itl.labels(seen.lane.value).observe(seconds)

    takes_text = False

    def written(self, seen: Seen, prompt: str, answer: str, /) -> None:
        """Figures have no text."""

    def refused(self, tenant: str, lane: Lane, code: str, /) -> None:
        self._refused.labels(*self._whose(lane, tenant), self._reasons.name(code)).inc()

    def exposition(self, held: Sequence[Ready]) -> bytes:
        """All of it, and what the engines of ``held`` say of themselves. From any thread, and better not from
        the loop's: it looks through the processes of this machine."""
        return generate_latest(self._registry) + generate_latest(_Engines(held))

    def _whose(self, lane: Lane, tenant: str) -> tuple[str, str]:
        return lane.value, self._tenants.name(tenant)


class _Few:
    """The first ``most`` different names; ``OTHER`` in place of the rest."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._names: set[str] = set()

    def name(self, name: str) -> str:
        if name not in self._names:
            if len(self._names) >= self._most:
                return OTHER
            self._names.add(name)
        return name


class _Engines:
    """A collector: figures that are there anyway, and are only looked at when someone asks."""

    def __init__(self, held: Sequence[Ready]) -> None:
        self._held = held

    def collect(self) -> Iterator[Metric]:
        slots, busy, restarts, gpu, prompt, reused = (Sums[str]() for _ in range(6))
        for loaded, generations in self._held:
            # A model that is being replaced by the same one is there twice.
            engine, model = loaded.engine, loaded.engine.model.id
            slots[model] += engine.capabilities.slots
            busy[model] += generations.active
            restarts[model] += engine.restarts
            gpu[model] += engine.capabilities.gpu_bytes
            prompt[model] += engine.totals.prompt_tokens
            reused[model] += engine.totals.reused_tokens
        yield _gauge("slipstream_slots", "Streams that the engine runs side by side.", slots)
        yield _gauge("slipstream_slots_busy", "Slots that are taken, until the engine has let go of them.", busy)
        yield _gauge("slipstream_gpu_memory_bytes", "Of the GPUs' memory that the engine holds.", gpu)
        shares = {model: reused[model] / tokens for model, tokens in prompt.items() if tokens}
        text = "Share of prompt tokens found in the KV cache since the model was loaded."
        yield _gauge("slipstream_kv_reuse_ratio", text, shares)
        family = CounterMetricFamily(
            "slipstream_worker_restarts", "How often the engine's worker was started again.", labels=("model",)
        )
        for model, count in restarts.items():
            family.add_metric((model,), count)
        yield family
        yield GaugeMetricFamily(
            "slipstream_resident_memory_bytes", "Held by the host and its engine workers.", resident_bytes()
        )


def _gauge(name: str, text: str, values: "Sums[str] | dict[str, float]") -> Metric:
    family = GaugeMetricFamily(name, text, labels=("model",))
    for model, value in values.items():
        family.add_metric((model,), value)
    return family


def _itl_seconds(done: DoneData) -> float | None:
    """Where the engine doesn't say how long it took, as the host saw it; None where there were no two tokens."""
    if done.generated_tokens < 2:
        return None
    if done.decode_ms > 0:
        return done.decode_ms / done.generated_tokens / 1000
    return None if done.ttft_ms is None else (done.total_ms - done.ttft_ms) / (done.generated_tokens - 1) / 1000
