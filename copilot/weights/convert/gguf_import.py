"""A GGUF file to a folder of safetensors that ExLlamaV2 and V3 load, checked against the file it came from.

The folder carries the file's rounding error; quantising it again adds to that. Written beside its place and moved
there when it is whole, so what is there is whole.
"""

import json
import shutil
import struct
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import msgspec

from copilot.errors import SlipstreamError
from copilot.weights import disk, gguf
from copilot.weights.convert import layout, tokenizer
from copilot.weights.progress import amount

Report = Callable[[str, float], None]
"""Told what is being done, in words, and the share of it that is done."""

SAME_MATRIX = 0.1
"""Embeddings and output that differ by less, relative to their size, are one matrix, quantised twice."""

_SPARE_BYTES = 64 * 1024**2
_LARGEST_HALF = 65504.0
_DTYPES = {"float16": ("F16", 2), "float32": ("F32", 4)}


class Imported(msgspec.Struct, frozen=True, kw_only=True):
    """``largest_error``: of all weights against those of the file, relative to the largest of their tensor."""

    folder: Path
    architecture: str
    parameters: int
    size_bytes: int
    tied: bool
    largest_error: float


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
        native = tokenizer.write(opened.meta, part)
        _write_json(part / "config.json", opened.config())
        _write_json(part / "generation_config.json", layout.generation_config(opened.meta))
        opened.write(part / "model.safetensors", report)
        error = opened.check(part / "model.safetensors", report)
        _check_tokenizer(native)
        folder.parent.mkdir(parents=True, exist_ok=True)
        if folder.exists():
            folder.rmdir()
        part.rename(folder)
    return Imported(
        folder=folder,
        architecture=opened.architecture,
        parameters=opened.parameters,
        size_bytes=disk.size_of(folder),
        tied=opened.tied,
        largest_error=error,
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
    """The GGUF file, tensor by tensor: no more than a few of them are in memory at once."""

    def __init__(self, path: Path, dtype: str, cancel: threading.Event) -> None:
        np, reader, _ = _libraries()
        self._np = np
        self._cancel = cancel
        self._kind, self._width = _DTYPES[dtype]
        self._dtype = dtype
        opened = reader(str(path))
        self.meta: Mapping[str, Any] = {key: field.contents() for key, field in opened.fields.items()}
        self.architecture = str(self.meta.get("general.architecture"))
        if self.architecture not in layout.CLASSES:
            raise layout.unsupported(f"its architecture is {self.architecture[:64]!r}")
        if int(self.meta.get("split.count", 1) or 1) > 1:
            raise layout.unsupported("it is one of several parts")
        self._heads = int(self.meta[f"{self.architecture}.attention.head_count"])
        self._kv_heads = int(self.meta.get(f"{self.architecture}.attention.head_count_kv", self._heads))
        self._tensors = {tensor.name: tensor for tensor in opened.tensors}
        self._need("token_embd.weight", "output_norm.weight")
        self.tied, self._embeddings = self._one_matrix()
        names = {name: layout.name(name, self.architecture) for name in self._tensors}
        self._names = {
            name: to for name, to in names.items() if to is not None and not (self.tied and name == "output.weight")
        }
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
        with file.open("wb") as output:
            output.write(struct.pack("<Q", len(text)) + text)
            for name, weights in self._each("Converting", report):
                with self._np.errstate(over="ignore"):
                    narrow = weights.astype(self._dtype)
                if not self._np.isfinite(narrow).all():
                    raise layout.unsupported(f"{name} has values beyond the range of {self._dtype}")
                output.write(self._np.ascontiguousarray(narrow).tobytes())

    def check(self, file: Path, report: Report) -> float:
        """Read back what was written, by the library that will load it; see ``Imported.largest_error``."""
        _, _, open_written = _libraries()
        worst = 0.0
        with open_written(str(file), framework="np") as written:
            if set(written.keys()) != set(self._names.values()):
                raise _wrong("tensors are missing")
            for name, expected in self._each("Checking", report):
                got = written.get_tensor(self._names[name]).astype("float32")
                if got.shape != expected.shape:
                    raise _wrong(f"{name} has another shape")
                error = float(self._np.abs(got - expected).max() / max(float(self._np.abs(expected).max()), 1e-12))
                worst = max(worst, error)
                # Half precision has eleven bits.
                if error > 2**-11 * 1.01:
                    raise _wrong(f"{name} differs by {error:.2g}")
        return worst

    def _each(self, what: str, report: Report) -> Iterator[tuple[str, Any]]:
        done = 0
        for name in self._names:
            if self._cancel.is_set():
                raise SlipstreamError("The import was stopped.", hint="Run the same again.", code="cancelled")
            report(what, done / max(1, self.parameters))
            yield name, self._weights(self._embeddings if name == "token_embd.weight" else name)
            done += int(self._tensors[name].n_elements)
        report(what, 1.0)

    def _weights(self, name: str) -> Any:
        """In single precision, rows as safetensors has them."""
        from gguf.quants import dequantize

        tensor = self._tensors[name]
        shape = [int(side) for side in reversed(tensor.shape)]
        weights = dequantize(tensor.data, tensor.tensor_type).astype("float32").reshape(shape)
        if not self._np.isfinite(weights).all():
            raise layout.unsupported(f"{name} holds values that are no numbers")
        heads = layout.interleaved_heads(name, self.architecture, self._heads, self._kv_heads)
        if heads:
            rest = shape[1:]
            pairs = weights.reshape(heads, shape[0] // heads // 2, 2, *rest)
            weights = pairs.swapaxes(1, 2).reshape(shape)
        return weights

    def _one_matrix(self) -> tuple[bool, str]:
        """Whether output and embeddings are the same, and which of the two is the finer."""
        if "output.weight" not in self._tensors:
            return True, "token_embd.weight"
        embeddings, output = self._weights("token_embd.weight"), self._weights("output.weight")
        if embeddings.shape != output.shape:
            return False, "token_embd.weight"
        norm = self._np.linalg.norm
        # Of two quantisations of one matrix the output's has more bits, by llama.cpp's own rules.
        same = bool(norm(embeddings - output) / max(float(norm(output)), 1e-12) < SAME_MATRIX)
        return same, "output.weight" if same else "token_embd.weight"

    def _need(self, *names: str) -> None:
        for name in names:
            if name not in self._tensors:
                raise layout.unsupported(f"it lacks the tensor {name}")


def _libraries() -> tuple[Any, Any, Any]:
    try:
        import numpy as np
        import tokenizers  # noqa: F401 - used next door; said here, before anything is written
        from gguf import GGUFReader
        from safetensors import safe_open
    except ImportError as error:
        raise SlipstreamError(
            f"Importing a GGUF file needs the package {error.name}, which is not installed.",
            hint="Install it with `pip install 'slipstream-copilot[gpu]'`.",
            code="missing_library",
        ) from error
    return np, GGUFReader, safe_open


def _check_tokenizer(native: Any) -> None:
    for text in tokenizer.SAMPLES:
        ids = native.encode(text, add_special_tokens=False).ids
        if native.decode(ids, skip_special_tokens=False) != text:
            raise _wrong("text does not come back from its tokens as it was")


def _wrong(why: str) -> SlipstreamError:
    return SlipstreamError(
        f"What was written is not what the GGUF file holds: {why}.",
        hint="This is a mistake in Slipstream or a failing disk; please report it.",
        code="bad_model_file",
    )


def _write_json(file: Path, value: Mapping[str, Any]) -> None:
    file.write_bytes(msgspec.json.format(msgspec.json.encode(value)))
