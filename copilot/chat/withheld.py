"""What a model was not shown of a document, and what it wrote in its place. No I/O.

A model that writes code with a secret in it writes the placeholder that it was shown. Small models miscount the letters
of one, and two secrets may have the same; so nothing is put in a placeholder's place that is not certain.
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from copilot.chat.place import Lines
from copilot.chat.proposal import Hunk, Proposal
from copilot.errors import SlipstreamError
from copilot.safety.secrets import masked, secrets_in
from copilot.text.document import Document
from copilot.text.line_ends import to_newlines

LEFT_OUT = "A secret was left out: where it belongs, a placeholder stands."
_NOT_CERTAIN = "The code holds secrets that the model was not shown, and where they go in its change is not certain."

_WORD = r"\w*REDACTED(?:x\w*|(?![A-Za-z_]))"
_PLACEHOLDER = re.compile(_WORD)
# Short secrets and the later lines of a key are letters x only.
_PLACEHOLDER_OR_RUN = re.compile(rf"{_WORD}|(?<!\w)x{{3,}}(?!\w)")


class Withheld(NamedTuple):
    """A secret's ``value``, or that of its part in this line (from 0), and what is shown instead."""

    line: int
    stand_in: str
    value: str


def withheld(text: str) -> list[Withheld]:
    """In the order of ``text``."""
    text = to_newlines(text)
    shown, count = masked(text)
    if not count:
        return []
    found = []
    for start, end in _spans(text, shown):
        line, at = text.count("\n", 0, start), start
        for part in text[start:end].split("\n"):
            first = at + len(part) - len(part.lstrip())
            last = first + len(part.strip())
            if text[first:last] != shown[first:last]:
                found.append(Withheld(line, shown[first:last], text[first:last]))
            line, at = line + 1, at + len(part) + 1
    return found


def left_out(written: str, document: str, known: str | None = None) -> bool:
    """Whether what a model wrote who was shown ``document`` holds a placeholder that is no word of ``known``: the text
    that it goes into, ``document`` itself where it is None.
    """
    if "REDACTED" not in written and "xxx" not in written:
        return False
    return _is_left(written, withheld(document), document if known is None else known)


def revealed(proposal: Proposal, document: Document, held: Lines, alike: Lines | None = None) -> Proposal:
    """``proposal``, made for ``document`` as it was shown, as one for ``document`` itself. Lines that stay keep their
    secrets; into new ones go those that ``held`` has, the lines that the model wrote anew.

    ``alike``: the lines that it may have meant by one that looks the same, ``held`` where it is None. Raises
    :class:`SlipstreamError` ``secrets_left_out``.
    """
    proposed = proposal._replace(document=document)
    rows = withheld(document.text)
    secrets: dict[str, set[str]] = {}
    for row in rows:
        if held.first <= row.line < held.after:
            secrets.setdefault(row.stand_in, set()).add(row.value)
    _check_alike(proposal, document, {row.line for row in rows}, alike or held)
    certain = {stand_in: min(values) for stand_in, values in secrets.items() if len(values) == 1}
    names = "|".join(map(re.escape, sorted((it for it in certain if "REDACTED" in it), key=len, reverse=True)))
    pattern = re.compile(rf"(?<!\w)(?:{names})(?!\w)") if names else None
    hunks = []
    for hunk in proposal.hunks:
        new = "".join(hunk.lines)
        if _is_left(pattern.sub(" ", new) if pattern is not None else new, rows, document.text):
            raise _uncertain()
        lines = hunk.lines
        if pattern is not None:
            lines = tuple(pattern.sub(lambda it: certain[it.group()], line) for line in lines)
        hunks.append(Hunk(hunk.first, hunk.after, lines))
    return proposed._replace(hunks=tuple(hunks))


def check_inserted(code: str, document: str) -> None:
    """Raises :class:`SlipstreamError` ``secrets_left_out`` where ``code`` of a model has placeholders in it."""
    if left_out(code, document):
        raise _uncertain()


def _check_alike(proposal: Proposal, document: Document, lines: set[int], alike: Lines) -> None:
    """Of lines that look the same and hold different secrets all stay or all go: else it may be the wrong one."""
    shown, own = proposal.document.lines, document.lines
    gone = {at for hunk in proposal.hunks for at in range(hunk.first, hunk.after)}
    for at in lines & gone:
        others = (it for it in lines - gone if alike.first <= it < alike.after)
        if any(shown[it] == shown[at] and own[it] != own[at] for it in others):
            raise _uncertain()


def _is_left(written: str, rows: Sequence[Withheld], known: str) -> bool:
    runs = any("REDACTED" not in row.stand_in for row in rows)
    pattern = _PLACEHOLDER_OR_RUN if runs else _PLACEHOLDER
    words = set(pattern.findall(written)) - set(pattern.findall(known))
    # A word of the language, where nothing was masked.
    return bool(words if rows else words - {"REDACTED"})


def _uncertain() -> SlipstreamError:
    return SlipstreamError(
        _NOT_CERTAIN, hint="Take from the answer what you need, and put them in yourself.", code="secrets_left_out"
    )


def _spans(text: str, shown: str) -> list[tuple[int, int]]:
    """Where secrets stood. Masking may find another once the first ones are masked, so that is looked for as well."""
    spans = [(it.start, it.end) for it in secrets_in(text) if text[it.start : it.end] != shown[it.start : it.end]]
    known = [*spans, (len(text), len(text))]
    at = 0
    for start, end in known:
        while at < start and text[at:start] != shown[at:start]:
            first = next(it for it in range(at, start) if text[it] != shown[it])
            at = next((it for it in range(first, start) if text[it] == shown[it]), start)
            spans.append((first, at))
        at = end
    return sorted(spans)
