"""Secrets in the text around the caret, masked before it becomes part of a prompt. No I/O.

A placeholder has the length of what it stands for, so whatever counts characters stays right.
"""

from collections.abc import Sequence

import msgspec

from copilot.context.request import InfillRequest

_BLOCK = "-----BEGIN"


def masked_around(above: Sequence[str], prefix: str, begun: str, suffix: str, behind: str = "") -> tuple[str, str, str]:
    """``prefix + begun + suffix`` is one stretch of a document. ``above``: the lines before it, the last one up to
    where it begins; ``behind``: the rest of the line where it ends.

    A secret may reach over the places where the text is divided or cut. Of the whole lines above only those count in
    which a block of several lines begins, such as a private key's: any other secret ends with its line.
    """
    # Not at the top: an editor waits for the language server to start, and its patterns take a while to be made.
    from copilot.safety.secrets import masked

    *whole, head = above or ("",)
    if any(_BLOCK in line for line in whole):
        head = "\n".join((*whole, head))
    text, found = masked(f"{head}{prefix}{begun}{suffix}{behind}")
    if not found:
        return prefix, begun, suffix
    first = len(head)
    second = first + len(prefix)
    third = second + len(begun)
    return text[first:second], text[second:third], text[third : third + len(suffix)]


def masked_request(request: InfillRequest) -> InfillRequest:
    """The same without secrets; what stands above its text is not known."""
    prefix, begun, suffix = masked_around((), request.prefix, request.begun, request.suffix)
    return msgspec.structs.replace(request, prefix=prefix, begun=begun, suffix=suffix)
