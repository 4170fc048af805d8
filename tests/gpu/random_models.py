"""Models with random weights, in the shapes of real ones: for speed and mechanics, where no weights can be had.

EXL2 as ``exllamav2/ext.py`` (``make_q_matrix``) and ``exllamav2_ext/ext_qmatrix.cpp`` of 0.3.2 read it: groups of 128
rows; ``q_weight`` (rows x bits / 32, columns) of int32, ``q_scale`` (groups, columns / 8) with 4 bits a scale,
``q_scale_max`` (groups,) of fp16, ``q_groups`` with bits and first row of each group, ``q_invperm`` (rows,).
"""

import json
from pathlib import Path
from typing import Any, NamedTuple

GROUP = 128


class Shape(NamedTuple):
    """As ``config.json`` has it."""

    layers: int
    hidden: int
    inner: int
    heads: int
    kv_heads: int
    vocabulary: int

    @property
    def head_size(self) -> int:
        return self.hidden // self.heads


TINY = Shape(2, 256, 512, 4, 2, 512)
QWEN_1_5B = Shape(28, 1536, 8960, 12, 2, 151_936)
QWEN_7B = Shape(28, 3584, 18_944, 28, 4, 152_064)


def make(folder: Path, shape: Shape, *, bits: int = 4, head_bits: int = 6) -> Path:
    """Write an EXL2 folder; the tokenizer has a token for each byte, the FIM tokens of Qwen, and padding."""
    import torch
    from safetensors.torch import save_file

    folder.mkdir(parents=True)
    random = torch.Generator().manual_seed(1)
    tensors: dict[str, Any] = {}

    def linear(name: str, rows: int, columns: int, width: int, *, bias: bool = False) -> None:
        tensors.update(_quantised(random, name, rows, columns, width))
        if bias:
            tensors[f"{name}.bias"] = torch.zeros(columns, dtype=torch.half)

    kv = shape.kv_heads * shape.head_size
    embeddings = torch.randn(shape.vocabulary, shape.hidden, generator=random, dtype=torch.float32)
    tensors["model.embed_tokens.weight"] = embeddings.half()
    tensors["model.norm.weight"] = torch.ones(shape.hidden, dtype=torch.half)
    linear("lm_head", shape.hidden, shape.vocabulary, head_bits)
    for layer in range(shape.layers):
        at = f"model.layers.{layer}."
        for name, columns in (("q", shape.hidden), ("k", kv), ("v", kv)):
            linear(f"{at}self_attn.{name}_proj", shape.hidden, columns, bits, bias=True)
        linear(f"{at}self_attn.o_proj", shape.hidden, shape.hidden, bits)
        linear(f"{at}mlp.gate_proj", shape.hidden, shape.inner, bits)
        linear(f"{at}mlp.up_proj", shape.hidden, shape.inner, bits)
        linear(f"{at}mlp.down_proj", shape.inner, shape.hidden, bits)
        for name in ("input_layernorm", "post_attention_layernorm"):
            tensors[f"{at}{name}.weight"] = torch.ones(shape.hidden, dtype=torch.half)
    save_file(tensors, str(folder / "output.safetensors"), metadata={"format": "pt"})
    _write_tokenizer(folder, shape.vocabulary)
    config = {
        "architectures": ["Qwen2ForCausalLM"],
        "model_type": "qwen2",
        "vocab_size": shape.vocabulary,
        "hidden_size": shape.hidden,
        "intermediate_size": shape.inner,
        "num_hidden_layers": shape.layers,
        "num_attention_heads": shape.heads,
        "num_key_value_heads": shape.kv_heads,
        "max_position_embeddings": 32_768,
        "rope_theta": 1_000_000.0,
        "rms_norm_eps": 1e-6,
        "hidden_act": "silu",
        "tie_word_embeddings": False,
        "use_sliding_window": False,
        "eos_token_id": shape.vocabulary - 1,
        "quantization_config": {"quant_method": "exl2", "bits": float(bits)},
    }
    (folder / "config.json").write_text(json.dumps(config))
    return folder


def _quantised(random: Any, name: str, rows: int, columns: int, bits: int) -> dict[str, Any]:
    import torch

    assert rows % GROUP == 0
    groups = rows // GROUP

    def whole(*shape: int) -> Any:
        low, high = -(2**31), 2**31 - 1
        return torch.randint(low, high, shape, generator=random, dtype=torch.int64).to(torch.int32)

    first_rows = [group * GROUP * bits // 32 for group in range(groups)]
    # Weights of about the size that keeps the states' (columns of a random matrix).
    size = rows**-0.5 / 2 ** (bits - 2) * 4
    return {
        f"{name}.q_weight": whole(rows * bits // 32, columns),
        f"{name}.q_scale": whole(groups, columns // 8),
        f"{name}.q_scale_max": torch.full((groups,), size, dtype=torch.half),
        f"{name}.q_groups": torch.tensor([[bits, first] for first in first_rows], dtype=torch.int16).flatten(),
        f"{name}.q_invperm": torch.arange(rows, dtype=torch.int32),
    }


def _write_tokenizer(folder: Path, vocabulary: int) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    special = ("<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|fim_prefix|>", "<|fim_middle|>", "<|fim_suffix|>")
    pieces = {character: at for at, character in enumerate(sorted(pre_tokenizers.ByteLevel.alphabet()))}
    pieces |= {text: len(pieces) + at for at, text in enumerate(special)}
    # A random model writes any of them; each is a word, so that what it writes is text.
    pieces |= {f"w{at}": at for at in range(len(pieces), vocabulary)}
    native = Tokenizer(models.BPE(vocab=pieces, merges=[], fuse_unk=False))
    native.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    native.decoder = decoders.ByteLevel()
    described = json.loads(native.to_str())
    described["added_tokens"] = [
        {
            **{"id": pieces[text], "content": text, "special": True},
            **dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False),
        }
        for text in special
    ]
    (folder / "tokenizer.json").write_text(json.dumps(described))
    (folder / "tokenizer_config.json").write_text(json.dumps({"tokenizer_class": "PreTrainedTokenizerFast"}))
