"""Why nothing of a suggestion, or nothing more of its first line, is shown."""

from enum import StrEnum


class Refusal(StrEnum):
    """What :attr:`~copilot.completion.trim.Trimmer.refused` says when the model's answer was no good."""

    EMPTY = "empty"
    """The model ended without text, or with nothing but white space."""
    ECHO = "echo"
    """It says again what stands below the caret."""
    REPETITION = "repetition"
    """It says again what stands above the caret."""
    NOT_DEEPER = "not deeper"
    """It is not indented as far as the place asks for."""
    OUT_OF_PLACE = "out of place"
    """It closes what it did not open, or leaves the block that the caret stands in."""
    DEBRIS = "debris"
    """A Markdown fence or a control token spelled out."""
    UNPARSABLE = "unparsable"
    """The text around the caret would parse no longer."""
