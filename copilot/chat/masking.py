"""Secrets in a question masked before a model sees it. No I/O."""

from collections.abc import Iterable

from copilot.chat.question import Turn
from copilot.chat.withheld import withheld
from copilot.safety.secrets import masked

_SHORTEST = 6
"""Characters of a value that is a secret wherever it stands; a shorter one may be any word."""

_HEAD = 16
"""So many of its first characters tell a value: whoever quotes it may have cut it off."""


class Masking:
    """Of what is asked about ``document``: its secrets are masked wherever they are quoted, as an error message may do
    where nothing beside the value says that it is one.
    """

    def __init__(self, document: str = "") -> None:
        values = {it.value: it.stand_in for it in withheld(document) if len(it.value) >= _SHORTEST}
        # The longest first: one may be the beginning of another.
        self._values = sorted(values.items(), key=lambda it: -len(it[0]))

    def turns(self, turns: Iterable[Turn]) -> list[Turn]:
        """The same with placeholders of the same length."""
        return [{**turn, "content": self.shown(turn["content"])} for turn in turns]

    def shown(self, text: str) -> str:
        """``text`` as a model may see it."""
        for value, stand_in in self._values:
            text = _without(text, value, stand_in)
        return masked(text)[0]


def without_secrets(turns: Iterable[Turn]) -> list[Turn]:
    """Of a question about no one document."""
    return Masking().turns(turns)


def _without(text: str, value: str, stand_in: str) -> str:
    head = value[:_HEAD]
    at = text.find(head)
    while at >= 0:
        length = len(head)
        while length < len(value) and text[at + length : at + length + 1] == value[length]:
            length += 1
        text = text[:at] + stand_in[:length] + text[at + length :]
        at = text.find(head, at + length)
    return text
