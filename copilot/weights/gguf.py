"""Check the header of a GGUF file before any native loader sees it, and read what we need from it.

Loaders have trusted these headers and read or written outside their memory (CVE-2025-53630, CVE-2026-7482 and
others). Here every count, size and offset is held against the file itself. The format:
https://github.com/ggml-org/ggml/blob/master/docs/gguf.md; little-endian, versions 2 and 3.
"""

import io
import struct
from collections.abc import Collection
from pathlib import Path
from typing import BinaryIO, NoReturn

import msgspec

from copilot.errors import SlipstreamError

MAGIC = b"GGUF"
# Real headers are below 30 MB: their bulk is a vocabulary of some hundred thousand short strings.
MAX_HEADER = 64 << 20
MAX_STRINGS = 2_000_000
MAX_KEYS = 10_000
MAX_TENSORS = 100_000
MAX_NAME = 64
MAX_DIMENSIONS = 4
_LARGEST = (1 << 63) - 1

_STRING, _ARRAY, _BOOL = 8, 9, 7
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", _BOOL: "B", 10: "Q", 11: "q", 12: "d"}
_INTEGERS = {0, 1, 2, 3, 4, 5, 10, 11}

# Values a block and bytes a block of each tensor type (ggml.h `ggml_type`, ggml-common.h); the numbers between
# belong to types that were removed.
_BLOCKS = {
    0: (1, 4),  # F32
    1: (1, 2),  # F16
    2: (32, 18),  # Q4_0
    3: (32, 20),  # Q4_1
    6: (32, 22),  # Q5_0
    7: (32, 24),  # Q5_1
    8: (32, 34),  # Q8_0
    9: (32, 40),  # Q8_1
    10: (256, 84),  # Q2_K
    11: (256, 110),  # Q3_K
    12: (256, 144),  # Q4_K
    13: (256, 176),  # Q5_K
    14: (256, 210),  # Q6_K
    15: (256, 292),  # Q8_K
    16: (256, 66),  # IQ2_XXS
    17: (256, 74),  # IQ2_XS
    18: (256, 98),  # IQ3_XXS
    19: (256, 50),  # IQ1_S
    20: (32, 18),  # IQ4_NL
    21: (256, 110),  # IQ3_S
    22: (256, 82),  # IQ2_S
    23: (256, 136),  # IQ4_XS
    24: (1, 1),  # I8
    25: (1, 2),  # I16
    26: (1, 4),  # I32
    27: (1, 8),  # I64
    28: (1, 8),  # F64
    29: (256, 56),  # IQ1_M
    30: (1, 2),  # BF16
    34: (256, 54),  # TQ1_0
    35: (256, 66),  # TQ2_0
    39: (32, 17),  # MXFP4
    40: (64, 36),  # NVFP4
    41: (128, 18),  # Q1_0
}

# llama.h `llama_ftype`
_FILE_TYPES = (
    "0:F32 1:F16 2:Q4_0 3:Q4_1 7:Q8_0 8:Q5_0 9:Q5_1 10:Q2_K 11:Q3_K_S 12:Q3_K_M 13:Q3_K_L 14:Q4_K_S 15:Q4_K_M "
    "16:Q5_K_S 17:Q5_K_M 18:Q6_K 19:IQ2_XXS 20:IQ2_XS 21:Q2_K_S 22:IQ3_XS 23:IQ3_XXS 24:IQ1_S 25:IQ4_NL 26:IQ3_S "
    "27:IQ3_M 28:IQ2_S 29:IQ2_M 30:IQ4_XS 31:IQ1_M 32:BF16 36:TQ1_0 37:TQ2_0 38:MXFP4 39:NVFP4 40:Q1_0"
)
_QUANTIZATIONS = {int(number): name for number, name in (pair.split(":") for pair in _FILE_TYPES.split())}
QUANTIZATIONS = frozenset(_QUANTIZATIONS.values())


class GgufHeader(msgspec.Struct, frozen=True, kw_only=True):
    """What a good header says. Text is cleaned of control characters; absent values are empty or 0.

    ``context_length`` is in tokens. ``spellings`` are those of the tokens asked for that the vocabulary has.
    """

    version: int
    architecture: str
    name: str
    license: str
    quantization: str
    context_length: int
    tensors: dict[str, int]
    spellings: frozenset[str]


def check(path: Path, look_for: Collection[str] = ()) -> GgufHeader:
    """Read and judge the header of the file ``path``.

    Raises :class:`SlipstreamError` ``bad_model_file`` for whatever is wrong with it, and nothing else.
    """
    try:
        with path.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(0)
            return _read(_Reader(file, size), size, look_for)
    except OSError as error:
        raise SlipstreamError(
            f"{path} can't be read: {error.strerror}.", hint="Check the path.", code="bad_model_file"
        ) from error
    except _BadHeaderError as error:
        raise _refusal(path.name, error) from error


def check_start(start: bytes, size: int, look_for: Collection[str] = ()) -> GgufHeader | None:
    """Judge a file of ``size`` bytes by its first ones; ``None`` when more of them are needed.

    Raises as :func:`check` does.
    """
    try:
        return _read(_Reader(io.BytesIO(start), size), size, look_for)
    except _ShortError:
        return None
    except _BadHeaderError as error:
        raise _refusal("The file", error) from error


class _BadHeaderError(Exception):
    pass


class _ShortError(_BadHeaderError):
    pass


def _refusal(name: str, error: Exception) -> SlipstreamError:
    return SlipstreamError(
        f"{name} is not a sound GGUF file: {error}.",
        hint="Get it again from its publisher; it was not loaded.",
        code="bad_model_file",
    )


def _bad(reason: str) -> NoReturn:
    raise _BadHeaderError(reason)


class _Reader:
    """The header's bytes, read from the file as far as they are needed."""

    def __init__(self, file: BinaryIO, size: int) -> None:
        self._file = file
        self._limit = min(size, MAX_HEADER)
        self._buffer = bytearray()
        self._strings = 0
        self.position = 0

    def left(self) -> int:
        """Bytes that may still belong to the header."""
        return self._limit - self.position

    def take(self, size: int) -> int:
        """Move past ``size`` bytes, which are then in the buffer; returns where they start."""
        start = self.position
        if size > self._limit - start:
            _bad("it ends in the middle of its header")
        self.position = start + size
        while len(self._buffer) < self.position:
            more = self._file.read(max(self.position - len(self._buffer), 1 << 20))
            if not more:
                raise _ShortError("it ends in the middle of its header")
            self._buffer += more
        return start

    def unpack(self, layout: str) -> tuple[int | float, ...]:
        layout = "<" + layout
        return struct.unpack_from(layout, self._buffer, self.take(struct.calcsize(layout)))

    def magic(self) -> bytes:
        start = self.take(4)
        return bytes(self._buffer[start : start + 4])

    def integer(self, layout: str) -> int:
        return int(self.unpack(layout)[0])

    def string(self) -> bytes:
        size = self.integer("Q")
        start = self.take(size)
        return bytes(self._buffer[start : start + size])

    def strings(self, count: int) -> list[bytes]:
        self._strings += count
        if self._strings > MAX_STRINGS:
            _bad(f"it claims more than {MAX_STRINGS} strings")
        # Written out, because vocabularies make this the one loop that costs time.
        unpack = struct.Struct("<Q").unpack_from
        found = []
        for _ in range(count):
            start = self.take(8)
            (size,) = unpack(self._buffer, start)
            start = self.take(size)
            found.append(bytes(self._buffer[start : start + size]))
        return found


def _read(reader: _Reader, size: int, look_for: Collection[str]) -> GgufHeader:
    if reader.left() < 4 or reader.magic() != MAGIC:
        _bad("it does not begin with GGUF")
    version = reader.integer("I")
    if version not in {2, 3}:
        # A version in the upper bytes is a big-endian file.
        _bad("it is for big-endian machines" if version & 0xFFFF == 0 and version else f"its version is {version}")
    tensors, keys = reader.integer("Q"), reader.integer("Q")
    if tensors > MAX_TENSORS or keys > MAX_KEYS:
        _bad(f"it claims {tensors} tensors and {keys} keys")
    values: dict[str, _Value] = {}
    for _ in range(keys):
        key = reader.string()
        if not key or len(key) > 65_535:
            _bad("a key has no name, or one that is too long")
        name = _text(key)
        if name in values:
            _bad(f"the key {name!r} is there twice")
        values[name] = _value(reader, reader.integer("I"))
    alignment = _alignment(values)
    spans = [_tensor(reader, alignment) for _ in range(tensors)]
    _check_spans(spans, _padded(reader.position, alignment), size)
    return _summary(version, values, spans, look_for)


class _Value(msgspec.Struct, frozen=True):
    """A value of the header. Arrays keep their strings and their length; their numbers are of no use here."""

    kind: int
    item: int | float | bytes = 0
    strings: list[bytes] = []
    length: int = 0


def _value(reader: _Reader, kind: int) -> _Value:
    if kind == _STRING:
        return _Value(kind, reader.string())
    if kind == _ARRAY:
        element, count = reader.integer("I"), reader.integer("Q")
        # Each element takes at least this many bytes, which bounds the loop before it begins.
        least = 8 if element == _STRING else struct.calcsize(_SCALARS.get(element, "x"))
        if element not in _SCALARS and element != _STRING:
            _bad(f"it has an array of the unknown type {element}")
        if count > reader.left() // least:
            _bad(f"it has an array of {count} elements, more than fit")
        if element == _STRING:
            return _Value(kind, strings=reader.strings(count), length=count)
        reader.take(count * least)
        return _Value(kind, length=count)
    if kind not in _SCALARS:
        _bad(f"it has a value of the unknown type {kind}")
    item = reader.unpack(_SCALARS[kind])[0]
    if kind == _BOOL and item not in {0, 1}:
        _bad(f"it has a truth value of {item}")
    return _Value(kind, item)


def _text(raw: bytes) -> str:
    try:
        return raw.decode()
    except UnicodeDecodeError:
        _bad("it has a name that is not UTF-8")


def _alignment(values: dict[str, _Value]) -> int:
    value = values.get("general.alignment")
    if value is None:
        return 32
    number = value.item
    if value.kind != 4 or not isinstance(number, int) or not 0 < number <= 1 << 20 or number & (number - 1):
        _bad("its alignment is not a power of two")
    return number


def _padded(position: int, alignment: int) -> int:
    return -(-position // alignment) * alignment


class _Span(msgspec.Struct, frozen=True):
    name: bytes
    offset: int
    size: int


def _tensor(reader: _Reader, alignment: int) -> _Span:
    name = reader.string()
    if not 0 < len(name) < MAX_NAME:
        _bad("a tensor has no name, or one that is too long")
    _text(name)
    dimensions = reader.integer("I")
    if not 1 <= dimensions <= MAX_DIMENSIONS:
        _bad(f"the tensor {name!r} has {dimensions} dimensions")
    shape = [int(side) for side in reader.unpack(f"{dimensions}Q")]
    kind, offset = reader.integer("I"), reader.integer("Q")
    if kind not in _BLOCKS:
        _bad(f"the tensor {name!r} has the unknown type {kind}")
    per_block, block_bytes = _BLOCKS[kind]
    values = 1
    for side in shape:
        values *= side
        # Python's integers don't overflow; the loader's do, in whatever order it multiplies.
        if not 0 < side <= _LARGEST or values * block_bytes > _LARGEST:
            _bad(f"the size of the tensor {name!r} overflows")
    if shape[0] % per_block:
        _bad(f"the tensor {name!r} has rows that are not whole blocks")
    if offset % alignment:
        _bad(f"the tensor {name!r} is not aligned")
    return _Span(name, offset, values // per_block * block_bytes)


def _check_spans(spans: list[_Span], data_start: int, size: int) -> None:
    if len({span.name for span in spans}) != len(spans):
        _bad("two tensors have the same name")
    end = 0
    for span in sorted(spans, key=lambda span: span.offset):
        if span.offset < end:
            _bad(f"the tensor {span.name!r} overlaps another one")
        end = span.offset + span.size
        if data_start + end > size:
            _bad(f"the tensor {span.name!r} lies outside the file, which may be cut short")


def _summary(version: int, values: dict[str, _Value], spans: list[_Span], look_for: Collection[str]) -> GgufHeader:
    def text(key: str) -> str:
        value = values.get(key)
        if value is None or value.kind != _STRING or not isinstance(value.item, bytes):
            return ""
        cleaned = value.item.decode(errors="replace")
        return "".join(char for char in cleaned if char.isprintable())[:200].strip()

    def number(key: str) -> int:
        value = values.get(key)
        return int(value.item) if value is not None and value.kind in _INTEGERS and value.item else 0

    architecture = text("general.architecture")
    if not architecture:
        _bad("it names no architecture")
    vocabulary = values.get("tokenizer.ggml.tokens", _Value(_ARRAY))
    for key in ("tokenizer.ggml.token_type", "tokenizer.ggml.scores"):
        # The loader reads these by the token's number.
        if key in values and values[key].length != vocabulary.length:
            _bad(f"it has {vocabulary.length} tokens and {values[key].length} entries in {key}")
    wanted = {spelling.encode(): spelling for spelling in look_for}
    found = frozenset(wanted[token] for token in vocabulary.strings if token in wanted) if wanted else frozenset()
    length = number(f"{architecture}.context_length")
    if not 0 <= length <= 1 << 31:
        _bad(f"its context length is {length}")
    return GgufHeader(
        version=version,
        architecture=architecture,
        name=text("general.name"),
        license=text("general.license"),
        quantization=_QUANTIZATIONS.get(number("general.file_type"), "") if "general.file_type" in values else "",
        context_length=length,
        tensors={_text(span.name): span.size for span in spans},
        spellings=found,
    )
