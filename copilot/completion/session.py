"""One document's completions: events go in, decisions come out.

No I/O and no clock: the caller passes the time in seconds, carries the actions out, and calls :meth:`Session.wake`
when ``next_wake`` has come. What it is about: a generation is kept for as long as nothing typed contradicts it.
Cancelling at every key shows nothing at all once an answer takes longer than the gap between two keys.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import TypeAlias

from copilot.completion.actions import Action, Answer, Grow, Note, Stop
from copilot.completion.asking import Asking
from copilot.completion.follow import follow, remainder
from copilot.completion.framing import UNKNOWN_MODEL, ModelFacts
from copilot.completion.life import Life
from copilot.completion.moment import Moment, Outcome
from copilot.completion.offers import Offers
from copilot.completion.run import Kind, Run
from copilot.completion.speed import Speed
from copilot.completion.suggestion import End, Offer, Suggestion
from copilot.completion.timers import Timer, Timers
from copilot.completion.trigger import Pace, quiet_at
from copilot.completion.waiting import Waiting
from copilot.config.settings import CompletionSettings
from copilot.context.frame import PREFIX
from copilot.context.request import CaretPlace, Snippet, caret_place
from copilot.serve.api import ProgressData
from copilot.text.document import Change, Document
from copilot.text.spot import Spot

IDLE = 0.8
"""Seconds without an event after which the best prompt is prefilled ahead."""

READ_MS = 500.0
"""A suggestion that was on screen for less was not read, and typing on says nothing about it."""

RESTING = 0.3
"""Seconds between two requests with nothing typed in between, below which the caret is taken to be on its way."""

READING = 0.3
"""Seconds that a suggestion is on screen before what follows it is prefetched: who types on does not need it."""

ORPHANED = 0.6
"""Seconds a generation goes on that nobody waits for: the next request may be on its way."""

ALTERNATIVES = 3.0
"""Seconds after which someone who asked for several candidates gets those that are there."""

_AHEAD_TOKENS = 24
"""Fewer new tokens are not worth a prefill of their own."""

_ENDS = {"length": End.CUT, "cancelled": End.BROKEN}
_BY_EDITOR = ")]}\"'`>;, "
"""What an editor may put or skip right of the caret while someone types along a line."""


Found: TypeAlias = Sequence[tuple[Offer, Suggestion]]


class Session:
    """``name`` tells the host's sessions apart. At most one request waits; what runs is kept while it may still fit."""

    def __init__(
        self, name: str, settings: CompletionSettings, speed: Speed, model: ModelFacts = UNKNOWN_MODEL
    ) -> None:
        self.settings = settings
        self._model = model
        self._speed = speed
        self._offers = Offers()
        self._asking = Asking(name, settings, speed, model, self._offers)
        self._life = Life(name)
        self._pace = Pace()
        self._waiting: Waiting | None = None
        self._timers = Timers()
        self._spot: Spot | None = None
        self._path: str | None = None
        self._line: tuple[int, str] | None = None
        self._place = CaretPlace.LINE_END
        self._hopeless: int | None = None
        self._dismissed: Spot | None = None
        self._typed = False
        self._asked_at = -RESTING

    @property
    def running(self) -> tuple[int, ...]:
        """The generations that run."""
        return tuple(self._offers.runs)

    @property
    def next_wake(self) -> float | None:
        """When :meth:`wake` wants to be called, if nothing comes before."""
        # Without a document there is nothing to look it up in.
        kept = self._life.next_due if self._spot is not None else None
        return min((due for due in (self._timers.next, kept) if due is not None), default=None)

    def configure(self, settings: CompletionSettings, model: ModelFacts) -> None:
        if (settings, model) != (self.settings, self._model):
            self._offers.fertile()
        self.settings, self._model = settings, model
        self._asking.configure(settings, model)

    def show(self, snippets: Sequence[Snippet], now: float, *, at_once: bool = False) -> list[Action]:
        """What of other files the model should see. ``at_once``: someone said so."""
        if not self._asking.framing.show(snippets, at_once=at_once):
            return []
        self._offers.fertile()
        if at_once:
            return self._begin_anew(now)
        if self._waiting is not None:
            return []
        if self._offers.of_kind(Kind.AHEAD):
            # Half done, for a prompt that is out of date by now.
            return self._asking.stop(self._offers.of_kind(Kind.AHEAD)) + self._prefill_ahead(now)
        if self._spot is not None:
            self._timers.start_unless_started(Timer.IDLE, now + IDLE / 2)
        return []

    def withdraw(self, allowed: Callable[[Snippet], bool], now: float) -> list[Action]:
        """What is not ``allowed`` must not be shown to the model any more, nor what was made of it to anyone."""
        return self._begin_anew(now) if self._asking.framing.withdraw(allowed) else []

    def restarted(self) -> None:
        """The engine was started anew: nothing is warm."""
        self._asking.framing.cold()

    # ---------------------------------------------------------------------------------------------- from the editor

    def request(
        self,
        id: int,
        spot: Spot,
        now: float,
        *,
        invoked: bool = False,
        streaming: bool = False,
        path: str | None = None,
    ) -> list[Action]:
        """A suggestion is wanted at ``spot``. An older request that still waits is answered with None."""
        actions = self._supersede()
        self._timers.stop(Timer.ORPHAN)
        self._go_to(spot, path, typed=self._typed)
        self._waiting = Waiting(id, spot, now, invoked=invoked, streaming=streaming)
        # Clients that ask wherever the caret comes to, key by key, are asked back only where it rests.
        self._waiting.passing = not self._typed and now - self._asked_at < RESTING
        self._typed, self._asked_at = False, now
        actions += self._asking.stop(self._offers.contradicted(spot))
        if invoked:
            self._dismissed = None
        elif self._dismissed is not None and _same(self._dismissed, spot):
            return actions + self._answer(self._waiting, ())
        delivered = self._deliver(self._waiting, now)
        if delivered or self._offers.awaited(spot):
            return actions + delivered
        if not invoked and (quiet_at(spot, self.settings) is not None or self._offers.barren(spot)):
            return actions + self._answer(self._waiting, ())
        return actions + self._consider(self._waiting, now)

    def abandoned(self, id: int, now: float) -> list[Action]:
        """The client does not want the answer to request ``id`` any more.

        What runs goes on for a moment: clients cancel with every key, and the next request may well go on with it.
        """
        if self._waiting is not None and self._waiting.id == id:
            self._supersede()
            self._timers.start(Timer.ORPHAN, now + ORPHANED)
        return []

    def edited(self, document: Document, changes: Sequence[Change], spot: Spot | None, now: float) -> list[Action]:
        """``changes`` made ``document``; ``spot``: where the caret probably is now, None where that is not known."""
        self._pace.key(now)
        for change in changes:
            if change.range is not None:
                added = change.text.count("\n") - (change.range.end.line - change.range.start.line)
                self._asking.framing.shifted(change.range.start.line, added)
        actions = self._supersede()
        actions += self._asking.stop(self._offers.of_kind(Kind.AHEAD))
        actions += self._noted(self._life.edited(changes, self._spot, spot, now))
        if spot is not None:
            self._go_to(spot, self._path, typed=self._spot is not None and _touches(changes, self._spot.line))
            self._typed = True
            actions += self._asking.stop(self._offers.contradicted(spot))
        else:
            self._spot = None
        if self._offers.writing:
            self._timers.start(Timer.ORPHAN, now + ORPHANED)
        self._timers.start(Timer.IDLE, now + IDLE)
        self._timers.stop(Timer.READING)
        return actions

    def moved(self, spot: Spot, now: float, *, path: str | None = None) -> list[Action]:
        """The caret rests at ``spot`` and nothing was typed: a file was opened, a popup closed, someone clicked."""
        waiting, screen = self._waiting, self._offers.on_screen
        if waiting is not None and _same(waiting.spot, spot):
            return []
        actions = self._supersede()
        if screen is not None and follow(screen[0], spot) is None:
            actions += self._noted(self._life.dismissed(now))
            self._offers.on_screen = None
        self._go_to(spot, path)
        actions += self._asking.stop(self._offers.contradicted(spot))
        return actions + self._prefill_ahead(now)

    def chosen(self, suggestion: str, now: float) -> list[Action]:
        """The suggestion with this id is the one on screen."""
        return self._noted(self._life.chosen(suggestion, now))

    def accepted(self, suggestion: str, now: float, length: int | None = None) -> list[Action]:
        """The client tells of an acceptance, before or after its edit; see :meth:`Life.accepted`."""
        return self._noted(self._life.accepted(suggestion, now, length))

    def dismissed(self, suggestion: str, now: float) -> list[Action]:
        """Someone does not want to see it: nothing is shown there until the text changes or someone asks for it."""
        spot = self._life.spot(suggestion)
        if spot is None:
            return []
        self._dismissed, self._offers.on_screen = spot, None
        actions = self._supersede() + self._noted(self._life.dismissed(now))
        return actions + self._asking.stop([run for run in self._offers.runs.values() if run.writes])

    def focused(self, now: float) -> list[Action]:
        """The document has someone's attention."""
        return self._prefill_ahead(now)

    def closed(self) -> list[Action]:
        """The document was closed, or is out of step."""
        actions = self._supersede() + self._asking.stop_all()
        self._timers.stop_all()
        self._spot = self._offers.on_screen = None
        return actions

    # ------------------------------------------------------------------------------------------------ from the host

    def sent(self, generation: int, now: float) -> None:
        """The host was there, and is asked."""
        if (run := self._offers.runs.get(generation)) is not None:
            run.sent(now)

    def progressed(self, generation: int, data: ProgressData) -> None:
        if (run := self._offers.runs.get(generation)) is not None:
            run.progressed(data, self._speed)

    def text(self, generation: int, text: str, now: float) -> list[Action]:
        """The next text of a stream."""
        run = self._offers.runs.get(generation)
        if run is None:
            return []
        if run.text(text, now, self._speed):
            return [Stop(generation), *self.finished(generation, now)]
        stopped = self._asking.stop(self._offers.contradicted(self._spot)) if self._spot is not None else []
        return stopped + self._go_on(now)

    def finished(self, generation: int, now: float, reason: str = "stop") -> list[Action]:
        """A stream came to its end; ``reason`` as in ``DoneData``."""
        run = self._offers.runs.pop(generation, None)
        if run is None:
            return []
        self._asking.ended(run, _ENDS.get(reason, End.WHOLE))
        self._timers.start_unless_started(Timer.IDLE, now + IDLE / 2)
        # The host cancels for work that is more urgent: as if it had not been asked.
        retried = [] if reason == "cancelled" else self._retry(run, now)
        return retried or self._go_on(now)

    def failed(self, generation: int, now: float) -> list[Action]:
        """A stream broke. What came of it stays: an answer that takes it back would only flicker."""
        run = self._offers.runs.pop(generation, None)
        if run is None:
            return []
        self._asking.ended(run, End.BROKEN)
        if run.offer.text.strip() or run.kind in {Kind.AHEAD, Kind.PREFETCH, Kind.ALTERNATIVE}:
            return self._go_on(now)
        return self._supersede()

    def wake(self, now: float) -> list[Action]:
        """Time went by."""
        due = self._timers.due(now)
        waiting, actions = self._waiting, []
        if Timer.PAUSE in due and waiting is not None:
            actions += self._ask(waiting, now)
        if Timer.ALTERNATIVES in due and waiting is not None:
            actions += self._asking.stop(self._offers.of_kind(Kind.ALTERNATIVE))
            actions += self._answer(waiting, self._offers.at(waiting.spot)[: self.settings.candidates])
        if Timer.ORPHAN in due and waiting is None:
            actions += self._asking.stop(self._offers.of_kind(Kind.MAIN, Kind.RETRY, Kind.ALTERNATIVE))
        if Timer.READING in due:
            actions += self._prefetch(now)
        if Timer.IDLE in due:
            actions += self._prefill_ahead(now)
        if self._spot is not None:
            actions += self._noted(self._life.kept(self._spot.document, now))
        return actions

    # ------------------------------------------------------------------------------------------------------ serving

    def _go_on(self, now: float) -> list[Action]:
        """Something came, or came to an end: give the request that waits what there is for it, or begin anew."""
        waiting = self._waiting
        if waiting is None:
            return []
        delivered = self._deliver(waiting, now)
        if delivered or self._offers.awaited(waiting.spot) or Timer.PAUSE in self._timers:
            return delivered
        # Unless it was asked for, it waited for a generation that someone typed beyond.
        return self._consider(waiting, now) if waiting.asked is None else self._answer(waiting, ())

    def _deliver(self, waiting: Waiting, now: float) -> list[Action]:
        """Show what can be shown at the place that waits; nothing when there is nothing yet."""
        found = self._offers.at(waiting.spot)[: self.settings.candidates if waiting.invoked else 1]
        if not found:
            return []
        grows = not found[0][0].complete
        actions = self._show(found, waiting, now)
        if waiting.invoked:
            actions += [] if grows else self._look_for_more(waiting, len(found), now)
            grows = grows or bool(self._offers.of_kind(Kind.ALTERNATIVE))
        else:
            grows = grows and waiting.streaming
        if not grows:
            return actions + self._answer(waiting, found)
        suggestions = self._named(found)
        if waiting.streaming and suggestions != waiting.grown:
            waiting.grown = suggestions
            actions.append(Grow(waiting.id, suggestions))
        return actions

    def _answer(self, waiting: Waiting, found: Found) -> list[Action]:
        self._supersede()
        offer = found[0][0] if found else None
        suggestions = self._named(found)
        if offer is None:
            return [Answer(waiting.id, suggestions, waiting.asked)]
        return [Answer(waiting.id, suggestions, offer.generation, offer.gave_up)]

    def _named(self, found: Found) -> tuple[Suggestion, ...]:
        return tuple(suggestion._replace(id=self._life.id(offer)) for offer, suggestion in found)

    def _show(self, found: Found, waiting: Waiting, now: float) -> list[Action]:
        self._offers.on_screen = found[0]
        if self.settings.prefetch:
            self._timers.start(Timer.READING, now + READING)
        return self._noted(self._life.show(found, waiting.spot, self._place, asked=waiting.since, now=now))

    def _look_for_more(self, waiting: Waiting, known: int, now: float) -> list[Action]:
        """Other candidates for someone who asked, one at a time: they share the slot that holds the prompt."""
        wanted = self.settings.candidates
        if known >= wanted or waiting.tries >= wanted or self._offers.of_kind(Kind.ALTERNATIVE):
            return []
        if not waiting.tries:
            self._timers.start(Timer.ALTERNATIVES, now + ALTERNATIVES)
        waiting.tries += 1
        prompt = self._asking.plan(waiting.spot, self._place, self._path)
        return self._asking.start(Kind.ALTERNATIVE, waiting.spot, prompt, now, invoked=True, seed=waiting.tries)

    # ------------------------------------------------------------------------------------------------------- asking

    def _consider(self, waiting: Waiting, now: float) -> list[Action]:
        """Ask now, or wait for a pause where the first line would come late."""
        prompt = self._asking.plan(waiting.spot, self._place, self._path)
        # Prefill is of use whatever is typed next; an answer that is decoded too slowly is not.
        first_line = self._speed.first_line(0)
        wait = 0.0 if waiting.invoked else self._pace.wait(waiting.spot.line, first_line, self._asking.budget)
        wait = max(wait, RESTING / 2) if waiting.passing and not waiting.invoked else wait
        if wait <= 0:
            return self._ask(waiting, now)
        self._timers.start(Timer.PAUSE, now + wait)
        if prompt.new_tokens < _AHEAD_TOKENS:
            return []
        # Whatever is typed next, its prompt begins with this one.
        stopped = self._asking.stop_all()
        return stopped + self._asking.start(Kind.AHEAD, waiting.spot, prompt, now)

    def _ask(self, waiting: Waiting, now: float) -> list[Action]:
        self._timers.stop(Timer.PAUSE)
        actions = self._asking.stop_all()
        prompt = self._asking.plan(waiting.spot, self._place, self._path)
        actions += self._asking.start(Kind.MAIN, waiting.spot, prompt, now, invoked=waiting.invoked)
        waiting.asked = self._asking.generations
        return actions

    def _retry(self, run: Run, now: float) -> list[Action]:
        """Ask again without the suffix where all that came was a copy of it, or did not fit here."""
        if run.kind is Kind.RETRY and run.refused:
            self._hopeless = run.spot.line
        waiting, request = self._waiting, run.prompt.request
        if run.kind is not Kind.MAIN or not run.refused or waiting is None or waiting.retried:
            return []
        if request.layout == PREFIX or not request.suffix.strip() or self._offers.at(waiting.spot):
            return []
        # Where a second try came to nothing the next key of the line gets only a first one.
        if waiting.spot.line == self._hopeless and not waiting.invoked:
            return []
        prompt = self._asking.framing.retry(waiting.spot, self._asking.budget, path=self._path)
        actions = self._asking.start(Kind.RETRY, waiting.spot, prompt, now, invoked=waiting.invoked)
        waiting.retried, waiting.asked = True, self._asking.generations
        return actions

    def _prefetch(self, now: float) -> list[Action]:
        """Make what follows the suggestion on screen, which someone seems to be reading."""
        if self._offers.on_screen is None or self._spot is None or self._waiting is not None or self._offers.writing:
            return []
        offer, _ = self._offers.on_screen
        match = follow(offer, self._spot)
        suggestion = remainder(offer, match) if match is not None else None
        if suggestion is None:
            return []
        spot = self._spot.after(suggestion.text, suggestion.replaced)
        if self._offers.at(spot):
            return []
        stopped = self._asking.stop_all()
        prompt = self._asking.plan(spot, self._place, self._path)
        return stopped + self._asking.start(Kind.PREFETCH, spot, prompt, now)

    def _prefill_ahead(self, now: float) -> list[Action]:
        """Compute a prompt for where the caret is, while nobody waits: the one that is soon done, then the best."""
        if self._spot is None or self._waiting is not None or self._offers.runs:
            return []
        soon = self._asking.plan(self._spot, self._place, self._path)
        best = self._asking.framing.ahead(self._spot, self._place, path=self._path)
        for prompt in (soon, best):
            if prompt.new_tokens >= _AHEAD_TOKENS:
                return self._asking.start(Kind.AHEAD, self._spot, prompt, now)
        return []

    # ------------------------------------------------------------------------------------------------- letting go of

    def _supersede(self) -> list[Action]:
        """The request that waits is pointless now."""
        waiting, self._waiting = self._waiting, None
        self._timers.stop(Timer.PAUSE, Timer.ALTERNATIVES)
        return [] if waiting is None else [Answer(waiting.id, None)]

    # ------------------------------------------------------------------------------------------------------- details

    def _noted(self, moments: Iterable[Moment]) -> list[Action]:
        notes: list[Action] = []
        for moment in moments:
            read = (moment.visible_ms or 0.0) >= READ_MS
            if moment.outcome is Outcome.REJECTED and read and self._spot is not None:
                self._pace.rejected(self._spot.line)
            elif moment.outcome in {Outcome.ACCEPTED, Outcome.PARTIALLY_ACCEPTED}:
                self._pace.accepted()
            notes.append(Note(moment))
        return notes

    def _begin_anew(self, now: float) -> list[Action]:
        """Nothing that was made or is being made counts any more; who waits gets another answer."""
        actions = self._asking.stop_all()
        self._offers.forget()
        self._timers.stop(Timer.READING)
        return actions if self._waiting is None else actions + self._ask(self._waiting, now)

    def _go_to(self, spot: Spot, path: str | None, *, typed: bool = False) -> None:
        """The caret is at ``spot``. Its place, and with it the order of the prompt, is that of where typing began: a
        fresh line becomes a line end with its first letter, and another order would throw the KV cache away."""
        fresh = not spot.head.strip() and not spot.rest.strip(_BY_EDITOR)
        line = (spot.line, spot.rest.strip(_BY_EDITOR))
        if self._line is None or line[0] != self._line[0]:
            self._hopeless = None
        if line != self._line and (fresh or not typed):
            self._place = caret_place(spot.head, spot.rest)
        self._spot, self._path, self._line = spot, path, line


def _same(one: Spot, other: Spot) -> bool:
    return (one.line, one.column, one.document.version) == (other.line, other.column, other.document.version)


def _touches(changes: Sequence[Change], line: int) -> bool:
    ranges = [change.range for change in changes if change.range is not None]
    return any(span.start.line <= line <= span.end.line for span in ranges)
