"""Hostile and damaged GGUF headers are refused with a sentence before anything native sees the file."""

import random
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from copilot.errors import SlipstreamError
from copilot.weights import gguf
from tests.copilot.weights import tiny

U64 = (1 << 64) - 1


def judged(tmp_path: Path, data: bytes) -> gguf.GgufHeader:
    path = tmp_path / "model.gguf"
    path.write_bytes(data)
    return gguf.check(path, ["<|fim_prefix|>", "<|fim_suffix|>"])


def test_a_sound_file_tells_what_it_is(tmp_path: Path) -> None:
    assert judged(tmp_path, tiny.gguf()) == gguf.GgufHeader(
        version=3,
        architecture="llama",
        name="Tiny",
        license="apache-2.0",
        quantization="Q4_K_M",
        context_length=4096,
        tensors={"first": 128, "second": 36},
        spellings=frozenset({"<|fim_prefix|>"}),
    )
    assert not tiny.outside(tiny.gguf())


def test_real_models_are_sound(coder_model: Path, tiny_model: Path) -> None:
    header = gguf.check(coder_model, ["<|fim_prefix|>", "<|fim_nothing|>"])
    assert (header.architecture, header.context_length, len(header.tensors)) == ("qwen2", 32768, 291)
    # All of the file but its header, and what is left between tensors to align them.
    assert sum(header.tensors.values()) == pytest.approx(coder_model.stat().st_size, rel=0.02)
    assert (header.quantization, header.spellings) == ("Q4_K_M", frozenset({"<|fim_prefix|>"}))
    small = gguf.check(tiny_model, ["<|fim_prefix|>"])
    assert (small.architecture, small.quantization, small.spellings) == ("llama", "Q4_1", frozenset())


def test_text_from_the_file_is_cleaned(tmp_path: Path) -> None:
    entries = tiny.keys()
    entries[1] = tiny.value("general.name", tiny.STRING, tiny.string(b"Evil\x1b[31m\xff\n name " + b"x" * 5000))
    name = judged(tmp_path, tiny.gguf(entries)).name
    assert name.startswith("Evil[31m")
    assert name.isprintable()
    assert len(name) <= 200


def tensors(*entries: bytes, data: int = tiny.DATA) -> bytes:
    return tiny.gguf(tensors=entries, data=data)


def with_key(key: str, kind: int, packed: bytes) -> bytes:
    return tiny.gguf([*tiny.keys(), tiny.value(key, kind, packed)])


FAULTS = {
    "nothing": (b"", "does not begin with GGUF"),
    "another format": (b"PK\x03\x04" * 100, "does not begin with GGUF"),
    "only the magic": (b"GGUF", "middle of its header"),
    "version 1": (tiny.gguf(version=1), "version is 1"),
    "big-endian": (tiny.gguf(version=3 << 24), "big-endian"),
    "too many tensors": (tiny.gguf(counts=(U64, 7)), "claims"),
    "too many keys": (tiny.gguf(counts=(2, U64)), "claims"),
    "more tensors than there are": (tiny.gguf(counts=(3, 7)), "is not a sound"),
    "a key twice": (tiny.gguf([*tiny.keys(), tiny.keys()[0]]), "twice"),
    "a key without a name": (with_key("", 4, bytes(4)), "no name"),
    "a key that is not UTF-8": (tiny.gguf([tiny.string(b"\xff") + bytes(8)]), "UTF-8"),
    "a string beyond the file": (tiny.gguf([tiny.string("k") + struct.pack("<IQ", 8, U64)]), "middle of its header"),
    "an array beyond the file": (with_key("k", 9, struct.pack("<IQ", 4, 1 << 62)), "more than fit"),
    "a string array beyond the file": (with_key("k", 9, struct.pack("<IQ", 8, 1 << 61)), "more than fit"),
    "an array of arrays": (with_key("k", 9, struct.pack("<IQ", 9, 1)), "unknown type 9"),
    "an unknown value": (with_key("k", 99, bytes(8)), "unknown type 99"),
    "a truth value of 2": (with_key("k", 7, b"\2"), "truth value"),
    "alignment 0": (with_key("general.alignment", 4, struct.pack("<I", 0)), "alignment"),
    "alignment 24": (with_key("general.alignment", 4, struct.pack("<I", 24)), "alignment"),
    "alignment as text": (with_key("general.alignment", 8, tiny.string("32")), "alignment"),
    "no architecture": (tiny.gguf(tiny.keys()[1:]), "no architecture"),
    "fewer types than tokens": (
        tiny.gguf([*tiny.keys()[:-1], tiny.value("tokenizer.ggml.token_type", 9, struct.pack("<IQi", 5, 1, 1))]),
        "3 tokens and 1 entries",
    ),
    "no dimensions": (tensors(tiny.tensor("t", (), 0, 0)), "0 dimensions"),
    "five dimensions": (tensors(tiny.tensor("t", (1, 1, 1, 1, 1), 0, 0)), "5 dimensions"),
    "no name": (tensors(tiny.tensor("", (1,), 0, 0)), "no name"),
    "a long name": (tensors(tiny.tensor("t" * 64, (1,), 0, 0)), "too long"),
    "an unknown tensor type": (tensors(tiny.tensor("t", (1,), 4, 0)), "unknown type 4"),
    "a side of 0": (tensors(tiny.tensor("t", (0,), 0, 0)), "overflows"),
    "a product that overflows to nothing": (tensors(tiny.tensor("t", (1 << 32, 1 << 32), 0, 0)), "overflows"),
    "bytes that overflow": (tensors(tiny.tensor("t", (1 << 62,), 0, 0)), "overflows"),
    "half a block": (tensors(tiny.tensor("t", (33,), tiny.Q4_0, 0)), "whole blocks"),
    "not aligned": (tensors(tiny.tensor("t", (1,), 0, 4)), "not aligned"),
    "outside": (tensors(tiny.tensor("t", (1,), 0, 1 << 40)), "outside the file"),
    "offset near the end of 64 bits": (tensors(tiny.tensor("t", (8,), 0, U64 - 31)), "outside the file"),
    "one byte cut": (tiny.gguf()[:-1], "outside the file"),
    "one name twice": (tensors(tiny.tensor("t", (8,), 0, 0), tiny.tensor("t", (8,), 0, 32)), "same name"),
    "overlapping": (tensors(tiny.tensor("t", (16,), 0, 0), tiny.tensor("u", (8,), 0, 32)), "overlaps"),
}


@pytest.mark.parametrize(("data", "words"), FAULTS.values(), ids=FAULTS)
def test_each_fault_is_named(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(SlipstreamError, match=words) as caught:
        judged(tmp_path, data)
    assert caught.value.code == "bad_model_file"
    assert caught.value.hint


def mutants(seed: int, count: int) -> list[bytes]:
    chance = random.Random(seed)
    good = tiny.gguf()
    header = len(good) - tiny.DATA
    extremes = [0, 1, 0x7FFFFFFF, 0xFFFFFFFF, 1 << 62, (1 << 63) - 1, 1 << 63, U64, U64 - 31]
    found = []
    for _ in range(count):
        data = bytearray(good)
        match chance.randrange(5):
            case 0:
                for _ in range(chance.randint(1, 8)):
                    data[chance.randrange(header)] ^= 1 << chance.randrange(8)
            case 1:
                del data[chance.randrange(len(data)) :]
            case 2:
                at = chance.randrange(header - 8)
                data[at : at + 8] = struct.pack("<Q", chance.choice(extremes))
            case 3:
                at = chance.randrange(header)
                del data[at : at + chance.randint(1, 64)]
            case _:
                at = chance.randrange(header)
                data[at:at] = chance.randbytes(chance.randint(1, 64))
        found.append(bytes(data))
    return found


def test_mutants_are_refused_or_harmless(tmp_path: Path) -> None:
    refused = 0
    for data in mutants(seed=1, count=1500):
        try:
            judged(tmp_path, data)
        except SlipstreamError as error:
            assert error.code == "bad_model_file"
            refused += 1
        else:
            assert not tiny.outside(data)
    assert refused > 750


def test_every_cut_is_refused(tmp_path: Path) -> None:
    good = tiny.gguf()
    for size in range(len(good)):
        with pytest.raises(SlipstreamError):
            judged(tmp_path, good[:size])


BOMBS = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
from copilot.errors import SlipstreamError
from copilot.weights import gguf
for name in sys.argv[1:]:
    try:
        gguf.check(Path(name), ["a"])
        print("accepted", name)
    except SlipstreamError as error:
        print(error.message)
"""


def test_bombs_need_little_memory(tmp_path: Path) -> None:
    start = b"GGUF" + struct.pack("<IQQ", 3, 0, 1)
    bombs = {
        "claims more than 2000000 strings": start + tiny.string("k") + struct.pack("<IIQ", 9, 8, (60 << 20) // 8),
        "ends in the middle of its header": start + tiny.string("k") + struct.pack("<IQ", 8, (1 << 40) - 100),
        "elements, more than fit": start + tiny.string("k") + struct.pack("<IIQ", 9, 0, (1 << 40) - 100),
        "a tensor has no name": b"GGUF" + struct.pack("<IQQ", 3, gguf.MAX_TENSORS, 0),
    }
    files = []
    for number, data in enumerate(bombs.values()):
        path = tmp_path / f"{number}.gguf"
        with path.open("wb") as file:
            file.write(data)
            # Sparse: it claims a terabyte and takes none.
            file.truncate(1 << 40)
        files.append(str(path))
    done = subprocess.run(
        [sys.executable, "-c", BOMBS, *files], capture_output=True, text=True, timeout=120, check=False
    )
    said = done.stdout.splitlines()
    assert len(said) == len(bombs), done.stderr
    assert all(words in line for words, line in zip(bombs, said, strict=True)), said


def test_the_start_of_a_file_is_enough_to_judge_it() -> None:
    good = tiny.gguf()
    header = len(good) - tiny.DATA
    assert gguf.check_start(good[: header // 2], len(good)) is None
    found = gguf.check_start(good[:header], len(good))
    assert found is not None
    assert len(found.tensors) == 2
    with pytest.raises(SlipstreamError, match="outside"):
        gguf.check_start(good[:header], len(good) - 1)


def test_a_folder_or_a_missing_file_is_one_sentence(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.gguf"):
        with pytest.raises(SlipstreamError, match="can't be read"):
            gguf.check(path)
