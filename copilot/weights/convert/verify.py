"""Whether a folder holds what the GGUF file does, which it was made of.

Shares with the import only the names of tensors: both files are opened anew, by the libraries that will load them, and
the order of rows is worked out another way, so that a mistake over there is seen here.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from copilot.errors import SlipstreamError
from copilot.weights.convert.tokenizer import UNUSED

SAMPLES = (
    "class HTTPArea(Shape):\n\tdef area(self) -> float:\n\t\treturn self.width ** 2  # m²\n\n\n",
    "if (a[0] != 'x') { b += 1234567; }\r\n    // größer, 日本語, 🎈\n",
    "  \t leading and trailing   \n\n<|fim_prefix|>not a token<|im_end|>",
)
"""Text that must come back as it was."""

_BLOCK = 1 << 22
"""Weights compared at once."""

# Half precision has eleven bits, and steps of 2**-24 below its normal numbers. Rounding is off by half a step; the
# rest is for the rounding of the comparison itself.
_RELATIVE, _ABSOLUTE = 2**-11 * 1.001, 2**-25 * 1.001


class Verified(msgspec.Struct, frozen=True, kw_only=True):
    """What was compared. ``largest_error``: of all weights, relative to the largest of their tensor."""

    tensors: int
    weights: int
    tokens: int
    largest_error: float


def check(
    source: Path,
    folder: Path,
    names: Mapping[str, str],
    *,
    kind: str,
    on_weights: Callable[[int], None] = lambda _done: None,
) -> Verified:
    """Compare all weights and the tokenizer. ``names``: tensor of ``source`` -> tensor of ``folder``. ``kind``: the
    type of the weights there, ``F16`` or ``F32``. ``on_weights`` gets the number of weights compared so far.

    Raises :class:`SlipstreamError` with code ``bad_model_file`` at the first difference that rounding doesn't explain.
    """
    from gguf import GGUFReader
    from safetensors import safe_open

    reader = GGUFReader(str(source))
    tensors = {tensor.name: tensor for tensor in reader.tensors}
    done, worst = 0, 0.0
    with safe_open(str(folder / "model.safetensors"), framework="np") as written:
        if sorted(written.keys()) != sorted(names.values()):
            raise wrong("tensors are missing")
        for name, to in names.items():
            got = written.get_slice(to)
            shape = [int(side) for side in reversed(tensors[name].shape)]
            if got.get_shape() != shape or got.get_dtype() != kind:
                raise wrong(f"{to} has another shape or type")
            order = _order(name, shape[0], reader)
            worst = max(worst, _compare(tensors[name], got, order, to, exact=kind == "F32"))
            done += int(tensors[name].n_elements)
            on_weights(done)
    tokens = _check_tokenizer(reader, folder / "tokenizer.json")
    return Verified(tensors=len(names), weights=done, tokens=tokens, largest_error=worst)


def wrong(why: str) -> SlipstreamError:
    return SlipstreamError(
        f"What was written is not what the GGUF file holds: {why}.",
        hint="This is a mistake in Slipstream or a failing disk; please report it.",
        code="bad_model_file",
    )


def rows_in_file(heads: int, rows: int) -> list[int]:
    """For each row of queries or keys as Llama computes them, which row of the GGUF file it is.

    Llama rotates row r of a head together with row r + half; in the file these two are 2r and 2r + 1.
    """
    size = rows // heads
    half = size // 2
    return [head * size + 2 * (row % half) + row // half for head in range(heads) for row in range(size)]


def _order(name: str, rows: int, reader: Any) -> Sequence[int]:
    def field(key: str) -> Any:
        found = reader.fields.get(key)
        return None if found is None else found.contents()

    if field("general.architecture") != "llama" or not (".attn_q." in name or ".attn_k." in name):
        return range(rows)
    heads = field("llama.attention.head_count")
    return rows_in_file((".attn_k." in name and field("llama.attention.head_count_kv")) or heads, rows)


def _compare(tensor: Any, got: Any, order: Sequence[int], name: str, *, exact: bool) -> float:
    """The largest difference, relative to the largest weight."""
    import numpy as np
    from gguf.quants import dequantize

    rows, width = len(order), int(tensor.n_elements) // len(order)
    step = rows if len(tensor.shape) == 1 else max(1, _BLOCK // width)
    largest, difference = 0.0, 0.0
    for first in range(0, rows, step):
        wanted = np.asarray(order[first : first + step])
        if len(tensor.shape) == 1:
            # A vector of blocks has no rows to choose from before it is numbers.
            expected = dequantize(tensor.data, tensor.tensor_type).reshape(rows)[wanted]
        else:
            expected = dequantize(tensor.data[wanted], tensor.tensor_type).reshape(len(wanted), width)
        expected = expected.astype(np.float32, copy=False)
        size = np.abs(expected)
        off = np.abs(got[first : first + len(wanted)].astype(np.float32) - expected)
        allowed = 0.0 if exact else size * np.float32(_RELATIVE) + np.float32(_ABSOLUTE)
        # Asked this way round, because nothing is true of a NaN.
        if not (off <= allowed).all():
            raise wrong(f"{name} differs by {float(off.max()):.2g}")
        largest, difference = max(largest, float(size.max())), max(difference, float(off.max()))
    return difference / max(largest, 1e-12)


def _check_tokenizer(reader: Any, file: Path) -> int:
    """Returns the number of tokens, each of which has its number and its spelling."""
    from tokenizers import Tokenizer

    native = Tokenizer.from_file(str(file))
    pieces = reader.fields["tokenizer.ggml.tokens"].contents()
    kinds = reader.fields["tokenizer.ggml.token_type"].contents()
    used = {at: piece for at, (piece, kind) in enumerate(zip(pieces, kinds, strict=True)) if kind != UNUSED}
    if any(native.id_to_token(at) != piece for at, piece in used.items()):
        raise wrong("a token has another number")
    for text in SAMPLES:
        ids = native.encode(text, add_special_tokens=False).ids
        if native.decode(ids, skip_special_tokens=False) != text:
            raise wrong("text does not come back from its tokens as it was")
    return len(used)
