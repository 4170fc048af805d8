"""What a suggestion in the middle of a line shares with the rest of that line."""

from copilot.completion.brackets import Reading, read
from copilot.completion.lexis import CLOSER_OF, CLOSERS, Lexis


def held_from(text: str, rest: str) -> int:
    """Where the longest tail of ``text`` that the ``rest`` of the line begins with starts; ``len(text)`` if none.

    Growing ``text`` never moves this to the left, so what stands before it is sure to stay.
    """
    start = max(0, len(text) - len(rest))
    while not rest.startswith(text[start:]):
        start += 1
    return start


def cut_at(text: str, rest: str, head: str, start_of_text: Reading, lexis: Lexis, *, floor: int) -> int:
    """Where ``text``, standing between ``head`` and ``rest``, begins to repeat ``rest``; ``len(text)`` if nowhere.

    A tail counts when it begins and ends with a token, and when its closing brackets close nothing that the part
    before it opened: in ``f(‸)`` the text ``g(x)`` keeps its bracket. ``floor``: how many brackets are open at the
    caret.
    """
    for start in range(held_from(text, rest), len(text)):
        tail = text[start:]
        if not rest.startswith(tail):
            continue
        before = text[start - 1 : start] or head[-1:]
        after = rest[len(tail) : len(tail) + 1]
        if (is_word(before) and is_word(tail[0])) or (is_word(tail[-1]) and is_word(after)):
            continue
        if not CLOSERS.isdisjoint(tail):
            reading, _ = read(text[:start], start_of_text, lexis, lenient=True)
            if len(reading.brackets) > floor or _closes_text(tail, text[:start]):
                continue
        return start
    return len(text)


def _closes_text(tail: str, before: str) -> bool:
    """Whether a bracket at the start of ``tail`` closes one of ``before``, in a string or comment too."""
    opener = next((opener for opener, closer in CLOSER_OF.items() if tail[0] == closer), None)
    return opener is not None and before.count(opener) > before.count(tail[0])


def is_word(char: str) -> bool:
    return char.isalnum() or char == "_"
