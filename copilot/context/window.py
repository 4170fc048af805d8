"""The stretch of the document around the caret that a completion asks about.

The prefix starts at an anchor that stays where it is while someone types: were it to move with every character, the
prompt would start differently each time and nothing of the KV cache could be used again. Bounds are in characters
(code points) and lines; the planner cuts to tokens.
"""

from collections.abc import Sequence

from copilot.context.request import InfillRequest, Snippet
from copilot.text.document import Document
from copilot.text.line_ends import to_newlines
from copilot.text.surrogates import without_surrogates

PREFIX_LINES = 400
PREFIX_CHARACTERS = 16_000
SUFFIX_LINES = 100
SUFFIX_CHARACTERS = 4_000

# The anchor moves by so much at a time.
ANCHOR_LINES = 64
ANCHOR_CHARACTERS = 4_000


def infill_request(
    document: Document, line: int, column: int, *, path: str | None = None, snippets: Sequence[Snippet] = ()
) -> InfillRequest:
    """The question for the caret at ``line`` and ``column`` (code points, as ``Document.split_at`` gives them).

    Prefix and suffix have ``\\n`` for every line end and no lone surrogates. Cost depends on the bounds above and on
    the length of the lines inside them, never on the length of the document.
    """
    return InfillRequest(
        prefix=_for_model(_prefix(document.lines, line, column)),
        suffix=suffix_text(document.lines, line, column),
        snippets=tuple(snippets),
        path=path,
        language=document.language,
    )


def _prefix(lines: Sequence[str], line: int, column: int) -> str:
    """At most ``PREFIX_CHARACTERS`` from at most ``PREFIX_LINES``, and at least half of them where there are any.

    Starts with a line that is a multiple of ``ANCHOR_LINES``. Is that too much text, a multiple of
    ``ANCHOR_CHARACTERS`` is left out, and what remains of the line where that ends, unless that line is huge.
    """
    # Rounded up, so that with the caret's own line there are never more than PREFIX_LINES.
    first = max(0, -(-(line + 1 - PREFIX_LINES) // ANCHOR_LINES) * ANCHOR_LINES)
    whole, begun = lines[first:line], lines[line][:column]
    excess = sum(map(len, whole)) + column - PREFIX_CHARACTERS
    if excess <= 0:
        return "".join(whole) + begun
    left_out = -(-excess // ANCHOR_CHARACTERS) * ANCHOR_CHARACTERS
    for at, candidate in enumerate(whole):
        if left_out < len(candidate):
            keep = left_out == 0 or len(candidate) - left_out > ANCHOR_CHARACTERS
            return (candidate[left_out:] if keep else "") + "".join(whole[at + 1 :]) + begun
        left_out -= len(candidate)
    return begun[left_out:]


def suffix_text(lines: Sequence[str], line: int, column: int, characters: int = SUFFIX_CHARACTERS) -> str:
    """At most so many ``characters`` from at most ``SUFFIX_LINES``, to a line's end where that leaves half of it."""
    pieces, size = [lines[line][column : column + characters + 1]], 0
    for following in lines[line + 1 : line + SUFFIX_LINES]:
        size += len(pieces[-1])
        if size > characters:
            break
        pieces.append(following[: characters + 1])
    text = _for_model("".join(pieces))
    if len(text) <= characters:
        return text
    return text[: text.rfind("\n", characters // 2, characters) + 1 or characters]


def _for_model(text: str) -> str:
    return without_surrogates(to_newlines(text))
