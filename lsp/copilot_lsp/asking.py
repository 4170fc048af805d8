"""Asking the model a question: through the engine host, the answer as it comes."""

import asyncio
import contextlib
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from copilot.errors import SlipstreamError
from copilot.safety.invisible import without_invisible
from copilot_lsp.host import HostLink

if TYPE_CHECKING:
    from copilot.chat.masking import Masking
    from copilot.chat.question import Question, Turn
    from copilot.client.answers import ChatPiece
    from copilot.client.host import HostClient

_UNKNOWN_CONTEXT = 4096
_RESERVE = 128
"""Tokens for the model's own format around the text."""

_CHARS_PER_TOKEN = 3
_MOST_CHARACTERS = 16_000
_LEAST_CHARACTERS = 600


@dataclass
class Answer:
    """What came so far, as it is shown and ``raw``. ``finish``: how the model ended, None while it goes on."""

    texts: list[str] = field(default_factory=list)
    raw: list[str] = field(default_factory=list)
    model: str | None = None
    finish: str | None = None

    @property
    def text(self) -> str:
        return "".join(self.texts)

    @property
    def whole(self) -> bool:
        """It did not break off at its limit."""
        return self.finish != "length"


async def asked(
    link: HostLink, question: "Question", came: Callable[[str], None], masking: "Masking", rules: str = ""
) -> Answer:
    """The model's answer; ``came`` is told each piece. Being cancelled stops the model.

    Secrets in the question are masked by ``masking``, here for all of them. ``rules``: of the project, for the system
    text.

    A host that left is replaced once, and a prompt that is too long is made shorter. Raises ``SlipstreamError``.
    """
    client = await _host(link)
    status = await client.status()
    context = (status.context_tokens if status is not None else 0) or _UNKNOWN_CONTEXT
    most_tokens = min(question.most_tokens, context // 2)
    room = max(_LEAST_CHARACTERS, (context - most_tokens - _RESERVE) * _CHARS_PER_TOKEN)
    room = min(room, _MOST_CHARACTERS)
    lost = False
    while True:
        answer = Answer(model=status.model if status is not None else None)
        turns = await asyncio.to_thread(_turns, question, room, masking, rules)
        try:
            await _read(client.chat_pieces(turns, max_tokens=most_tokens), answer, came)
        except SlipstreamError as error:
            if answer.texts:
                raise
            if error.code == "context_too_long" and room > _LEAST_CHARACTERS:
                room = max(_LEAST_CHARACTERS, room // 2)
            elif error.code == "host_lost" and not lost:
                lost = True
                link.failed(error)
                client = await _host(link)
            else:
                raise
        else:
            link.answered()
            return answer


def _turns(question: "Question", room: int, masking: "Masking", rules: str) -> "list[Turn]":
    from copilot.chat.wording import conventions

    told = conventions(rules, room // 4)
    first, *rest = question.turns(room - len(told))
    return masking.turns([{**first, "content": first["content"] + told}, *rest])


async def _read(pieces: "AsyncGenerator[ChatPiece]", answer: Answer, came: Callable[[str], None]) -> None:
    async with contextlib.aclosing(pieces):
        async for piece in pieces:
            answer.model = piece.model or answer.model
            answer.finish = piece.finish or answer.finish
            answer.raw.append(piece.text)
            # What is read and what is there should be the same.
            text = without_invisible(piece.text)
            if text:
                answer.texts.append(text)
                came(text)


async def _host(link: HostLink) -> "HostClient":
    client = await link.host(invoked=True)
    if client is None:
        raise SlipstreamError(
            "The engine host is not ready.",
            hint="It may still be fetching or loading its model; `slipstream status` says how far it is.",
            code="starting",
            retryable=True,
        )
    return client
