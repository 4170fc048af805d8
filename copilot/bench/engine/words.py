"""Prompts to measure with: text that looks like code, the same for the same seed, of any length."""

import random

_NOUNS = ("buffer", "cursor", "window", "token", "layer", "packet", "stream", "frame", "index", "handle")
_VERBS = ("read", "merge", "split", "close", "resize", "update", "rotate", "collect", "flush", "measure")


def code(seed: int, characters: int) -> str:
    """Functions one after the other, cut at a line so that there are at least so many characters."""
    random_ = random.Random(seed)  # noqa: S311 - nothing secret
    lines: list[str] = []
    size = 0
    while size < characters:
        noun, verb, other = random_.choice(_NOUNS), random_.choice(_VERBS), random_.choice(_NOUNS)
        number = random_.randrange(10_000)
        lines += [
            f"def {verb}_{noun}_{number}(self, {other}, limit={number % 97}):",
            f"    {noun} = self.{other}s.get({number}) or self.{verb}({other})",
            f"    if {noun} is None or len({noun}) > limit:",
            f"        raise ValueError(f'{noun} {{limit}} of {other}')",
            f"    return {noun}[{number % 13}:limit]",
            "",
        ]
        size = sum(map(len, lines)) + len(lines)
    return "\n".join(lines) + "\n"
