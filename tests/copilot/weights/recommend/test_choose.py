"""From numbers to a recommendation."""

import pytest

from copilot.weights.recommend.candidates import CANDIDATES, Candidate
from copilot.weights.recommend.choose import Recommendation, cpu_rate, gpu_rate, recommend
from copilot.weights.recommend.machine import Gpu, Machine

BY_NAME = {candidate.name: candidate for candidate in CANDIDATES}
SEVEN = BY_NAME["Qwen2.5-Coder-7B-Instruct"]
HALF = BY_NAME["Qwen2.5-Coder-0.5B-Instruct"]


def machine(
    *, vram: float = 0, cards: int = 1, bandwidth: float = 1008, memory: float = 16, cpu: float = 30
) -> Machine:
    size = int(vram * 1e9)
    gpu = Gpu(name="GPU", total=size, free=size, bandwidth=bandwidth, known=True)
    return Machine(gpus=(gpu,) if vram else (), memory=int(memory * 1e9), bandwidth=cpu, why="No driver.")


def chosen(of: Machine) -> Recommendation:
    found = recommend(of, context_tokens=8192)
    assert found is not None
    return found


@pytest.mark.parametrize(
    ("name", "gigabytes", "layers"),
    # Bytes a token at 4.0 bits, 6-bit output layer, as the publishers' configurations give them.
    [("0.5B", 0.286, 24), ("1.5B", 0.839, 28), ("7B", 3.69, 28), ("32B", 16.1, 64)],
)
def test_bytes_of_a_token(name: str, gigabytes: float, layers: int) -> None:
    candidate = BY_NAME[f"Qwen2.5-Coder-{name}-Instruct"]
    assert candidate.bytes_per_token(4.0) / 1e9 == pytest.approx(gigabytes, rel=0.02)
    assert candidate.layers == layers


def test_of_a_mixture_of_experts_only_the_active_ones_are_read() -> None:
    mixture = BY_NAME["Qwen3-Coder-30B-A3B-Instruct"]
    assert mixture.weight_bytes(4.0) > 7 * mixture.bytes_per_token(4.0)


def test_the_cache_of_a_token() -> None:
    """56 KiB in fp16 for the 7B model, 12 for the 0.5B: 2 x layers x KV heads x head size x 2 bytes."""
    assert SEVEN.cache_bytes(1, "fp16") == 56 * 1024
    assert HALF.cache_bytes(1, "fp16") == 12 * 1024


def test_the_rate_is_below_its_limit_and_nearer_to_it_for_large_models() -> None:
    """The published 211 tokens a second of a 7B model at 4 bits on this card, and its limit."""
    rate, limit = gpu_rate(SEVEN, 4.0, 1008)
    assert rate == pytest.approx(211, rel=0.05)
    assert limit == pytest.approx(273, rel=0.02)
    shares = [rate / limit for rate, limit in (gpu_rate(each, 4.0, 1008) for each in (HALF, SEVEN))]
    assert shares[0] < shares[1] < 1


def test_a_large_card_gets_a_small_model_to_complete_and_a_large_one_to_chat() -> None:
    found = chosen(machine(vram=24))
    assert found.chat is not None
    assert found.chat.billions > found.completion.billions
    assert found.completion.rate >= 100
    assert found.completion.gigabytes + found.chat.gigabytes < 24


def test_a_small_card_gets_one_for_both() -> None:
    found = chosen(machine(vram=6))
    assert found.where == "gpu"
    assert found.chat is None


@pytest.mark.parametrize("vram", [4, 6, 8, 10, 12, 16, 20, 24, 32, 48, 80, 140])
@pytest.mark.parametrize("bandwidth", [288, 1008, 4800])
def test_what_is_recommended_fits_and_is_fast_enough(vram: float, bandwidth: float) -> None:
    found = chosen(machine(vram=vram, bandwidth=bandwidth))
    if found.where == "gpu":
        both = [found.completion, *([found.chat] if found.chat else [])]
        assert sum(choice.gigabytes for choice in both) <= vram * 0.9
        assert found.completion.rate >= 100
        assert found.chat is None or found.chat.rate >= 20


def test_more_memory_never_gives_less() -> None:
    sizes = []
    for vram in (6, 8, 12, 16, 24, 48, 80):
        found = chosen(machine(vram=vram))
        sizes.append((found.chat or found.completion).billions)
    assert sizes == sorted(sizes)


def test_a_slow_card_gets_a_model_of_which_less_is_read_for_a_token() -> None:
    fast, slow = (chosen(machine(vram=24, bandwidth=rate)).completion for rate in (1008, 288))
    assert BY_NAME[slow.name].bytes_per_token(slow.bits) < BY_NAME[fast.name].bytes_per_token(fast.bits)


def test_a_card_that_is_too_small_for_anything_leaves_the_processor() -> None:
    assert chosen(machine(vram=1)).where == "cpu"


def test_without_a_gpu_only_models_that_can_be_had_are_named() -> None:
    found = chosen(machine())
    assert found.where == "cpu"
    assert found.completion.gguf == "qwen2.5-coder-0.5b-instruct-q4_k_m"
    assert found.chat is not None
    assert found.chat.gguf == "qwen2.5-coder-1.5b-instruct-q4_k_m"
    assert found.reasons[0] == "No driver."


def test_the_processors_rate_is_what_was_measured() -> None:
    """docs/models.md: 26 and 17 tokens a second where memory was read with 33 GB/s."""
    small, large = (cpu_rate(BY_NAME[f"Qwen2.5-Coder-{size}-Instruct"], 33.0)[0] for size in ("0.5B", "1.5B"))
    assert small == pytest.approx(26, rel=0.15)
    assert large == pytest.approx(17, rel=0.15)


def test_a_machine_that_is_too_small_gets_nothing() -> None:
    assert recommend(machine(memory=0.2), context_tokens=8192) is None
    assert recommend(machine(cpu=0.5), context_tokens=8192) is None


def test_candidates_with_a_file_of_ours_name_one_that_is_known() -> None:
    from copilot_models import manifests

    named: list[Candidate] = [candidate for candidate in CANDIDATES if candidate.gguf]
    assert {candidate.gguf for candidate in named} <= set(manifests.builtin())
