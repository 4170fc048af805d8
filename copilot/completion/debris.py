"""What a model writes that is not code: control tokens spelled out, Markdown fences around its answer."""

from copilot.completion.lexis import Lexis
from copilot.completion.verdict import Verdict

# Their beginnings, as a model writes them that saw them in its training text.
TOKENS = ("<|fim_", "<|im_", "<|endoftext", "<|file_sep", "<|repo_name", "<|end", "<fim_", "<file_sep>", "<｜")
_FENCE = "```"


def is_fence(line: str, lexis: Lexis) -> bool:
    """Whether ``line`` opens or closes a fence."""
    return lexis.fences and line.lstrip().startswith(_FENCE)


def judge_fence(text: str, lexis: Lexis, *, may_open: bool, whole: bool) -> Verdict:
    """Ends a suggestion at a fence. ``text``: the line so far, stripped; ``may_open``: it opens the answer."""
    if is_fence(text, lexis):
        # One that opens the answer is passed over when its line is whole.
        return Verdict.WAIT if may_open and not whole else Verdict.END
    return Verdict.WAIT if lexis.fences and not whole and _FENCE.startswith(text) else Verdict.KEEP
