"""The llama.cpp backend, through ``xllamacpp``. Runs inside the worker process; blocks; called from several threads.

What was measured with xllamacpp 2026.10.11549 and is built upon:

- A callback that returns true cancels a generation; while a prompt is prefilled there is a callback for each step of
  ``n_batch`` tokens, if ``return_progress`` is on. The finished steps stay in the KV cache.
- A control token that ends a text for the model ends the generation. Any other is generated on and on, invisible,
  unless it is named in ``preserved_tokens``: then it is spelled out, so that it can be found in the text.
- Its own stop strings lose text: what it holds back when ``max_tokens`` ends an answer never comes. So we look.
- Errors come as a chunk. An exception in the callback is swallowed.
- The server that it starts listens, always: here on a socket in a private folder, with a random key.
"""

import contextlib
import http.client
import os
import secrets
import shutil
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from copilot.engine import json_schema, prompting
from copilot.engine.backend import Cancellation, Emit, Report
from copilot.engine.holdback import StopHoldback
from copilot.engine.protocol import Finish, FinishReason, Progress, PromptPlan, SamplingParams
from copilot.engine.slots import Slots
from copilot.engine.tokenizer import Tokenizer
from copilot.engine.wire import Event, Load, Loaded
from copilot.errors import SlipstreamError

_READ = 16 * 1024 * 1024
_BPE = 2  # LLAMA_VOCAB_TYPE_BPE in llama.h

_LOOKUP = 3
_GUESSES = 3
"""With the token before them four, which a CPU computes in the time of some three steps of one token. Of more guesses
more are wrong, and cost what the right ones save."""


class LlamaCpp:
    """One loaded model. Raises :class:`SlipstreamError` with code ``engine_failed`` when it can't be loaded.

    Loading holds the interpreter's lock: no other thread runs meanwhile, and no signal handler.
    """

    def __init__(self, load: Load, report: Report) -> None:
        self._folder = Path(load.folder)
        key = secrets.token_hex(16)
        address = self._folder / "llama.sock"
        _read_ahead(Path(load.path), report)
        try:
            import xllamacpp

            params = _parameters(xllamacpp.CommonParams(), load, address, key)
            if load.speculation == "ngram":
                _speculate(params.speculative, xllamacpp.common_speculative_type.COMMON_SPECULATIVE_TYPE_NGRAM_MAP_K)
            # Fitting the layers into a GPU's memory costs 0.8 s, also where there is no GPU.
            params.fit_params = any(device["type"].name.endswith("GPU") for device in xllamacpp.get_device_info())
            self._server = xllamacpp.Server(params)
        except (ImportError, RuntimeError, ValueError) as error:
            raise _not_loaded(load, error) from error
        address.chmod(0o600)
        self._api = _Api(address, key)
        meta = self._api.call("GET", "/v1/models")["data"][0]["meta"]
        self._slots = Slots(load.slots, meta["n_ctx"])
        self.loaded = Loaded(
            context_length=min(meta["n_ctx"], meta["n_ctx_train"], load.context_tokens),
            patient_tokens=self._slots.patient_tokens,
            version=xllamacpp.__version__,
            # llama.cpp has none for a token that was guessed.
            logprobs=load.speculation != "ngram",
            grammar=True,
        )
        self._tokenizer = Tokenizer(
            lambda body: self._api.call("POST", "/tokenize", body), name=load.name, blockwise=meta["vocab_type"] == _BPE
        )

    def count(self, text: str) -> int:
        return len(self._tokenizer.content(text))

    def generate(
        self, id: int, plan: PromptPlan, params: SamplingParams, cancelled: Cancellation, emit: Emit
    ) -> Finish:
        """See :class:`copilot.engine.backend.Backend`."""
        ids, max_tokens = prompting.prompt(
            plan,
            params.max_tokens,
            tokenizer=self._tokenizer,
            slots=self._slots,
            context_length=self.loaded.context_length,
        )
        patient = prompting.is_patient(plan, params.max_tokens, self._slots)
        # Refused before it has a slot, whose content is then still what it was.
        sampling = _sampling(params)
        room = len(ids) + max_tokens
        place = self._slots.acquire(ids, room, cancelled, patient=patient, owner=plan.owner)
        if place is None:
            return Finish(reason=FinishReason.CANCELLED, prompt_tokens=len(ids), reused_tokens=0, generated_tokens=0)
        stops = (*plan.stop, *params.stop, *plan.controls)
        run = _Run(id, len(ids), stops, cancelled, emit, prefill_only=not max_tokens)
        try:
            request = {
                "prompt": ids,
                "id_slot": place.slot,
                "max_tokens": max_tokens,
                "stream": True,
                "return_progress": True,
                "timings_per_token": True,
                "cache_prompt": place.reuses,
                "preserved_tokens": list(plan.controls),
                **sampling,
            }
            self._server.handle_completions(request, run.take)
        finally:
            self._slots.release(place.slot, run.processed)
        return run.finish()

    def wake(self) -> None:
        self._slots.wake()

    def close(self) -> None:
        """Remove what it left on disk. The process ends next; the native threads end with it."""
        shutil.rmtree(self._folder, ignore_errors=True)


class _Run:
    """One generation's chunks, as llama.cpp sends them, to events. Ends it in the step in which a stop string came."""

    def __init__(
        self,
        id: int,
        prompt_tokens: int,
        stops: Iterable[str],
        cancelled: Cancellation,
        emit: Emit,
        *,
        prefill_only: bool = False,
    ) -> None:
        self.processed = 0
        """Tokens of the prompt that are in the KV cache."""
        self._id = id
        self._prompt_tokens = prompt_tokens
        self._cancelled = cancelled
        self._emit = emit
        self._prefill_only = prefill_only
        # Only looked at: the text goes out as it is, the host holds back.
        self._holdback = StopHoldback(stops)
        self._reused = 0
        self._timings: Mapping[str, Any] = {}
        self._reason = FinishReason.CANCELLED
        self._failure: SlipstreamError | None = None

    def take(self, chunk: dict[str, Any]) -> bool:
        """The callback. Returns whether to cancel."""
        try:
            self._take(chunk)
        except Exception as error:
            # xllamacpp would swallow it and go on.
            self._failure = SlipstreamError(
                "The engine answered in a way that is not understood.",
                hint=f"The installed xllamacpp may be too new ({type(error).__name__}).",
                code="engine_failed",
            )
        return self._failure is not None or self._reason is not FinishReason.CANCELLED or self._cancelled()

    def finish(self) -> Finish:
        if self._failure is not None:
            raise self._failure
        return Finish(
            reason=self._reason,
            prompt_tokens=self._prompt_tokens,
            reused_tokens=self._reused,
            generated_tokens=self._timings.get("predicted_n", 0),
            prefill_ms=self._timings.get("prompt_ms", 0.0),
            decode_ms=self._timings.get("predicted_ms", 0.0),
        )

    def _take(self, chunk: dict[str, Any]) -> None:
        at = time.monotonic()
        if error := chunk.get("error"):
            self._failure = _refused(error)
            return
        if progress := chunk.get("prompt_progress"):
            self._reused = progress["cache"]
            self.processed = progress["processed"]
            state = Progress(processed=progress["processed"], total=progress["total"], reused=progress["cache"])
            self._emit(Event(id=self._id, at=at, progress=state))
            if self._prefill_only and self.processed == progress["total"]:
                # Asked for no tokens llama.cpp makes one.
                self._reason = FinishReason.LENGTH
        choice = chunk["choices"][0]
        self._timings = chunk.get("timings", self._timings)
        for event in self._events(choice, at):
            self._emit(event)
        self._holdback.feed(choice["text"])
        if self._holdback.stopped:
            self._reason = FinishReason.STOP
        elif reason := choice["finish_reason"]:
            self._reason = FinishReason.LENGTH if reason == "length" else FinishReason.STOP

    def _events(self, choice: dict[str, Any], at: float) -> Iterator[Event]:
        data = choice["text"].encode("utf-8", "surrogatepass")
        # Should a chunk have several tokens, the text comes with the last of them.
        tokens = (choice["logprobs"] or {}).get("content") or []
        for number, token in enumerate(tokens, 1):
            yield Event(
                id=self._id,
                at=at,
                data=data if number == len(tokens) else b"",
                token_id=token["id"],
                logprob=token["logprob"],
            )
        if data and not tokens:
            yield Event(id=self._id, at=at, data=data)


class _Api:
    """JSON over the server's socket; one connection, kept open while the server does."""

    def __init__(self, address: Path, key: str) -> None:
        self._address = str(address)
        self._headers = {"Content-Type": "application/json", "Authorization": f"Bearer {key}"}
        self._connection: _UnixConnection | None = None
        self._lock = threading.Lock()

    def call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        data = None if body is None else msgspec.json.encode(body)
        with self._lock:
            if self._connection is not None:
                # The server closes a connection after some seconds or requests.
                with contextlib.suppress(http.client.HTTPException, OSError):
                    return self._exchange(self._connection, method, path, data)
                self._connection.close()
            self._connection = _UnixConnection(self._address)
            return self._exchange(self._connection, method, path, data)

    def _exchange(self, connection: "_UnixConnection", method: str, path: str, data: bytes | None) -> Any:
        connection.request(method, path, data, self._headers)
        response = connection.getresponse()
        content = response.read()
        if response.status != http.HTTPStatus.OK:
            raise SlipstreamError(
                f"The engine refused {path} with status {response.status}.",
                hint="This is a mistake in Slipstream; please report it.",
                code="engine_failed",
            )
        return msgspec.json.decode(content)


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, address: str) -> None:
        super().__init__("localhost", timeout=60)
        self._address = address

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._address)


def _parameters(params: Any, load: Load, address: Path, key: str) -> Any:
    threads = load.threads or cores()
    params.model.path = load.path
    params.n_ctx = load.context_tokens
    params.n_parallel = load.slots
    # A cancel waits for one step, so logical and physical batch are the same.
    params.n_batch = params.n_ubatch = load.batch_tokens
    params.n_gpu_layers = load.gpu_layers
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = threads
    # Any slot may use the whole context. Prompts are kept in the slots only, not copied to memory besides.
    params.kv_unified = True
    params.cache_ram_mib = 0
    params.cache_idle_slots = False
    params.hostnames = [str(address)]
    params.api_keys = [key]
    params.endpoint_slots = False
    params.ui = False
    params.verbosity = 0
    return params


def _speculate(speculative: Any, kind: Any) -> None:
    """Prompt lookup (Saxena 2023): what followed the last ``_LOOKUP`` tokens when they stood in the text before."""
    speculative.types = [kind]
    speculative.ngram_map_k.size_n = _LOOKUP
    speculative.ngram_map_k.size_m = _GUESSES


def cores() -> int:
    """Physical cores that this process may use: on a busy or shared core every other one waits for its thread."""
    import psutil

    physical = psutil.cpu_count(logical=False) or os.cpu_count() or 1
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else physical
    return max(1, min(physical, allowed))


def _read_ahead(path: Path, report: Report) -> None:
    """Read the file once, front to back: from a cold disk this is what loading costs, and it can tell how far it is."""
    buffer = memoryview(bytearray(_READ))
    try:
        with path.open("rb", buffering=0) as file:
            size = os.fstat(file.fileno()).st_size
            done = 0
            while count := file.readinto(buffer):
                done += count
                report(min(1.0, done / max(1, size)))
    except OSError as error:
        raise SlipstreamError(
            f"The model file {path} can't be read: {error.strerror}.",
            hint="Get it again with `slipstream models pull`.",
            code="engine_failed",
        ) from error


def _not_loaded(load: Load, error: Exception) -> SlipstreamError:
    if isinstance(error, ImportError):
        return SlipstreamError(
            f"The llama.cpp engine can't be used: {error}.",
            hint="Install it with `pip install 'slipstream-copilot[cpu]'`.",
            code="engine_failed",
        )
    return SlipstreamError(
        f"llama.cpp could not load the model {load.name} from {load.path}.",
        hint="Check the file with `slipstream models verify`; with little memory, lower engine.context_tokens.",
        code="engine_failed",
    )


def _refused(error: Mapping[str, Any]) -> SlipstreamError:
    if error.get("type") == "exceed_context_size_error":
        return SlipstreamError(
            f"The prompt has {error.get('n_prompt_tokens')} tokens, the model's context {error.get('n_ctx')}.",
            hint="Shorten the prompt, or raise engine.context_tokens.",
            code="context_too_long",
        )
    # Not its message: that may quote the prompt.
    return SlipstreamError(
        f"llama.cpp refused the request ({error.get('type')}).",
        hint="Ask again; if it stays so, restart the host with `slipstream stop`.",
        code="engine_failed",
        retryable=True,
    )


def _sampling(params: SamplingParams) -> dict[str, object]:
    """Only what was asked for: llama.cpp's defaults cut the distribution further (top_k 40, top_p 0.95, min_p 0.05)."""
    fields: dict[str, object] = {"temperature": max(0.0, params.temperature)}
    if params.seed is not None:
        fields["seed"] = params.seed % 0xFFFF_FFFF  # the largest 32-bit value means random
    if params.logprobs:
        fields["logprobs"] = 1
    if params.json_schema:
        json_schema.grammar(params.json_schema, extra="cpu")
        fields["json_schema"] = msgspec.json.decode(params.json_schema)
    if params.temperature <= 0:
        return fields | {"samplers": ["top_k"], "top_k": 1}
    samplers = []
    if params.top_k > 0:
        samplers.append("top_k")
        fields["top_k"] = params.top_k
    if params.top_p < 1:
        samplers.append("top_p")
        fields["top_p"] = params.top_p
    return fields | {"samplers": [*samplers, "temperature"]}
