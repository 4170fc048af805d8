"""A proposal as something to look at hunk by hunk. No I/O."""

from copilot.chat.exchange import Change, Review
from copilot.chat.proposal import Proposal
from copilot.text.line_ends import content_length

_CONTEXT = 3


def review_of(proposal: Proposal, name: str, title: str, path: str) -> Review:
    lines = [_content(line) for line in proposal.document.lines]
    changes = tuple(
        Change(
            first=hunk.first + 1,
            old=tuple(lines[hunk.first : hunk.after]) if not proposal.creates else (),
            new=tuple(_content(line) for line in hunk.lines),
            above=tuple(lines[max(0, hunk.first - _CONTEXT) : hunk.first]),
            below=tuple(lines[hunk.after : hunk.after + _CONTEXT]),
        )
        for hunk in proposal.hunks
    )
    return Review(name=name, title=title, path=path, changes=changes, creates=proposal.creates)


def _content(line: str) -> str:
    return line[: content_length(line)]
