"""Small traces for tests."""

from copilot.bench.replay.trace import Place, Step, Trace


def one_place(
    goal: str,
    start: int,
    end: int,
    *,
    language: str = "python",
    typo: tuple[int, str] = (-1, ""),
    gap: float = 100.0,
    closing: bool = True,
) -> Trace:
    """``goal`` without what stands from ``start`` to ``end``; ``typo``: before which character, and what."""
    steps = []
    for at in range(end - start):
        wrong = typo[1] if at == typo[0] else ""
        steps.append(Step(0, at, tuple(gap for _ in range(1 + 2 * len(wrong))), wrong))
    places = (Place(start, end),)
    return Trace(name="t.py", language=language, goal=goal, places=places, steps=tuple(steps), closing=closing)
