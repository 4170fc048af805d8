"""Scores an answer: what counts of it, by comparison with the gold, and what is wrong with the text that it makes.

Pure, apart from :func:`passes`, which runs the program.
"""

import ast
import difflib
import re
import warnings
from collections import Counter

import msgspec

from copilot.bench.quality.problems import Problem, Stratum
from copilot.bench.quality.sandbox import SECONDS, Outcome, run_program
from copilot.syntax.window import Window

FENCE = "```"
_LEADING_BLANK = re.compile(r"(?:[ \t]*\n)+")
_LITERAL = re.compile(r"'''.*?'''|\"\"\".*?\"\"\"|'(?:\\.|[^'\\\n])*'|\"(?:\\.|[^\"\\\n])*\"", re.DOTALL)
_CLOSERS = {")": "(", "]": "[", "}": "{"}
_SHORT_LINE = 3


def counted(problem: Problem, text: str) -> str:
    """What of an answer is compared with the gold.

    For a line it is the first one with something on it, after the line ends that stand before it, because a model
    that is asked at a line's end often ends that line first. For more than a line it is everything up to a Markdown
    fence, where every model has gone over to something else.
    """
    if not problem.one_line:
        return text.partition(FENCE)[0]
    blank = _LEADING_BLANK.match(text)
    start = blank.end() if blank else 0
    line = text[start:].partition("\n")[0]
    if not line.strip():
        return ""
    # As published, the line end goes with the line.
    return ("\n" if start else "") + line + ("\n" if problem.stratum is Stratum.PUBLISHED else "")


def is_whole(problem: Problem, text: str) -> bool:
    """Whether nothing that may follow ``text`` counts."""
    if not problem.one_line:
        return FENCE in text
    return "\n" in text.lstrip()


def filled(problem: Problem, text: str, replaced: int = 0) -> str:
    """The text with the hole filled. ``replaced``: characters right of the caret that give way."""
    return problem.prefix + text + problem.suffix[replaced:]


def exact(problem: Problem, text: str, replaced: int = 0) -> bool:
    """Whether it is the gold, but for white space around it. Counts what gives way to it as part of it."""
    return text.strip() == (problem.gold + problem.suffix[:replaced]).strip()


def similarity(problem: Problem, text: str, replaced: int = 0) -> float:
    """The share of characters in common (``difflib``), from 0 to 1, white space around left out."""
    gold = (problem.gold + problem.suffix[:replaced]).strip()
    return difflib.SequenceMatcher(None, text.strip(), gold, autojunk=False).ratio()


def passes(problem: Problem, text: str, replaced: int = 0, *, seconds: float = SECONDS) -> Outcome | None:
    """Whether the program passes its test; None for a problem without one. Nothing at all is never a pass."""
    if problem.check is None:
        return None
    if not text.strip():
        return Outcome(False, "nothing suggested")
    program = filled(problem, text, replaced)
    return run_program(f"{program}\n{problem.check.test}\ncheck({problem.check.entry_point})\n", seconds=seconds)


class Flaws(msgspec.Struct, frozen=True, kw_only=True):
    """What a user would have to mend, whether or not the rest is right.

    ``doubled_bracket``: it ends with the closing bracket that stands right of it, one too many.
    ``repeated_suffix``: it writes again what stands right of the caret or on the next line.
    ``unparsable``: what parsed before, or would have with the gold, does not parse with it; None where nothing can
    tell.
    """

    doubled_bracket: bool = False
    repeated_suffix: bool = False
    unparsable: bool | None = None


def flaws(problem: Problem, text: str, replaced: int = 0) -> Flaws:
    return Flaws(
        doubled_bracket=_doubles_bracket(problem, text, replaced),
        repeated_suffix=_repeats_suffix(problem, text, replaced),
        unparsable=_unparsable(problem, text, replaced),
    )


def _doubles_bracket(problem: Problem, text: str, replaced: int) -> bool:
    last, right = text.rstrip()[-1:], problem.suffix[replaced:].partition("\n")[0].lstrip()[:1]
    if last != right or last not in _CLOSERS or _ends_like(text, problem.gold):
        return False
    removed = problem.gold + problem.suffix[:replaced]
    return _excess(text, last) > _excess(removed, last)


def _excess(text: str, closer: str) -> int:
    """How many more of ``closer`` than of its opener there are, outside strings."""
    count = Counter(_LITERAL.sub("", text))
    return count[closer] - count[_CLOSERS[closer]]


def _ends_like(text: str, gold: str) -> bool:
    return bool(gold.strip()) and text.strip() == gold.strip()


def _repeats_suffix(problem: Problem, text: str, replaced: int) -> bool:
    rest, _, below = problem.suffix[replaced:].partition("\n")
    gold_lines = {line.strip() for line in problem.gold.split("\n")}
    following = next((line.strip() for line in below.split("\n") if line.strip()), "")
    lines = [line.strip() for line in text.split("\n")]
    if _is_long(following) and following in lines and following not in gold_lines:
        return True
    rest = rest.strip()
    return _is_long(rest) and text.rstrip().endswith(rest) and not problem.gold.rstrip().endswith(rest)


def _is_long(line: str) -> bool:
    """Whether a line says something: brackets, and ``else:``, come again rightly."""
    return len(re.sub(r"\W", "", line)) > _SHORT_LINE and line.rstrip(":") not in {"else", "finally"}


def _unparsable(problem: Problem, text: str, replaced: int) -> bool | None:
    before = _parses(problem.prefix + problem.suffix, problem.language)
    if before is None:
        return None
    if not text.strip() or _parses(filled(problem, text, replaced), problem.language):
        return False
    return before or bool(_parses(problem.prefix + problem.gold + problem.suffix, problem.language))


def _parses(text: str, language: str) -> bool | None:
    """None for a language whose grammar is not known. Python is compiled: its grammar forgives wrong indentation."""
    if language != "python":
        window = Window.of(text, "", language)
        return None if window is None else not window.faults
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            return False
    return True
