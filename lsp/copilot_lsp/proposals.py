"""Whether a proposal still fits what the editor and the disk hold."""

from pathlib import Path
from typing import NamedTuple

from pygls.uris import to_fs_path

from copilot.chat.proposal import Proposal
from copilot.text.store import DocumentStore
from copilot_lsp.questions import on_disk

CHANGED = "The text was changed meanwhile, so nothing is proposed. Ask again."


class Fitting(NamedTuple):
    """A proposal for the newest text. ``version``: of the document in the editor; None where it is not open there."""

    proposal: Proposal
    version: int | None


def fitted(proposal: Proposal, documents: DocumentStore) -> Fitting | None:
    """None where what it rests on is not what it was, or where that is not certain."""
    uri = proposal.document.uri
    if uri in documents:
        document = documents.find(uri)
        if document is None or (proposal.creates and document.text):
            return None
        newest = proposal.on(document)
        return Fitting(newest, document.version) if newest is not None else None
    try:
        text = on_disk(Path(to_fs_path(uri) or ""))
    except (OSError, UnicodeError):
        return None
    same = text is None if proposal.creates else text == proposal.document.text
    return Fitting(proposal, None) if same else None
