"""One generation as its session sees it: what it was asked, what came of it so far, and how fast. No I/O."""

from enum import Enum, auto

from copilot.completion.follow import follow
from copilot.completion.framing import Prompt
from copilot.completion.speed import Speed
from copilot.completion.suggestion import Base, End, Offer
from copilot.completion.trim import Trimmer
from copilot.context.frame import rendered
from copilot.context.window import infill_request
from copilot.serve.api import ProgressData
from copilot.text.spot import Spot


class Kind(Enum):
    MAIN = auto()
    RETRY = auto()
    """Without a suffix, because the answer to the main one merely copied it."""
    ALTERNATIVE = auto()
    """Another candidate for someone who asked explicitly."""
    PREFETCH = auto()
    """What follows once the suggestion on screen is accepted."""
    AHEAD = auto()
    """Only the prompt, so that it is in the KV cache when someone types."""


class Run:
    """``spot``: where its suggestion begins. ``since``: when it was asked, on the session's clock in seconds."""

    def __init__(
        self, generation: int, kind: Kind, spot: Spot, prompt: Prompt, *, since: float, max_lines: int
    ) -> None:
        self.generation = generation
        self.kind = kind
        self.spot = spot
        self.prompt = prompt
        self.offer = Offer(
            Base.of(spot), generation=generation, alternative=kind is Kind.ALTERNATIVE, gave_up=prompt.gave_up
        )
        self.over = False
        self.whole = False
        """It ended by itself."""
        self._since = since
        self._max_lines = max_lines
        self._trimmer: Trimmer | None = None
        self._progress: ProgressData | None = None
        self._first: float | None = None
        self._last = since
        self._tokens = 0
        self._written = ""

    @property
    def writes(self) -> bool:
        """Whether it makes text for the caret, or for where the caret will be."""
        return self.kind is not Kind.AHEAD

    @property
    def refused(self) -> bool:
        """Its text was all cut away: a copy of what stands below, or nothing that fits here."""
        return self.over and not self.offer.text.strip()

    @property
    def share(self) -> float:
        """How much of the prompt is in the KV cache."""
        if self._first is not None:
            return 1.0
        progress = self._progress
        return progress.processed / max(1, progress.total) if progress is not None else 0.0

    def contradicts(self, spot: Spot) -> bool:
        """Whether the text at ``spot`` speaks against it. What the model has written counts before it can be shown."""
        match = follow(self.offer, spot)
        if match is None:
            return True
        if not match.ahead or self.offer.text or not self._written.strip():
            return False
        # White space may still change on the way to the screen, the rest may not.
        first = spot.line - match.lines
        typed = "".join((*spot.lines(first, spot.line), spot.head)).removeprefix(self.offer.base.head)
        typed, written = _dense(typed), _dense(self._written)
        return not (typed.startswith(written) or written.startswith(typed))

    def sent(self, now: float) -> None:
        """The host is asked only now; bringing it up says nothing about how fast the engine is."""
        self._since = self._last = now

    def progressed(self, data: ProgressData, speed: Speed) -> None:
        if self._progress is None:
            speed.tokenized(len(rendered(self.prompt.request)), data.total)
        self._progress = data

    def text(self, text: str, now: float, speed: Speed) -> bool:
        """The next text came; whether it is all that is wanted."""
        self._tokens += 1
        self._last = now
        self._written += text
        if self._first is None:
            self._first = now
            if self._progress is not None:
                speed.first_token(self._progress.total - self._progress.reused, now - self._since)
        trimmer = self._trim()
        more = trimmer.feed(text)
        self.offer.grow(more, whole=trimmer.whole, replaced=trimmer.replaced)
        return trimmer.done

    def finish(self, speed: Speed, how: End = End.WHOLE) -> None:
        """The stream ended, or nothing more of it is wanted."""
        if self.over:
            return
        self.over = True
        self.whole = how is End.WHOLE
        cut = how is End.CUT and self.offer.whole > 0
        if self._trimmer is not None and how is not End.BROKEN and not cut:
            more = self._trimmer.finish()
            self.offer.grow(more, whole=self._trimmer.whole, replaced=self._trimmer.replaced)
        self.offer.end(how)
        if self._first is not None:
            speed.tokens(self._tokens - 1, self._last - self._first)

    def _trim(self) -> Trimmer:
        if self._trimmer is None:
            # Made when the first text is here: it reads the window around the caret, and the host prefills meanwhile.
            window = infill_request(self.spot.document, self.spot.line, self.spot.column)
            language = self.spot.document.language
            self._trimmer = Trimmer(window.prefix, window.suffix, language, self._max_lines)
        return self._trimmer


def _dense(text: str) -> str:
    return "".join(text.split())
