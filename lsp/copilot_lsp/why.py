"""``slipstream/why``: what a suggestion was made of and how long it took, for people who wonder. No I/O."""

from collections.abc import Sequence

import msgspec

from copilot.completion.run import Kind
from copilot.completion.traces import Trace
from copilot.serve.api import PromptData, PromptPiece
from copilot_lsp.messages import Json, Wire

REQUEST = "slipstream/why"

_KINDS = {
    Kind.MAIN: "the first question at this place",
    Kind.RETRY: "asked again without the text below, which the first answer had merely copied",
    Kind.ALTERNATIVE: "another candidate, drawn at random because someone asked to choose",
    Kind.PREFETCH: "made ahead, while the suggestion before it was being read",
}


class WhyParams(Wire, frozen=True):
    """``id``: None for the suggestion that was shown last."""

    id: str | None = None


class Part(Wire, frozen=True, kw_only=True):
    """A piece of the prompt. Lines are counted from 1, the last one included; ``origin`` is a path.

    ``source`` and ``score``: which retriever found a snippet, and how well it fits. ``tokens``: as the model counts
    them; ``kept``: how many of them it was shown.
    """

    part: str
    reason: str
    text: str
    origin: str | None = None
    first_line: int | None = None
    last_line: int | None = None
    source: str | None = None
    score: float | None = None
    tokens: int | None = None
    kept: int | None = None

    @property
    def characters(self) -> int:
        return len(self.text)


def explain(id: str, trace: Trace, prompt: PromptData | None = None) -> Json:
    """The answer, as ``docs/language-server.md`` has it. Times in milliseconds.

    ``prompt``: the same question as the host's tokenizer has it, where there is a host.
    """
    stats, origin = trace.stats, trace.origin
    parts = counted(parts_of(trace), prompt)
    return {
        "id": id,
        "model": trace.model,
        "layout": layout_of(trace),
        "kind": origin.kind.name.lower(),
        "parts": [{**msgspec.to_builtins(part), "characters": part.characters} for part in parts],
        "promptTokens": stats.prompt_tokens or None,
        "reusedTokens": stats.reused_tokens if stats.prompt_tokens else None,
        "generatedTokens": stats.generated_tokens or None,
        "ttftMs": stats.ttft_ms,
        "tokensPerSecond": stats.tokens_per_second,
        "gaveUp": list(origin.gave_up),
        "markdown": markdown(trace, parts),
    }


def parts_of(trace: Trace) -> list[Part]:
    """What the model was given, in reading order; parts that were empty are left out."""
    request, caret = trace.origin.request, trace.origin.line + 1
    begun_at = caret - request.begun.count("\n")
    parts = [
        Part(
            part="snippet",
            origin=snippet.path,
            reason=snippet.reason or "from another place of the project",
            first_line=snippet.start_line,
            last_line=snippet.end_line,
            text=snippet.text,
            source=snippet.source or None,
            score=round(snippet.score, 3) if snippet.source else None,
        )
        for snippet in request.snippets
    ]
    for name, text, first, reason in (
        ("prefix", request.prefix, begun_at - request.prefix.count("\n"), "the text above the caret"),
        ("begun", request.begun, begun_at, "typed since that prompt was begun, so that it could stay in the cache"),
        ("suffix", request.suffix, caret, "the text below the caret"),
    ):
        if text:
            last = first + text.count("\n")
            parts.append(
                Part(part=name, origin=request.path, reason=reason, first_line=first, last_line=last, text=text)
            )
    return parts


def counted(parts: Sequence[Part], prompt: PromptData | None) -> list[Part]:
    """``parts`` with their tokens. A prompt names its pieces as they are named here; those between are the format's."""
    if prompt is None:
        return list(parts)
    by_name: dict[str, list[PromptPiece]] = {}
    for piece in prompt.pieces:
        if not piece.control:
            by_name.setdefault(piece.name, []).append(piece)
    found = []
    for part in parts:
        pieces = by_name.get(part.part)
        counts = pieces.pop(0) if pieces else None
        found.append(part if counts is None else msgspec.structs.replace(part, tokens=counts.tokens, kept=counts.kept))
    return found


def layout_of(trace: Trace) -> str:
    """The order of the prompt's parts, as the host named it, else as it was asked to use."""
    return trace.layout or trace.origin.request.layout or ""


def markdown(trace: Trace, parts: Sequence[Part]) -> str:
    """All of it, ready to show."""
    stats = trace.stats
    lines = [
        "# Why this suggestion?",
        "",
        f"- Model: {trace.model or 'not known'}, prompt order {layout_of(trace) or 'not known'}",
        f"- Kind: {_KINDS.get(trace.origin.kind, trace.origin.kind.name.lower())}",
    ]
    if stats.prompt_tokens:
        lines.append(f"- Prompt: {stats.prompt_tokens} tokens, {stats.reused_tokens} of them were in the cache already")
    if stats.generated_tokens:
        lines.append(f"- Answer: {stats.generated_tokens} tokens{_times(trace)}")
    lines += [f"- Left out to keep the time budget: {phrase}" for phrase in trace.origin.gave_up]
    lines += [
        "",
        "| part | where | lines | characters | tokens | score | why |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    lines += [
        f"| {part.part} | {_cell(part.origin or 'this document')} | {part.first_line} to {part.last_line} "
        f"| {part.characters} | {_tokens(part)} | {'' if part.score is None else f'{part.score:.2f}'} "
        f"| {_cell(part.reason)} |"
        for part in parts
    ]
    for part in parts:
        fence = _fence(part.text)
        lines += ["", f"## {part.part}", "", fence, part.text.removesuffix("\n"), fence]
    return "\n".join(lines) + "\n"


def _tokens(part: Part) -> str:
    if part.tokens is None:
        return ""
    return f"{part.tokens}" if part.kept in {None, part.tokens} else f"{part.kept} of {part.tokens}"


def _times(trace: Trace) -> str:
    first, speed = trace.stats.ttft_ms, trace.stats.tokens_per_second
    said = "" if first is None else f", the first after {first:.0f} ms"
    return said if speed is None else f"{said}, {speed:.0f} a second"


def _fence(text: str) -> str:
    """Longer than any run of its sign in ``text``, which so cannot end it."""
    fence = "```"
    while fence in text:
        fence += "`"
    return fence


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ")
