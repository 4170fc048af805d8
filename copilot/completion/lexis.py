"""What a line of a language is made of, as far as trimming must know: strings, comments, brackets, block openers.

A table, not a grammar. Keys are the language ids that editors send; an unknown language gets cautious defaults, in
which an apostrophe is no string and a comment is set off by white space.
"""

import re
from functools import cached_property
from typing import NamedTuple

CLOSER_OF = {"(": ")", "[": "]", "{": "}"}
CLOSERS = frozenset(CLOSER_OF.values())


class _Lexis(NamedTuple):
    comments: tuple[str, ...] = ()
    quotes: str = '"'
    """Each begins a string that ends on its line."""
    blocks: tuple[tuple[str, str], ...] = ()
    """Opening and closing delimiter of strings and comments that may span lines."""
    brackets: str = "()[]{}"
    heads: frozenset[str] = frozenset()
    """First words of lines that begin a block without a mark at their end."""
    chains: bool = False
    """A statement may go on with a deeper line that begins with a dot or an operator."""
    directives: bool = False
    """A line at the left margin that begins with ``#`` is one for the preprocessor and leaves no body."""
    layout: bool = False
    """Any deeper line goes on with the statement."""
    terminator: str = ""
    """What alone ends a statement, over as many lines as it takes."""
    fences: bool = True
    """A Markdown fence is debris, not content."""


class Lexis(_Lexis):
    """One row of the table, with the patterns made from it."""

    @cached_property
    def token(self) -> re.Pattern[str]:
        """Matches where reading code has to look up: one group each for block, comment, literal, quote, bracket."""
        starts = sorted((start for start, _ in self.blocks), key=len, reverse=True)
        # A short literal comes before the quotes: '(' in C and 'a in Rust must not open a string.
        groups = {
            "block": "|".join(map(re.escape, starts)),
            "comment": "|".join(self.comments),
            "literal": r"'(?:\\[^']{1,8}|[^'\\])'" if self.char_literals else "",
            "quote": f"[{re.escape(self.quotes)}]" if self.quotes else "",
            "bracket": f"[{re.escape(self.brackets)}]" if self.brackets else "",
        }
        # A group that can't match keeps the names the same for every language.
        return re.compile("|".join(f"(?P<{name}>{pattern or '(?!)'})" for name, pattern in groups.items()))

    @property
    def char_literals(self) -> bool:
        return "'" not in self.quotes and bool(self.quotes)

    @cached_property
    def block_ends(self) -> dict[str, str]:
        return dict(self.blocks)


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_C_COMMENTS = ("//",)
_C_BLOCK = ("/*", "*/")
_HASH = (r"(?<!\S)\#",)

_PYTHON = Lexis(("[#]",), "\"'", (('"""', '"""'), ("'''", "'''")))
_C = Lexis(_C_COMMENTS, '"', (_C_BLOCK,), chains=True)
_C_DIRECTIVES = Lexis(_C_COMMENTS, '"', (_C_BLOCK,), chains=True, directives=True)
_SCRIPT = Lexis(_C_COMMENTS, "\"'", (_C_BLOCK, ("`", "`")), chains=True)
_GO = Lexis(_C_COMMENTS, '"', (_C_BLOCK, ("`", "`")))
_TEXT_BLOCKS = Lexis(_C_COMMENTS, '"', (_C_BLOCK, ('"""', '"""')), chains=True)
_STYLE = Lexis((), "\"'", (_C_BLOCK,))
_RUBY = Lexis(_HASH, "\"'", heads=_words("def if unless while until for class module begin case do"), chains=True)
# A lone `)` ends a pattern of `case`, so round brackets say nothing.
_SHELL = Lexis(_HASH, "\"'`", brackets="{}", heads=_words("if for while until case"))
_MAKE = Lexis(_HASH, "")
_CONFIG = Lexis(_HASH, "\"'")
_DASHES = Lexis(("--",), "\"'", heads=_words("function if for while repeat local"))
_SQL = Lexis(("--",), "\"'", (_C_BLOCK,), terminator=";")
_HASKELL = Lexis(("--",), '"', (("{-", "-}"),), layout=True)
_ADA = Lexis(("--",), "\"'")
_MARKUP = Lexis((), "", (("<!--", "-->"),))
_PROSE = Lexis((), "", brackets="", fences=False)
_UNKNOWN = Lexis((r"(?<!\S)(?:\#|//)(?=\s)",))

_TABLE = (
    (_PYTHON, "python cython starlark"),
    (_C_DIRECTIVES, "c cpp objective-c objective-cpp cuda-cpp csharp glsl hlsl"),
    (_C, "rust dart zig proto3"),
    (_SCRIPT, "javascript javascriptreact typescript typescriptreact vue svelte php"),
    (_GO, "go"),
    (_TEXT_BLOCKS, "java kotlin scala swift groovy"),
    (_STYLE, "css scss less"),
    (_RUBY, "ruby elixir julia crystal"),
    (_SHELL, "shellscript sh bash zsh fish"),
    (_MAKE, "makefile make dockerfile"),
    (_CONFIG, "yaml toml ini perl r powershell nix properties"),
    (_DASHES, "lua"),
    (_SQL, "sql"),
    (_HASKELL, "haskell"),
    (_ADA, "ada vhdl"),
    (_MARKUP, "html xml handlebars"),
    (_PROSE, "markdown plaintext restructuredtext latex tex text"),
)
_BY_LANGUAGE = {language: lexis for lexis, languages in _TABLE for language in languages.split()}


def lexis_of(language: str | None) -> Lexis:
    """The row for an editor's language id; cautious defaults when there is none."""
    return _BY_LANGUAGE.get(language or "", _UNKNOWN)


_OPENING_ENDS = (":", "{", "(", "[", "=>", "->", " do", " then")


def opens_block(line: str, lexis: Lexis) -> bool:
    """Whether deeper lines belong to this one."""
    text = line.strip()
    return text.endswith(_OPENING_ENDS) or (bool(text) and text.split(None, 1)[0].rstrip(";") in lexis.heads)


def width(line: str) -> int:
    """Indentation in columns, a tab counted as four: only ever compared with that of lines nearby."""
    columns = 0
    for char in line:
        if char == "\t":
            columns += 4
        elif char in " \f\v":
            columns += 1
        else:
            break
    return columns
