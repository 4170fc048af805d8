"""A proposal as a unified diff, in the form that ``git apply`` and ``patch`` read. No I/O."""

from collections.abc import Iterator

from copilot.chat.proposal import Hunk, Proposal

_CONTEXT = 3


def unified(proposal: Proposal, path: str) -> str:
    """``path``: the name of the document; parts of it that would break the header are made harmless."""
    name = "".join(char if char.isprintable() else "?" for char in path.replace("\\", "/")).lstrip("/")
    old = "/dev/null" if proposal.creates else f"a/{name}"
    return "".join([f"--- {old}\n", f"+++ b/{name}\n", *_groups(proposal)])


def _groups(proposal: Proposal) -> Iterator[str]:
    # What follows the last line end is a line to an editor, and to a diff only where it is not empty.
    lines = [line for line in proposal.document.lines if line]
    shift = 0
    for group in _near(proposal.hunks):
        first = max(0, group[0].first - _CONTEXT)
        after = min(len(lines), max(group[-1].after, group[0].first) + _CONTEXT)
        body: list[str] = []
        at, added = first, 0
        for hunk in group:
            new = [line for line in hunk.lines if line]
            removed = lines[hunk.first : hunk.after]
            body += [_line(" ", line) for line in lines[at : hunk.first]]
            body += [_line("-", line) for line in removed]
            body += [_line("+", line) for line in new]
            added += len(new) - len(removed)
            at = min(len(lines), hunk.after)
        body += [_line(" ", line) for line in lines[at:after]]
        count = after - first
        yield f"@@ -{_span(first, count)} +{_span(first + shift, count + added)} @@\n"
        yield from body
        shift += added


def _near(hunks: tuple[Hunk, ...]) -> Iterator[list[Hunk]]:
    """Hunks whose context would touch, together."""
    group: list[Hunk] = []
    for hunk in hunks:
        if group and hunk.first - group[-1].after > 2 * _CONTEXT:
            yield group
            group = []
        group.append(hunk)
    if group:
        yield group


def _span(first: int, count: int) -> str:
    """Lines count from 1; an empty span names the line before it."""
    start = first + 1 if count else first
    return str(start) if count == 1 else f"{start},{count}"


def _line(sign: str, line: str) -> str:
    return f"{sign}{line}" if line.endswith("\n") else f"{sign}{line}\n\\ No newline at end of file\n"
