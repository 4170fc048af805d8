"""Several tenants on one engine: order, bounds, and what one of them can do to the others."""

import pytest

from copilot.errors import SlipstreamError
from copilot.serve import scheduler as module
from copilot.serve.api import Lane
from copilot.serve.scheduler import Job, Scheduler


def team(slots: int, *, max_queue: int = 99, most: int | None = None) -> Scheduler:
    return Scheduler(slots=slots, max_queue=max_queue, max_queue_of_tenant=most, shared=True)


def flood(scheduler: Scheduler, lane: Lane, count: int, tenant: str = "flood") -> None:
    for number in range(count):
        scheduler.submit(Job(f"{tenant} {lane} {number}", lane, tenant=tenant))


def first_token(scheduler: Scheduler, *jobs: str) -> None:
    for job in jobs:
        scheduler.charge(job, prefilled=10, generated=1)


def test_a_session_is_a_tenants_own() -> None:
    scheduler = team(4)
    scheduler.submit(Job("a", Lane.INLINE, "main.py", tenant="anna"))
    assert scheduler.take(0).start == ("a",)
    assert scheduler.submit(Job("b", Lane.INLINE, "main.py", tenant="ben")) == ()
    assert scheduler.take(0).start == ("b",), "nor does it wait for the other's"
    assert scheduler.submit(Job("a2", Lane.INLINE, "main.py", tenant="anna")) == ("a",)


def test_the_tenant_that_had_least_is_next_and_lanes_stay_in_order() -> None:
    scheduler = Scheduler(slots=1, max_queue=99)
    flood(scheduler, Lane.CHAT, 5)
    assert scheduler.take(0).start == ("flood chat 0",)
    scheduler.submit(Job("light", Lane.CHAT, tenant="light"))
    scheduler.submit(Job("typing", Lane.INLINE, tenant="flood"))
    assert [scheduler.position(job) for job in ("typing", "light", "flood chat 1")] == [0, 1, 2]
    scheduler.charge("flood chat 0", prefilled=2000, generated=300)
    order = []
    running = "flood chat 0"
    for _ in range(3):
        scheduler.finish(running)
        (running,) = scheduler.take(0).start
        order.append(running)
    assert order == ["typing", "light", "flood chat 1"]


def test_typing_on_does_not_lose_the_place_in_the_queue() -> None:
    scheduler = team(1)
    scheduler.submit(Job("running", Lane.INLINE, tenant="other"))
    scheduler.take(0)
    scheduler.submit(Job("typing 0", Lane.INLINE, "a", tenant="typing"))
    scheduler.submit(Job("late", Lane.INLINE, tenant="late"))
    for number in range(1, 9):
        assert scheduler.submit(Job(f"typing {number}", Lane.INLINE, "a", tenant="typing")) == (f"typing {number - 1}",)
    assert scheduler.position("typing 8") == 0
    scheduler.finish("running")
    assert scheduler.take(0).start == ("typing 8",)


def test_a_tenants_part_of_the_queue_is_bounded_in_each_lane() -> None:
    scheduler = team(1, most=2)
    flood(scheduler, Lane.INLINE, 1)
    scheduler.take(0)
    flood(scheduler, Lane.CHAT, 2)
    with pytest.raises(SlipstreamError) as caught:
        scheduler.submit(Job("third", Lane.CHAT, tenant="flood"))
    assert (caught.value.code, caught.value.retryable) == ("busy", True)
    scheduler.submit(Job("another lane", Lane.NEXT_EDIT, tenant="flood"))
    scheduler.submit(Job("another tenant", Lane.CHAT, tenant="light"))


def test_a_refused_request_leaves_what_it_would_have_made_pointless() -> None:
    scheduler = team(1, most=1)
    scheduler.submit(Job("running", Lane.CHAT, tenant="a"))
    scheduler.take(0)
    scheduler.submit(Job("ahead", Lane.BACKGROUND, "document", tenant="a"))
    scheduler.submit(Job("waiting", Lane.INLINE, tenant="a"))
    with pytest.raises(SlipstreamError):
        scheduler.submit(Job("typing", Lane.INLINE, "document", tenant="a"))
    assert scheduler.position("ahead") == 1, "it was not told to stop, so it still waits"
    assert scheduler.submit(Job("ahead again", Lane.BACKGROUND, "document", tenant="a")) == ("ahead",)


def test_completions_without_a_session_never_take_every_slot() -> None:
    scheduler = team(4)
    flood(scheduler, Lane.INLINE, 9)
    running: list[str] = []
    for _ in range(9):
        running += scheduler.take(0).start
        first_token(scheduler, *running)
    assert len(running) == 3
    scheduler.submit(Job("light", Lane.INLINE, tenant="light"))
    assert scheduler.take(0).start == ("light",)


def test_a_tenants_prompts_are_computed_one_after_the_other() -> None:
    scheduler = team(8)
    flood(scheduler, Lane.CHAT, 4)
    assert scheduler.take(0).start == ("flood chat 0",)
    assert not scheduler.charge("flood chat 0", prefilled=512, generated=0)
    assert scheduler.take(0).start == ()
    assert scheduler.charge("flood chat 0", prefilled=900, generated=1), "so that it is asked what may start"
    assert not scheduler.charge("flood chat 0", prefilled=900, generated=2)
    assert scheduler.take(0).start == ("flood chat 1",)


def test_while_others_are_about_a_tenant_gets_less_and_alone_it_gets_more() -> None:
    scheduler = team(16)
    scheduler.submit(Job("light", Lane.INLINE, tenant="light"))
    scheduler.take(0)
    scheduler.finish("light")
    flood(scheduler, Lane.CHAT, 20)
    running: list[str] = []

    def wait(now: float) -> int:
        for _ in range(20):
            running.extend(scheduler.take(now).start)
            first_token(scheduler, *running)
        return len(running)

    assert wait(1) == 16 // module.PATIENT_PART
    assert wait(module.ABOUT_SECONDS - 1) == 16 // module.PATIENT_PART
    patient = 16 - 16 // module.SPARE_PART
    assert wait(module.ABOUT_SECONDS + 1) == patient - 1, "one place is left for someone else's chat"
    scheduler.submit(Job("question", Lane.CHAT, tenant="light"))
    assert scheduler.take(module.ABOUT_SECONDS + 2).start == ("question",)


def test_another_slot_goes_only_to_the_tenant_that_had_least() -> None:
    scheduler = team(16)
    flood(scheduler, Lane.CHAT, 3, "rich")
    flood(scheduler, Lane.CHAT, 3, "poor")
    assert set(scheduler.take(0).start) == {"rich chat 0", "poor chat 0"}
    scheduler.charge("rich chat 0", prefilled=9000, generated=1)
    scheduler.charge("poor chat 0", prefilled=10, generated=1)
    assert scheduler.take(0).start == ("poor chat 1",)


def test_one_user_of_this_machine_is_not_held_back() -> None:
    scheduler = Scheduler(slots=4, max_queue=99)
    flood(scheduler, Lane.INLINE, 5)
    assert len(scheduler.take(0).start) == 4


def test_what_is_gone_is_not_charged() -> None:
    scheduler = team(1)
    assert not scheduler.charge("never was", prefilled=10, generated=10)
    flood(scheduler, Lane.CHAT, 1)
    scheduler.take(0)
    scheduler.finish("flood chat 0")
    assert not scheduler.charge("flood chat 0", prefilled=10, generated=10)
