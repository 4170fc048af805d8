"""Document a function or a type: the model writes the words, and they are put where the language has them. No I/O."""

import re
import textwrap
from functools import cached_property

from copilot.chat.fences import parts
from copilot.chat.fix import INVISIBLE
from copilot.chat.indentation import lead
from copilot.chat.place import Lines, Place
from copilot.chat.proposal import Proposal, insert_lines, replace_lines
from copilot.chat.question import Outcome, Turn
from copilot.chat.wording import clipped, conversation, fenced, where, wish
from copilot.errors import SlipstreamError
from copilot.safety.invisible import without_invisible
from copilot.syntax.source import Definition, Source
from copilot.text.line_ends import to_newlines

_STAR = ("javascript", "javascriptreact", "typescript", "typescriptreact", "java", "c", "cpp", "cuda-cpp")
_MARKS = {
    **dict.fromkeys(_STAR, "/**"),
    "rust": "///",
    "csharp": "///",
    "go": "//",
    **dict.fromkeys(("ruby", "shellscript", "sh", "bash"), "#"),
}
"""What a documentation comment above a definition begins with."""

_PYTHON = frozenset({"python", "starlark"})
PLACED = _PYTHON | frozenset(_MARKS)
"""Languages in which it is known where documentation stands."""

_WIDTH = 88
_LEAST_WIDTH = 40
_MOST_PARAGRAPHS = 12

_QUOTED = re.compile(r'("""|\'\'\')(.*?)\1', re.DOTALL)
_STARRED = re.compile(r"/\*\*?(.*?)\*/", re.DOTALL)
_COMMENTED = re.compile(r"(?:^[ \t]*(?:///?!?|#(?!!)|--)[^\n]*\n?)+", re.MULTILINE)
_LABEL = re.compile(
    r"^(?:here(?:'s| is)[^\n]*:|sure[^\n]*[:.!]|"
    r"(?:the )?(?:doc(?:string|umentation)|comment|description|jsdoc)\s*:)\s*",
    re.IGNORECASE,
)
# Lines that are lists or fields, and mean something by standing alone.
_KEPT = re.compile(r"\s*(?:[-*+]\s|\d+[.)]\s|[:@]\w+|[A-Z]\w*:\s*$|\w+(?: \([^)]*\))?:\s)")


class Documenting:
    """Raises :class:`SlipstreamError` ``nothing_to_document`` where there is no definition."""

    def __init__(self, place: Place, wish: str = "") -> None:
        self._place = place
        self._wish = wish

    @cached_property
    def _symbol(self) -> Definition | None:
        return self._place.symbol

    @property
    def title(self) -> str:
        if self._symbol is None and self._place.source is not None:
            raise SlipstreamError(
                "There is no function or class here to document.",
                hint="Put the caret inside one, or select it.",
                code="nothing_to_document",
            )
        return f"Document {self._symbol.name}" if self._symbol is not None else "Document"

    @property
    def most_tokens(self) -> int:
        return 320

    @property
    def _lines(self) -> Lines:
        return self._place.lines if self._symbol is None else self._place.lines_of(self._symbol)

    def turns(self, room: int) -> list[Turn]:
        place = self._place
        code = clipped(place.text_of(self._lines), int(room * 0.85))
        name = f"`{self._symbol.name}`" if self._symbol is not None else "this code"
        return conversation(
            f"Write the text of a documentation comment for {name}, in plain sentences: one line that says what it "
            "does, then what it takes and what it gives back where that is not plain from the names. "
            "Reply with the text only: no code, no quotes, no comment marks.\n"
            f"{where(place)}\n{fenced(code, place.language)}{wish(self._wish)}"
        )

    def read(self, answer: str, *, whole: bool) -> Outcome:
        if not whole:
            return Outcome(note="The answer broke off, so nothing is proposed.")
        place, symbol = self._place, self._symbol
        if place.source is None or symbol is None or place.language not in PLACED:
            return Outcome(note=f"It is not known where documentation stands in {place.language}, so add it yourself.")
        text = documentation(answer)
        clean = without_invisible(text, code=True)
        if not clean:
            return Outcome(note="The answer holds no words to put in place.")
        proposal, why = self._python(symbol, clean) if place.language in _PYTHON else self._above(symbol, clean)
        if proposal is None:
            return Outcome(note=why)
        after = Source(to_newlines(proposal.text), place.language)
        same = after.code(docstrings=False) == place.source.code(docstrings=False)
        if not same or after.faults > place.source.faults:
            return Outcome(note="The documentation would have changed the code, so nothing is proposed.")
        if not proposal.hunks:
            return Outcome(note="The documentation is as it was.")
        return Outcome(proposal._replace(document=place.document), note=INVISIBLE if clean != text else "")

    def _python(self, symbol: Definition, text: str) -> tuple[Proposal | None, str]:
        """A docstring, in place of the one there is."""
        place, source = self._place, self._place.source
        assert source is not None
        colon = max((it.end for it in source.tokens if it.kind == ":" and it.start < (symbol.body or 0)), default=0)
        body = symbol.body
        if body is None or place.line_at(body) == place.line_at(max(0, colon - 1)):
            return None, f"{symbol.name} stands on one line, with no place for a docstring."
        rests = place.lines_of(symbol)
        indent = lead(place.text[place.text.rfind("\n", 0, body) + 1 : body])
        quoted = _docstring(text, indent)
        if symbol.doc is None:
            return insert_lines(place.shown, place.line_at(colon - 1) + 1, quoted, rests=rests), ""
        lines = Lines(place.line_at(symbol.doc[0]), place.line_at(symbol.doc[1] - 1) + 1)
        if place.text_of(lines).strip() != place.text[slice(*symbol.doc)].strip():
            return None, "The docstring shares its line with code, so nothing is proposed."
        return replace_lines(place.shown, lines, quoted, rests=rests), ""

    def _above(self, symbol: Definition, text: str) -> tuple[Proposal | None, str]:
        """A comment on the lines above, in place of a documentation comment that is there."""
        place, source = self._place, self._place.source
        assert source is not None
        first = place.line_at(symbol.start)
        head = place.text[place.offset((first, 0)) : symbol.start]
        if head.strip():
            return None, f"{symbol.name} shares its line with other code, so nothing is proposed."
        mark = _MARKS[place.language]
        comment = _comment(text, head, mark, place.language)
        rests = place.lines_of(symbol)
        span = source.comments_above(symbol.start)
        if span is not None and place.text[span[0] : span[1]].startswith(mark):
            lines = Lines(place.line_at(span[0]), first)
            return replace_lines(place.shown, lines, comment, rests=Lines(lines.first, rests.after)), ""
        return insert_lines(place.shown, first, comment, rests=rests), ""


def documentation(answer: str) -> str:
    """The words of an answer, whatever they were wrapped in: quotes, comment marks, a whole function."""
    found = parts(answer)
    for text in (*(block.code for block in found.blocks), answer):
        for pattern in (_QUOTED, _STARRED):
            if (match := pattern.search(text)) is not None:
                return _cleaned(match.group(match.lastindex or 1))
    for block in found.blocks:
        if (match := _COMMENTED.search(block.code)) is not None:
            return _cleaned(re.sub(r"^[ \t]*(?:///?!?|#|--) ?", "", match.group(), flags=re.MULTILINE))
    if found.prose:
        return _cleaned(found.prose)
    # A fence around nothing but words.
    words = [block.code for block in found.blocks if block.language in {"", "text", "plaintext", "markdown", "txt"}]
    return _cleaned(words[0]) if words else ""


def _cleaned(text: str) -> str:
    lines = [re.sub(r"^[ \t]*\*(?!\*)[ \t]?", "", line.rstrip()) for line in text.strip().split("\n")]
    first, rest = lines[0].strip(), textwrap.dedent("\n".join(lines[1:]))
    text = _LABEL.sub("", f"{first}\n{rest}".strip()).strip()
    text = re.sub(r"</?(?:summary|remarks)>", "", text).strip().strip("`\"'").strip()
    paragraphs = re.split(r"\n\s*\n", text)
    return "\n\n".join(paragraphs[:_MOST_PARAGRAPHS])


def _wrapped(text: str, indent: str) -> list[str]:
    """In lines that fit a page, paragraphs of plain words filled anew; without indentation."""
    width = max(_LEAST_WIDTH, _WIDTH - len(indent.expandtabs(4)))
    lines: list[str] = []
    for paragraph in re.split(r"\n\s*\n", text):
        if lines:
            lines.append("")
        own = paragraph.split("\n")
        if any(_KEPT.match(line) or line.startswith((" ", "\t")) for line in own):
            lines += [line.rstrip() for line in own]
        else:
            lines += textwrap.wrap(" ".join(paragraph.split()), width, break_long_words=False, break_on_hyphens=False)
    return lines


def _docstring(text: str, indent: str) -> str:
    text = text.replace("\\", "\\\\").replace('"""', "'''")
    lines = _wrapped(text, indent)
    if len(lines) == 1:
        # A quote at the end would be one quote too many.
        end = " " if lines[0].endswith('"') else ""
        return f'{indent}"""{lines[0]}{end}"""'
    rest = [f"{indent}{line}" if line else "" for line in lines[1:]]
    return "\n".join([f'{indent}"""{lines[0]}', *rest, f'{indent}"""'])


def _comment(text: str, indent: str, mark: str, language: str) -> str:
    lines = _wrapped(text, indent)
    if language == "csharp":
        escaped = [line.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;") for line in lines]
        lines = ["<summary>", *escaped, "</summary>"]
    if mark == "/**":
        lines = [line.replace("*/", "* /") for line in lines]
        return "\n".join([f"{indent}/**", *(f"{indent} * {line}".rstrip() for line in lines), f"{indent} */"])
    # A backslash at the end of a line comment would take the next line into it.
    return "\n".join(f"{indent}{mark} {line}".rstrip().rstrip("\\") for line in lines)
