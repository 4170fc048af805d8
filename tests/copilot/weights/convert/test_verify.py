"""That the check at the end of an import sees what is wrong, and that what can't be imported is said in words."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from copilot.cli import main
from copilot.errors import SlipstreamError
from copilot.weights.convert import gguf_import, layout, verify
from copilot.weights.convert.gguf_import import import_gguf
from tests.copilot.weights.convert.test_gguf_import import HIDDEN, VOCABULARY, Tiny

F16, Q8_0 = gguf.GGMLQuantizationType.F16, gguf.GGMLQuantizationType.Q8_0


def check(tmp_path: Path, kind: str = "F16") -> verify.Verified:
    """Check ``out`` against ``m.gguf``, of which it was made."""
    tensors = [tensor.name for tensor in gguf.GGUFReader(str(tmp_path / "m.gguf")).tensors]
    return verify.check(
        tmp_path / "m.gguf", tmp_path / "out", {n: str(layout.name(n, "qwen2")) for n in tensors}, kind=kind
    )


@pytest.fixture
def made(tmp_path: Path) -> Path:
    """A good import; tests then damage it."""
    tiny = Tiny()
    # One large weight among small ones, as attention's biases have.
    tiny.tensors["blk.1.ffn_norm.weight"] = np.linspace(0, 0.5, HIDDEN, dtype=np.float32)
    tiny.tensors["blk.1.ffn_norm.weight"][0] = 100
    return import_gguf(tiny.write(tmp_path / "m.gguf"), tmp_path / "out").folder


def damage(made: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    tensors = load_file(made / "model.safetensors")
    change(tensors)
    save_file(tensors, made / "model.safetensors")


def test_what_was_compared_is_counted(made: Path, tmp_path: Path) -> None:
    report = check(tmp_path)
    assert report.tensors == 2 + 2 * 9
    assert report.weights == sum(weights.size for weights in load_file(made / "model.safetensors").values())
    assert report.tokens == 256 + 5
    assert 0 < report.largest_error < 2**-11


def test_the_two_rows_that_a_rotation_mixes_are_neighbours_in_the_file() -> None:
    assert verify.rows_in_file(1, 8) == [0, 2, 4, 6, 1, 3, 5, 7]
    assert verify.rows_in_file(2, 8) == [0, 2, 1, 3, 4, 6, 5, 7]


@pytest.mark.parametrize("kind", [F16, Q8_0])
@pytest.mark.parametrize("letter", ["q", "k"])
def test_rows_that_stayed_in_turns_are_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: Any, letter: str
) -> None:
    source = Tiny("llama").write(tmp_path / "m.gguf", kind)
    import_gguf(source, tmp_path / "right")
    real = layout.interleaved_heads

    def forgets_one(of: str, architecture: str, heads: int, kv_heads: int) -> int:
        return 0 if f"attn_{letter}." in of else real(of, architecture, heads, kv_heads)

    monkeypatch.setattr(layout, "interleaved_heads", forgets_one)
    with pytest.raises(SlipstreamError, match=rf"{letter}_proj.weight differs by") as caught:
        import_gguf(source, tmp_path / "out")
    assert caught.value.code == "bad_model_file"
    assert not (tmp_path / "out").exists()


def test_rows_of_qwen_are_as_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(layout, "interleaved_heads", lambda _of, _architecture, heads, _kv_heads: heads)
    with pytest.raises(SlipstreamError, match="not what the GGUF file holds"):
        import_gguf(Tiny().write(tmp_path / "m.gguf"), tmp_path / "out")


def _set(at: int, value: float) -> Callable[[dict[str, Any]], None]:
    def change(tensors: dict[str, Any]) -> None:
        tensors["model.layers.1.post_attention_layernorm.weight"][at] = value

    return change


def _turned(tensors: dict[str, Any]) -> None:
    name = "model.layers.0.mlp.up_proj.weight"
    tensors[name] = np.ascontiguousarray(tensors[name].T)


def _wider(tensors: dict[str, Any]) -> None:
    tensors["model.norm.weight"] = tensors["model.norm.weight"].astype(np.float32)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_set(3, np.nan), "differs by nan"),
        (_set(3, np.inf), "differs by inf"),
        # Less than the rounding of the largest weight, and far more than that of its own.
        (_set(63, 0.52), "differs by 0.02"),
        (_set(0, 100.125), "differs by 0.12"),
        (lambda tensors: tensors.pop("model.norm.weight"), "tensors are missing"),
        (lambda tensors: tensors.update(lm_head=np.zeros(3, np.float16)), "tensors are missing"),
        (_turned, "another shape"),
        (_wider, "shape or type"),
    ],
)
def test_weights_that_are_wrong_are_noticed(
    made: Path, tmp_path: Path, change: Callable[[dict[str, Any]], Any], words: str
) -> None:
    check(tmp_path)
    damage(made, change)
    with pytest.raises(SlipstreamError, match=words) as caught:
        check(tmp_path)
    assert caught.value.code == "bad_model_file"


def test_in_single_precision_the_last_bit_counts(tmp_path: Path) -> None:
    folder = import_gguf(Tiny().write(tmp_path / "m.gguf", Q8_0), tmp_path / "out", dtype="float32").folder
    assert check(tmp_path, "F32").largest_error == 0.0

    def change(tensors: dict[str, Any]) -> None:
        row = tensors["model.layers.0.mlp.up_proj.weight"][5]
        row[7] = np.nextafter(row[7], np.float32(9))

    damage(folder, change)
    with pytest.raises(SlipstreamError, match="up_proj"):
        check(tmp_path, "F32")


def _swapped(tokenizer: dict[str, Any]) -> None:
    vocabulary = tokenizer["model"]["vocab"]
    vocabulary["a"], vocabulary["b"] = vocabulary["b"], vocabulary["a"]


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_swapped, "another number"),
        (lambda tokenizer: tokenizer.update(normalizer={"type": "Lowercase"}), "does not come back"),
        (lambda tokenizer: tokenizer.update(decoder=None), "does not come back"),
    ],
)
def test_a_tokenizer_that_is_wrong_is_noticed(
    made: Path, tmp_path: Path, change: Callable[[dict[str, Any]], Any], words: str
) -> None:
    file = made / "tokenizer.json"
    tokenizer = json.loads(file.read_bytes())
    change(tokenizer)
    file.write_text(json.dumps(tokenizer))
    with pytest.raises(SlipstreamError, match=words):
        check(tmp_path)


@pytest.mark.parametrize("architecture", ["qwen2", "llama"])
@pytest.mark.parametrize("kind", [F16, Q8_0])
def test_in_small_blocks_the_same_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, architecture: str, kind: Any
) -> None:
    source = Tiny(architecture).write(tmp_path / "m.gguf", kind)
    import_gguf(source, tmp_path / "whole")
    # Neither rows nor heads divide evenly into these.
    monkeypatch.setattr(gguf_import, "_BLOCK", 37 * HIDDEN)
    monkeypatch.setattr(verify, "_BLOCK", 41 * HIDDEN)
    import_gguf(source, tmp_path / "blocks")
    written = [(tmp_path / name / "model.safetensors").read_bytes() for name in ("whole", "blocks")]
    assert written[0] == written[1]


@pytest.mark.parametrize("finer", ["token_embd.weight", "output.weight"])
def test_of_one_matrix_in_two_precisions_the_finer_is_kept(tmp_path: Path, finer: str) -> None:
    tiny = Tiny()
    embeddings = tiny.tensors.pop("token_embd.weight")
    coarser = {"token_embd.weight": "output.weight", "output.weight": "token_embd.weight"}[finer]

    def add(writer: gguf.GGUFWriter) -> None:
        writer.add_tensor(coarser, gguf.quants.quantize(embeddings, Q8_0), raw_dtype=Q8_0)
        writer.add_tensor(finer, embeddings.astype(np.float16))

    tiny.extra = add
    made = import_gguf(tiny.write(tmp_path / "m.gguf"), tmp_path / "out")
    assert made.tied
    written = load_file(tmp_path / "out" / "model.safetensors")
    assert np.array_equal(written["model.embed_tokens.weight"], embeddings.astype(np.float16))
    assert written["model.embed_tokens.weight"].shape == (VOCABULARY, HIDDEN)
    assert "lm_head.weight" not in written


def _key(name: str, value: Any) -> Callable[[Tiny], None]:
    """Another value of the file's metadata."""

    def extra(writer: gguf.GGUFWriter) -> None:
        for values in writer.kv_data:
            if name in values:
                values[name].value = value

    return lambda tiny: setattr(tiny, "extra", extra)


def _without(*names: str) -> Callable[[Tiny], None]:
    def extra(writer: gguf.GGUFWriter) -> None:
        for values in writer.kv_data:
            for name in names:
                values.pop(name, None)

    return lambda tiny: setattr(tiny, "extra", extra)


def _extra(method: str, *arguments: Any) -> Callable[[Tiny], None]:
    return lambda tiny: setattr(tiny, "extra", lambda writer: getattr(writer, method)(*arguments))


def _rope(kind: gguf.RopeScalingType, factor: float) -> Callable[[Tiny], None]:
    def extra(writer: gguf.GGUFWriter) -> None:
        writer.add_rope_scaling_type(kind)
        writer.add_rope_scaling_factor(factor)

    return lambda tiny: setattr(tiny, "extra", extra)


def _tensor(name: str, weights: Any) -> Callable[[Tiny], None]:
    return _extra("add_tensor", name, weights)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda tiny: tiny.tensors.pop("blk.1.attn_v.weight"), "lacks the tensor blk.1.attn_v.weight"),
        (_tensor("blk.0.attn_q.bias", np.ones(HIDDEN, np.float32)), "lacks the tensor blk.1.attn_q.bias"),
        (_key("qwen2.block_count", 3), "lacks the tensor blk.2"),
        (_key("qwen2.block_count", 1), "says that it has 1 layers, and has 2"),
        (_without("qwen2.attention.head_count"), "attention.head_count as one number"),
        (_key("qwen2.embedding_length", 0), "embedding_length as one number"),
        (_rope(gguf.RopeScalingType.LINEAR, 4.0), "stretches the positions"),
        (_rope(gguf.RopeScalingType.YARN, 4.0), "stretches the positions"),
        (_tensor("rope_freqs.weight", np.full(8, 8, np.float32)), "stretches the positions"),
        (_extra("add_bos_token_id", 99_999), "bos token is not in its vocabulary"),
        (_extra("add_pad_token_id", 99_999), "padding token is not in its vocabulary"),
        (_without("tokenizer.ggml.tokens", "tokenizer.ggml.token_type"), "vocabulary lacks tokens"),
        (_without("tokenizer.ggml.token_type"), "vocabulary lacks token_type"),
        (_without("tokenizer.ggml.merges"), "vocabulary lacks merges"),
        (_key("tokenizer.ggml.merges", ["d zzz"]), "merges don't fit"),
        (_key("tokenizer.ggml.tokens", ["a"] * VOCABULARY), "contradicts itself"),
        (lambda tiny: tiny.tensors.update({"output_norm.weight": np.full(HIDDEN, np.nan)}), "no numbers"),
    ],
)
def test_what_would_be_wrong_is_not_imported(tmp_path: Path, change: Callable[[Tiny], Any], words: str) -> None:
    tiny = Tiny()
    change(tiny)
    with pytest.raises(SlipstreamError, match=words) as caught:
        import_gguf(tiny.write(tmp_path / "m.gguf"), tmp_path / "out")
    assert caught.value.code == "unsupported_model"
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "change",
    [
        _rope(gguf.RopeScalingType.NONE, 4.0),
        _rope(gguf.RopeScalingType.LINEAR, 1.0),
        _tensor("rope_freqs.weight", np.ones(8, np.float32)),
    ],
)
def test_positions_that_are_not_stretched_are_no_hindrance(tmp_path: Path, change: Callable[[Tiny], Any]) -> None:
    tiny = Tiny()
    change(tiny)
    assert import_gguf(tiny.write(tmp_path / "m.gguf"), tmp_path / "out").largest_error < 2**-11


def test_types_that_are_no_weights_and_heads_that_do_not_fit_are_refused(tmp_path: Path) -> None:
    tiny = Tiny()
    tiny.tensors.pop("blk.1.ffn_norm.weight")
    _tensor("blk.1.ffn_norm.weight", np.ones(HIDDEN, np.int32))(tiny)
    with pytest.raises(SlipstreamError, match=r"blk.1.ffn_norm.weight is of the type I32"):
        import_gguf(tiny.write(tmp_path / "a.gguf"), tmp_path / "out")
    odd = Tiny("llama")
    _key("llama.attention.head_count", 5)(odd)
    with pytest.raises(SlipstreamError, match=r"attn_q.weight has an unusual shape"):
        import_gguf(odd.write(tmp_path / "b.gguf"), tmp_path / "out")


def test_llama_3_takes_a_word_that_is_a_token_as_it_is(tmp_path: Path) -> None:
    """Here no merge leads to ``def``."""
    from tokenizers import Tokenizer

    for pre, tokens in (("llama-bpe", ["def"]), ("qwen2", ["de", "f"])):
        tiny = Tiny("llama")
        tiny.pre = pre
        _key("tokenizer.ggml.merges", ["d e"])(tiny)
        import_gguf(tiny.write(tmp_path / f"{pre}.gguf"), tmp_path / pre)
        assert Tokenizer.from_file(str(tmp_path / pre / "tokenizer.json")).encode("def").tokens == tokens


@pytest.mark.parametrize("library", ["numpy", "gguf", "safetensors", "tokenizers"])
def test_each_library_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, library: str) -> None:
    source = Tiny().write(tmp_path / "m.gguf")
    monkeypatch.setitem(sys.modules, library, None)
    with pytest.raises(SlipstreamError, match=library) as caught:
        import_gguf(source, tmp_path / "out")
    assert caught.value.code == "missing_library"
    assert "pip install 'slipstream-copilot[gpu]'" in caught.value.hint


def test_a_header_that_is_not_sound_is_refused_before_a_library_sees_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = Tiny().write(tmp_path / "m.gguf")
    source.write_bytes(source.read_bytes()[:-100])
    monkeypatch.setattr(gguf_import, "_libraries", lambda: pytest.fail("it was opened"))
    with pytest.raises(SlipstreamError, match="cut short") as caught:
        import_gguf(source, tmp_path / "out")
    assert caught.value.code == "bad_model_file"


def names_in(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_killed_it_leaves_only_a_part_that_the_next_run_replaces(tmp_path: Path) -> None:
    source = Tiny().write(tmp_path / "m.gguf")
    program = (
        "import os, sys; from pathlib import Path; from copilot.weights.convert.gguf_import import import_gguf\n"
        "import_gguf(Path(sys.argv[1]), Path(sys.argv[2]),"
        " report=lambda what, share: os._exit(9) if what == 'Checking' and share > 0.3 else None)"
    )
    child = subprocess.run([sys.executable, "-c", program, source, tmp_path / "out"], check=False)
    assert child.returncode == 9
    assert names_in(tmp_path) == ["m.gguf", "out.part"]
    (tmp_path / "out.part" / "left over").touch()
    import_gguf(source, tmp_path / "out")
    assert names_in(tmp_path) == ["m.gguf", "out"]
    names = ["config.json", "generation_config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
    assert names_in(tmp_path / "out") == names


def test_the_folder_may_be_the_one_we_are_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "here").mkdir()
    source = Tiny().write(tmp_path / "m.gguf")
    monkeypatch.chdir(tmp_path / "here")
    assert import_gguf(source, Path()).folder == tmp_path / "here"
    assert (tmp_path / "here" / "config.json").exists()


def test_the_command_imports_a_file_and_says_what_it_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = Tiny("llama").write(tmp_path / "m.gguf")
    arguments = ["models", "import-gguf", str(source), "--out", str(tmp_path / "out"), "--dtype", "float32"]
    assert main(arguments) == 0
    assert "parameters of llama" in capsys.readouterr().out
    assert load_file(tmp_path / "out" / "model.safetensors")["model.norm.weight"].dtype == np.float32
    assert main(arguments) != 0
    assert "is there already" in capsys.readouterr().err


@pytest.mark.parametrize("named", ["missing.gguf", "folder/missing"])
def test_a_path_to_no_file_is_not_taken_for_a_models_name(named: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "import-gguf", named]) == 1
    assert f"There is no file {named}." in capsys.readouterr().err
