"""Which prompt to send: the one that is best, or the best that is due in time. No I/O.

The best one has the order that was measured to answer best at this place of the caret, and all the text that the
settings allow. But its tokens must be in the KV cache, or the first line is late. So the planner knows which prompts
are warm, what a new one costs, and says what it gave up for the user's budget; what it gave up is worth a prefill ahead
as soon as nobody types.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from copilot.completion.speed import Speed
from copilot.config.settings import CompletionSettings
from copilot.context.frame import (
    PREFIX,
    UNKNOWN,
    Frame,
    frame_at,
    front_of,
    rendered,
    request_in,
    shared,
    still_fits,
)
from copilot.context.request import CaretPlace, InfillRequest, Snippet
from copilot.text.spot import Spot

NEAR_SECONDS = 1.0
"""A prompt that is cold, where the whole one would be late, may take this long to prefill."""

NEAR_TOKENS = (112, 512)
"""But it has at least so many tokens, and at most."""

_NEAR_SUFFIX = 0.15
"""Share of a near prompt that is suffix."""

_SLIGHT_TOKENS = 32
"""So few new tokens are never worth another order or a shorter prompt."""

_WARM = 4
"""Prompts that are taken to be in the KV cache: no more than the host has slots."""

_FILL = 0.7
"""Share of the allowed prefix that a new frame fills; the rest is room to type before it has to move."""

_SNIPPETS_SHARE = 0.25
"""Share of the budget that other snippets may cost while someone types; else they come in while the caret rests."""

_LEAST = 0.2
"""Share of it below which a frame that much was deleted from moves up; less than half of what a new one fills."""


class ModelFacts(NamedTuple):
    """How the loaded model wants to be asked. ``order``: place of the caret, or ``no_suffix``, to layout; empty while
    that is not known, and the host then chooses the layout by the place. ``prefill``: tokens a second, where the
    engine measured that when it loaded the model. ``snippets``: whether it can be shown code of other files."""

    order: Mapping[str, str]
    prefill: float = 0.0
    snippets: bool = True

    def layout(self, place: CaretPlace, suffix: str) -> str:
        return self.order.get(place if suffix.strip() else "no_suffix", UNKNOWN)


UNKNOWN_MODEL = ModelFacts({})


class Prompt(NamedTuple):
    """``new_tokens``: about so many are not in the KV cache. ``gave_up``: phrases for people; mostly there are none."""

    request: InfillRequest
    new_tokens: float
    gave_up: tuple[str, ...] = ()


class Framing:
    """The frames and warm prompts of one document."""

    def __init__(self, settings: CompletionSettings, speed: Speed, model: ModelFacts = UNKNOWN_MODEL) -> None:
        self._settings = settings
        self._speed = speed
        self._model = model
        self._best: dict[str, Frame] = {}
        self._near: dict[str, Frame] = {}
        self._warm: list[str] = []
        self._given: tuple[Snippet, ...] = ()
        self._shown: dict[tuple[str, str], Snippet] = {}
        """All that a prompt may have had, by path and text."""

    def show(self, snippets: Sequence[Snippet], *, at_once: bool = False) -> bool:
        """What of other files the model should see from now on; whether the prompt is another for it.

        It comes into the prompt when that is cheap or nobody waits. ``at_once``: with the next prompt, whatever it
        costs.
        """
        # Why they are there may have changed, and how well they fit: that is no other prompt.
        same = front_of(snippets) == front_of(self._given)
        self._given = tuple(snippets)
        if same:
            return False
        self._shown |= {(it.path, it.text): it for it in self._given}
        if at_once:
            self._best = {layout: self._with_snippets(frame) for layout, frame in self._best.items()}
            self._near = {layout: frame._replace(snippets=()) for layout, frame in self._near.items()}
        return True

    def withdraw(self, allowed: Callable[[Snippet], bool]) -> bool:
        """No prompt has anything from now on that is not ``allowed``; whether one may have had."""
        gone = [key for key, snippet in self._shown.items() if not allowed(snippet)]
        for key in gone:
            del self._shown[key]

        def left(snippets: Sequence[Snippet]) -> tuple[Snippet, ...]:
            return tuple(it for it in snippets if (it.path, it.text) in self._shown)

        self._given = left(self._given)
        self._best = {layout: frame._replace(snippets=left(frame.snippets)) for layout, frame in self._best.items()}
        self._near = {layout: frame._replace(snippets=left(frame.snippets)) for layout, frame in self._near.items()}
        return bool(gone)

    def plan(self, spot: Spot, place: CaretPlace, budget: float, *, path: str | None = None) -> Prompt:
        """The prompt to send now for a first line within ``budget`` seconds, or the one that comes nearest to it."""
        best = self._best_frame(spot, place)
        whole = self._prompt(best, spot, path, place)
        affordable = max(_SLIGHT_TOKENS, self._speed.affordable(budget))
        if front_of(best.snippets) != front_of(self._snippets):
            newer = self._prompt(self._with_snippets(best), spot, path, place)
            # Where the old prompt is as cold there is nothing to lose.
            if newer.new_tokens <= max(affordable * _SNIPPETS_SHARE, whole.new_tokens):
                best, whole = self._take_snippets(best), newer
        if whole.new_tokens <= _SLIGHT_TOKENS:
            return whole
        others = [frame for frame in (*self._best.values(), *self._near.values()) if self._fits(frame, spot)]
        # In the order of preference.
        frames = sorted(others, key=lambda frame: frame.layout != best.layout)
        prompts = [self._prompt(frame, spot, path, place) for frame in frames]
        # A prompt that is typed along with stays, though another might be due in time as well: it moves while the
        # caret rests.
        least = NEAR_TOKENS[0] / 2 * self._speed.density
        for frame, prompt in zip(frames, prompts, strict=True):
            long_enough = len(prompt.request.prefix) + len(prompt.request.begun) >= least
            if frame.layout == best.layout and prompt.new_tokens <= _SLIGHT_TOKENS and long_enough:
                return self._instead(whole, prompt)
        for prompt in (whole, *prompts):
            if prompt.new_tokens <= affordable:
                return self._instead(whole, prompt)
        new = self._near_frame(spot, best.layout)
        near = self._prompt(new, spot, path, place)
        cheapest = min((near, *prompts), key=lambda prompt: prompt.new_tokens)
        if cheapest is near:
            self._near[new.layout] = new
        return self._instead(whole, cheapest)

    def ahead(self, spot: Spot, place: CaretPlace, *, path: str | None = None) -> Prompt:
        """The best prompt for ``spot``, to be prefilled while nobody waits."""
        best = self._best_frame(spot, place)
        if front_of(best.snippets) != front_of(self._snippets):
            best = self._take_snippets(best)
        return self._prompt(best, spot, path, place)

    def retry(self, spot: Spot, budget: float, *, path: str | None = None) -> Prompt:
        """The same without a suffix, for an answer that merely copied it; all of the prefix where there is time."""
        whole = frame_at(spot, PREFIX, prefix_characters=int(self._most_characters * _FILL), suffix_characters=0)
        whole = whole._replace(snippets=self._warm_snippets)
        known = [frames[PREFIX] for frames in (self._best, self._near) if PREFIX in frames]
        near = self._near_frame(spot, PREFIX)
        frames = [*(frame for frame in known if self._fits(frame, spot)), near]
        prompts = {frame: self._prompt(frame, spot, path) for frame in (whole, *frames)}
        affordable = max(_SLIGHT_TOKENS, self._speed.affordable(budget))
        chosen = (
            whole if prompts[whole].new_tokens <= affordable else min(frames, key=lambda it: prompts[it].new_tokens)
        )
        self._near[PREFIX] = chosen
        return prompts[chosen]

    def warmed(self, request: InfillRequest, share: float = 1.0) -> None:
        """``share`` of the prompt of ``request`` is in the KV cache now."""
        text = rendered(request)
        text = text[: int(len(text) * share)]
        if not text:
            return
        # A prompt goes into the slot that holds most of it, as the host chooses.
        kept = [warm for warm in self._warm if 2 * shared(warm, text) < len(warm)]
        self._warm = [text, *kept][:_WARM]

    def configure(self, settings: CompletionSettings, model: ModelFacts) -> None:
        self._settings, self._model = settings, model
        self._speed.believe(model.prefill)

    def cold(self) -> None:
        """The engine was started anew."""
        self._warm.clear()

    def shifted(self, line: int, lines: int) -> None:
        """See :meth:`Frame.shifted`."""
        self._best = {layout: frame.shifted(line, lines) for layout, frame in self._best.items()}
        self._near = {layout: frame.shifted(line, lines) for layout, frame in self._near.items()}

    def _best_frame(self, spot: Spot, place: CaretPlace) -> Frame:
        """The frame with the order and length that were measured to be best; the present one for as long as it fits."""
        suffix_tokens = self._settings.suffix_tokens
        following = spot.rest + "".join(spot.below(1)) if suffix_tokens else ""
        layout = self._model.layout(place, following)
        known = self._best.get(layout)
        if known is None or not self._fits(known, spot, least=int(self._most_characters * _LEAST)):
            if known is not None and self._fits(known, spot):
                # Much was deleted. What is left is short, but warm.
                self._near[layout] = known
            known = self._best[layout] = frame_at(
                spot,
                layout,
                prefix_characters=int(self._most_characters * _FILL),
                suffix_characters=int(suffix_tokens * self._speed.density),
            )._replace(snippets=self._snippets)
        return known

    @property
    def _snippets(self) -> tuple[Snippet, ...]:
        """Nothing where the model's family has no form for them: the host would leave them out."""
        return self._given if self._model.snippets else ()

    def _with_snippets(self, frame: Frame) -> Frame:
        return frame._replace(snippets=self._snippets)

    def _take_snippets(self, frame: Frame) -> Frame:
        """``frame`` with the snippets of now, as the best of its order from here on."""
        if self._is_warm(frame.snippets):
            # Until the other is prefilled this is the one that is soon answered.
            self._near[frame.layout] = frame
        best = self._best[frame.layout] = self._with_snippets(frame)
        return best

    @property
    def _warm_snippets(self) -> tuple[Snippet, ...]:
        """Those of a best prompt that are in the KV cache, and so cost nothing in another one."""
        return next((frame.snippets for frame in self._best.values() if self._is_warm(frame.snippets)), ())

    def _is_warm(self, snippets: Sequence[Snippet]) -> bool:
        front = front_of(snippets)
        return bool(front) and any(warm.startswith(front) for warm in self._warm)

    def _near_frame(self, spot: Spot, layout: str) -> Frame:
        least, most = NEAR_TOKENS
        size = min(most, max(least, self._speed.prefill * NEAR_SECONDS))
        suffix = min(self._settings.suffix_tokens, _NEAR_SUFFIX * size)
        prefix = min(self._settings.prefix_tokens, size - suffix)
        frame = frame_at(
            spot,
            layout,
            prefix_characters=int(prefix * self._speed.density),
            suffix_characters=int(suffix * self._speed.density),
        )
        return frame._replace(snippets=self._warm_snippets)

    @property
    def _most_characters(self) -> int:
        return int(self._settings.prefix_tokens * self._speed.density)

    def _fits(self, frame: Frame, spot: Spot, least: int = 0) -> bool:
        return still_fits(frame, spot, prefix_characters=self._most_characters, least_characters=least)

    def _prompt(self, frame: Frame, spot: Spot, path: str | None, place: CaretPlace | None = None) -> Prompt:
        request = request_in(frame, spot, path=path, place=place)
        text = rendered(request)
        known = max((shared(warm, text) for warm in self._warm), default=0)
        return Prompt(request, (len(text) - known) / self._speed.density)

    def _instead(self, whole: Prompt, chosen: Prompt) -> Prompt:
        return chosen._replace(gave_up=_differences(whole.request, chosen.request, self._speed.density))


def _differences(wanted: InfillRequest, chosen: InfillRequest, density: float) -> tuple[str, ...]:
    phrases = []
    if wanted.layout != chosen.layout:
        own = "of the model itself"
        phrases.append(f"order {chosen.layout or own} instead of {wanted.layout or own}")
    for name in ("snippets", "prefix", "suffix"):
        have, want = (_length(request, name) for request in (chosen, wanted))
        if want - have > want // 8:
            what = "code of other files, of" if name == "snippets" else f"{name} of"
            phrases.append(f"{what} about {have / density:.0f} tokens instead of {want / density:.0f}")
    return tuple(phrases)


def _length(request: InfillRequest, name: str) -> int:
    if name == "snippets":
        return sum(len(snippet.text) for snippet in request.snippets)
    return len(request.suffix) if name == "suffix" else len(request.prefix) + len(request.begun)
