"""Attention in single precision, against attention written out in double; and what is judged by it."""

import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from copilot.engine.exllama import exact  # noqa: E402
from copilot.engine.exllama.attention import judge  # noqa: E402

pytestmark = pytest.mark.torch

ROOT = Path(__file__).parents[4]


def random(*shape: int, seed: int) -> Any:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


def expected(q: Any, k: Any, v: Any, layer: Any, *, cap: float | None = None, causal: bool = True) -> Any:
    """(tokens, heads, size) over (tokens, KV heads, size)."""
    q, k, v = q.double(), k.double(), v.double()
    out = torch.zeros_like(q)
    for head in range(q.shape[1]):
        shared = head // (q.shape[1] // k.shape[1])
        for at in range(len(q)):
            first = max(0, at - layer.sliding_window) if layer.sliding_window else 0
            seen = slice(first, at + 1) if causal else slice(0, len(k))
            scores = k[seen, shared] @ q[at, head] * layer.scaling
            weights = (cap * torch.tanh(scores / cap) if cap else scores).softmax(0)
            out[at, head] = weights @ v[seen, shared]
    return out.flatten(1)


@pytest.mark.parametrize(
    ("tokens", "heads", "window", "cap", "causal"),
    [
        (9, (4, 4), 0, None, True),
        (300, (4, 2), 0, None, True),
        (300, (2, 1), 40, 5.0, True),
        (9, (4, 2), 0, None, False),
    ],
)
def test_it_is_what_is_written_out(
    tokens: int, heads: tuple[int, int], window: int, cap: float | None, causal: bool
) -> None:
    layer = SimpleNamespace(scaling=8**-0.5, sliding_window=window)
    q, k, v = (
        random(2, tokens, heads[0], 8, seed=1),
        random(2, tokens, heads[1], 8, seed=2),
        random(2, tokens, heads[1], 8, seed=3),
    )
    out = exact.attend(layer, 2, tokens, q, k, v, None, SimpleNamespace(attn_logit_softcapping=cap), causal)
    assert out.shape == (2, tokens, heads[0] * 8)
    for row in range(2):
        right = expected(q[row], k[row], v[row], layer, cap=cap, causal=causal)
        assert torch.allclose(out[row].double(), right, atol=1e-5)


def test_products_beyond_half_precision_are_no_harm() -> None:
    """As with the weights of Qwen2.5 7B: the largest number that half precision knows is 65504."""
    layer = SimpleNamespace(scaling=128**-0.5, sliding_window=0)
    q, k, v = (random(1, 5, 2, 128, seed=seed).half() for seed in (1, 2, 3))
    q, k = q * 60, k * 60
    assert not torch.isfinite(q.transpose(1, 2) @ k.transpose(1, 2).transpose(-1, -2)).all()
    out = exact.attend(layer, 1, 5, q, k, v, None, SimpleNamespace(attn_logit_softcapping=None))
    assert out.dtype == torch.float16
    assert torch.allclose(out[0].double(), expected(q[0], k[0], v[0], layer), atol=1e-2)


def test_a_few_wrong_positions_are_wrong_however_many_are_right() -> None:
    right = random(316, 50, seed=1)
    parts = [(right[:312], right[:312]), (right[312:], right[312:])]
    assert judge(parts, "fp16").right
    noise = random(4, 50, seed=2)
    verdict = judge([parts[0], (right[312:], noise)], "q4")
    assert not verdict.right
    assert verdict.difference > 0.5
    assert verdict.agreement > 0.97


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_what_is_no_number_is_wrong(value: float) -> None:
    right = random(8, 50, seed=1)
    broken = right.clone()
    broken[3, 7] = value
    assert not judge([(right, right), (right, broken)], "q4").right


def test_the_converter_computes_with_it(tmp_path: Path) -> None:
    """The real library, on a processor; in place of its converter something that looks at what it would use."""
    (tmp_path / "pretended_converter.py").write_text(
        "import sys\n"
        "from exllamav2.attn import ExLlamaV2Attention\n"
        "from copilot.engine.exllama import exact\n"
        "assert __name__ == '__main__' and sys.argv[1:] == ['-i', 'x']\n"
        "print(ExLlamaV2Attention._attn_torch is exact.attend)\n"
    )
    program = (
        f"import sys; sys.path[:0] = [{str(ROOT)!r}, {str(tmp_path)!r}]; sys.argv[1:] = ['-i', 'x']\n"
        "from tests.engines import cpu_exllamav2; cpu_exllamav2.install()\n"
        "from copilot.engine.exllama.convert import converter\n"
        "converter.MODULE = 'pretended_converter'; converter.main()\n"
        "from exllamav2.attn import ExLlamaV2Attention; print(ExLlamaV2Attention._attn_torch.__qualname__)\n"
    )
    child = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    # The library itself prints as well.
    assert child.stdout.split()[-2:] == ["True", "ExLlamaV2Attention._attn_torch"]
