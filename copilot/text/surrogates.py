"""Halves of surrogate pairs, which JSON can carry and UTF-8 cannot.

An editor that stores UTF-16 may send half a character, even the two halves in two edits. Inside the server a pair is
always one code point, as the editor shows it; a lone half stays what it is until the text leaves.
"""


def _has_surrogates(text: str) -> bool:
    if text.isascii():
        return False
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


def join_pairs(text: str) -> str:
    """``text`` with each high surrogate that is followed by a low one as the single code point they spell."""
    if not _has_surrogates(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def without_surrogates(text: str) -> str:
    """``text`` with each lone surrogate as U+FFFD, so that it can be encoded."""
    if not _has_surrogates(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
