"""Frames: the same out however the bytes came in, and nothing too large or malformed gets through."""

import struct
from itertools import pairwise

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.engine import wire
from copilot.engine.protocol import Finish, FinishReason, Layout, Part, Progress, PromptPlan, SamplingParams

PLAN = PromptPlan(
    parts=(Part(text="<|x|>", name="x", control=True), Part(text="größer 🎈", name="prefix", limit=7)),
    layout=Layout.SPM,
    stop=("\n\n",),
    controls=("<|x|>",),
    bos=False,
)

TO_WORKER: tuple[wire.ToWorker, ...] = (
    wire.Load(
        path="/m.gguf",
        folder="/t",
        name="m",
        context_tokens=8192,
        slots=4,
        batch_tokens=64,
        threads=0,
        gpu_layers=-1,
    ),
    wire.Generate(id=1, plan=PLAN, params=SamplingParams(seed=2**32 - 1, stop=("x",), logprobs=True)),
    wire.Count(id=2, text=""),
    wire.Cancel(id=1),
    wire.Shutdown(),
)

FROM_WORKER: tuple[wire.FromWorker, ...] = (
    wire.LoadProgress(fraction=0.5),
    wire.Loaded(context_length=8192, patient_tokens=6144, version="1", notes=("Smaller.",), gpu_bytes=2**33),
    wire.Event(id=1, at=1.5, progress=Progress(processed=64, total=100, reused=0)),
    wire.Event(id=1, at=1.5, data=b"\xf0\x9f", token_id=7, logprob=-0.25),
    wire.Done(
        id=1,
        at=2.0,
        finish=Finish(reason=FinishReason.STOP, prompt_tokens=100, reused_tokens=0, generated_tokens=1),
    ),
    wire.Counted(id=2, tokens=0),
    wire.Failed(id=3, message="No.", hint="Do.", code="engine_failed", retryable=True),
)

cuts = st.lists(st.integers(0, 2000), max_size=60)


def pieces(whole: bytes, at: list[int]) -> list[bytes]:
    places = [0, *sorted(min(place, len(whole)) for place in at), len(whole)]
    return [whole[start:end] for start, end in pairwise(places)]


@given(cuts)
def test_frames_come_out_whole_however_they_were_cut(at: list[int]) -> None:
    there, back = wire.to_worker(), wire.from_worker()
    sent = b"".join(map(wire.encode, TO_WORKER))
    assert [frame for piece in pieces(sent, at) for frame in there.feed(piece)] == list(TO_WORKER)
    sent = b"".join(map(wire.encode, FROM_WORKER))
    assert [frame for piece in pieces(sent, at) for frame in back.feed(piece)] == list(FROM_WORKER)


def test_byte_by_byte() -> None:
    reader = wire.from_worker()
    sent = b"".join(map(wire.encode, FROM_WORKER))
    assert [frame for at in range(len(sent)) for frame in reader.feed(sent[at : at + 1])] == list(FROM_WORKER)


def test_a_length_beyond_the_bound_is_refused_before_anything_is_kept() -> None:
    with pytest.raises(wire.WireError):
        wire.from_worker().feed(struct.pack(">I", wire.MAX_FRAME + 1))


def test_what_is_too_large_is_not_sent() -> None:
    with pytest.raises(wire.FrameTooLargeError):
        wire.encode(wire.Count(id=1, text="x" * wire.MAX_FRAME))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"\xc1",
        b"not msgpack",
        msgspec.msgpack.encode({"type": "Unknown"}),
        msgspec.msgpack.encode({"type": "Event", "id": "one", "at": 1.0}),
        msgspec.msgpack.encode([1, 2]),
    ],
)
def test_what_is_no_frame_is_an_error(body: bytes) -> None:
    with pytest.raises(wire.WireError):
        wire.from_worker().feed(struct.pack(">I", len(body)) + body)


def test_each_direction_takes_only_its_own() -> None:
    with pytest.raises(wire.WireError):
        wire.from_worker().feed(wire.encode(wire.Shutdown()))
    with pytest.raises(wire.WireError):
        wire.to_worker().feed(wire.encode(wire.Counted(id=1, tokens=1)))
