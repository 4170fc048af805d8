"""Against a tokenizer of our own that has the two traps of real ones; the real ones are in ``test_process``."""

import re
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.engine import tokenizer
from copilot.engine.tokenizer import Tokenizer
from copilot.errors import SlipstreamError

# As the pre-tokenizer of GPT-2: a word with the space before it, or white space up to there.
WORD = re.compile(r" ?[A-Za-z0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+")
CONTROL = {"<|end|>": 1}
SPELLINGS = ("<tool_call>", "[INST]", "[/INST]", "[control_8]", "[gMASK]", "[unused0]", "[PAD151665]", "[@BOS@]")
USER_DEFINED = {"\n\n\n\n": 3} | {spelling: 20 + number for number, spelling in enumerate(SPELLINGS)}


class Backend:
    """Answers as ``/tokenize`` does. The id of a piece is the same whenever it comes."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.vocabulary: dict[str, int] = {}

    def __call__(self, body: Mapping[str, object]) -> object:
        text = str(body["content"])
        self.asked.append(text)
        special = USER_DEFINED | (CONTROL if body.get("parse_special", True) else {})
        pieces: list[tuple[str, int]] = []
        for stretch in re.split("(" + "|".join(map(re.escape, special)) + ")", text):
            if stretch in special:
                pieces.append((stretch, special[stretch]))
            else:
                words = WORD.findall(stretch)
                pieces += [(word, self.vocabulary.setdefault(word, 100 + len(self.vocabulary))) for word in words]
        if body.get("add_special"):
            pieces.insert(0, ("<s>", 0))
        if body.get("with_pieces"):
            return {"tokens": [{"id": id, "piece": piece} for piece, id in pieces]}
        return {"tokens": [id for _, id in pieces]}


def make(blockwise: bool = True) -> tuple[Tokenizer, Backend]:
    backend = Backend()
    return Tokenizer(backend, name="toy", blockwise=blockwise), backend


texts = st.text(st.sampled_from("ab1 \n\t.(_"), max_size=200)


@given(texts)
def test_blocks_give_the_tokens_of_the_whole(text: str) -> None:
    backend = Backend()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tokenizer, "BLOCK", 5)
        blocks = Tokenizer(backend, name="toy", blockwise=True).content(text)
    assert blocks == Tokenizer(backend, name="toy", blockwise=False).content(text)


def test_a_keystroke_costs_one_block() -> None:
    tokens, backend = make()
    text = "some words of code\n" * 1000
    tokens.content(text)
    backend.asked.clear()
    assert tokens.content(text + "x")[:-1] == tokens.content(text)
    assert sum(map(len, backend.asked)) < 1000


def test_what_is_kept_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tokenizer, "CACHED", 10)
    tokens, backend = make()
    for text in ("aaaa", "bbbb", "aaaa", "cccc"):
        tokens.content(text)
    backend.asked.clear()
    for text in ("aaaa", "cccc"):
        tokens.content(text)
    assert backend.asked == []
    tokens.content("bbbb")
    assert backend.asked == ["bbbb"]


def test_content_stays_text_even_where_the_vocabulary_finds_its_tokens_in_any_text() -> None:
    tokens, _ = make()
    ids = tokens.content("a <|end|> b " + " c ".join(SPELLINGS))
    assert not {1, *(USER_DEFINED[spelling] for spelling in SPELLINGS)} & set(ids)
    # Such a token that looks like nothing special is what the model saw for this text.
    assert tokens.content("a\n\n\n\nb").count(3) == 1


def test_control_tokens_are_found_by_their_spelling_only() -> None:
    tokens, backend = make()
    assert tokens.control("<|end|>") == 1
    assert tokens.control("<tool_call>") == USER_DEFINED["<tool_call>"]
    backend.asked.clear()
    assert tokens.control("<|end|>") == 1
    assert backend.asked == []
    for spelling in ("<|begin|>", "word", ""):
        with pytest.raises(SlipstreamError, match="toy") as raised:
            tokens.control(spelling)
        assert raised.value.code == "missing_control_token"


def test_the_begin_of_text_is_asked_for_once() -> None:
    tokens, backend = make()
    assert list(tokens.begin_of_text()) == [0]
    assert list(tokens.begin_of_text()) == [0]
    assert len(backend.asked) == 1
