"""Check the header of a safetensors file, and that a folder of them is a model and nothing that runs code.

The format: https://github.com/huggingface/safetensors#format. The header is held against the file as the reference
reader does: every byte of the data belongs to exactly one tensor.
"""

import json
import struct
from pathlib import Path
from typing import Any

import msgspec

from copilot.errors import SlipstreamError

# The reference reader allows 100 MB; a model of 70 billion weights needs below 1 MB.
MAX_HEADER = 16 << 20
MAX_CONFIG = 1 << 20
MAX_TOKENIZER = 64 << 20
_LARGEST = (1 << 63) - 1
_BITS = {"BOOL": 8, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8, "I16": 16, "U16": 16, "F16": 16}
_BITS |= {"BF16": 16, "I32": 32, "U32": 32, "F32": 32, "I64": 64, "U64": 64, "F64": 64, "F4": 4, "C64": 64}

# Formats that run code when they are opened (pickle), and archives that may hold one.
CODE_FORMATS = frozenset({".bin", ".pt", ".pth", ".pkl", ".pickle", ".ckpt", ".zip", ".npy", ".npz", ".joblib"})


FOLDER_FORMATS = ("exl2", "exl3", "safetensors")


class ModelFolder(msgspec.Struct, frozen=True, kw_only=True):
    """What a good folder says. ``format``: ``exl2``, ``exl3``, or ``safetensors`` for plain 16-bit weights.
    ``context_length`` in tokens, 0 when unknown; ``bits`` a weight."""

    format: str
    architecture: str
    bits: float
    context_length: int
    spellings: frozenset[str]


def refuse_code_format(path: Path) -> None:
    """Raise :class:`SlipstreamError` when the name says that opening the file may run code."""
    if path.suffix.lower() in CODE_FORMATS:
        raise SlipstreamError(
            f"{path.name} is in a format that can run code when it is opened.",
            hint="Slipstream reads only GGUF files and folders of safetensors files.",
            code="unsafe_model_file",
        )


def check(path: Path) -> None:
    """Judge the header of one file. Raises :class:`SlipstreamError` ``bad_model_file``, and nothing else."""
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            start = file.read(8)
            if len(start) < 8:
                raise ValueError("it is too short")
            (length,) = struct.unpack("<Q", start)
            if length > MAX_HEADER or length + 8 > size:
                raise ValueError("its header is longer than it can be")
            header = json.loads(file.read(length), object_pairs_hook=_unique)
        _check_header(header, size - 8 - length)
    except OSError as error:
        raise _refusal(path, f"it can't be read ({error.strerror})") from error
    except RecursionError as error:
        raise _refusal(path, "its header is nested too deep") from error
    except ValueError as error:
        reason = "its header is not JSON" if isinstance(error, json.JSONDecodeError | UnicodeDecodeError) else error
        raise _refusal(path, str(reason)) from error


def check_folder(folder: Path, look_for: frozenset[str] = frozenset()) -> ModelFolder:
    """Judge a folder. Raises :class:`SlipstreamError` with one sentence, and nothing else."""
    found = look(folder, look_for)
    weights = sorted(folder.glob("*.safetensors"))
    if not weights:
        raise _refusal(folder, "it holds no .safetensors file")
    for entry in weights:
        check(entry)
    return found


def look(folder: Path, look_for: frozenset[str] = frozenset()) -> ModelFolder:
    """Judge a folder by all but its weights. Raises as :func:`check_folder` does."""
    try:
        entries = sorted(entry for entry in folder.iterdir() if entry.is_file())
    except OSError as error:
        raise _refusal(folder, f"it can't be read ({error.strerror})") from error
    for entry in entries:
        refuse_code_format(entry)
    config = _json(folder / "config.json", MAX_CONFIG)
    quantization = config.get("quantization_config", {"quant_method": "safetensors", "bits": 16})
    kind = quantization.get("quant_method") if isinstance(quantization, dict) else None
    if kind not in FOLDER_FORMATS:
        raise _refusal(folder, "its config.json names a quantization that is neither EXL2 nor EXL3")
    if "auto_map" in config:
        raise SlipstreamError(
            f"{folder.name} asks for code of its own to be run (auto_map in config.json).",
            hint="Slipstream runs no code of a model. Choose one without it.",
            code="unsafe_model_file",
        )
    bits, length = quantization.get("bits"), config.get("max_position_embeddings")
    return ModelFolder(
        format=str(kind),
        architecture=str(config.get("model_type", ""))[:100],
        bits=float(bits) if isinstance(bits, int | float) and 0 < bits <= 16 else 0.0,
        context_length=length if isinstance(length, int) and 0 < length <= 1 << 31 else 0,
        spellings=look_for & _vocabulary(folder / "tokenizer.json") if look_for else frozenset(),
    )


def tensor_bytes(folder: Path) -> dict[str, int]:
    """Bytes of each tensor of a folder that was checked, from the headers alone. Raises ``OSError``, ``ValueError``."""
    sizes: dict[str, int] = {}
    for file in sorted(folder.glob("*.safetensors")):
        with file.open("rb") as opened:
            (length,) = struct.unpack("<Q", opened.read(8))
            header = json.loads(opened.read(length))
        for name, tensor in header.items():
            if name != "__metadata__":
                first, last = tensor["data_offsets"]
                sizes[name] = last - first
    return sizes


def _refusal(path: Path, reason: str) -> SlipstreamError:
    return SlipstreamError(
        f"{path.name} is not a sound model: {reason}.",
        hint="Get it again from its publisher; it was not loaded.",
        code="bad_model_file",
    )


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a name is there twice")
    return found


def _check_header(header: Any, data_bytes: int) -> None:
    if not isinstance(header, dict):
        raise ValueError("its header is not a table")
    metadata = header.pop("__metadata__", {})
    if not isinstance(metadata, dict) or not all(isinstance(value, str) for value in metadata.values()):
        raise ValueError("its metadata is not text")
    end = 0
    for first, last in sorted(_span(name, tensor) for name, tensor in header.items()):
        if first != end:
            raise ValueError("its tensors overlap or leave a gap")
        end = last
    if end != data_bytes:
        raise ValueError("its tensors don't fill the file, which may be cut short")


def _span(name: str, tensor: Any) -> tuple[int, int]:
    try:
        kind, shape, (first, last) = tensor["dtype"], tensor["shape"], tensor["data_offsets"]
        numbers = [first, last, *shape]
        bits = _BITS[kind]
    except (TypeError, KeyError, ValueError):
        raise ValueError(f"the entry of the tensor {name[:64]!r} is malformed") from None
    if not all(type(number) is int and 0 <= number <= _LARGEST for number in numbers):
        raise ValueError(f"the tensor {name[:64]!r} has impossible sizes")
    for side in shape:
        bits *= side
        if bits > _LARGEST:
            raise ValueError(f"the size of the tensor {name[:64]!r} overflows")
    if bits != (last - first) * 8:
        raise ValueError(f"the tensor {name[:64]!r} does not fill its place")
    return first, last


def _json(path: Path, limit: int) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            raw = file.read(limit + 1)
        if len(raw) > limit:
            raise _refusal(path, "it is too long")
        found = json.loads(raw)
    except OSError as error:
        raise _refusal(path.parent, f"it has no readable {path.name}") from error
    except (ValueError, RecursionError) as error:
        raise _refusal(path, "it is not JSON") from error
    if not isinstance(found, dict):
        raise _refusal(path, "it is not a table")
    return found


def _vocabulary(path: Path) -> frozenset[str]:
    if not path.exists():
        return frozenset()
    tokenizer = _json(path, MAX_TOKENIZER)
    model, extra = tokenizer.get("model"), tokenizer.get("added_tokens")
    found: set[str] = set()
    if isinstance(model, dict) and isinstance(model.get("vocab"), dict):
        found.update(model["vocab"])
    if isinstance(extra, list):
        found.update(
            entry["content"] for entry in extra if isinstance(entry, dict) and type(entry.get("content")) is str
        )
    return frozenset(found)
