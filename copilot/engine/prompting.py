"""A plan's parts to the token ids of one prompt, with the tokenizer and the room that a loaded model has."""

from copilot.engine import planning
from copilot.engine.protocol import Layout, Part, PromptPlan
from copilot.engine.slots import Slots
from copilot.engine.tokenizer import Tokenizer
from copilot.errors import SlipstreamError

_PATIENT = frozenset({Layout.CHAT, Layout.RAW})
"""Nobody types on meanwhile, so these leave room for completions."""


def is_patient(plan: PromptPlan, max_tokens: int, slots: Slots) -> bool:
    """Whether the generation has to leave room to others. An answer that is longer than the reserve would leave none
    to completions, wherever it is inserted."""
    return plan.layout in _PATIENT or max_tokens > slots.inline_reserve > 0


def prompt(
    plan: PromptPlan, max_tokens: int, *, tokenizer: Tokenizer, slots: Slots, context_length: int
) -> tuple[list[int], int]:
    """The prompt's ids, and the tokens that its answer may have: for patient work what fits, if not all.

    Raises :class:`SlipstreamError`: ``context_too_long``, ``missing_control_token``, ``empty_prompt``.
    """
    parts = [
        (part, [tokenizer.control(part.text)] if part.control else tokenizer.content(part.text)) for part in plan.parts
    ]
    if plan.bos and (bos := list(tokenizer.begin_of_text())) and (not parts or parts[0][1] != bos):
        parts.insert(0, (Part(text="", name="bos", control=True), bos))
    recent = slots.recent(plan.owner)
    if is_patient(plan, max_tokens, slots):
        limit = min(context_length, slots.patient_tokens)
        fitted, max_tokens = planning.fit_with_answer(parts, limit=limit, max_tokens=max_tokens, recent=recent)
    else:
        fitted = planning.fit(parts, context_length=context_length, max_tokens=max_tokens, recent=recent)
    if not fitted.ids:
        raise SlipstreamError("There is no text to continue.", hint="Send some text.", code="empty_prompt")
    return fitted.ids, max_tokens
