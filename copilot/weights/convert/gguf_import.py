"""A GGUF file to a folder of safetensors that ExLlamaV2 and V3 load, checked against the file it came from.

The folder carries the file's rounding error; quantising it again adds to that. Written beside its place and moved
there when it is whole, so what is there is whole.
"""

import json
import os
import shutil
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from copilot.errors import SlipstreamError
from copilot.weights import disk, gguf
from copilot.weights.convert import layout, tokenizer, verify
from copilot.weights.progress import amount

Report = Callable[[str, float], None]
"""Told what is being done, in words, and the share of it that is done."""

SAME_MATRIX = 0.1
"""Embeddings and output that differ by less, relative to their size, are one matrix, quantised twice."""

_BLOCK = 1 << 22
"""Weights in memory at once."""

_SPARE_BYTES = 64 * 1024**2
_DTYPES = {"float16": ("F16", 2), "float32": ("F32", 4)}
_NUMBERS = ("embedding_length", "feed_forward_length", "block_count", "context_length", "attention.head_count")
_IN_EACH_LAYER = ("attn_norm", "attn_q", "attn_k", "attn_v", "attn_output", "ffn_norm", "ffn_up", "ffn_down")
_MORE_IN_EACH = {"llama": ("ffn_gate",), "qwen2": ("ffn_gate",), "qwen3": ("ffn_gate", "attn_q_norm", "attn_k_norm")}


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """``verified``: what was compared with the file at the end, and how far it was off."""

    folder: Path
    architecture: str
    parameters: int
    size_bytes: int
    tied: bool
    verified: verify.Verified

    @property
    def largest_error(self) -> float:
        return self.verified.largest_error


def import_gguf(
    source: Path,
    folder: Path,
    *,
    dtype: str = "float16",
    report: Report = lambda _what, _share: None,
    cancel: threading.Event | None = None,
) -> Imported:
    """Write ``folder``, which must not be there or be empty. ``dtype``: ``float16`` or ``float32``.

    Raises :class:`SlipstreamError`: ``unsupported_model``, ``bad_model_file``, ``folder_in_use``, ``disk_full``,
    ``missing_library``, ``cancelled``. Nothing is left then but a folder ``….part``, which the next try replaces.
    """
    gguf.check(source, frozenset())
    folder = folder.resolve()
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise SlipstreamError(
            f"{folder} is there already.", hint="Name another with --out, or remove it.", code="folder_in_use"
        )
    opened = _Source(source, dtype, cancel or threading.Event())
    part = folder.with_name(f"{folder.name}.part")
    with disk.disk_errors(folder):
        shutil.rmtree(part, ignore_errors=True)
        need_room(folder, opened.size_bytes + _SPARE_BYTES)
        part.mkdir(parents=True)
        tokenizer.write(opened.meta, part)
        _write_json(part / "config.json", opened.config())
        _write_json(part / "generation_config.json", layout.generation_config(opened.meta))
        opened.write(part / "model.safetensors", report)
        verified = opened.check(part, report)
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
        disk.sync_folder(folder.parent)
    return Imported(
        folder=folder,
        architecture=opened.architecture,
        parameters=opened.parameters,
        size_bytes=disk.size_of(folder),
        tied=opened.tied,
        verified=verified,
    )


def need_room(folder: Path, size: int) -> None:
    """Raises :class:`SlipstreamError` with code ``disk_full`` when so many bytes don't fit."""
    free = disk.free_bytes(folder)
    if free < size:
        raise SlipstreamError(
            f"{amount(size)} are needed for {folder}, and {amount(free)} are free.",
            hint="Free some space, or name a folder on another disk.",
            code="disk_full",
        )


class _Source:
    """The GGUF file, some rows at a time: what is in memory at once doesn't grow with the model."""

    def __init__(self, path: Path, dtype: str, cancel: threading.Event) -> None:
        np, reader = _libraries()
        self._np = np
        self._path = path
        self._cancel = cancel
        self._kind, self._width = _DTYPES[dtype]
        self._dtype = dtype
        try:
            opened = reader(str(path))
            self.meta: Mapping[str, Any] = {key: field.contents() for key, field in opened.fields.items()}
        except (ValueError, KeyError, IndexError, OverflowError) as error:
            # The header is sound; a later type of tensor than the package knows comes here.
            raise layout.unsupported(f"the package gguf can't read it ({error})") from error
        self.architecture = str(self.meta.get("general.architecture"))
        if self.architecture not in layout.CLASSES:
            raise layout.unsupported(f"its architecture is {self.architecture[:64]!r}")
        if int(self.meta.get("split.count", 1) or 1) > 1:
            raise layout.unsupported("it is one of several parts")
        numbers = {key: self._number(key) for key in _NUMBERS}
        self._heads = numbers["attention.head_count"]
        self._kv_heads = self._number("attention.head_count_kv", self._heads)
        self._tensors = {tensor.name: tensor for tensor in opened.tensors}
        self._names = {name: to for name in self._tensors if (to := layout.name(name, self.architecture)) is not None}
        self._check_positions()
        self._check_tensors(numbers["block_count"])
        self.tied = self._tie()
        self.parameters = sum(int(self._tensors[name].n_elements) for name in self._names)
        self.size_bytes = self.parameters * self._width

    def config(self) -> dict[str, Any]:
        vocabulary = int(self._tensors["token_embd.weight"].shape[1])
        return layout.config(self.meta, vocabulary=vocabulary, tied=self.tied, dtype=self._dtype)

    def write(self, file: Path, report: Report) -> None:
        """https://github.com/huggingface/safetensors#format: the header first, then each tensor where it says."""
        entries: dict[str, Any] = {"__metadata__": {"format": "pt"}}
        at = 0
        for name, to in self._names.items():
            size = int(self._tensors[name].n_elements) * self._width
            shape = [int(side) for side in reversed(self._tensors[name].shape)]
            entries[to] = {"dtype": self._kind, "shape": shape, "data_offsets": [at, at + size]}
            at += size
        text = json.dumps(entries).encode()
        text += b" " * (-len(text) % 8)
        done = 0
        with file.open("wb") as output:
            output.write(struct.pack("<Q", len(text)) + text)
            for name in self._names:
                for weights in self._blocks(name):
                    self._at("Converting", done, report)
                    with self._np.errstate(over="ignore"):
                        narrow = weights.astype(self._dtype)
                    if not self._np.isfinite(narrow).all():
                        raise layout.unsupported(f"{name} has values beyond the range of {self._dtype}")
                    output.write(narrow.tobytes())
                    done += int(weights.size)
            output.flush()
            os.fsync(output.fileno())
        self._at("Converting", done, report)

    def check(self, folder: Path, report: Report) -> verify.Verified:
        """Read back what was written and compare it with the file."""
        self._at("Checking", 0, report)
        return verify.check(
            self._path,
            folder,
            self._names,
            kind=self._kind,
            on_weights=lambda done: self._at("Checking", done, report),
        )

    def _at(self, what: str, done: int, report: Report) -> None:
        if self._cancel.is_set():
            raise SlipstreamError("The import was stopped.", hint="Run the same again.", code="cancelled")
        report(what, done / self.parameters)

    def _blocks(self, name: str) -> Iterator[Any]:
        """In single precision, rows as safetensors has them, some at a time; of queries and keys whole heads."""
        from gguf.quants import dequantize

        tensor = self._tensors[name]
        shape = [int(side) for side in reversed(tensor.shape)]
        rows, rest = shape[0], shape[1:]
        heads = layout.interleaved_heads(name, self.architecture, self._heads, self._kv_heads)
        whole = rows // heads if heads else 1
        # What the library has of a vector may be bytes, not weights.
        step = max(1, _BLOCK // (rest[0] * whole)) * whole if rest else rows
        for first in range(0, rows, step):
            raw = tensor.data[first : first + step] if rest else tensor.data
            weights = dequantize(raw, tensor.tensor_type).astype("float32").reshape(-1, *rest)
            if not self._np.isfinite(weights).all():
                raise layout.unsupported(f"{name} holds values that are no numbers")
            if heads:
                pairs = weights.reshape(-1, whole // 2, 2, *rest)
                weights = pairs.swapaxes(1, 2).reshape(weights.shape)
            yield weights

    def _tie(self) -> bool:
        """Whether output and embeddings are one matrix. Of two quantisations of one, only the finer is kept."""
        if "output.weight" not in self._tensors:
            return True
        embeddings, output = self._tensors["token_embd.weight"], self._tensors["output.weight"]
        if list(embeddings.shape) != list(output.shape):
            return False
        apart, size = 0.0, 0.0
        for one, other in zip(self._blocks("token_embd.weight"), self._blocks("output.weight"), strict=True):
            apart += float(self._np.linalg.norm(one - other)) ** 2
            size += float(self._np.linalg.norm(other)) ** 2
        if apart >= SAME_MATRIX**2 * size:
            return False
        coarser = "output.weight" if embeddings.n_bytes > output.n_bytes else "token_embd.weight"
        del self._names[coarser]
        self._names = {
            name: "model.embed_tokens.weight" if name == "output.weight" else to for name, to in self._names.items()
        }
        return True

    def _number(self, key: str, default: int | None = None) -> int:
        value = self.meta.get(f"{self.architecture}.{key}", default)
        if not isinstance(value, int) or value < 1:
            raise layout.unsupported(f"it doesn't give its {key} as one number")
        return value

    def _check_positions(self) -> None:
        """Stretched positions would be lost, and the result would be off in a way that no weight shows."""
        kind, factor, old = (
            self.meta.get(f"{self.architecture}.rope.{key}")
            for key in ("scaling.type", "scaling.factor", "scale_linear")
        )
        stretched = kind not in {None, "", "none"} and factor != 1
        factors = [tensor for name, tensor in self._tensors.items() if "rope_freqs" in name]
        if stretched or old not in {None, 1} or any((tensor.data != 1).any() for tensor in factors):
            raise layout.unsupported("it stretches the positions of tokens (RoPE scaling), which would be lost")

    def _check_tensors(self, layers: int) -> None:
        """All are there, of types that can be read, and of shapes that fit the number of heads."""
        from gguf.quants import dequantize

        here: dict[int, set[str]] = {at: set() for at in range(min(layers, len(self._tensors)))}
        for name in self._names:
            if name.startswith("blk."):
                _, at, kind = name.split(".", 2)
                here.setdefault(int(at), set()).add(kind)
        needed = {f"{kind}.weight" for kind in (*_IN_EACH_LAYER, *_MORE_IN_EACH.get(self.architecture, ()))}
        needed = needed.union(*here.values())
        wanted = [f"blk.{at}.{kind}" for at in sorted(here) for kind in sorted(needed)]
        for name in ("token_embd.weight", "output_norm.weight", *wanted):
            if name not in self._tensors:
                raise layout.unsupported(f"it lacks the tensor {name}")
        if len(here) != layers:
            raise layout.unsupported(f"it says that it has {layers} layers, and has {len(here)}")
        for name in self._names:
            tensor = self._tensors[name]
            heads = layout.interleaved_heads(name, self.architecture, self._heads, self._kv_heads)
            if len(tensor.shape) > 2 or (heads and int(tensor.shape[-1]) % (2 * heads)):
                raise layout.unsupported(f"{name} has an unusual shape")
            try:
                dequantize(tensor.data[:1] if len(tensor.shape) > 1 else tensor.data, tensor.tensor_type)
            except NotImplementedError as error:
                raise layout.unsupported(f"{name} is of the type {tensor.tensor_type.name}") from error


def _libraries() -> tuple[Any, Any]:
    try:
        import numpy as np

        # These two are used next door; said here, before anything is written.
        import safetensors  # noqa: F401
        import tokenizers  # noqa: F401
        from gguf import GGUFReader
    except ImportError as error:
        raise SlipstreamError(
            f"Importing a GGUF file needs the package {error.name}, which is not installed.",
            hint="Install it with `pip install 'slipstream-copilot[gpu]'`.",
            code="missing_library",
        ) from error
    return np, GGUFReader


def _write_json(file: Path, value: Mapping[str, Any]) -> None:
    file.write_bytes(msgspec.json.format(msgspec.json.encode(value)))
