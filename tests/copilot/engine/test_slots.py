"""Which slot a prompt gets, and who waits for whom."""

import threading
from collections.abc import Callable, Sequence

from copilot.engine.slots import Slots

GUARD = 30.0


def acquire(
    slots: Slots, ids: Sequence[int], tokens: int, cancelled: Callable[[], bool], *, patient: bool = False
) -> int | None:
    place = slots.acquire(ids, tokens, cancelled, patient=patient)
    return None if place is None else place.slot


def use(slots: Slots, ids: Sequence[int], tokens: int = 10) -> int:
    """Run a generation to its end."""
    number = acquire(slots, ids, tokens, lambda: False)
    assert number is not None
    slots.release(number, len(ids))
    return number


def test_a_longer_prompt_goes_where_its_beginning_is() -> None:
    slots = Slots(3, 1000)
    first, second = use(slots, [1, 2, 3, 4]), use(slots, [5, 6, 7, 8])
    assert first != second
    assert use(slots, [1, 2, 3, 4, 9, 9, 9, 9, 9, 9, 9]) == first
    assert use(slots, [5, 6, 7, 8, 9]) == second
    assert use(slots, [5, 6, 7]) == second


def test_a_short_common_beginning_does_not_cost_another_its_cache() -> None:
    slots = Slots(2, 1000)
    first = use(slots, [1, 2, 3, 4, 5])
    second = use(slots, [1, 2, 6, 7, 8])
    assert first != second
    for _ in range(3):
        assert use(slots, [1, 2, 3, 4, 5, 6]) == first
        assert use(slots, [1, 2, 6, 7, 8, 9]) == second


def test_the_one_unused_for_longest_is_overwritten() -> None:
    slots = Slots(2, 1000)
    first, second = use(slots, [1, 1]), use(slots, [2, 2])
    assert use(slots, [1, 1, 1]) == first
    assert use(slots, [3, 3]) == second
    assert use(slots, [4, 4]) == first


def test_a_completion_leaves_a_conversation_its_cache() -> None:
    slots = Slots(4, 1000)
    conversation = acquire(slots, [9, 9, 9, 9], 10, lambda: False, patient=True)
    assert conversation is not None
    slots.release(conversation, 4)
    for document in range(10):
        assert use(slots, [document, 1, 2, 3]) != conversation
    # Another conversation takes the place of what was unused for longest, as ever.
    assert acquire(slots, [8, 8, 8], 10, lambda: False, patient=True) == conversation


def test_with_few_slots_completions_come_before_conversations() -> None:
    slots = Slots(2, 1000)
    for number in range(2):
        held = acquire(slots, [9, number], 10, lambda: False, patient=True)
        assert held is not None
        slots.release(held, 2)
    first, second = use(slots, [1, 1, 1]), use(slots, [2, 2, 2])
    assert first != second, "a document's two prompts have a slot each"


def test_two_orders_of_a_prompt_and_what_is_computed_ahead_stay_warm() -> None:
    """A prefetch continues a prompt; it takes neither another slot nor the other order's."""
    slots = Slots(4, 1000)
    psm, spm = use(slots, [1, *range(100, 180)]), use(slots, [2, *range(300, 380)])
    for typed in range(5):
        assert use(slots, [1, *range(100, 180), *range(500, 500 + typed)]) == psm
        assert use(slots, [1, *range(100, 180), *range(500, 500 + typed), *range(700, 740)]) == psm
        assert use(slots, [2, *range(300, 380), *range(500, 500 + typed)]) == spm


def test_what_was_not_processed_does_not_count() -> None:
    slots = Slots(2, 1000)
    number = acquire(slots, [1, 2, 3, 4, 5, 6], 10, lambda: False)
    assert number is not None
    slots.release(number, 2)
    assert slots.recent() == [[1, 2]]


def test_who_does_not_fit_waits_and_who_fits_passes() -> None:
    slots = Slots(3, 100)
    first = acquire(slots, [1], 80, lambda: False)
    assert first is not None
    got: list[int | None] = []
    waiting = threading.Thread(target=lambda: got.append(acquire(slots, [2], 30, lambda: False)))
    waiting.start()
    use(slots, [3], 20)
    assert not got

    slots.release(first, 1)
    waiting.join(GUARD)
    assert len(got) == 1
    assert got[0] is not None


def test_all_slots_taken_is_waited_for_and_a_cancel_ends_the_wait() -> None:
    slots = Slots(1, 100)
    assert acquire(slots, [1], 10, lambda: False) == 0
    cancelled = threading.Event()
    got: list[int | None] = []
    waiting = threading.Thread(target=lambda: got.append(acquire(slots, [2], 10, cancelled.is_set)))
    waiting.start()
    cancelled.set()
    slots.wake()
    waiting.join(GUARD)
    assert got == [None]
    assert slots.recent() == [[1]]


def test_long_answers_leave_room_for_completions() -> None:
    slots = Slots(4, 8192)
    assert (slots.inline_reserve, slots.patient_tokens) == (2048, 6144)
    first = acquire(slots, [1], 4000, lambda: False, patient=True)
    second = acquire(slots, [2], 2144, lambda: False, patient=True)
    assert first is not None
    assert second is not None
    # There are cells and a slot, but not for another of these.
    got: list[int | None] = []
    waiting = threading.Thread(target=lambda: got.append(acquire(slots, [3], 1, lambda: False, patient=True)))
    waiting.start()
    use(slots, [4], 2047)
    assert not got

    slots.release(second, 1)
    waiting.join(GUARD)
    assert len(got) == 1
    assert got[0] is not None


def test_cells_of_long_answers_are_counted_back() -> None:
    slots = Slots(2, 1000)
    assert slots.patient_tokens == 500
    for _ in range(3):
        number = acquire(slots, [1], 500, lambda: False, patient=True)
        assert number is not None
        slots.release(number, 1)
        use(slots, [2], 1000)


def test_a_completion_does_not_count_as_a_long_answer() -> None:
    slots = Slots(3, 1000)
    assert acquire(slots, [1], 500, lambda: False) is not None
    assert acquire(slots, [2], 500, lambda: False, patient=True) is not None


def test_with_one_slot_nothing_is_kept_back() -> None:
    slots = Slots(1, 1000)
    assert (slots.inline_reserve, slots.patient_tokens) == (0, 1000)


def owned(slots: Slots, ids: Sequence[int], owner: str) -> tuple[int, bool]:
    place = slots.acquire(ids, 10, lambda: False, owner=owner)
    assert place is not None
    slots.release(place.slot, len(ids))
    return place


def test_what_one_owner_left_is_of_no_use_to_another() -> None:
    slots = Slots(2, 1000)
    first, _ = owned(slots, [1, 2, 3, 4], "ada")
    other, reuses = owned(slots, [1, 2, 3, 4], "bob")
    assert (other != first, reuses) == (True, False)
    assert owned(slots, [1, 2, 3, 4, 5], "ada") == (first, True)
    # The one unused for longest, whosever it is; then it holds nothing of the other's.
    assert owned(slots, [1, 2, 3, 4], "cy") == (other, False)
    assert owned(slots, [1, 2, 3, 4, 5, 6], "cy") == (other, True)
    assert slots.recent("cy") == [[1, 2, 3, 4, 5, 6]]
    # One that computed nothing has made nothing its own, and what it found may be gone.
    place = slots.acquire([1, 2, 3, 4], 10, lambda: False, owner="dee")
    assert place is not None
    slots.release(place.slot, 0)
    assert not owned(slots, [1, 2, 3, 4], "dee")[1]
    assert slots.recent("bob") == []
