"""What a model takes of a GPU, from its headers alone."""

import json
import struct
from pathlib import Path

import pytest

from copilot.engine.exllama import memory
from copilot.errors import SlipstreamError

# Qwen2.5-Coder-7B as its config.json describes it.
SEVEN = {
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_attention_heads": 28,
    "num_hidden_layers": 28,
    "num_key_value_heads": 4,
    "vocab_size": 152064,
}


def folder(path: Path, tensors: dict[str, int], **config: object) -> Path:
    """A model folder with headers only: the data is a hole in the file."""
    path.mkdir()
    (path / "config.json").write_text(json.dumps({**SEVEN, **config}))
    at, header = 0, {}
    for name, size in tensors.items():
        header[name] = {"dtype": "U8", "shape": [size], "data_offsets": [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    with (path / "model.safetensors").open("wb") as file:
        file.write(struct.pack("<Q", len(text)) + text)
        file.truncate(8 + len(text) + at)
    return path


def test_the_embeddings_stay_in_memory_and_a_tied_output_layer_does_not(tmp_path: Path) -> None:
    untied = memory.shape(folder(tmp_path / "a", {"model.embed_tokens.weight": 1000, "lm_head.q_weight": 300, "x": 50}))
    assert (untied.weight_bytes, untied.embedding_bytes) == (350, 1000)
    tied = memory.shape(folder(tmp_path / "b", {"model.embed_tokens.weight": 1000, "x": 50}))
    assert tied.weight_bytes == 1050


def test_parameters_are_about_right(tmp_path: Path) -> None:
    """The publisher's figure is 7.61 billion, of which 0.54 are a second matrix of the vocabulary's size."""
    assert memory.shape(folder(tmp_path / "a", {"x": 1})).parameters == pytest.approx(7.07e9, rel=0.02)


def test_the_cache_is_as_large_as_its_tensors(tmp_path: Path) -> None:
    """56 KiB a token for this model in fp16 (2 x 28 layers x 4 heads x 128 values x 2 bytes)."""
    shape = memory.shape(folder(tmp_path / "a", {"x": 1}))
    sizes = {
        kind: memory.needs(shape, cache_tokens=8192, cache=kind, chunk=512).cache for kind in memory.BYTES_PER_VALUE
    }
    assert sizes["fp16"] == 8192 * 56 * 1024
    assert sizes["fp16"] > sizes["q8"] > sizes["q6"] > sizes["q4"]
    assert sizes["q4"] == pytest.approx(sizes["fp16"] * 0.28125)


def test_small_models_get_a_plain_cache(tmp_path: Path) -> None:
    assert memory.cache_type("auto", 1.5e9) == "fp16"
    assert memory.cache_type("auto", 7e9) == "q8"
    assert memory.cache_type("q4", 0.5e9) == "q4"


def test_a_cache_is_made_smaller_until_it_fits(tmp_path: Path) -> None:
    shape = memory.shape(folder(tmp_path / "a", {"x": 4 * 1024**3}))
    whole = memory.needs(shape, cache_tokens=32768, cache="q8", chunk=512).total

    def fitting(free: int, wanted: int = 32768) -> int:
        return memory.fitting_cache(shape, free=free, cache_tokens=wanted, cache="q8", chunk=512)

    assert fitting(whole) == 32768
    assert fitting(whole - 1) == 16384
    small = fitting(memory.needs(shape, cache_tokens=2048, cache="q8", chunk=512).total)
    assert small == 2048
    assert fitting(4 * 1024**3) == 0
    assert fitting(whole, 512) == 512, "less than the least was asked for"
    for tokens in (32768, 10240, 5000 // 256 * 256):
        assert fitting(whole // 2 + 3 * 1024**3, tokens) % 256 == 0


@pytest.mark.parametrize("change", ["no config", "no tensors", "no heads", "not JSON"])
def test_what_is_no_model_folder_is_said_to_be_none(tmp_path: Path, change: str) -> None:
    path = folder(tmp_path / "a", {"x": 1})
    if change == "no config":
        (path / "config.json").unlink()
    elif change == "no tensors":
        (path / "model.safetensors").unlink()
    elif change == "no heads":
        (path / "config.json").write_text("{}")
    else:
        (path / "config.json").write_text("{")
    with pytest.raises(SlipstreamError, match="no model folder") as caught:
        memory.shape(path)
    assert caught.value.code == "bad_model_file"
