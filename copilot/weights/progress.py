"""What a download says about itself while it runs, and how it is told to stop."""

import threading
import time
from collections.abc import Callable
from enum import StrEnum

import msgspec

from copilot.errors import SlipstreamError


class Stage(StrEnum):
    WAITING = "waiting"
    """Another process fetches the same model."""
    SPACE = "space"
    HUB = "hub"
    FETCHING = "fetching"
    VERIFYING = "verifying"
    DONE = "done"


class PullProgress(msgspec.Struct, frozen=True, kw_only=True):
    """``message`` is the stage in words for a person, without the model's name; the counts are bytes of the file."""

    model: str
    stage: Stage
    message: str
    done_bytes: int
    total_bytes: int


Report = Callable[[PullProgress], None]


class SourceFailed(SlipstreamError):  # noqa: N818 - a reason to try the next source, seldom seen by a user
    """This source can't give the file; the next one may."""


def cancelled() -> SlipstreamError:
    return SlipstreamError(
        "The download was cancelled.", hint="What is here is kept; the next one goes on from it.", code="cancelled"
    )


class Meter:
    """Turns what a download does into reports: every new message at once, bytes ten times a second."""

    def __init__(self, model: str, total_bytes: int, report: Report, cancel: threading.Event | None = None) -> None:
        self.model = model
        self.total_bytes = total_bytes
        self.cancel = cancel or threading.Event()
        self.before = 0
        """Bytes of other files of the same model, which are here already."""
        self._report = report
        self._stage = Stage.SPACE
        self._message = ""
        self._done = 0
        self._told = 0.0

    def say(self, stage: Stage, message: str) -> None:
        """A new stage, or new words for it. Raises when the download was cancelled."""
        if (stage, message) != (self._stage, self._message):
            self._stage, self._message = stage, message
            self._tell()
        self.check()

    def at(self, done_bytes: int) -> None:
        """So many bytes of the file are here. Raises when the download was cancelled."""
        self.check()
        done_bytes += self.before
        finished = done_bytes == self.total_bytes != self._done
        self._done = done_bytes
        if finished or time.monotonic() - self._told >= 0.1:
            self._tell()

    def finish(self) -> None:
        """Everything is here."""
        self._done = self.total_bytes
        self._stage, self._message = Stage.DONE, "ready"
        self._tell()

    def check(self) -> None:
        """Raise :class:`SlipstreamError` ``cancelled`` when the download was told to stop."""
        if self.cancel.is_set():
            raise cancelled()

    def _tell(self) -> None:
        self._told = time.monotonic()
        self._report(
            PullProgress(
                model=self.model,
                stage=self._stage,
                message=self._message,
                done_bytes=self._done,
                total_bytes=self.total_bytes,
            )
        )


def amount(size: int) -> str:
    """A number of bytes for people: decimal units, as disks and download pages count."""
    for unit, scale in (("GB", 10**9), ("MB", 10**6), ("kB", 10**3)):
        if size >= scale:
            return f"{size / scale:.2f} {unit}" if unit == "GB" else f"{size / scale:.0f} {unit}"
    return f"{size} bytes"
