"""Text to token ids with the tokenizer of the loaded model, such that content never becomes a control token.

Knows neither prompts nor the connection: ``ask`` is llama.cpp's ``/tokenize``.
"""

import re
import threading
from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from copilot.errors import SlipstreamError

Ask = Callable[[Mapping[str, object]], Any]
"""Sends a body to ``/tokenize`` and returns the decoded answer; called from several threads."""

BLOCK = 256
"""Characters. Long text is tokenized in blocks of about this size, so that a keystroke costs the last one only:
a request takes 0.3 ms and 2 microseconds a character, which for 16,000 of them is as long as a token."""

CACHED = 1024 * 1024
"""Characters of blocks whose tokens are kept: some sixty windows of text around a caret."""

# Between a letter or digit and white space. The pre-tokenizers of BPE vocabularies (GPT-2's pattern and all that came
# from it) cut there, and no merge reaches across, so blocks give the tokens of the whole.
_CUT = re.compile(r"(?<=[A-Za-z0-9])(?=[ \t\n])")

# <|x|>, <x>, </s>, <｜x｜>, ▁<PRE>, [INST], [control_8], [gMASK], [unused0], [@BOS@]. No BPE merge makes these of
# ordinary text.
_LOOKS_LIKE_CONTROL = re.compile(r"▁?<[^<>\s]+>|\[/?[A-Za-z_@][A-Za-z0-9_@=]*\]")


class Tokenizer:
    """``name`` of the model is for messages. ``blockwise``: the vocabulary is BPE, see ``BLOCK``. Thread-safe."""

    def __init__(self, ask: Ask, *, name: str, blockwise: bool) -> None:
        self._ask = ask
        self._name = name
        self._blockwise = blockwise
        self._controls: dict[str, int] = {}
        self._bos: Sequence[int] | None = None
        self._lock = threading.Lock()
        self._cache: OrderedDict[str, Sequence[int]] = OrderedDict()
        self._cached = 0

    def content(self, text: str) -> list[int]:
        """Tokens of plain text, whatever it spells."""
        ids: list[int] = []
        for block in _blocks(text) if self._blockwise else [text]:
            ids += self._block(block)
        return ids

    def control(self, spelling: str) -> int:
        """The control token of that exact spelling.

        Raises :class:`SlipstreamError` with code ``missing_control_token``.
        """
        known = self._controls.get(spelling)
        if known is not None:
            return known
        ids = self._tokens(spelling, parse_special=True)
        # A word of the vocabulary is one token as well, but content could be it.
        if len(ids) != 1 or self.content(spelling) == ids:
            raise SlipstreamError(
                f"The model {self._name} has no control token {spelling!r}, which its prompt format uses.",
                hint="Set the model's family to the one it was trained in, or `plain` for none.",
                code="missing_control_token",
            )
        self._controls[spelling] = ids[0]
        return ids[0]

    def begin_of_text(self) -> Sequence[int]:
        """The token that this model wants in front of every prompt, or nothing."""
        if self._bos is None:
            self._bos = tuple(self._ask({"content": "", "add_special": True})["tokens"][:1])
        return self._bos

    def _block(self, text: str) -> Sequence[int]:
        with self._lock:
            known = self._cache.get(text)
            if known is not None:
                self._cache.move_to_end(text)
                return known
        ids = self._plain(text)
        with self._lock:
            if text not in self._cache:
                self._cached += len(text)
                self._cache[text] = ids
            while self._cached > CACHED:
                self._cached -= len(self._cache.popitem(last=False)[0])
        return ids

    def _plain(self, text: str) -> list[int]:
        """``parse_special`` false holds for control tokens only: some vocabularies have others of such spellings, as
        Qwen2.5 has ``<tool_call>``, and those are found in any text. Cut in two they are text."""
        if not text:
            return []
        tokens = self._ask({"content": text, "with_pieces": True, "parse_special": False})["tokens"]
        spelled = {
            token["piece"]
            for token in tokens
            if isinstance(token["piece"], str) and _LOOKS_LIKE_CONTROL.fullmatch(token["piece"])
        }
        if not spelled:
            return [token["id"] for token in tokens]
        ids: list[int] = []
        for piece in _broken(text, spelled):
            ids += self._tokens(piece, parse_special=False)
        return ids

    def _tokens(self, text: str, *, parse_special: bool) -> list[int]:
        tokens: list[int] = self._ask({"content": text, "parse_special": parse_special})["tokens"]
        return tokens


def _blocks(text: str) -> Iterator[str]:
    """Cut ``text`` where the cuts stay while something is appended."""
    start = 0
    while cut := _CUT.search(text, start + BLOCK):
        yield text[start : cut.start()]
        start = cut.start()
    yield text[start:]


def _broken(text: str, spelled: set[str]) -> Iterator[str]:
    """Cut ``text`` after the first character of each of ``spelled``."""
    start = 0
    for match in re.finditer("|".join(map(re.escape, sorted(spelled, key=len, reverse=True))), text):
        yield text[start : match.start() + 1]
        start = match.start() + 1
    yield text[start:]
