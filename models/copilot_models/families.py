"""The prompt format of each model family, kept as data in ``families/*.toml`` beside this file.

Values only: a template is a tuple of pieces, and it is the planner that turns pieces into a prompt. Splitting the
control tokens from the text here, once, is what lets everything that a user wrote stay text later on.
"""

import re
import tomllib
from collections.abc import Mapping
from enum import StrEnum
from functools import cache
from importlib import resources
from types import MappingProxyType

import msgspec

PLACES = ("fresh_line", "line_end", "mid_line", "no_suffix")
"""Where the caret may stand: the places of ``copilot.context.request.CaretPlace``, and that nothing comes after it."""

LAYOUT_SLOTS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"psm": ("prefix", "suffix"), "spm": ("suffix", "prefix"), "prefix": ("prefix",)}
)
"""The layouts of a fill-in-the-middle prompt, each with its slots in the order in which they stand."""

MAX_STOPS = 4
"""OpenAI-compatible servers refuse a request with more stop strings (OpenAI API reference, ``stop``)."""

# What a control token of any known family looks like: <|x|>, <｜x｜>, <[x]>, <x_y>, </s>, [PREFIX], ▁<PRE>.
_LOOKS_LIKE_CONTROL = re.compile(r"</?[|｜\[]?[\w▁/-]+[|｜\]]?>|\[/?[A-Z_]+\]")
_SLOT = re.compile(r"\{([^{}]*)\}")


class Kind(StrEnum):
    CONTROL = "control"
    """``text`` is the exact spelling of one control token."""
    SLOT = "slot"
    """``text`` is the name of what is put here, as plain text."""
    TEXT = "text"
    """``text`` stands in the prompt as it is."""


class Piece(msgspec.Struct, frozen=True):
    """One step of a template. ``token`` is a control token's name in the family's table."""

    kind: Kind
    text: str
    token: str = ""


Template = tuple[Piece, ...]


class Chat(msgspec.Struct, frozen=True, kw_only=True):
    """How a conversation is spelled: one template a role with the slot ``content``, then the ``opening`` of the answer.

    ``default_system`` is put first when a conversation brings no system text, for models trained with one.
    ``bos``: the engine puts the model's begin-of-text token first; false where the turns spell it themselves.
    ``stop`` holds text that ends an answer in formats without control tokens.
    """

    system: Template
    user: Template
    assistant: Template
    opening: Template
    default_system: str = ""
    bos: bool = True
    stop: tuple[str, ...] = ()

    @property
    def templates(self) -> tuple[Template, ...]:
        return (self.system, self.user, self.assistant, self.opening)


class Family(msgspec.Struct, frozen=True, kw_only=True):
    """The prompt format of one family of models.

    ``tokens``: name -> exact spelling; names that begin with ``end_of_`` are the tokens by which a model ends.
    ``layouts``: ``psm``, ``spm`` or ``prefix`` -> template. ``order``: place of the caret -> name of a layout.
    ``snippet`` (slots ``path`` and ``text``) is put in front of everything, once for each snippet; after the last one
    comes ``file`` (slot ``path``), which begins the file being completed. Without snippets neither is used.
    ``stop``: spellings of control tokens that end an answer.
    """

    name: str
    tokens: Mapping[str, str]
    layouts: Mapping[str, Template]
    order: Mapping[str, str]
    stop: tuple[str, ...]
    snippet: Template = ()
    file: Template = ()
    chat: Chat | None = None

    @property
    def controls(self) -> tuple[str, ...]:
        """The spelling of every control token; each ends the answer when the model emits it."""
        return tuple(self.tokens.values())

    @property
    def templates(self) -> tuple[Template, ...]:
        """Every template of the family."""
        return (*self.layouts.values(), self.snippet, self.file, *(self.chat.templates if self.chat else ()))


class _ChatTable(msgspec.Struct, forbid_unknown_fields=True):
    system: str
    user: str
    assistant: str
    opening: str
    default_system: str = ""
    bos: bool = True
    stop: tuple[str, ...] = ()


class _File(msgspec.Struct, forbid_unknown_fields=True):
    tokens: dict[str, str]
    layouts: dict[str, str]
    order: dict[str, str]
    stop: tuple[str, ...]
    snippet: str = ""
    file: str = ""
    chat: _ChatTable | None = None


@cache
def names() -> tuple[str, ...]:
    """Every family there is, sorted."""
    folder = resources.files("copilot_models").joinpath("families")
    return tuple(sorted(file.name.removesuffix(".toml") for file in folder.iterdir() if file.name.endswith(".toml")))


@cache
def load(name: str) -> Family:
    """Read one family.

    Raises :class:`LookupError` for a name that is not in :func:`names`, :class:`ValueError` for a file that
    contradicts itself.
    """
    if name not in names():
        raise LookupError(f"no model family is called {name!r}; there are {', '.join(names())}")
    text = resources.files("copilot_models").joinpath("families", f"{name}.toml").read_text(encoding="utf-8")
    return parse(name, text)


def parse(name: str, text: str) -> Family:
    """Make a family of the text of its TOML file. Raises :class:`ValueError` when the file contradicts itself."""
    file = msgspec.convert(tomllib.loads(text), _File)
    for layout, slots in _layout_slots(file.layouts).items():
        if slots != LAYOUT_SLOTS[layout]:
            raise ValueError(f"{name}: layout {layout} has the slots {slots}, it needs {LAYOUT_SLOTS[layout]}")
    if "prefix" not in file.layouts:
        raise ValueError(f"{name}: there must be a layout for text without a suffix, prefix")
    if set(file.order) != set(PLACES) or not set(file.order.values()) <= set(file.layouts):
        raise ValueError(f"{name}: order must name one of its layouts for each of {', '.join(PLACES)}")
    if unknown := set(file.stop) - set(file.tokens.values()):
        raise ValueError(f"{name}: stops that are no tokens of the family: {', '.join(sorted(unknown))}")
    if len(file.stop) + len(file.chat.stop if file.chat else ()) > MAX_STOPS:
        raise ValueError(f"{name}: more than {MAX_STOPS} stops")
    tokens = file.tokens
    return Family(
        name=name,
        tokens=MappingProxyType(tokens),
        layouts=MappingProxyType({layout: parse_template(t, tokens) for layout, t in file.layouts.items()}),
        order=MappingProxyType(file.order),
        stop=file.stop,
        snippet=parse_template(file.snippet, tokens, ("path", "text")),
        file=parse_template(file.file, tokens, ("path",)),
        chat=_chat(file.chat, tokens) if file.chat else None,
    )


def _chat(table: _ChatTable, tokens: Mapping[str, str]) -> Chat:
    return Chat(
        system=parse_template(table.system, tokens, ("content",)),
        user=parse_template(table.user, tokens, ("content",)),
        assistant=parse_template(table.assistant, tokens, ("content",)),
        opening=parse_template(table.opening, tokens, ()),
        default_system=table.default_system,
        bos=table.bos,
        stop=table.stop,
    )


def parse_template(template: str, tokens: Mapping[str, str], slots: tuple[str, ...] = ("prefix", "suffix")) -> Template:
    """Split a template into control tokens, slots and text.

    Raises :class:`ValueError` for a slot that is not one of ``slots``, and for text that looks like a control token
    but is not in ``tokens``: a misspelled token would otherwise reach the model as harmless-looking text.
    """
    names_by_spelling = {spelling: token for token, spelling in tokens.items()}
    # Longest first, so that no spelling hides inside a longer one.
    spellings = sorted(names_by_spelling, key=len, reverse=True)
    pattern = re.compile("|".join([_SLOT.pattern, *map(re.escape, spellings)]))
    pieces: list[Piece] = []
    at = 0
    for match in pattern.finditer(template):
        pieces += _text_piece(template[at : match.start()])
        at = match.end()
        if (slot := match.group(1)) is None:
            pieces.append(Piece(Kind.CONTROL, match.group(), names_by_spelling[match.group()]))
        elif slot in slots:
            pieces.append(Piece(Kind.SLOT, slot))
        else:
            raise ValueError(f"unknown slot {match.group()} in {template!r}")
    return (*pieces, *_text_piece(template[at:]))


def _text_piece(text: str) -> Template:
    if _LOOKS_LIKE_CONTROL.search(text):
        raise ValueError(f"{text!r} looks like a control token that the tokens table lacks")
    return (Piece(Kind.TEXT, text),) if text else ()


def _layout_slots(layouts: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    if unknown := set(layouts) - set(LAYOUT_SLOTS):
        raise ValueError(f"unknown layouts: {', '.join(sorted(unknown))}")
    return {layout: tuple(_SLOT.findall(template)) for layout, template in layouts.items()}
