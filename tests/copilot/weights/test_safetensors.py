"""Damaged safetensors headers are refused, and so is every format that runs code."""

import random
import struct
from pathlib import Path
from typing import Any

import pytest

from copilot.errors import SlipstreamError
from copilot.weights import safetensors
from tests.copilot.weights import tiny


def judged(tmp_path: Path, data: bytes) -> None:
    path = tmp_path / "model.safetensors"
    path.write_bytes(data)
    safetensors.check(path)


def one(**changes: Any) -> bytes:
    entry = {"dtype": "F16", "shape": [2, 4], "data_offsets": [0, 16], **changes}
    return tiny.safetensors({"t": entry})


def test_sound_files_are_accepted(tmp_path: Path) -> None:
    judged(tmp_path, tiny.safetensors(tiny.GOOD_TENSORS))
    judged(tmp_path, one())
    judged(tmp_path, tiny.safetensors({"empty": {"dtype": "F16", "shape": [0], "data_offsets": [0, 0]}}, b""))


FAULTS = {
    "nothing": (b"", "too short"),
    "a huge header": (struct.pack("<Q", 1 << 40) + bytes(100), "longer than it can be"),
    "the largest number": (struct.pack("<Q", (1 << 64) - 1) + bytes(100), "longer than it can be"),
    "not JSON": (tiny.safetensors(b"{nonsense"), "not JSON"),
    "not UTF-8": (tiny.safetensors(b'{"\xff": 1}'), "not JSON"),
    "a list": (tiny.safetensors([]), "not a table"),
    "nested deep": (tiny.safetensors(b"[" * 100_000), "nested too deep|not JSON"),
    "a name twice": (tiny.safetensors(b'{"a": 1, "a": 2}'), "twice"),
    "metadata that is no text": (tiny.safetensors({"__metadata__": {"a": 1}}), "metadata"),
    "an unknown type": (one(dtype="F17"), "malformed"),
    "a type that is a list": (one(dtype=["F16"]), "malformed"),
    "no offsets": (one(data_offsets=[]), "malformed"),
    "a shape that is text": (one(shape="24"), "impossible"),
    "a negative side": (one(shape=[-2, -4]), "impossible"),
    "a side that is true": (one(shape=[True, 8]), "impossible"),
    "a broken number": (one(data_offsets=[0, 16.0]), "impossible"),
    "a product that overflows": (one(shape=[1 << 32, 1 << 32]), "overflows"),
    "shape and place differ": (one(shape=[2, 5]), "does not fill"),
    "backwards": (one(data_offsets=[16, 0]), "does not fill"),
    "outside": (tiny.safetensors({"t": {"dtype": "F16", "shape": [2, 8], "data_offsets": [0, 32]}}), "fill the file"),
    "a gap": (tiny.safetensors({"t": {"dtype": "F16", "shape": [4], "data_offsets": [8, 16]}}), "gap"),
    "data that no tensor has": (tiny.safetensors({}), "fill the file"),
}


@pytest.mark.parametrize(("data", "words"), FAULTS.values(), ids=FAULTS)
def test_each_fault_is_named(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(SlipstreamError, match=words) as caught:
        judged(tmp_path, data)
    assert caught.value.code == "bad_model_file"


def test_mutants_raise_nothing_else(tmp_path: Path) -> None:
    chance = random.Random(2)
    good = tiny.safetensors(tiny.GOOD_TENSORS)
    refused = 0
    for _ in range(1000):
        data = bytearray(good)
        for _ in range(chance.randint(1, 4)):
            data[chance.randrange(len(data) - 16)] = chance.randrange(256)
        try:
            judged(tmp_path, bytes(data[: chance.choice([None, None, chance.randrange(len(data))])]))
        except SlipstreamError as error:
            assert error.code == "bad_model_file"
            refused += 1
    assert refused > 500


def test_a_sound_folder_tells_what_it_is(tmp_path: Path) -> None:
    folder = tiny.exl2_folder(tmp_path / "m", tokens=["<|fim_prefix|>"])
    found = safetensors.check_folder(folder, frozenset({"<|fim_prefix|>", "<|other|>", "a"}))
    assert (found.architecture, found.bits, found.context_length) == ("qwen2", 4.25, 8192)
    assert found.spellings == {"<|fim_prefix|>", "a"}


@pytest.mark.parametrize("name", ["pytorch_model.bin", "a.pt", "b.PTH", "c.pkl", "d.pickle", "e.ckpt", "f.zip"])
def test_formats_that_run_code_are_refused(tmp_path: Path, name: str) -> None:
    folder = tiny.exl2_folder(tmp_path / "m")
    (folder / name).write_bytes(b"")
    with pytest.raises(SlipstreamError, match="can run code") as caught:
        safetensors.check_folder(folder)
    assert caught.value.code == "unsafe_model_file"


def test_a_model_with_code_of_its_own_is_refused(tmp_path: Path) -> None:
    folder = tiny.exl2_folder(tmp_path / "m", auto_map={"AutoModel": "evil.Model"})
    with pytest.raises(SlipstreamError, match="auto_map"):
        safetensors.check_folder(folder)


def test_other_folders_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SlipstreamError, match=r"no readable config\.json"):
        safetensors.check_folder(tmp_path)
    with pytest.raises(SlipstreamError, match="neither EXL2 nor EXL3"):
        safetensors.check_folder(tiny.exl2_folder(tmp_path / "gptq", quantization_config={"quant_method": "gptq"}))
    empty = tiny.exl2_folder(tmp_path / "empty")
    (empty / "output.safetensors").unlink()
    with pytest.raises(SlipstreamError, match=r"no \.safetensors file"):
        safetensors.check_folder(empty)
    damaged = tiny.exl2_folder(tmp_path / "damaged")
    (damaged / "output.safetensors").write_bytes(bytes(8))
    with pytest.raises(SlipstreamError, match="not a sound model"):
        safetensors.check_folder(damaged)
    garbled = tiny.exl2_folder(tmp_path / "garbled")
    (garbled / "config.json").write_text("{")
    with pytest.raises(SlipstreamError, match="not JSON"):
        safetensors.check_folder(garbled)
