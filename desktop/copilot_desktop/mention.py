"""Something that can be attached to a question. Values only."""

from typing import NamedTuple


class Mention(NamedTuple):
    """Something that can be attached: ``kind`` and ``key`` say what, ``title`` and ``detail`` are for people."""

    kind: str
    key: str
    title: str
    detail: str = ""
