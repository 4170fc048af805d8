"""A GGUF file to a folder of safetensors: small ones made here, and a real model."""

import inspect
import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gguf
import numpy as np
import pytest
from safetensors.numpy import load_file
from tokenizers import Tokenizer

from copilot.config.settings import EngineSettings
from copilot.engine.process import WorkerEngine
from copilot.engine.protocol import ModelInfo
from copilot.errors import SlipstreamError
from copilot.weights import safetensors
from copilot.weights.convert import gguf_import, layout
from copilot.weights.convert.gguf_import import import_gguf

HIDDEN, INNER, HEADS, KV_HEADS, LAYERS, VOCABULARY = 64, 128, 4, 2, 2, 320


def interleaved(rows: Any, heads: int) -> Any:
    """As llama.cpp stores the queries and keys of Llama: the halves of each head in turns."""
    halves = rows.reshape(heads, 2, rows.shape[0] // heads // 2, rows.shape[1])
    return halves.swapaxes(1, 2).reshape(rows.shape)


class Tiny:
    """A model with random weights, and the GGUF file of it."""

    def __init__(self, architecture: str = "qwen2", *, seed: int = 0) -> None:
        rng = np.random.default_rng(seed)
        self.architecture = architecture
        self.tensors: dict[str, Any] = {
            "token_embd.weight": rng.standard_normal((VOCABULARY, HIDDEN)),
            "output_norm.weight": np.ones(HIDDEN),
        }
        sizes = {"attn_q": (HIDDEN, HIDDEN), "attn_k": (HIDDEN // 2, HIDDEN), "attn_v": (HIDDEN // 2, HIDDEN)}
        sizes |= {"attn_output": (HIDDEN, HIDDEN), "ffn_gate": (INNER, HIDDEN), "ffn_up": (INNER, HIDDEN)}
        sizes["ffn_down"] = (HIDDEN, INNER)
        for layer in range(LAYERS):
            for name, size in sizes.items():
                self.tensors[f"blk.{layer}.{name}.weight"] = rng.standard_normal(size) / 8
            for name in ("attn_norm", "ffn_norm"):
                self.tensors[f"blk.{layer}.{name}.weight"] = np.ones(HIDDEN)
        self.tensors = {name: weights.astype(np.float32) for name, weights in self.tensors.items()}
        self.model = "gpt2"
        self.pre = "qwen2"
        self.extra: Callable[[gguf.GGUFWriter], None] = lambda _writer: None

    def write(self, path: Path, kind: Any = gguf.GGMLQuantizationType.F16) -> Path:
        writer = gguf.GGUFWriter(str(path), self.architecture)
        writer.add_context_length(4096)
        writer.add_embedding_length(HIDDEN)
        writer.add_block_count(LAYERS)
        writer.add_feed_forward_length(INNER)
        writer.add_head_count(HEADS)
        writer.add_head_count_kv(KV_HEADS)
        writer.add_rope_freq_base(1e6)
        writer.add_layer_norm_rms_eps(1e-6)
        self._add_tokenizer(writer)
        self.extra(writer)
        for name, weights in self.tensors.items():
            narrow = weights.astype(np.float32)
            if kind == gguf.GGMLQuantizationType.F16 or weights.ndim == 1:
                writer.add_tensor(name, narrow if weights.ndim == 1 else narrow.astype(np.float16))
            else:
                writer.add_tensor(name, gguf.quants.quantize(narrow, kind), raw_dtype=kind)
        writer.write_header_to_file()
        writer.write_kv_data_to_file()
        writer.write_tensors_to_file()
        writer.close()
        return path

    def _add_tokenizer(self, writer: gguf.GGUFWriter) -> None:
        from tokenizers import pre_tokenizers

        pieces = sorted(pre_tokenizers.ByteLevel.alphabet())
        kinds = [1] * len(pieces)
        pieces += ["de", "def", "<|endoftext|>", "<|fim_prefix|>", "<tool_call>"]
        kinds += [1, 1, 3, 3, 4]
        pieces += [f"[PAD{at}]" for at in range(VOCABULARY - len(pieces))]
        kinds += [5] * (VOCABULARY - len(kinds))
        writer.add_tokenizer_model(self.model)
        writer.add_tokenizer_pre(self.pre)
        writer.add_token_list(pieces)
        writer.add_token_types(kinds)
        writer.add_token_merges(["d e", "de f"])
        writer.add_eos_token_id(pieces.index("<|endoftext|>"))


def test_every_weight_arrives_under_its_name(tmp_path: Path) -> None:
    tiny = Tiny()
    made = import_gguf(tiny.write(tmp_path / "m.gguf"), tmp_path / "out")
    written = load_file(tmp_path / "out" / "model.safetensors")
    assert len(written) == len(tiny.tensors)
    for name, to in (
        ("token_embd.weight", "model.embed_tokens.weight"),
        ("blk.1.ffn_down.weight", "model.layers.1.mlp.down_proj.weight"),
        ("blk.0.attn_k.weight", "model.layers.0.self_attn.k_proj.weight"),
        ("blk.0.ffn_norm.weight", "model.layers.0.post_attention_layernorm.weight"),
    ):
        assert np.array_equal(written[to], tiny.tensors[name].astype(np.float16)), to
    assert made.tied
    assert made.parameters == sum(weights.size for weights in tiny.tensors.values())
    assert made.largest_error < 2**-11
    config = json.loads((tmp_path / "out" / "config.json").read_bytes())
    assert config["architectures"] == ["Qwen2ForCausalLM"]
    assert (config["rope_theta"], config["rms_norm_eps"]) == (1e6, 1e-6)
    assert (config["num_key_value_heads"], config["vocab_size"]) == (KV_HEADS, VOCABULARY)
    folder = safetensors.check_folder(tmp_path / "out", frozenset({"<|fim_prefix|>", "<|x|>"}))
    assert folder.format == "safetensors"
    assert folder.spellings == {"<|fim_prefix|>"}


def test_rows_that_llama_cpp_stores_in_turns_are_put_back(tmp_path: Path) -> None:
    tiny = Tiny("llama")
    plain = {name: weights.copy() for name, weights in tiny.tensors.items()}
    for layer in range(LAYERS):
        for name, heads in (("attn_q", HEADS), ("attn_k", KV_HEADS)):
            key = f"blk.{layer}.{name}.weight"
            tiny.tensors[key] = interleaved(plain[key], heads)
    import_gguf(tiny.write(tmp_path / "m.gguf"), tmp_path / "out")
    written = load_file(tmp_path / "out" / "model.safetensors")
    for name in ("q", "k", "v"):
        expected = plain[f"blk.1.attn_{name}.weight"].astype(np.float16)
        assert np.array_equal(written[f"model.layers.1.self_attn.{name}_proj.weight"], expected)


def test_quantised_weights_are_those_that_llama_cpp_computes_with(tmp_path: Path) -> None:
    tiny = Tiny()
    kind = gguf.GGMLQuantizationType.Q8_0
    import_gguf(tiny.write(tmp_path / "m.gguf", kind), tmp_path / "out", dtype="float32")
    written = load_file(tmp_path / "out" / "model.safetensors")
    weights = tiny.tensors["blk.0.ffn_up.weight"].astype(np.float32)
    rounded = gguf.quants.dequantize(gguf.quants.quantize(weights, kind), kind).reshape(weights.shape)
    assert np.array_equal(written["model.layers.0.mlp.up_proj.weight"], rounded)
    assert not np.array_equal(rounded, weights)


def test_one_matrix_that_is_there_twice_is_kept_once_and_another_is_kept(tmp_path: Path) -> None:
    twice, other = Tiny(), Tiny()
    embeddings = twice.tensors["token_embd.weight"]
    twice.tensors["output.weight"] = embeddings + np.float32(0.001)
    assert import_gguf(twice.write(tmp_path / "a.gguf"), tmp_path / "a").tied
    # The output's copy is the finer one.
    written = load_file(tmp_path / "a" / "model.safetensors")
    assert "lm_head.weight" not in written
    assert np.array_equal(written["model.embed_tokens.weight"], (embeddings + np.float32(0.001)).astype(np.float16))
    other.tensors["output.weight"] = np.random.default_rng(9).standard_normal((VOCABULARY, HIDDEN))
    assert not import_gguf(other.write(tmp_path / "b.gguf"), tmp_path / "b").tied
    assert "lm_head.weight" in load_file(tmp_path / "b" / "model.safetensors")


def test_the_tokenizer_cuts_and_merges_as_the_models_own(tmp_path: Path) -> None:
    import_gguf(Tiny().write(tmp_path / "m.gguf"), tmp_path / "out")
    native = Tokenizer.from_file(str(tmp_path / "out" / "tokenizer.json"))
    assert native.encode("def").tokens == ["def"]
    assert native.encode("<|fim_prefix|>x").tokens[0] == "<|fim_prefix|>"
    assert native.token_to_id("[PAD270]") is None, "rows that only pad are no tokens"
    assert native.decode(native.encode("größer 🎈\n\tdef").ids) == "größer 🎈\n\tdef"


def test_progress_goes_from_nothing_to_all(tmp_path: Path) -> None:
    told: list[tuple[str, float]] = []
    import_gguf(
        Tiny().write(tmp_path / "m.gguf"), tmp_path / "out", report=lambda what, share: told.append((what, share))
    )
    for what in ("Converting", "Checking"):
        shares = [share for name, share in told if name == what]
        assert shares == sorted(shares)
        assert (shares[0], shares[-1]) == (0.0, 1.0)


def test_stopped_it_leaves_a_part_that_the_next_try_replaces(tmp_path: Path) -> None:
    source = Tiny().write(tmp_path / "m.gguf")
    cancel = threading.Event()

    def stop(_what: str, share: float) -> None:
        if share > 0.3:
            cancel.set()

    with pytest.raises(SlipstreamError) as caught:
        import_gguf(source, tmp_path / "out", report=stop, cancel=cancel)
    assert caught.value.code == "cancelled"
    assert not (tmp_path / "out").exists()
    assert (tmp_path / "out.part").exists()
    import_gguf(source, tmp_path / "out")
    assert not (tmp_path / "out.part").exists()


def test_weights_that_were_written_wrong_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check reads what was written and compares it with the file, so it notices when something else was written."""
    real = gguf_import._Source.write

    def damaged(self: Any, file: Path, report: Any) -> None:
        real(self, file, report)
        data = bytearray(file.read_bytes())
        data[-2:] = b"\x00\x3c"
        data[-4:-2] = b"\x00\x44"
        file.write_bytes(data)

    monkeypatch.setattr(gguf_import._Source, "write", damaged)
    with pytest.raises(SlipstreamError, match="not what the GGUF file holds") as caught:
        import_gguf(Tiny().write(tmp_path / "m.gguf"), tmp_path / "out")
    assert caught.value.code == "bad_model_file"
    assert not (tmp_path / "out").exists()


def _renamed(tiny: Tiny) -> None:
    tiny.tensors["blk.0.ffn_gate_exps.weight"] = tiny.tensors.pop("blk.0.ffn_gate.weight")


def _too_large(tiny: Tiny) -> None:
    tiny.tensors["output_norm.weight"] = np.full(HIDDEN, 1e6)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda tiny: setattr(tiny, "architecture", "mamba"), "architecture is 'mamba'"),
        (lambda tiny: setattr(tiny, "model", "llama"), "not byte-level BPE"),
        (lambda tiny: setattr(tiny, "pre", "martian"), "'martian'"),
        (_renamed, "ffn_gate_exps"),
        (lambda tiny: tiny.tensors.pop("output_norm.weight"), "lacks the tensor output_norm"),
        (_too_large, "beyond the range of float16"),
        (lambda tiny: setattr(tiny, "extra", lambda writer: writer.add_uint16("split.count", 3)), "several parts"),
    ],
)
def test_what_can_not_be_imported_is_said(tmp_path: Path, change: Callable[[Tiny], Any], words: str) -> None:
    tiny = Tiny()
    change(tiny)
    with pytest.raises(SlipstreamError, match=words) as caught:
        import_gguf(tiny.write(tmp_path / "m.gguf"), tmp_path / "out")
    assert caught.value.code == "unsupported_model"
    assert "llama.cpp" in caught.value.hint
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_in_use_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("mine")
    with pytest.raises(SlipstreamError) as caught:
        import_gguf(Tiny().write(tmp_path / "m.gguf"), tmp_path / "out")
    assert caught.value.code == "folder_in_use"
    assert (tmp_path / "out" / "mine.txt").read_text() == "mine"


def test_a_disk_that_is_too_small_is_noticed_before(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("copilot.weights.disk.free_bytes", lambda _folder: 1000)
    with pytest.raises(SlipstreamError, match="are needed") as caught:
        import_gguf(Tiny().write(tmp_path / "m.gguf"), tmp_path / "out")
    assert caught.value.code == "disk_full"


def test_a_library_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "tokenizers", None)
    with pytest.raises(SlipstreamError, match="tokenizers, which is not installed") as caught:
        import_gguf(_plain(tmp_path), tmp_path / "out")
    assert "slipstream-copilot[gpu]" in caught.value.hint


def _plain(tmp_path: Path) -> Path:
    from tests.copilot.weights import tiny

    path = tmp_path / "plain.gguf"
    path.write_bytes(tiny.gguf())
    return path


def test_layouts_of_other_architectures() -> None:
    assert layout.name("blk.3.ffn_up.weight", "starcoder2") == "model.layers.3.mlp.c_fc.weight"
    assert layout.name("blk.3.attn_q_norm.weight", "qwen3") == "model.layers.3.self_attn.q_norm.weight"
    assert layout.name("rope_freqs.weight", "llama") is None


@pytest.mark.model
def test_a_real_model_is_what_it_was(tiny_folder: Path) -> None:
    """Its import compared every weight; here what a tokenizer and a reader of the folder see."""
    folder = safetensors.check_folder(tiny_folder, frozenset({"<|im_start|>"}))
    assert (folder.format, folder.architecture, folder.context_length) == ("safetensors", "llama", 8192)
    assert folder.spellings == {"<|im_start|>"}
    native = Tokenizer.from_file(str(tiny_folder / "tokenizer.json"))
    # SmolLM2 takes numbers digit by digit.
    assert native.encode("x = 2048").tokens == ["x", "Ġ=", "Ġ", "2", "0", "4", "8"]


@pytest.mark.model
async def test_the_default_model_too_and_its_tokens_are_llama_cpps(coder_model: Path, tmp_path: Path) -> None:
    """988 MB. Its output layer and its embeddings are one matrix, which the file holds in two precisions."""
    from copilot.engine.exllama.vocabulary import Vocabulary

    made = import_gguf(coder_model, tmp_path / "coder")
    assert (made.parameters, made.architecture, made.tied) == (494_032_768, "qwen2", True)
    assert made.largest_error < 2**-11 * 1.01
    vocabulary = Vocabulary(tmp_path / "coder", "coder")
    text = inspect.getsource(gguf_import) + "\n<|fim_prefix|>größer 日本 🎈 12345\r\n\tx"
    info = ModelInfo(id="coder", family="qwen", context_length=32_768)
    engine = await WorkerEngine.start(coder_model, info, EngineSettings(context_tokens=512, slots=1))
    assert len(vocabulary.tokenizer.content(text)) == await engine.count(text)
    await engine.close()
    assert vocabulary.tokenizer.control("<|fim_prefix|>") == 151_659
