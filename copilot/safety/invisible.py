"""Characters that nobody sees and that change what text seems to say. No I/O.

Code that reads in one order and runs in another is an attack with a name (CVE-2021-42574, "Trojan Source"); a model
repeats what it has read. Terminal control characters are as unwelcome.
"""

import re

# C0 without tab and line ends, DEL, C1, zero-width space and marks of direction, embeddings, overrides and isolates,
# word joiner and invisible operators, byte order mark, interlinear annotation, tags, the second set of variation
# selectors, and fillers that show as nothing.
_HIDDEN = (
    "\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b\u200e\u200f"
    "\u202a-\u202e\u2060-\u206f\u3164\ufeff\uffa0\ufff9-\ufffb\U000e0000-\U000e0fff"
)
_IN_PROSE = re.compile(f"[{_HIDDEN}]")
# Joiners make emoji and some scripts; between the letters of a name they make two names look like one.
_IN_CODE = re.compile(f"[{_HIDDEN}\u200c\u200d]")


def without_invisible(text: str, *, code: bool = False) -> str:
    """``text`` without them. ``code``: without zero-width joiners as well, which prose in some scripts needs."""
    return text if text.isascii() and text.isprintable() else (_IN_CODE if code else _IN_PROSE).sub("", text)


def with_invisible_shown(text: str) -> str:
    """``text`` with each of them written out, as in ``⟨U+202E⟩``, for places where nothing may hide."""
    if text.isascii() and text.isprintable():
        return text
    return _IN_PROSE.sub(lambda found: f"⟨U+{ord(found.group()):04X}⟩", text)
