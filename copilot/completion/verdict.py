"""What a rule of trimming says about a line that is still growing."""

from enum import Enum


class Verdict(Enum):
    KEEP = "keep"
    """Whatever the line grows to, this rule has nothing against it."""
    WAIT = "wait"
    """It depends on what follows on the line; never said of a whole line."""
    END = "end"
    """The suggestion ends before this line."""


def all_of(*verdicts: Verdict) -> Verdict:
    """One END ends, one WAIT waits."""
    if Verdict.END in verdicts:
        return Verdict.END
    return Verdict.WAIT if Verdict.WAIT in verdicts else Verdict.KEEP


def once_equal(text: str, target: str, whole: bool) -> Verdict:
    """END for a line that turns out to be ``target``; no white space before either, nor after ``target``."""
    if whole:
        return Verdict.END if text.rstrip() == target else Verdict.KEEP
    return Verdict.WAIT if target.startswith(text.rstrip()) else Verdict.KEEP
