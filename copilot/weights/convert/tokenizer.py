"""``tokenizer.json`` from what a GGUF file says about its vocabulary: byte-level BPE, which code models have."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from copilot.weights.convert.layout import unsupported

_CONTROL, _USER, UNUSED = 3, 4, 5  # tokenizer.ggml.token_type in gguf.md

# How text is cut before merging, by `tokenizer.ggml.pre`. The patterns are those of the models' own tokenizer.json.
_NUMBERS_ALONE = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}"
    r"| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_PATTERNS = {"qwen2": _NUMBERS_ALONE, "llama-bpe": _NUMBERS_ALONE.replace(r"|\p{N}|", r"|\p{N}{1,3}|")}
_DIGIT_BY_DIGIT = frozenset({"smollm", "starcoder", "refact", "codeshell"})
_PLAIN = frozenset({"gpt-2", "default"})


def write(meta: Mapping[str, Any], folder: Path) -> Any:
    """Write ``tokenizer.json`` and ``tokenizer_config.json``, and return the tokenizer.

    Raises :class:`SlipstreamError` with code ``unsupported_model``.
    """
    from tokenizers import AddedToken, Tokenizer, decoders, models, processors

    if meta.get("tokenizer.ggml.model") != "gpt2":
        raise unsupported("its tokenizer is not byte-level BPE")
    pieces, kinds, joined = (_list(meta, key) for key in ("tokens", "token_type", "merges"))
    vocabulary = {piece: at for at, (piece, kind) in enumerate(zip(pieces, kinds, strict=False)) if kind != UNUSED}
    if len(pieces) != len(kinds) or len(vocabulary) != len(kinds) - kinds.count(UNUSED):
        raise unsupported("its vocabulary contradicts itself")
    cut = str(meta.get("tokenizer.ggml.pre", "default"))
    merges = [tuple(merge.split(" ", 1)) for merge in joined]
    try:
        # Llama 3 takes a word that is a token as it is, whether or not merges lead to it.
        bpe = models.BPE(vocab=vocabulary, merges=merges, ignore_merges=cut == "llama-bpe")
    except Exception as error:  # the library has no narrower one
        raise unsupported("its merges don't fit its vocabulary") from error
    native = Tokenizer(bpe)
    _cut(native, cut)
    native.decoder = decoders.ByteLevel()
    native.post_processor = processors.ByteLevel(trim_offsets=False)
    added = {
        at: AddedToken(piece, special=kind == _CONTROL, normalized=False)
        for at, (piece, kind) in enumerate(zip(pieces, kinds, strict=True))
        if kind in {_CONTROL, _USER}
    }
    native.add_special_tokens([token for token in added.values() if token.special])
    native.add_tokens([token for token in added.values() if not token.special])
    if any(native.token_to_id(token.content) != at for at, token in added.items()):
        raise unsupported("its control tokens are not where its vocabulary has them")
    native.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_bytes(msgspec.json.encode(_settings(meta, pieces, added)))
    return native


def _list(meta: Mapping[str, Any], key: str) -> list[Any]:
    found = meta.get(f"tokenizer.ggml.{key}")
    if not isinstance(found, list):
        raise unsupported(f"its vocabulary lacks {key}")
    return found


def _cut(native: Any, name: str) -> None:
    from tokenizers import Regex, normalizers, pre_tokenizers

    if pattern := _PATTERNS.get(name):
        if name == "qwen2":
            native.normalizer = normalizers.NFC()
        split = pre_tokenizers.Split(Regex(pattern), "isolated")
        native.pre_tokenizer = pre_tokenizers.Sequence(
            [split, pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)]
        )
        return
    if name not in _DIGIT_BY_DIGIT | _PLAIN:
        raise unsupported(f"how its tokenizer cuts text ({name[:64]!r}) is not known")
    digits = [pre_tokenizers.Digits(individual_digits=True)] if name in _DIGIT_BY_DIGIT else []
    native.pre_tokenizer = pre_tokenizers.Sequence([*digits, pre_tokenizers.ByteLevel(add_prefix_space=False)])


def _settings(meta: Mapping[str, Any], pieces: list[str], added: Mapping[int, Any]) -> dict[str, Any]:
    def piece(key: str) -> str | None:
        at = meta.get(f"tokenizer.ggml.{key}_token_id")
        if at is None:
            return None
        if not isinstance(at, int) or not 0 <= at < len(pieces):
            raise unsupported(f"its {key} token is not in its vocabulary")
        return str(pieces[at])

    beginning = piece("bos")
    adds_bos = bool(meta.get("tokenizer.ggml.add_bos_token", False))
    made = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        "add_bos_token": adds_bos,
        "bos_token": beginning if adds_bos else None,
        "eos_token": piece("eos"),
        "pad_token": piece("padding"),
        "added_tokens_decoder": {
            str(at): {
                "content": token.content,
                "lstrip": False,
                "normalized": False,
                "rstrip": False,
                "single_word": False,
                "special": token.special,
            }
            for at, token in added.items()
        },
    }
    if template := meta.get("tokenizer.chat_template"):
        made["chat_template"] = template
    return made
