"""How a model is laid out in a GGUF file and in a folder of safetensors: names, orders of rows, ``config.json``.

Pure. The GGUF side is described in https://github.com/ggml-org/ggml/blob/master/docs/gguf.md, the other in the config
classes of transformers that ``model_type`` names.
"""

import re
from collections.abc import Mapping
from typing import Any

from copilot.errors import SlipstreamError

CLASSES: Mapping[str, str] = {
    "llama": "LlamaForCausalLM",
    "qwen2": "Qwen2ForCausalLM",
    "qwen3": "Qwen3ForCausalLM",
    "starcoder2": "Starcoder2ForCausalLM",
}
"""Architecture in GGUF, which is also ``model_type`` -> class."""

_TOP = {"token_embd": "model.embed_tokens", "output_norm": "model.norm", "output": "lm_head"}
_LAYER = {
    "attn_norm": "input_layernorm",
    "ffn_norm": "post_attention_layernorm",
    "attn_q": "self_attn.q_proj",
    "attn_k": "self_attn.k_proj",
    "attn_v": "self_attn.v_proj",
    "attn_output": "self_attn.o_proj",
    "attn_q_norm": "self_attn.q_norm",
    "attn_k_norm": "self_attn.k_norm",
    "ffn_gate": "mlp.gate_proj",
    "ffn_up": "mlp.up_proj",
    "ffn_down": "mlp.down_proj",
}
_STARCODER2 = {"ffn_up": "mlp.c_fc", "ffn_down": "mlp.c_proj"}
_IN_LAYER = re.compile(r"blk\.(\d+)\.(\w+)")
_QUERY_OR_KEY = re.compile(r"blk\.\d+\.attn_([qk])\.(?:weight|bias)")


def name(of: str, architecture: str) -> str | None:
    """The tensor's name in safetensors; None for one that is computed from the configuration.

    Raises :class:`SlipstreamError` with code ``unsupported_model`` for one that is not known.
    """
    base, _, kind = of.rpartition(".")
    if base == "rope_freqs" or base.endswith(".rope_freqs"):
        return None
    if base in _TOP:
        return f"{_TOP[base]}.{kind}"
    table = _LAYER | (_STARCODER2 if architecture == "starcoder2" else {})
    match = _IN_LAYER.fullmatch(base)
    if match is None or match[2] not in table:
        raise unsupported(f"it has a tensor {of[:64]!r}, which is not known for {architecture}")
    return f"model.layers.{match[1]}.{table[match[2]]}.{kind}"


def interleaved_heads(of: str, architecture: str, heads: int, kv_heads: int) -> int:
    """How many heads have their rows interleaved in pairs; 0 where rows are as in safetensors.

    llama.cpp stores queries and keys of Llama so that the two halves that a rotation mixes are neighbours.
    """
    match = _QUERY_OR_KEY.fullmatch(of)
    if architecture != "llama" or match is None:
        return 0
    return heads if match[1] == "q" else kv_heads


def config(meta: Mapping[str, Any], *, vocabulary: int, tied: bool, dtype: str) -> dict[str, Any]:
    """``config.json``. ``rope_theta`` stands at the top, where ExLlamaV2 looks for it."""
    architecture = str(meta["general.architecture"])

    def get(key: str, default: Any = None) -> Any:
        return meta.get(f"{architecture}.{key}", default)

    heads, hidden = int(get("attention.head_count")), int(get("embedding_length"))
    made: dict[str, Any] = {
        "architectures": [CLASSES[architecture]],
        "model_type": architecture,
        "torch_dtype": dtype,
        "vocab_size": vocabulary,
        "hidden_size": hidden,
        "intermediate_size": int(get("feed_forward_length")),
        "num_hidden_layers": int(get("block_count")),
        "num_attention_heads": heads,
        "num_key_value_heads": int(get("attention.head_count_kv", heads)),
        "max_position_embeddings": int(get("context_length")),
        "rope_theta": float(get("rope.freq_base", 10000.0)),
        "tie_word_embeddings": tied,
        "bos_token_id": meta.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": meta.get("tokenizer.ggml.eos_token_id"),
        "use_cache": True,
    }
    size = int(get("attention.key_length", hidden // heads))
    if size * heads != hidden:
        made["head_dim"] = size
    if architecture == "starcoder2":
        return made | {
            "norm_epsilon": _decimal(get("attention.layer_norm_epsilon", 1e-5)),
            "norm_type": "layer_norm",
            "hidden_act": "gelu_pytorch_tanh",
            "use_bias": True,
            "mlp_type": "default",
            "sliding_window": get("attention.sliding_window"),
        }
    made |= {"rms_norm_eps": _decimal(get("attention.layer_norm_rms_epsilon", 1e-6)), "hidden_act": "silu"}
    if architecture == "llama":
        made |= {"attention_bias": False, "mlp_bias": False}
    else:
        made["use_sliding_window"] = False
    return made


def generation_config(meta: Mapping[str, Any]) -> dict[str, Any]:
    """``generation_config.json``: every token that ends a text."""
    end = meta.get("tokenizer.ggml.eos_token_id")
    padding = meta.get("tokenizer.ggml.padding_token_id")
    qwen = str(meta["general.architecture"]).startswith("qwen")
    # Qwen's base models end with what its instruct models pad with.
    ends = sorted({int(id) for id in (end, padding if qwen else None) if id is not None}, reverse=True)
    return {
        "bos_token_id": meta.get("tokenizer.ggml.bos_token_id"),
        "eos_token_id": ends if len(ends) > 1 else end,
        "pad_token_id": padding,
    }


def unsupported(why: str) -> SlipstreamError:
    return SlipstreamError(
        f"The GGUF file can't be imported: {why}.",
        hint=f"Llama, Qwen2, Qwen3 and StarCoder2 models can be ({', '.join(CLASSES)}); others run as they are, "
        "with llama.cpp.",
        code="unsupported_model",
    )


def _decimal(value: Any) -> float:
    """GGUF stores it in single precision, so that 1e-06 comes back as 9.999999974752427e-07."""
    return float(f"{float(value):.6g}")
