"""What ties the tables of each family together, so that a slip in one file fails here and not in front of a user."""

import mmap
import re
import struct
import tomllib
from importlib import resources
from pathlib import Path

import pytest
from copilot_models import families
from copilot_models.families import LAYOUT_SLOTS, PLACES, Family, Kind

from copilot.context.request import CaretPlace
from copilot.engine.protocol import Layout

FAMILIES = [families.load(name) for name in families.names()]
each_family = pytest.mark.parametrize("family", FAMILIES, ids=lambda family: family.name)

EXPECTED_FIM = {
    "qwen": ("<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>", "<|fim_prefix|><|fim_suffix|>S<|fim_middle|>P"),
    "starcoder": ("<fim_prefix>P<fim_suffix>S<fim_middle>", "<fim_prefix><fim_suffix>S<fim_middle>P"),
    "starcoder2": ("<fim_prefix>P<fim_suffix>S<fim_middle>", "<fim_prefix><fim_suffix>S<fim_middle>P"),
    "deepseek": ("<｜fim▁begin｜>P<｜fim▁hole｜>S<｜fim▁end｜>", None),
    "codellama": ("▁<PRE>P▁<SUF>S▁<MID>", "▁<PRE>▁<SUF>S▁<MID>P"),
    "codestral": (None, "[SUFFIX]S[PREFIX]P"),
    "granite-code": ("<fim_prefix>P<fim_suffix>S<fim_middle>", "<fim_prefix><fim_suffix>S<fim_middle>P"),
    "granite": ("<fim_prefix>P<fim_suffix>S<fim_middle>", None),
    "granite4": ("<|fim_prefix|>P<|fim_suffix|>S<|fim_middle|>", None),
    "seed": (None, "<[fim-suffix]>S<[fim-prefix]>P<[fim-middle]>"),
    "plain": (None, None),
}


def spelled(template: families.Template) -> str:
    """A template as one string, with P and S for the slots."""
    return "".join(piece.text[0].upper() if piece.kind is Kind.SLOT else piece.text for piece in template)


def test_every_family_that_is_promised_is_there() -> None:
    assert set(families.names()) == set(EXPECTED_FIM)


@each_family
def test_fim_layouts_are_spelled_as_the_publishers_spell_them(family: Family) -> None:
    layouts = {name: spelled(template) for name, template in family.layouts.items()}
    psm, spm = EXPECTED_FIM[family.name]
    assert layouts == {name: text for name, text in {"psm": psm, "spm": spm, "prefix": "P"}.items() if text}


@each_family
def test_every_control_spelling_of_the_file_is_a_token(family: Family) -> None:
    """Read from the file itself: a spelling that the parser took for text would be missing from its pieces."""
    raw = tomllib.loads(resources.files("copilot_models").joinpath("families", f"{family.name}.toml").read_text())
    templates = [*raw["layouts"].values(), raw.get("snippet", ""), raw.get("file", "")]
    templates += [raw["chat"][key] for key in ("system", "user", "assistant", "opening")] if "chat" in raw else []
    for template in templates:
        found = re.findall(r"▁?<[^<>\s{}]+>|\[[A-Z]+\]", template)
        assert set(found) <= set(family.tokens.values())


@each_family
def test_every_stop_token_appears_in_a_format_or_ends_the_text_or_the_turn(family: Family) -> None:
    in_formats = {piece.text for template in family.templates for piece in template if piece.kind is Kind.CONTROL}
    ends = {spelling for name, spelling in family.tokens.items() if name.startswith("end_of_")}
    assert set(family.stop) <= in_formats | ends
    assert {family.tokens[name] for name in ("end_of_text", "end_of_turn") if name in family.tokens} <= set(family.stop)


@each_family
def test_text_stops_are_words_of_the_chat_format(family: Family) -> None:
    if family.chat:
        words = [piece.text for template in family.chat.templates for piece in template if piece.kind is Kind.TEXT]
        for stop in family.chat.stop:
            assert any(stop in text for text in words)


@each_family
def test_every_control_token_of_a_format_ends_the_answer(family: Family) -> None:
    in_formats = {piece.text for template in family.templates for piece in template if piece.kind is Kind.CONTROL}
    assert in_formats <= set(family.controls)
    assert len(set(family.controls)) == len(family.controls), "two names for one token"


@each_family
def test_pieces_name_their_tokens(family: Family) -> None:
    for template in family.templates:
        for piece in template:
            assert family.tokens.get(piece.token) == (piece.text if piece.kind is Kind.CONTROL else None)


@each_family
def test_every_place_has_a_layout_and_suffix_first_is_for_fresh_lines(family: Family) -> None:
    assert set(family.order) == {*CaretPlace, "no_suffix"}
    assert set(family.order.values()) <= set(family.layouts)
    if {"psm", "spm"} <= set(family.layouts):
        assert family.order["fresh_line"] == "spm"
        assert family.order["line_end"] == family.order["mid_line"] == "psm"


@each_family
def test_no_family_has_more_stops_than_servers_take(family: Family) -> None:
    assert len(family.stop) + len(family.chat.stop if family.chat else ()) <= families.MAX_STOPS


@each_family
def test_a_chat_template_says_what_was_said_and_who_said_it(family: Family) -> None:
    if family.chat is None:
        return
    turns = [family.chat.system, family.chat.user, family.chat.assistant]
    for turn in turns:
        assert [piece.text for piece in turn if piece.kind is Kind.SLOT] == ["content"]
    assert len({spelled(turn) for turn in turns}) == 3
    # The answer begins as an assistant's turn in the history does.
    assert spelled(family.chat.assistant).startswith(spelled(family.chat.opening))


def test_layouts_and_places_are_those_of_the_protocol() -> None:
    assert set(LAYOUT_SLOTS) == {Layout.PSM, Layout.SPM, Layout.PREFIX}
    assert set(PLACES) == {*CaretPlace, "no_suffix"}


def test_a_family_cannot_be_changed_and_is_read_once() -> None:
    family = families.load("qwen")
    assert families.load("qwen") is family
    with pytest.raises(AttributeError):
        family.name = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        family.tokens["end_of_text"] = "x"  # type: ignore[index]


@pytest.mark.parametrize("name", ["gpt", "", "../pyproject", "qwen.toml"])
def test_an_unknown_family_is_named_with_those_there_are(name: str) -> None:
    with pytest.raises(LookupError, match="qwen"):
        families.load(name)


GOOD = """
stop = ["<end>"]
[tokens]
end_of_text = "<end>"
a = "<a>"
[layouts]
psm = "<a>{prefix}<a>{suffix}"
prefix = "{prefix}"
[order]
fresh_line = "psm"
line_end = "psm"
mid_line = "psm"
no_suffix = "prefix"
"""


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ('psm = "<a>{prefix}', 'psm = "<b>{prefix}', "looks like a control token"),
        ("<a>{prefix}<a>{suffix}", "<a>{suffix}<a>{prefix}", "psm has the slots"),
        ("<a>{prefix}<a>{suffix}", "<a>{prefix}<a>{middle}", "psm has the slots"),
        ("psm = ", "pms = ", "unknown layouts: pms"),
        ('prefix = "{prefix}"', "", "layout for text without a suffix"),
        ('mid_line = "psm"', 'mid_line = "spm"', "order must name"),
        ('mid_line = "psm"', "", "order must name"),
        ('stop = ["<end>"]', 'stop = ["<b>"]', "no tokens of the family: <b>"),
        ('stop = ["<end>"]', 'stop = ["<end>", "<a>", "<a>", "<a>", "<a>"]', "more than 4 stops"),
        ("[tokens]", 'snippet = "{prefix}"\n[tokens]', "unknown slot {prefix}"),
        ("[tokens]", 'snipet = ""\n[tokens]', "snipet"),
    ],
)
def test_a_file_that_contradicts_itself_is_refused(old: str, new: str, complaint: str) -> None:
    families.parse("good", GOOD)
    assert old in GOOD
    with pytest.raises(ValueError, match=re.escape(complaint)):
        families.parse("bad", GOOD.replace(old, new, 1))


def test_a_longer_spelling_is_not_cut_by_a_shorter_one() -> None:
    pieces = families.parse_template("<a><a>b{text}", {"long": "<a><a>b", "short": "<a>"}, ("text",))
    assert [(piece.kind, piece.text) for piece in pieces] == [(Kind.CONTROL, "<a><a>b"), (Kind.SLOT, "text")]


def in_vocabulary(model: Path, token: str) -> bool:
    """Whether a GGUF file has this token: strings stand in it as their length (u64) and their bytes (GGUF v3)."""
    data = token.encode()
    with model.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(struct.pack("<Q", len(data)) + data) >= 0


def test_the_default_model_has_every_token_of_its_family(coder_model: Path) -> None:
    assert not in_vocabulary(coder_model, "<fim_prefix>")
    for spelling in families.load("qwen").controls:
        assert in_vocabulary(coder_model, spelling)


def test_the_tiny_model_has_every_token_of_its_family(tiny_model: Path) -> None:
    assert not in_vocabulary(tiny_model, "<|fim_prefix|>")
    for spelling in families.load("plain").controls:
        assert in_vocabulary(tiny_model, spelling)
