"""From a question to a prompt: which parts stand in which order, and which tokens of them are kept.

Two steps, because only the engine can tokenize: the host plans parts of text, the worker tokenizes each part and
calls :func:`fit`. Both are pure. What every decision here serves is that the leading tokens are those of the last
prompt, since those cost nothing: on two CPU cores a key cost 1,438 ms when the suffix was computed again and 42 ms
when it was not (same server, same run; 200 tokens of suffix, Qwen2.5-Coder 0.5B).
"""

from collections.abc import Mapping, Sequence
from itertools import groupby, pairwise
from types import MappingProxyType
from typing import Literal

import msgspec
from copilot_models.families import Family, Kind, Template

from copilot.context.request import InfillRequest, caret_place
from copilot.engine.protocol import Keep, Layout, Part, PromptPlan
from copilot.errors import SlipstreamError

STEP = 256
"""The start of a window over the prefix moves by this many tokens at once, so that it stands still in between; also
the size of a KV page where only whole pages of leading tokens are reused."""

SLACK = 32
"""How near, in tokens, the prefix may be to the next step for :func:`fit` to stay beyond it (see ``recent``)."""

PREFIX_FLOOR = 256
"""The prefix is not cut below this many tokens while there is a suffix or a snippet left to cut."""

MIN_SUFFIX = 16
"""Tokens of suffix that the order prefix-suffix-middle always gets: the rest of the line and the next one."""

MIN_ANSWER = 16
"""Tokens. A prompt that leaves less to an answer that was to be longer is too long."""

QUICK_SECONDS = 0.01
"""What is prefilled in so little time costs nobody anything."""

CHARS_PER_TOKEN = 4
"""More than code has (2.7 to 3.6 with the tokenizers of these families), so that the estimate errs to few tokens."""

_NO_ORDER: Mapping[str, str] = MappingProxyType({})


class PromptLimits(msgspec.Struct, frozen=True, kw_only=True):
    """The most that each kind of part may hold, in tokens; ``snippet_tokens`` is for all snippets together.

    ``psm_suffix_share``: the suffix behind a prefix may have this share of the prefix's tokens; ``quick_tokens``: or so
    many, since the engine prefills them before anyone notices.
    """

    prefix_tokens: int = 768
    suffix_tokens: int = 128
    snippet_tokens: int = 256
    psm_suffix_share: float = 0.08
    quick_tokens: int = 0


class Message(msgspec.Struct, frozen=True):
    """One turn of a conversation."""

    role: Literal["system", "user", "assistant"]
    content: str


class Fitted(msgspec.Struct, frozen=True, kw_only=True):
    """The prompt as token ids, and how many of them each part got, in the order of the parts."""

    ids: list[int]
    counts: tuple[int, ...]


def plan_infill(
    request: InfillRequest,
    family: Family,
    limits: PromptLimits | None = None,
    order: Mapping[str, str] = _NO_ORDER,
) -> PromptPlan:
    """Plan a completion at the end of ``request.prefix + request.begun``.

    ``order`` (place of the caret -> layout) goes before the family's own, for a model that was measured to differ;
    ``request.layout`` goes before both. ``begun`` stands where the model will go on, at the very end: behind what
    introduces the middle where the layout has that, otherwise as one text with the prefix.

    Raises :class:`SlipstreamError` with code ``empty_prompt`` when a model without FIM tokens gets no text, and
    ``unknown_layout`` when the layout is none of the family's.
    """
    limits = limits or PromptLimits()
    layout = _choose_layout(request, family, limits, order)
    template = family.layouts[layout]
    suffix_limit = limits.suffix_tokens
    # A caller that knows about begun and layout freezes the suffix, at the length that it can afford.
    if layout is Layout.PSM and not (request.begun or request.layout):
        suffix_limit = _suffix_behind_prefix(request.prefix, limits)
    together = template[-1].kind is Kind.SLOT and template[-1].text == "prefix"
    prefix = request.prefix + request.begun if together else request.prefix
    values: dict[str, str | Part] = {
        "prefix": Part(text=prefix, name="prefix", keep=Keep.END, limit=limits.prefix_tokens),
        "suffix": Part(text=request.suffix if suffix_limit else "", name="suffix", limit=suffix_limit),
    }
    parts = [*_snippet_parts(request, family, limits), *_fill(template, values)]
    if request.begun and not together:
        parts.append(Part(text=request.begun, name="begun", keep=Keep.END, limit=limits.prefix_tokens))
    parts, held = _held_back(parts)
    return _plan(parts, layout, family, held=held)


def plan_chat(messages: Sequence[Message], family: Family) -> PromptPlan:
    """Plan the next turn of the assistant.

    Raises :class:`SlipstreamError` with code ``no_chat_template`` for a family of base models, ``empty_prompt``
    without messages.
    """
    chat = family.chat
    if chat is None:
        raise SlipstreamError(
            f"Models of the family {family.name} complete code but have no format for a conversation.",
            hint="Choose an instruct model with a chat format, see `slipstream models list`.",
            code="no_chat_template",
        )
    if not messages:
        raise _empty_prompt()
    if chat.default_system and messages[0].role != "system":
        messages = [Message("system", chat.default_system), *messages]
    templates = {"system": chat.system, "user": chat.user, "assistant": chat.assistant}
    parts: list[Part] = []
    for number, message in enumerate(messages):
        parts += _turn(f"{message.role}.{number}", templates[message.role], message.content)
    parts += _turn("opening", chat.opening, "")
    return _plan(parts, Layout.CHAT, family, stop=chat.stop, bos=chat.bos)


def plan_raw(prompt: str, family: Family) -> PromptPlan:
    """Plan the continuation of a text that came whole. It is text throughout, whatever it spells.

    Raises :class:`SlipstreamError` with code ``empty_prompt``.
    """
    return _plan([Part(text=prompt, name="prompt")] if prompt else [], Layout.RAW, family)


def fit(
    parts: Sequence[tuple[Part, Sequence[int]]],
    *,
    context_length: int,
    max_tokens: int,
    recent: Sequence[Sequence[int]] = (),
) -> Fitted:
    """Cut tokenized parts to their limits, and the whole to ``context_length - max_tokens``.

    ``parts`` pairs each part with its token ids; a begin-of-text token counts when it is given as a control part.
    ``recent`` are the ids of earlier prompts whose KV may still be there. The prefix loses whole steps from its
    start; a last word that now makes one token more, now one less, would swing a window at the edge of a step to and
    fro, so within ``SLACK`` of it the window that shares more with a recent prompt wins.

    When the whole is too long: the prefix is cut to ``PREFIX_FLOOR``, then suffix, then snippets from the last, then
    the rest of the prefix, then what was begun after it; of a conversation the oldest exchanges go, never system text
    nor the last question.
    Raises :class:`SlipstreamError` with code ``context_too_long`` when that is not enough.
    """
    budget = context_length - max_tokens
    takes = [_limited(part, ids) for part, ids in parts]
    _drop_exchanges(parts, takes, budget)
    # The prefix, and what was begun after it where that is a part of its own.
    sliding = [at for at, (part, _) in enumerate(parts) if _slides(part)]
    _shrink(parts, takes, sliding, budget)
    if budget < 1 or sum(takes) > budget:
        wanted = sum(len(ids) for _, ids in parts)
        raise SlipstreamError(
            f"The prompt has {wanted} tokens and the answer may have {max_tokens}, "
            f"but the model's context holds {context_length}.",
            hint="Shorten the prompt, ask for a shorter answer, or raise engine.context_tokens.",
            code="context_too_long",
        )
    if not sliding:
        return _assemble(parts, takes)
    prefix_at, *begun_at = sliding
    for at in begun_at:
        takes[at] = _window(len(parts[at][1]), takes[at])
    prefix, prefix_ids = parts[prefix_at]
    allowed = min(prefix.limit or len(prefix_ids), budget - sum(takes) + takes[prefix_at])
    takes[prefix_at] = _window(len(prefix_ids), allowed)
    fitted = _assemble(parts, takes)
    beyond = takes[prefix_at] - _step(allowed)
    if recent and beyond > 0 and takes[prefix_at] > allowed - SLACK:
        takes[prefix_at] = beyond
        other = _assemble(parts, takes)
        if _shared(other.ids, recent) > _shared(fitted.ids, recent):
            return other
    return fitted


def fit_with_answer(
    parts: Sequence[tuple[Part, Sequence[int]]],
    *,
    limit: int,
    max_tokens: int,
    recent: Sequence[Sequence[int]] = (),
) -> tuple[Fitted, int]:
    """As :func:`fit`, but a long answer gives way to the prompt; also returns how many tokens it may have.

    Both together are at most ``limit``. Nothing of the prompt is dropped for an answer of more than half of that, and
    what can't be dropped leaves at least ``MIN_ANSWER``, or it is too long: :class:`SlipstreamError` with code
    ``context_too_long``.
    """
    least = min(max_tokens, MIN_ANSWER)
    room = min(max_tokens, max(least, limit // 2))
    while True:
        try:
            fitted = fit(parts, context_length=limit, max_tokens=room, recent=recent)
        except SlipstreamError as error:
            if room <= least:
                raise SlipstreamError(
                    f"The prompt has {sum(len(ids) for _, ids in parts)} tokens, but may have {max(0, limit - least)}; "
                    "the rest of the context is for the answer and for completions while typing.",
                    hint="Shorten the prompt, or raise engine.context_tokens.",
                    code=error.code,
                ) from error
            room = max(least, room // 2)
        else:
            return fitted, min(max_tokens, limit - len(fitted.ids))


def _choose_layout(request: InfillRequest, family: Family, limits: PromptLimits, order: Mapping[str, str]) -> Layout:
    if request.layout is not None:
        return _layout(request.layout, family, "")
    place: str = request.place or caret_place(request.prefix, request.suffix)
    if request.prefix + request.begun and not (limits.suffix_tokens and request.suffix.strip()):
        # Most families' own examples are then plain text. FIM tokens around nothing are kept for the empty file,
        # where they are all there is to prompt with.
        place = "no_suffix"
    return _layout(order.get(place, family.order[place]), family, " in the model's order table")


def _layout(name: str, family: Family, where: str) -> Layout:
    if name not in family.layouts:
        raise SlipstreamError(
            f"The family {family.name} has no layout {name!r}.",
            hint=f"Use one of {', '.join(family.layouts)}{where}.",
            code="unknown_layout",
        )
    return Layout(name)


def _suffix_behind_prefix(prefix: str, limits: PromptLimits) -> int:
    """Tokens of suffix when it stands behind the prefix and each key computes it again.

    With a share of 8 % at least nine tokens in ten come from the KV cache while someone types. The share is taken of
    the shortest prefix that will be there: a prefix beyond its limit is shorter by a step right after a cut.
    """
    estimated = len(prefix) // CHARS_PER_TOKEN
    shortest = limits.prefix_tokens - _step(limits.prefix_tokens)
    share = int(min(estimated, shortest) * limits.psm_suffix_share)
    return min(limits.suffix_tokens, max(MIN_SUFFIX, limits.quick_tokens, share))


def _snippet_parts(request: InfillRequest, family: Family, limits: PromptLimits) -> list[Part]:
    """Snippets in the family's own format. A family without one gets none: an invented format costs quality."""
    if not request.snippets or not family.snippet or limits.snippet_tokens <= 0:
        return []
    parts: list[Part] = []
    room = limits.snippet_tokens * CHARS_PER_TOKEN
    for snippet in request.snippets:
        # Who packed them counted characters: whole ones, so that none ends in the middle of a line and moves the rest.
        room -= len(snippet.path) + len(snippet.text)
        if room < 0 and parts:
            break
        filled = _fill(family.snippet, {"path": snippet.path, "text": snippet.text})
        parts += _joined(filled, "snippet", limits.snippet_tokens)
    if request.path is not None or not any(piece.kind is Kind.SLOT for piece in family.file):
        parts += _joined(_fill(family.file, {"path": request.path or ""}), "file")
    return parts


def _turn(name: str, template: Template, content: str) -> list[Part]:
    """One turn of a conversation; all its parts have the same name, by which :func:`fit` finds where turns begin."""
    parts = _joined(_fill(template, {"content": content}), name)
    return [msgspec.structs.replace(part, name=name) for part in parts]


def _fill(template: Template, values: Mapping[str, str | Part]) -> list[Part]:
    """Put values into a template. They are never looked at: only the template has control tokens."""
    parts: list[Part] = []
    for piece in template:
        value = values[piece.text] if piece.kind is Kind.SLOT else piece.text
        if isinstance(value, Part):
            parts.append(value)
        else:
            parts.append(Part(text=value, name=piece.token or "text", control=piece.kind is Kind.CONTROL))
    return [part for part in parts if part.text]


def _joined(parts: list[Part], name: str, limit: int = 0) -> list[Part]:
    """Make one part of neighbouring texts, so that their tokens are those of the whole, as the model was trained."""
    joined: list[Part] = []
    for control, run in groupby(parts, key=lambda part: part.control):
        together = list(run)
        if not control:
            together = [Part(text="".join(part.text for part in together), name=name, limit=limit)]
        joined += together
    return joined


def _held_back(parts: list[Part]) -> tuple[list[Part], str]:
    """Without the last space or tab of the text that the model goes on from, and that.

    In the texts that a model learned from the space before a word is part of the word's token, the last one of an
    indentation too. Behind a space that is a token of its own it hardly knows how to go on.
    """
    last = parts[-1] if parts else None
    if last is None or last.control or last.text[-1:] not in (" ", "\t") or (len(parts) == 1 and len(last.text) == 1):
        return parts, ""
    rest = msgspec.structs.replace(last, text=last.text[:-1])
    return [*parts[:-1], *([rest] if rest.text else [])], last.text[-1]


def _plan(
    parts: list[Part],
    layout: Layout,
    family: Family,
    *,
    stop: tuple[str, ...] = (),
    bos: bool = True,
    held: str = "",
) -> PromptPlan:
    if not parts:
        raise _empty_prompt()
    return PromptPlan(
        parts=tuple(parts),
        layout=layout,
        stop=(*family.stop, *stop),
        controls=family.controls,
        bos=bos,
        held=held,
    )


def _empty_prompt() -> SlipstreamError:
    return SlipstreamError("There is no text to continue.", hint="Send some text.", code="empty_prompt")


def _slides(part: Part) -> bool:
    return part.keep is Keep.END and not part.control


def _limited(part: Part, ids: Sequence[int]) -> int:
    return min(len(ids), part.limit) if part.limit and not part.control else len(ids)


def _shrink(parts: Sequence[tuple[Part, Sequence[int]]], takes: list[int], sliding: Sequence[int], budget: int) -> None:
    """Lower ``takes`` in place until their sum is within ``budget``, as far as there is something to lower."""
    steps = [(at, PREFIX_FLOOR) for at in sliding[:1]]
    steps += [(at, 0) for at, (part, _) in enumerate(parts) if part.name == "suffix"]
    steps += [(at, 0) for at, (part, _) in reversed(list(enumerate(parts))) if part.name == "snippet"]
    steps += [(at, 1) for at in sliding]
    for at, floor in steps:
        over = sum(takes) - budget
        if over <= 0:
            return
        takes[at] -= max(0, min(over, takes[at] - floor))


def _step(allowed: int) -> int:
    """The step of a window over at most ``allowed`` tokens: a power of two, so that it seldom changes with it."""
    return min(STEP, 1 << max(0, (allowed // 2).bit_length() - 1))


def _window(length: int, allowed: int) -> int:
    """How many of the last tokens stay: at most ``allowed``, and fewer by whole steps from the first token on."""
    if length <= allowed:
        return length
    step = _step(allowed)
    return length - -(-(length - allowed) // step) * step


def _assemble(parts: Sequence[tuple[Part, Sequence[int]]], takes: Sequence[int]) -> Fitted:
    ids: list[int] = []
    for (part, part_ids), take in zip(parts, takes, strict=True):
        ids += part_ids[len(part_ids) - take :] if _slides(part) else part_ids[:take]
    return Fitted(ids=ids, counts=tuple(takes))


def _shared(ids: Sequence[int], recent: Sequence[Sequence[int]]) -> int:
    """The most leading tokens that ``ids`` shares with one of ``recent``."""
    best = 0
    for other in recent:
        same = 0
        for mine, theirs in zip(ids, other, strict=False):
            if mine != theirs:
                break
            same += 1
        best = max(best, same)
    return best


def _drop_exchanges(parts: Sequence[tuple[Part, Sequence[int]]], takes: list[int], budget: int) -> None:
    """Take nothing of a conversation's oldest exchanges (a question with its answers) until the rest fits ``budget``.

    More is dropped than must be, up to a quarter of the budget, so that the next turns of a long conversation find
    the same beginning in the KV cache instead of dropping one more exchange each.
    """
    starts = [
        at
        for at, (part, _) in enumerate(parts)
        if part.name.startswith("user.") and (at == 0 or parts[at - 1][0].name != part.name)
    ]
    quarter = max(1, budget // 4)
    left = -(-(sum(takes) - budget) // quarter) * quarter
    for start, end in pairwise(starts):
        if left <= 0:
            return
        for at in range(start, end):
            if not parts[at][0].name.startswith("system."):
                left -= takes[at]
                takes[at] = 0
