"""Code out of a chat, as a change of a document that its user looks at hunk by hunk. No I/O."""

import re
from collections.abc import Sequence
from typing import NamedTuple

from copilot.chat.indentation import reindented
from copilot.chat.place import Lines, shown_document
from copilot.chat.proposal import Proposal, line_end_of, replace_lines, with_line_end
from copilot.chat.withheld import check_inserted, revealed
from copilot.errors import SlipstreamError
from copilot.safety.invisible import without_invisible
from copilot.syntax.source import Definition, Source
from copilot.text.document import Document
from copilot.text.line_ends import to_newlines

_IMPORT = re.compile(r"(?:import|from|use|using|#include|#import|require)\b|(?:const|let|var) .*\brequire\(")
# A model's own line for what it leaves out; writing it into a file would delete code.
_ELISION = re.compile(
    r"^\s*(?:#|//|/\*|--|<!--)\s*(?:\.{3}|…)|^\s*(?:\.{3}|…)\s*$|"
    r"^\s*(?:#|//|/\*|--|<!--).*(?:rest of (?:the|your) |existing code|remains? unchanged|same as before)",
    re.IGNORECASE | re.MULTILINE,
)


class _Edit(NamedTuple):
    """``text`` in place of the characters from ``start`` up to ``end``."""

    start: int
    end: int
    text: str


def applied(document: Document, code: str, selected: Lines | None = None) -> Proposal:
    """``code`` where it belongs in ``document``: definitions in place of those of the same name, new ones behind them,
    imports with the imports. What names nothing goes in place of what is ``selected``.

    The model that wrote it saw the document without its secrets. Raises :class:`SlipstreamError` ``no_place`` where
    nothing says where it goes, ``elided`` where it leaves code out, ``secrets_left_out`` as :func:`revealed` does.
    """
    proposal = _placed(shown_document(document), code, selected)
    # The same line elsewhere in the file may be the one that was meant.
    return revealed(proposal, document, proposal.rests, Lines(0, len(document.lines)))


def _placed(document: Document, code: str, selected: Lines | None) -> Proposal:
    code = without_invisible(to_newlines(code), code=True).strip("\n")
    text = to_newlines(document.text)
    if not code.strip():
        raise SlipstreamError("There is no code in this block.", code="no_place")
    if _ELISION.search(code):
        raise SlipstreamError(
            "This code leaves parts out, and what it leaves out would be deleted.",
            hint="Ask for the complete code, or insert it at the cursor and complete it yourself.",
            code="elided",
        )
    if not text.strip():
        return _changed(document, f"{code}\n")
    new, old = Source.of(code, document.language), Source.of(text, document.language)
    if new is not None and old is not None and new.definitions:
        edits = _edits(new, old)
        if edits is not None:
            return _changed(document, _edited(text, edits))
    if selected is not None and selected.after > selected.first:
        lines = text.split("\n")
        piece = "\n".join(lines[selected.first : selected.after])
        return replace_lines(document, selected, reindented(code, piece))
    if new is not None and new.definitions and not new.faults:
        return _changed(document, f"{text.rstrip()}\n\n\n{code}\n")
    raise SlipstreamError(
        "Nothing says where in the file this code belongs.",
        hint="Select the lines that it should replace, or insert it at the cursor.",
        code="no_place",
    )


def _changed(document: Document, text: str) -> Proposal:
    """Only the lines between the first and the last change count as looked at: elsewhere someone may go on typing."""
    end = "\n" if document.lines[-1] == "" else ""
    whole = Lines(0, len(document.lines))
    proposal = replace_lines(document, whole, text if end else text.rstrip("\n"))
    if not proposal.hunks:
        raise SlipstreamError("The file holds this code already.", code="no_change")
    return proposal._replace(rests=Lines(proposal.hunks[0].first, proposal.hunks[-1].after))


def _edits(new: Source, old: Source) -> list[_Edit] | None:
    """None where no definition of the new code is in the old one."""
    edits: list[_Edit] = []
    added: list[str] = []
    last_end: int | None = None
    for definition in _outermost(new.definitions):
        piece = _whole_lines(new, definition)
        found = _namesake(definition, old)
        if found is None:
            added.append(piece)
            continue
        parts = _members(definition, found, new, old)
        edits += parts if parts is not None else [_in_place_of(found, piece, old)]
        last_end = max(last_end or 0, found.end)
    if last_end is None:
        return None
    outer = [it for it in old.definitions if it.end >= last_end and _depth(it, old) == 0]
    behind = min((it.end for it in outer), default=last_end)
    edits += [_Edit(behind, behind, f"\n\n\n{piece}") for piece in added]
    return [*edits, *_imports(new, old)]


def _members(definition: Definition, found: Definition, new: Source, old: Source) -> list[_Edit] | None:
    """A class that names only some of its methods stands for those: the others stay. None where it is complete."""
    if definition.is_function:
        return None
    mine = _inside(definition, new)
    theirs = {it.name: it for it in _inside(found, old)}
    names = {it.name for it in mine}
    if not mine or names >= theirs.keys():
        return None
    edits, last = [], max(it.end for it in theirs.values())
    for member in mine:
        piece = _whole_lines(new, member)
        namesake = theirs.get(member.name)
        if namesake is not None:
            edits.append(_in_place_of(namesake, piece, old))
        else:
            like = _whole_lines(old, next(iter(theirs.values())))
            edits.append(_Edit(last, last, f"\n\n{reindented(piece, like)}"))
    return edits


def _inside(definition: Definition, source: Source) -> list[Definition]:
    within = [it for it in source.definitions if definition.start <= it.start and it.end <= definition.end]
    return _outermost([it for it in within if it is not definition])


def _outermost(definitions: Sequence[Definition]) -> list[Definition]:
    found: list[Definition] = []
    for definition in definitions:
        if not found or definition.start >= found[-1].end:
            found.append(definition)
    return found


def _depth(definition: Definition, source: Source) -> int:
    return len(source.around(definition.start, definition.end)) - 1


def _namesake(definition: Definition, source: Source) -> Definition | None:
    """The one of the same name; the outermost where several have it, None where that is not one."""
    same = [it for it in source.definitions if (it.name, it.is_function) == (definition.name, definition.is_function)]
    depths = [_depth(it, source) for it in same]
    outermost = [it for it, depth in zip(same, depths, strict=True) if depth == min(depths)]
    return outermost[0] if len(outermost) == 1 else None


def _whole_lines(source: Source, definition: Definition) -> str:
    start = source.text.rfind("\n", 0, definition.start) + 1
    head = source.text[start : definition.start]
    return source.text[start if not head.strip() else definition.start : definition.end].rstrip()


def _in_place_of(found: Definition, piece: str, old: Source) -> _Edit:
    start = old.text.rfind("\n", 0, found.start) + 1
    if old.text[start : found.start].strip():
        start = found.start
    end = start + len(old.text[start : found.end].rstrip())
    return _Edit(start, end, reindented(piece, old.text[start:end]))


def _imports(new: Source, old: Source) -> list[_Edit]:
    """Import lines at the top of the new code that the old one lacks, below its own."""
    head = new.text[: min(it.start for it in new.definitions)]
    there = {line.strip() for line in old.text.split("\n")}
    lines = [line for line in head.split("\n") if _IMPORT.match(line) and line.strip() not in there]
    if not lines:
        return []
    first = min((it.start for it in old.definitions), default=len(old.text))
    at, offset = 0, 0
    for line in old.text[:first].split("\n"):
        offset += len(line) + 1
        if _IMPORT.match(line):
            at = offset
    block = "".join(f"{line}\n" for line in lines)
    return [_Edit(at, at, block if at else f"{block}\n")]


def _edited(text: str, edits: Sequence[_Edit]) -> str:
    parts: list[str] = []
    at = 0
    for edit in sorted(edits, key=lambda it: (it.start, it.end)):
        parts += [text[at : edit.start], edit.text]
        at = edit.end
    return "".join([*parts, text[at:]])


def inserted(document: Document, line: int, column: int, code: str) -> str:
    """``code`` as it should be put at a caret (code points from 0): as deep as its line is, with the line ends of the
    document. Raises :class:`SlipstreamError` ``secrets_left_out`` where a placeholder is in it."""
    check_inserted(code, document.text)
    code = without_invisible(to_newlines(code), code=True).strip("\n")
    head = document.lines[line][:column]
    if not head.strip():
        first, *rest = reindented(code, f"{head}x").split("\n")
        # What stands left of the caret is indentation already.
        code = "\n".join([first.removeprefix(head), *rest])
    return with_line_end(code, line_end_of(document, line))
