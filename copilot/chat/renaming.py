"""Suggest names for something, and rename it in its file. No I/O."""

import keyword
import re
from collections.abc import Sequence
from functools import cached_property

from copilot.chat.place import Lines, Place
from copilot.chat.proposal import Hunk, Proposal
from copilot.chat.question import Outcome, Turn
from copilot.chat.wording import clipped, conversation, fenced, where, wish
from copilot.errors import SlipstreamError
from copilot.safety.invisible import without_invisible
from copilot.syntax.source import Source, Token
from copilot.text.document import Document
from copilot.text.line_ends import split_lines, to_newlines

_MOST_NAMES = 5
_NAME = re.compile(r"[^\W\d]\w*")
_ITEM = re.compile(r"^[\s>]*(?:[-*+]|\d+[.):])?\s*[`\"'*]*([^\W\d]\w*)[`\"'*]*\s*(?:\(\))?\s*(?:[-:,–—(.].*)?$")
_PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z]+|[A-Z]+|\d+")
_RESERVED_WORDS = """
abstract as async await bool boolean break byte case catch chan char class const constructor continue debugger def
default defer delete do double dyn else end enum export extends extern fallthrough false final finally float fn for
foreach func function get go goto if impl implements import in instanceof int interface internal is let lock long
loop match mod module move mut namespace new nil null object operator out override package params private protected
pub public range readonly ref return sealed select self set short signed sizeof static string struct super switch
template then this throw throws trait true try type typedef typeof union unless unsafe unsigned until use using var
virtual void volatile when where while with yield
"""
_RESERVED = frozenset(_RESERVED_WORDS.split())
_MEMBERS = frozenset({"property_identifier", "field_identifier"})
_MEMBER_FIELDS = frozenset(
    {("attribute", "attribute"), ("field_access", "field"), ("member_access_expression", "name")}
)
_OWNERS = frozenset({"self", "cls", "this"})
_SHORTHAND = frozenset({"shorthand_property_identifier", "shorthand_property_identifier_pattern"})
_NOT_RENAMED = frozenset({"shellscript", "sh", "bash", "json", "jsonc", "css", "ruby"})
"""Names mean other things there, so the edit is left to people."""

_FILE_ONLY = "It is renamed in this file only; other files that use it are not touched."


class Renaming:
    """Raises :class:`SlipstreamError` ``nothing_to_rename`` where there is no name."""

    def __init__(self, place: Place, wish: str = "") -> None:
        self._place = place
        self._wish = wish

    @property
    def title(self) -> str:
        return f"Suggest names for {self._old}"

    @property
    def most_tokens(self) -> int:
        return 80

    @cached_property
    def _token(self) -> Token | None:
        """The name at the caret or at the start of the selection, else that of the symbol around."""
        place = self._place
        if place.source is None:
            return None
        at = place.offset(place.start)
        names = list(place.source.names)
        here = next((it for it in names if it.start <= at <= it.end), None)
        symbol = place.symbol
        if here is None and symbol is not None:
            inside = (it for it in names if symbol.header <= it.start < symbol.end and it.text == symbol.name)
            here = next(inside, None)
        return here

    @cached_property
    def _old(self) -> str:
        if self._token is not None:
            return self._token.text
        line, column = self._place.start
        for match in _NAME.finditer(self._place.shown.lines[line]):
            if match.start() <= column <= match.end() and self._place.source is None:
                return match.group()
        raise SlipstreamError(
            "There is no name here.", hint="Put the caret on one and ask again.", code="nothing_to_rename"
        )

    def turns(self, room: int) -> list[Turn]:
        place, old = self._place, self._old
        scope = place.symbol
        code = place.text_of(place.lines_of(scope)) if scope is not None else place.piece
        if old not in code:
            code = place.piece
        return conversation(
            f"Suggest {_MOST_NAMES} better names for `{old}` in this {place.language} code, the best first. "
            f"Reply with the names only, one a line.\n{where(place)}\n"
            f"{fenced(clipped(code, int(room * 0.85)), place.language)}{wish(self._wish)}"
        )

    def read(self, answer: str, *, whole: bool) -> Outcome:
        place = self._place
        used = {it.text for it in place.source.names} if place.source is not None else set(_NAME.findall(place.text))
        names = read_names(without_invisible(answer, code=True), self._old, used, whole=whole)
        if not names:
            return Outcome(note="The answer holds no name that could be used here.")
        return self.renamed(names[0])._replace(names=names)

    def renamed(self, new: str) -> Outcome:
        """With the name that someone chose."""
        place = self._place
        if self._token is None or place.language in _NOT_RENAMED:
            return Outcome(note=f"In {place.language} only names are suggested; rename it yourself.")
        if not _NAME.fullmatch(new) or keyword.iskeyword(new) or new in _RESERVED:
            return Outcome(note=f"{new} cannot be a name here.")
        proposal, left = self._renamed(new)
        if proposal is None:
            return Outcome(note="Renaming it would break the file, so nothing is proposed.")
        note = f"{_FILE_ONLY} {left} more of this name may belong to something else and stay." if left else _FILE_ONLY
        return Outcome(proposal, note=note)

    def _renamed(self, new: str) -> tuple[Proposal | None, int]:
        place, source = self._place, self._place.source
        assert source is not None
        chosen, left = self._occurrences(source)
        # As a model sees it, which is what was parsed.
        shown = self._with(place.shown, chosen, new)
        after = Source(to_newlines(shown.text), place.language)
        if after.faults > source.faults or len(split_lines(shown.text)) != len(place.document.lines):
            return None, 0
        return self._with(place.document, chosen, new), left

    def _with(self, document: Document, chosen: Sequence[Token], new: str) -> Proposal:
        place = self._place
        pieces: dict[int, str] = {}
        for token in reversed(chosen):
            line = place.line_at(token.start)
            start = place.offset((line, 0))
            text = pieces.get(line) or document.lines[line]
            name = f"{token.text}: {new}" if token.kind in _SHORTHAND else new
            pieces[line] = text[: token.start - start] + name + text[token.end - start :]
        hunks = tuple(Hunk(line, line + 1, (text,)) for line, text in sorted(pieces.items()))
        return Proposal(document, hunks, Lines(0, len(document.lines)))

    def _occurrences(self, source: Source) -> tuple[list[Token], int]:
        """Those that mean the same, as far as one can tell without knowing types; and how many were left."""
        token, tokens = self._token, source.tokens
        assert token is not None
        names = {it.start for it in source.names if it.text == token.text}
        same = [(at, it) for at, it in enumerate(tokens) if it.start in names]
        defined = any(it.name == token.text for it in source.definitions)
        is_definition = any(
            definition.name == token.text and definition.header <= token.start <= (definition.body or definition.end)
            for definition in source.definitions
        )
        member = _is_member(token) or (is_definition and self._in_type(source, token))
        chosen: list[Token] = []
        scope = None if member or defined else self._function_around(source, token)
        for at, it in same:
            if scope is not None and not scope[0] <= it.start < scope[1]:
                continue
            owner = tokens[at - 2].text if at >= 2 and tokens[at - 1].text in {".", "->", "?.", "::"} else None
            is_argument = it.parent == "keyword_argument" and it.field == "name"
            if member:
                defines = any(
                    d.name == it.text and d.header <= it.start <= (d.body or d.end) for d in source.definitions
                )
                if it == token or owner in _OWNERS or (owner is None and defines):
                    chosen.append(it)
            elif owner is None and not _is_member(it) and not is_argument:
                chosen.append(it)
        total = len(same) if scope is None else sum(scope[0] <= it.start < scope[1] for _, it in same)
        return chosen, total - len(chosen)

    @staticmethod
    def _in_type(source: Source, token: Token) -> bool:
        """Whether it is defined directly in a type, as a method is."""
        around = [it for it in source.around(token.start, token.end) if it.name != token.text]
        return bool(around) and not around[-1].is_function

    @staticmethod
    def _function_around(source: Source, token: Token) -> tuple[int, int] | None:
        """The outermost function around a local name; None where the name is also used outside of functions."""
        functions = [it for it in source.around(token.start, token.end) if it.is_function]
        if not functions:
            return None
        outer = functions[0]
        for it in source.names:
            if it.text == token.text and not _is_member(it) and not (outer.start <= it.start < outer.end):
                within = any(d.is_function for d in source.around(it.start, it.end))
                if not within:
                    return None
        return outer.start, outer.end


def _is_member(token: Token) -> bool:
    return token.kind in _MEMBERS or (token.parent, token.field) in _MEMBER_FIELDS


def read_names(answer: str, old: str, used: set[str], *, whole: bool) -> tuple[str, ...]:
    """The names that an answer lists, best first, in the style of ``old``, without those that can't be used."""
    lines = answer.split("\n")
    if not whole:
        lines = lines[:-1]
    found: list[str] = []
    pieces = [piece for line in lines for piece in (line.split(",") if line.count(",") > 1 else [line])]
    for line in pieces:
        match = _ITEM.match(line.strip())
        name = styled(str(match[1]), old) if match else ""
        unusable = keyword.iskeyword(name) or name.lower() in _RESERVED or name in used or name == old
        if name and not unusable and name not in found and _NAME.fullmatch(name):
            found.append(name)
    return tuple(found[:_MOST_NAMES])


def styled(name: str, like: str) -> str:
    """``name`` written as ``like`` is: snake_case, camelCase, PascalCase or CAPITALS."""
    if not name.isascii() or not like.isascii():
        return name
    words: list[str] = [part for piece in name.split("_") for part in _PARTS.findall(piece)]
    if not words:
        return name
    mark = "_" * (len(like) - len(like.lstrip("_")))
    core = like.strip("_")
    if core.isupper() and len(core) > 1:
        return mark + "_".join(words).upper()
    if core[:1].isupper():
        return mark + "".join(word[:1].upper() + word[1:] for word in words)
    if "_" not in core and core != core.lower():
        return mark + words[0].lower() + "".join(word[:1].upper() + word[1:].lower() for word in words[1:])
    if "_" in core:
        return mark + "_".join(words).lower()
    # One word in small letters says nothing of how two are written.
    return mark + name.lstrip("_")
