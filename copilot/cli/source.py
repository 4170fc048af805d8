"""Source files that a command was given by name."""

from pathlib import Path

from copilot.errors import SlipstreamError
from copilot.text.document import Document
from copilot.text.languages import language_of

_MOST_BYTES = 20 * 1024 * 1024


def read_document(path: Path) -> Document:
    """The file as an editor would open it.

    Raises :class:`SlipstreamError` ``file_missing`` or ``file_unreadable`` with a sentence that says why.
    """
    try:
        with path.open("rb") as file:
            data = file.read(_MOST_BYTES + 1)
    except FileNotFoundError:
        raise SlipstreamError(f"There is no file {path}.", hint="Check the name.", code="file_missing") from None
    except OSError as error:
        raise SlipstreamError(
            f"{path} can't be read: {error.strerror}.", hint="Name a file that you may read.", code="file_unreadable"
        ) from None
    return document_of(data, path)


def document_of(data: bytes, path: Path) -> Document:
    """The document in ``data``; ``path`` gives its name and language."""
    if len(data) > _MOST_BYTES:
        raise SlipstreamError(
            f"{path} is larger than {_MOST_BYTES // 1024**2} MB.", hint="Name a smaller file.", code="file_unreadable"
        )
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise SlipstreamError(
            f"{path} is not text in UTF-8.", hint="Convert it, or name another file.", code="file_unreadable"
        ) from None
    if "\0" in text:
        raise SlipstreamError(
            f"{path} is not a text file: it has NUL characters.", hint="Name a text file.", code="file_unreadable"
        )
    return Document.from_text(path.absolute().as_uri(), language_of(path), 1, text)
