"""A prompt as the model will see it, for people who want to look."""

from copilot.engine import planning
from copilot.engine.protocol import Engine, PromptPlan
from copilot.errors import SlipstreamError
from copilot.serve.api import ErrorData, PromptData, PromptPiece
from copilot.serve.failures import error_data


async def inspect(plan: PromptPlan, engine: Engine, *, max_tokens: int) -> PromptData:
    """Counts each part as the engine tokenizes it, and drops what the engine would drop."""
    limit = engine.capabilities.patient_tokens or engine.model.context_length
    parts = [(part, range(1 if part.control else await engine.count(part.text))) for part in plan.parts]
    counts = [len(ids) for _, ids in parts]
    kept, answer = tuple(counts), max(0, limit - sum(counts))
    error: ErrorData | None = None
    try:
        fitted, answer = planning.fit_with_answer(parts, limit=limit, max_tokens=max_tokens)
        kept = fitted.counts
    except SlipstreamError as failure:
        error = error_data(failure)
    pieces = tuple(
        PromptPiece(name=part.name, text=part.text, control=part.control, tokens=count, kept=left)
        for part, count, left in zip(plan.parts, counts, kept, strict=True)
    )
    return PromptData(pieces=pieces, limit=limit, answer=answer, error=error)
