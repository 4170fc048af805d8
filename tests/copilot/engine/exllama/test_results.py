"""What the libraries return, in the form that their source describes, to steps."""

from types import SimpleNamespace
from typing import Any

import pytest

from copilot.engine.exllama.loop import End, Job, Step
from copilot.engine.exllama.results import steps
from copilot.engine.protocol import SamplingParams
from copilot.errors import SlipstreamError


class Row:
    """As much of a tensor as is used."""

    def __init__(self, *values: float) -> None:
        self.values = values

    def flatten(self) -> "Row":
        return self

    def tolist(self) -> list[float]:
        return list(self.values)


def step(prompt: int = 600, pages: int = 0, copied: int = 0, **result: Any) -> Step:
    job = Job([1] * prompt, 8, SamplingParams(), frozenset(), lambda: False)
    job.handle = SimpleNamespace(cached_pages=pages, cached_tokens=copied, identifier=job)
    ((told, found),) = steps([{"job": job.handle, "eos": False, **result}], 256)
    assert told is job
    assert isinstance(found, Step)
    return found


def test_what_was_found_in_pages_and_in_part_of_one_was_reused() -> None:
    started = step(pages=2, stage="started")
    assert (started.processed, started.reused) == (512, 512)
    further = step(pages=2, copied=40, stage="prefill", curr_progress=599)
    assert (further.processed, further.reused) == (599, 552)


def test_tokens_come_with_their_probabilities() -> None:
    found = step(stage="streaming", token_ids=Row(5, 6), token_probs=Row(0.5, 0.25), text="ab")
    assert (found.tokens, found.probabilities, found.end, found.processed) == ([5, 6], [0.5, 0.25], None, 600)


def test_the_token_that_ends_all_is_no_text_but_what_was_held_before_it_is() -> None:
    held = {"token_ids": Row(7, 151645), "text": "x"}
    found = step(stage="streaming", eos=True, eos_reason="stop_token", held=held, new_tokens=4)
    assert (found.tokens, found.end, found.generated) == ([7], End.STOP_TOKEN, 4)


def test_half_a_character_that_is_held_at_the_end_is_told() -> None:
    held = {"token_ids": Row(9)}
    found = step(stage="streaming", eos=True, eos_reason="max_new_tokens", token_ids=Row(8), held=held, new_tokens=2)
    assert (found.tokens, found.end) == ([8, 9], End.LENGTH)


def test_all_but_the_last_token_can_be_reused() -> None:
    """Its logits are what the first new one is made of."""
    assert step(prompt=512, pages=2, stage="streaming", token_ids=Row(1)).reused == 511


def test_results_of_a_job_that_was_dropped_are_left_out() -> None:
    job = Job([1], 8, SamplingParams(), frozenset(), lambda: True)
    gone = SimpleNamespace(cached_pages=0, cached_tokens=0, identifier=job)
    assert steps([{"job": gone, "eos": False, "stage": "started"}], 256) == []


def test_a_job_that_failed_by_itself_ends_with_an_error() -> None:
    """As ExLlamaV3 says it, with fewer fields than everything else has."""
    job = Job([1], 8, SamplingParams(), frozenset(), lambda: False)
    job.handle = SimpleNamespace(identifier=job)
    told = {"job": job.handle, "serial": 3, "stage": "error", "eos": True, "error": ValueError("secret")}
    ((_, failure),) = steps([told], 256)
    assert isinstance(failure, SlipstreamError)
    assert failure.retryable
    assert "secret" not in str(failure)


def test_what_torch_says_of_the_gpu_concerns_every_job() -> None:
    job = Job([1], 8, SamplingParams(), frozenset(), lambda: False)
    job.handle = SimpleNamespace(identifier=job)
    gone = RuntimeError("CUDA error: an illegal memory access was encountered")
    with pytest.raises(RuntimeError, match="illegal memory access"):
        steps([{"job": job.handle, "stage": "error", "eos": True, "error": gone}], 256)
