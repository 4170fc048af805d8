"""What stands between an engine's bytes and a reader: whole characters only, and never a stop string.

Parsers without I/O: ``feed`` takes what came, in pieces of any size, and returns what may be shown; ``finish``
returns the rest. What comes out does not depend on where the pieces were cut.
"""

import codecs
import re
from collections.abc import Iterable


class Utf8Decoder:
    """Bytes to text, whole characters at a time.

    The bytes of an unfinished character wait for the next piece. Bytes that can no longer become a character come
    out as U+FFFD, one for each maximal subpart as in the Unicode Standard, section 3.9.
    """

    def __init__(self) -> None:
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def feed(self, data: bytes) -> str:
        return self._decoder.decode(data)

    def finish(self) -> str:
        """Return what is left of an unfinished character as U+FFFD."""
        return self._decoder.decode(b"", final=True)


class Lead:
    """Takes ``lead`` off a text that begins with it."""

    def __init__(self, lead: str) -> None:
        self._lead = lead

    def feed(self, text: str) -> str:
        if not text or not self._lead:
            return text
        lead, self._lead = self._lead, ""
        return text.removeprefix(lead)


class StopHoldback:
    """Ends a text before the first stop string that begins in it, and never shows any part of that one.

    First is the one that begins first, so a short stop inside the beginning of a longer one waits until the longer
    one is complete or contradicted. Held back is at most one character less than the longest stop, or from such a
    short stop on. Of two stops that begin together the shorter one counts. Empty stops are ignored.
    """

    def __init__(self, stops: Iterable[str]) -> None:
        self._stops = sorted({stop for stop in stops if stop}, key=len)
        self._complete = re.compile("|".join(map(re.escape, self._stops)))
        self._beginning = re.compile("|".join({re.escape(stop[0]) for stop in self._stops}))
        self._longest = len(self._stops[-1]) if self._stops else 0
        self._held = ""
        self._stopped: str | None = None

    @property
    def stopped(self) -> str | None:
        """The stop string that came; from then on everything is swallowed."""
        return self._stopped

    def feed(self, text: str) -> str:
        """Return what of the text so far may be shown and was not yet."""
        if not self._stops:
            return text
        if self._stopped is not None:
            return ""
        text = self._held + text
        held_from = self._unfinished(text)
        match = self._complete.search(text)
        if match and match.start() <= held_from:
            return self._stop(match)
        self._held = text[held_from:]
        return text[:held_from]

    def finish(self) -> str:
        """Return what was held back: no more text comes that could make a stop of it."""
        text, self._held = self._held, ""
        match = self._complete.search(text) if text else None
        return self._stop(match) if match else text

    def _stop(self, match: re.Match[str]) -> str:
        self._stopped = match.group()
        self._held = ""
        return match.string[: match.start()]

    def _unfinished(self, text: str) -> int:
        """Where the longest end of ``text`` begins that is the beginning of a stop; its length if there is none."""
        for match in self._beginning.finditer(text, max(0, len(text) - self._longest + 1)):
            if any(stop.startswith(text[match.start() :]) for stop in self._stops):
                return match.start()
        return len(text)
