"""Text to tokens without a vocabulary: pieces of about the length that those of code models have."""

import re
import zlib
from collections.abc import Sequence

# A blank belongs to the word behind it, and words are cut every few letters.
_PIECE = re.compile(r" ?[^\W\d_]{1,6}| ?\d{1,3}| ?_| {1,8}(?= )|[ \t]+|\n+| ?[^\w\s]{1,2}|\s|.", re.DOTALL)


def pieces(text: str) -> list[str]:
    """Joined they are ``text``. Appending to ``text`` changes the last piece at most, as with BPE nearly always."""
    return _PIECE.findall(text)


def ids(text: str) -> Sequence[int]:
    """A number for each piece, the same in every process."""
    return [zlib.crc32(piece.encode("utf-8", "surrogatepass")) for piece in pieces(text)]
