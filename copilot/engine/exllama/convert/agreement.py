"""Whether a quantised model says what its source says: the likeliest tokens of both on some code, compared.

``python -m copilot.engine.exllama.convert.agreement SOURCE RESULT`` prints an :class:`Agreement` as one line of JSON.
Needs a GPU; the two models are loaded one after the other.
"""

import math
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from copilot.engine.exllama import exact

LEAST_SAME = 0.9
"""Share of tokens that a 4-bit model of a billion parameters or more still agrees on."""

_KEPT = 64
"""Of the source's distribution at each position; what is beyond is a few thousandths for code."""

_WINDOW = 512
_MOST_TOKENS = 4096


class Agreement(msgspec.Struct, frozen=True, kw_only=True):
    """``same``: share of positions with the same likeliest token. ``divergence``: mean Kullback-Leibler divergence of
    the result from the source, in nats, over the source's likeliest tokens."""

    tokens: int
    same: float
    divergence: float

    def words(self) -> str:
        """A sentence for people."""
        verdict = "as it should" if self.same >= LEAST_SAME else "little: take more bits a weight, or another source"
        return (
            f"On {self.tokens} tokens of code it agrees with its source on {self.same:.1%} of the likeliest ones "
            f"(divergence {self.divergence:.3f} nats): {verdict}."
        )


class Position(msgspec.Struct, frozen=True):
    """The likeliest tokens at one position, best first, with the natural logarithms of their probabilities."""

    tokens: Sequence[int]
    logprobs: Sequence[float]


def compare(source: Iterable[Position], result: Iterable[tuple[int, Sequence[float]]]) -> Agreement:
    """``result``: at each position its own likeliest token, and its log-probabilities of the source's tokens."""
    count, same, total = 0, 0, 0.0
    for before, (best, logprobs) in zip(source, result, strict=True):
        count += 1
        same += best == before.tokens[0]
        total += sum(math.exp(p) * (p - q) for p, q in zip(before.logprobs, logprobs, strict=True))
    if not count:
        raise ValueError("nothing to compare")
    return Agreement(tokens=count, same=same / count, divergence=max(0.0, total / count))


def code() -> str:
    """Code to compare on: our own."""
    folder = Path(__file__).parents[3]
    return "\n\n".join(file.read_text(encoding="utf-8") for file in sorted(folder.glob("text/*.py")))


def _open(folder: str) -> tuple[Any, Any]:
    import torch
    from exllamav2 import ExLlamaV2, ExLlamaV2Config

    config = ExLlamaV2Config(folder)
    config.no_flash_attn = config.no_xformers = True
    config.max_input_len = config.max_seq_len = _WINDOW
    model = ExLlamaV2(config)
    model.load()
    return torch, model


def _windows(folder: str) -> list[list[int]]:
    from tokenizers import Tokenizer

    ids = Tokenizer.from_file(str(Path(folder) / "tokenizer.json")).encode(code(), add_special_tokens=False).ids
    ids = ids[:_MOST_TOKENS]
    return [ids[at : at + _WINDOW] for at in range(0, len(ids), _WINDOW)]


def _logprobs(torch: Any, model: Any, ids: list[int]) -> Any:
    return model.forward(torch.tensor([ids])).float().log_softmax(-1)[0]


def main(source: str, result: str) -> None:
    with exact.attention():
        print(msgspec.json.encode(measure(source, result)).decode())  # noqa: T201 - what the parent reads


def measure(source: str, result: str) -> Agreement:
    """Of two model folders."""
    windows = _windows(source)
    torch, model = _open(source)
    before: list[Position] = []
    for ids in windows:
        top = _logprobs(torch, model, ids).topk(_KEPT, dim=-1)
        before += map(Position, top.indices.tolist(), top.values.tolist())
    model.unload()
    torch.cuda.empty_cache()
    torch, model = _open(result)
    after: list[tuple[int, Sequence[float]]] = []
    for ids in windows:
        rows = _logprobs(torch, model, ids)
        wanted = before[len(after) : len(after) + len(ids)]
        index = torch.tensor([position.tokens for position in wanted], device=rows.device)
        after += zip(rows.argmax(-1).tolist(), rows.gather(1, index).tolist(), strict=True)
    return compare(before, after)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
