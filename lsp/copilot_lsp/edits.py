"""A proposal as the protocol's ``WorkspaceEdit`` (LSP 3.18), for the client that is to make it."""

from typing import NamedTuple, Self

from lsprotocol import types

from copilot.chat.proposal import Proposal
from copilot.text.line_ends import content_length
from copilot.text.position import PositionEncoding, to_units
from copilot_lsp.messages import Json


class EditAbilities(NamedTuple):
    """What a client can do with an edit. ``versions``: it checks the version that an edit was made for."""

    apply: bool = False
    versions: bool = False
    create: bool = False

    @classmethod
    def of(cls, client: types.ClientCapabilities) -> Self:
        workspace = client.workspace
        edit = workspace.workspace_edit if workspace is not None else None
        versions = bool(edit and edit.document_changes)
        kinds = (edit.resource_operations if edit is not None else None) or ()
        create = versions and types.ResourceOperationKind.Create in kinds
        return cls(bool(workspace and workspace.apply_edit), versions, create)


def workspace_edit(
    proposal: Proposal, encoding: PositionEncoding, abilities: EditAbilities, *, version: int | None
) -> Json | None:
    """``version``: of the document in the editor; None where it is not open there.

    None where the proposal is a new file, and the client creates none.
    """
    uri = proposal.document.uri
    edits = _text_edits(proposal, encoding)
    if not abilities.versions:
        return None if proposal.creates else {"changes": {uri: edits}}
    change: Json = {"textDocument": {"uri": uri, "version": version}, "edits": edits}
    if not proposal.creates:
        return {"documentChanges": [change]}
    if not abilities.create:
        return None
    # A file that has appeared meanwhile is someone's work.
    create: Json = {"kind": "create", "uri": uri, "options": {"overwrite": False, "ignoreIfExists": False}}
    return {"documentChanges": [create, change]}


def _text_edits(proposal: Proposal, encoding: PositionEncoding) -> list[Json]:
    if proposal.creates:
        return [{"range": _range((0, 0), (0, 0)), "newText": proposal.text}]
    lines = proposal.document.lines
    last = len(lines) - 1
    # A hunk that reaches the last line ends behind its text: there is no line below to end at.
    end_of_all = (last, to_units(lines[last], content_length(lines[last]), encoding))
    return [
        {
            "range": _range(*((line, 0) if line <= last else end_of_all for line in (hunk.first, hunk.after))),
            "newText": "".join(hunk.lines),
        }
        for hunk in proposal.hunks
    ]


def _range(start: tuple[int, int], end: tuple[int, int]) -> Json:
    return {name: {"line": line, "character": column} for name, (line, column) in (("start", start), ("end", end))}
