"""The tokens of a model folder (``tokenizer.json``): text to ids and ids to bytes.

The libraries' own decoding is not used: it yields text, and what of it is held back while a character is incomplete
differs between them. Bytes are what the host's decoder wants.
"""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from copilot.engine.tokenizer import Tokenizer
from copilot.errors import SlipstreamError

_BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
_SPACE = "▁"


class Vocabulary:
    """Raises :class:`SlipstreamError` with code ``engine_failed`` for a folder without a usable tokenizer."""

    def __init__(self, folder: Path, name: str) -> None:
        # Native code; `slipstream` without a GPU model never needs it.
        from tokenizers import Tokenizer as Native

        file = folder / "tokenizer.json"
        self.file = str(file)
        try:
            description = json.loads(file.read_bytes())
            self._native = Native.from_file(str(file))
        except Exception as error:
            raise SlipstreamError(
                f"{file} is no tokenizer that can be read ({type(error).__name__}).",
                hint="Get the model again from its publisher.",
                code="engine_failed",
            ) from error
        # Padding and truncation come from whatever made the file, and belong into no prompt.
        self._native.no_padding()
        self._native.no_truncation()
        # Special tokens in text stay text. ExLlamaV2's option of that name does not see to that; this does.
        self._native.encode_special_tokens = True
        added = description.get("added_tokens") or []
        self._added = {int(token["id"]): str(token["content"]) for token in added}
        self._special = frozenset(int(token["id"]) for token in added if token.get("special"))
        self._byte_level = _is_byte_level(description)
        self._bytes: dict[int, bytes] = {}
        settings = _read(folder / "tokenizer_config.json")
        self._bos = self._bos_of(settings)
        self.ends = self._ends_of(folder)
        """Ids of the tokens by which the model ends a text."""
        self.tokenizer = Tokenizer(self._ask, name=name, blockwise=self._byte_level)

    def __len__(self) -> int:
        return int(self._native.get_vocab_size(with_added_tokens=True))

    def spelled(self, id: int) -> bytes:
        """The bytes of a token; nothing for a special one, which is no text."""
        known = self._bytes.get(id)
        if known is None:
            known = self._bytes[id] = self._spell(id)
        return known

    def spelling(self, id: int) -> str:
        """An added token as it is written."""
        return self._added.get(id, "")

    def _spell(self, id: int) -> bytes:
        if id in self._special:
            return b""
        if id in self._added:
            return self._added[id].encode()
        piece = self._native.id_to_token(id)
        if piece is None:
            # Rows that pad the output layer have no token.
            return b""
        if self._byte_level:
            return bytes(_BYTES[character] for character in piece if character in _BYTES)
        if match := _BYTE_TOKEN.fullmatch(piece):
            return bytes([int(match[1], 16)])
        return str(piece).replace(_SPACE, " ").encode()

    def _ask(self, body: Mapping[str, object]) -> dict[str, Any]:
        """llama.cpp's ``/tokenize``, which :class:`Tokenizer` was written for."""
        if body.get("add_special"):
            return {"tokens": [] if self._bos is None else [self._bos]}
        text = str(body["content"])
        if body.get("parse_special"):
            control = self._control(text)
            return {"tokens": self._encode(text) if control is None else [control]}
        ids = self._encode(text)
        if body.get("with_pieces"):
            # Only added tokens can be spelled like a control token, special or not.
            return {"tokens": [{"id": id, "piece": self._added.get(id, "")} for id in ids]}
        return {"tokens": ids}

    def _encode(self, text: str) -> list[int]:
        return list(self._native.encode(text, add_special_tokens=False).ids)

    def _control(self, spelling: str) -> int | None:
        id = self._native.token_to_id(spelling)
        return id if id in self._added else None

    def _bos_of(self, settings: Mapping[str, Any]) -> int | None:
        """The token that the model wants in front, if it says so."""
        token = settings.get("bos_token")
        spelling = token.get("content") if isinstance(token, dict) else token
        if settings.get("add_bos_token") and isinstance(spelling, str):
            return self._control(spelling)
        # Without that field it is what the tokenizer itself puts in front of a text.
        ids = self._native.encode("", add_special_tokens=True).ids
        return ids[0] if ids and "add_bos_token" not in settings else None

    def _ends_of(self, folder: Path) -> frozenset[int]:
        ends: set[int] = set()
        for file in ("generation_config.json", "config.json"):
            found = _read(folder / file).get("eos_token_id")
            ends |= {id for id in (found if isinstance(found, list) else [found]) if isinstance(id, int)}
        for spelling in ("<|im_end|>", "<|endoftext|>", "<|eot_id|>", "</s>"):
            if (id := self._control(spelling)) is not None and id in self._special:
                ends.add(id)
        return frozenset(ends)


def need_the_same(folder: Path, draft: Path) -> None:
    """A draft model's guesses are ids, so they must mean the same. Raises :class:`SlipstreamError` with code
    ``bad_setting``."""
    if _words(folder) != _words(draft):
        raise SlipstreamError(
            f"The draft model {draft.name} has other tokens than {folder.name}.",
            hint="Set model.draft to a small model of the same family, or engine.speculation to `ngram`.",
            code="bad_setting",
        )


def _words(folder: Path) -> tuple[object, ...]:
    described = _read(folder / "tokenizer.json")
    model = described.get("model") or {}
    added = sorted((int(token["id"]), str(token["content"])) for token in described.get("added_tokens") or [])
    return model.get("vocab"), added


def _read(file: Path) -> dict[str, Any]:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _is_byte_level(description: Mapping[str, Any]) -> bool:
    """Whether pieces are spelled in the byte alphabet of GPT-2; otherwise as SentencePiece does."""
    return '"ByteLevel"' in json.dumps([description.get("pre_tokenizer"), description.get("decoder")])


def _byte_alphabet() -> dict[str, int]:
    """Which character stands for which byte in byte-level BPE (Radford et al. 2019, ``bytes_to_unicode``): printable
    Latin-1 for itself, the others in order from U+0100 on."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in set(printable)]
    return {chr(byte): byte for byte in printable} | {chr(256 + at): byte for at, byte in enumerate(others)}


_BYTES = _byte_alphabet()
