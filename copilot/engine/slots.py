"""Which KV cache slot a generation gets, and when there is room for it. Threads wait here; nothing is computed.

llama.cpp can choose a slot itself, by the share of the *new* prompt that a slot holds already. That gave two prompts
with a common beginning the same slot, so that each overwrote the other's cache (two of 330 tokens with 160 in common,
in turn: 160 reused each time; with a slot each: all but one). And it has no admission: with one KV cache for all
slots, two generations that outgrow it together both fail.

Each generation reserves what it may need at most, before it starts. So long answers, which nobody types meanwhile
for, are *patient*: together they leave ``inline_reserve`` to completions, or one of them would block every completion
until it ended.

What one owner's prompts left in a slot is of no use to another: whose slot it becomes computes all of its prompt. Else
the time to the first token would tell one what the other asked.
"""

import threading
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

INLINE_RESERVE = 2048
"""Tokens. More than a completion needs with the default settings: 1,408 of prompt and 96 of answer."""

_ORDERS = 2
_NOBODY = "\0"


def inline_reserve(tokens: int, slots: int) -> int:
    """Cells of ``tokens`` that patient generations leave free."""
    # With one slot a completion waits for the slot, and cells kept for it would be of no use.
    return min(INLINE_RESERVE, tokens // 2) if slots > 1 else 0


class Place(NamedTuple):
    """``slot``: its number. ``reuses``: what is in it may be used again; else it is another owner's."""

    slot: int
    reuses: bool


class Slots:
    """``count`` slots that share a KV cache of ``tokens``.

    What idle slots hold does not count: llama.cpp drops it when a running generation needs the cells.
    """

    def __init__(self, count: int, tokens: int) -> None:
        self._slots = [_Slot() for _ in range(count)]
        self.inline_reserve = inline_reserve(tokens, count)
        """Cells that patient generations leave free."""
        self.patient_tokens = tokens - self.inline_reserve
        """Cells that all patient generations together may reserve."""
        self._free_tokens = tokens
        self._free_patient_tokens = self.patient_tokens
        self._changed = threading.Condition()

    def recent(self, owner: str = "") -> list[Sequence[int]]:
        """The prompts of ``owner`` whose KV cache may still be there."""
        with self._changed:
            return [slot.ids for slot in self._slots if slot.ids and slot.user == owner]

    def acquire(
        self,
        ids: Sequence[int],
        tokens: int,
        cancelled: Callable[[], bool],
        *,
        patient: bool = False,
        owner: str = "",
    ) -> Place | None:
        """Wait for a slot, and for ``tokens`` cells; None once ``cancelled``.

        Whoever fits goes first: a completion isn't held up by a conversation that waits for room. ``tokens`` must not
        be more than there are, for ``patient`` work not more than ``patient_tokens``.
        """
        with self._changed:
            while not cancelled():
                number = choose(self._slots, ids, patient=patient, owner=owner)
                if number is not None and self._fits(tokens, patient):
                    slot = self._slots[number]
                    slot.reserved = tokens
                    slot.patient = patient
                    self._count(slot, -tokens)
                    slot.ids = ids
                    slot.user = owner
                    return Place(number, slot.owner == owner)
                self._changed.wait()
            return None

    def release(self, number: int, processed: int) -> None:
        """Give the slot back with the first ``processed`` tokens of its prompt in the KV cache."""
        with self._changed:
            slot = self._slots[number]
            self._count(slot, slot.reserved)
            slot.reserved = 0
            slot.ids = slot.ids[:processed]
            if slot.user != slot.owner:
                # Where nothing was computed the other's may be there still, or not: nobody counts on it.
                slot.owner = slot.user if processed else _NOBODY
            slot.used_at = time.monotonic()
            self._changed.notify_all()

    def wake(self) -> None:
        """Have those who wait look whether they are cancelled."""
        with self._changed:
            self._changed.notify_all()

    def _fits(self, tokens: int, patient: bool) -> bool:
        return tokens <= self._free_tokens and (not patient or tokens <= self._free_patient_tokens)

    def _count(self, slot: "_Slot", tokens: int) -> None:
        self._free_tokens += tokens
        if slot.patient:
            self._free_patient_tokens += tokens


class _Slot:
    def __init__(self) -> None:
        self.ids: Sequence[int] = ()
        self.reserved = 0
        """Cells of a running generation; 0 when idle."""
        self.patient = False
        """What it holds, or held last, is of patient work."""
        self.owner = ""
        """Whose prompt the KV cache has."""
        self.user = ""
        """Whose generation it was given to last."""
        self.used_at = 0.0


def choose(slots: Sequence[_Slot], ids: Sequence[int], *, patient: bool = False, owner: str = "") -> int | None:
    """Return the number of the idle slot to use, or None.

    The one with the most leading tokens of ``ids``, if that is at least half of what it holds: more is gained than is
    overwritten. Otherwise the one unused for longest; but a completion leaves a conversation alone, whose prompt is
    long and will be continued, as long as there are two other slots, for the two orders of a document's prompt.
    """
    idle = [number for number, slot in enumerate(slots) if not slot.reserved]
    if not idle:
        return None
    own = [number for number in idle if slots[number].owner == owner]
    shared = dict.fromkeys(idle, 0) | {number: shared_tokens(slots[number].ids, ids) for number in own}
    best = max(idle, key=lambda number: shared[number])
    if shared[best] and 2 * shared[best] >= len(slots[best].ids):
        return best
    others = [number for number in idle if not (slots[number].patient and slots[number].ids)]
    if not patient and sum(not slot.patient for slot in slots) >= _ORDERS and others:
        idle = others
    return min(idle, key=lambda number: slots[number].used_at)


def shared_tokens(one: Sequence[int], other: Sequence[int]) -> int:
    """How many leading tokens are the same."""
    for at, (mine, theirs) in enumerate(zip(one, other, strict=False)):
        if mine != theirs:
            return at
    return min(len(one), len(other))
