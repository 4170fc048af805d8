"""The documents that are open in one editor, kept in step with it."""

from collections.abc import Iterator, Sequence

from copilot.errors import SlipstreamError
from copilot.text.document import Change, Document
from copilot.text.position import PositionEncoding


class DocumentStore:
    """Open documents by URI.

    A document whose edits no longer fit what the editor holds is *out of step*: completing in it could put text in
    a wrong place, so :meth:`get` refuses until the editor sends the whole text, by opening it again or by a change
    without a range.
    """

    def __init__(self, encoding: PositionEncoding = PositionEncoding.UTF16) -> None:
        self.encoding = encoding
        self._documents: dict[str, Document] = {}
        self._out_of_step: set[str] = set()

    def __contains__(self, uri: str) -> bool:
        return uri in self._documents

    def __len__(self) -> int:
        return len(self._documents)

    def __iter__(self) -> Iterator[str]:
        """URIs, those opened last at the end."""
        return iter(self._documents)

    def open(self, uri: str, language: str, version: int, text: str) -> Document:
        """Take up a document. One that is open already is replaced: its newest whole text is the truth."""
        self._out_of_step.discard(uri)
        document = self._documents[uri] = Document.from_text(uri, language, version, text)
        return document

    def lost(self, uri: str) -> None:
        """An edit of the document came and could not be read: it is out of step from here on."""
        if uri in self._documents:
            self._out_of_step.add(uri)

    def change(self, uri: str, version: int | None, changes: Sequence[Change]) -> Document:
        """Apply the changes of one message and return the document after them.

        Versions increase but may skip (LSP 3.17, ``VersionedTextDocumentIdentifier``), so a jump says nothing. One
        that does not increase means a message came twice or in the wrong order. None is the one after the last.

        Raises :class:`SlipstreamError` with code ``unknown_document`` where it is not open, and ``version_gap``
        where it is out of step; the document then keeps the text it had.
        """
        known = self._known(uri)
        if version is None:
            version = known.version + 1
        if any(change.range is None for change in changes):
            # Whatever went wrong before, a whole text is in step again.
            self._out_of_step.discard(uri)
        elif version <= known.version:
            self._out_of_step.add(uri)
        if uri in self._out_of_step:
            raise _version_gap(uri)
        document = self._documents[uri] = known.apply(changes, self.encoding, version)
        return document

    def close(self, uri: str) -> None:
        """Forget a document; one that is not open is no error, there is nothing left to do."""
        self._documents.pop(uri, None)
        self._out_of_step.discard(uri)

    def get(self, uri: str) -> Document:
        """The document as the editor shows it now; a value that later edits do not touch. Raises as ``change``."""
        document = self._known(uri)
        if uri in self._out_of_step:
            raise _version_gap(uri)
        return document

    def find(self, uri: str) -> Document | None:
        """As :meth:`get`; None where it is not open or out of step."""
        return None if uri in self._out_of_step else self._documents.get(uri)

    def _known(self, uri: str) -> Document:
        try:
            return self._documents[uri]
        except KeyError:
            raise SlipstreamError(
                f"{uri} is not open.", hint="Open the file in the editor first.", code="unknown_document"
            ) from None


def _version_gap(uri: str) -> SlipstreamError:
    return SlipstreamError(
        f"An edit of {uri} was missed or came out of order, so its text is no longer certain.",
        hint="Close the file and open it again to get completions in it.",
        code="version_gap",
    )
