"""Secrets in the text around the caret, masked before it becomes part of a prompt. No I/O.

A placeholder has the length of what it stands for, so whatever counts characters stays right.
"""

from collections.abc import Sequence

import msgspec

from copilot.context.request import InfillRequest
from copilot.safety.secrets import masked

_BLOCK = "-----BEGIN"


def masked_around(above: Sequence[str], prefix: str, begun: str, suffix: str) -> tuple[str, str, str]:
    """``prefix + begun + suffix`` is one stretch of a document, and ``above`` are the lines before it.

    A secret may reach over the places where it is divided. Of the lines above only those count in which a block of
    several lines begins, such as a private key's: any other secret ends with its line.
    """
    head = "\n".join((*above, "")) if any(_BLOCK in line for line in above) else ""
    text, found = masked(f"{head}{prefix}{begun}{suffix}")
    if not found:
        return prefix, begun, suffix
    first = len(head)
    second, third = first + len(prefix), first + len(prefix) + len(begun)
    return text[first:second], text[second:third], text[third:]


def masked_request(request: InfillRequest) -> InfillRequest:
    """The same without secrets; what stands above its text is not known."""
    prefix, begun, suffix = masked_around((), request.prefix, request.begun, request.suffix)
    return msgspec.structs.replace(request, prefix=prefix, begun=begun, suffix=suffix)
