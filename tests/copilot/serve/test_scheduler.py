"""Lanes, slots, supersede and deadlines, without clock or engine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.errors import SlipstreamError
from copilot.serve.api import Lane
from copilot.serve.scheduler import Job, Scheduler


def test_urgent_lanes_go_first_whatever_came_first() -> None:
    scheduler = Scheduler(slots=1, max_queue=9)
    scheduler.submit(Job("running", Lane.INLINE))
    assert scheduler.take(0).start == ("running",)
    for lane in reversed(Lane):
        scheduler.submit(Job(lane.value, lane))
    order = []
    last = "running"
    for _ in Lane:
        scheduler.finish(last)
        (last,) = scheduler.take(0).start
        order.append(last)
    assert order == ["inline", "next_edit", "chat", "background"]


def test_within_a_lane_first_come_first_served() -> None:
    scheduler = Scheduler(slots=3, max_queue=9)
    for name in "abc":
        scheduler.submit(Job(name, Lane.INLINE))
    assert scheduler.take(0).start == ("a", "b", "c")


def test_one_slot_stays_free_of_patient_work() -> None:
    scheduler = Scheduler(slots=3, max_queue=9)
    for name in "abc":
        scheduler.submit(Job(name, Lane.CHAT))
    scheduler.submit(Job("later", Lane.BACKGROUND))
    assert scheduler.take(0).start == ("a", "b")
    scheduler.submit(Job("typing", Lane.INLINE))
    assert scheduler.take(0).start == ("typing",)
    scheduler.finish("typing")
    assert scheduler.take(0).start == ()


def test_with_one_slot_chat_is_served_too() -> None:
    scheduler = Scheduler(slots=1, max_queue=9)
    scheduler.submit(Job("a", Lane.CHAT))
    assert scheduler.take(0).start == ("a",)


def test_the_newest_inline_request_of_a_session_wins() -> None:
    scheduler = Scheduler(slots=2, max_queue=9)
    scheduler.submit(Job("other", Lane.INLINE, "file:///b"))
    scheduler.submit(Job("old", Lane.INLINE, "file:///a"))
    scheduler.take(0)
    assert scheduler.submit(Job("newer", Lane.INLINE, "file:///a")) == ("old",)
    assert set(scheduler.submit(Job("newest", Lane.INLINE, "file:///a"))) == {"old", "newer"}
    scheduler.finish("other")
    assert scheduler.take(0).start == (), "the engine has not let go of the session's last one"
    scheduler.finish("old")
    assert scheduler.take(0).start == ("newest",)


def test_a_session_that_waits_for_itself_holds_up_nobody_else() -> None:
    scheduler = Scheduler(slots=2, max_queue=9)
    scheduler.submit(Job("old", Lane.INLINE, "a"))
    scheduler.take(0)
    scheduler.submit(Job("new", Lane.INLINE, "a"))
    scheduler.submit(Job("other", Lane.INLINE, "b"))
    assert scheduler.take(0).start == ("other",)


def test_a_completion_ends_what_runs_or_waits_in_the_background_of_its_session() -> None:
    scheduler = Scheduler(slots=3, max_queue=9)
    scheduler.submit(Job("prefill", Lane.BACKGROUND, "a"))
    scheduler.take(0)
    assert scheduler.submit(Job("prefetch", Lane.BACKGROUND, "a")) == ("prefill",)
    assert scheduler.take(0).start == (), "the engine has not let go of the session's last one"
    assert set(scheduler.submit(Job("typing", Lane.INLINE, "a"))) == {"prefill", "prefetch"}
    assert scheduler.take(0).start == (), "it wants the KV cache of the one that is being stopped"
    scheduler.finish("prefill")
    assert scheduler.take(0).start == ("typing",)


def test_background_work_runs_while_no_completion_does() -> None:
    scheduler = Scheduler(slots=4, max_queue=9)
    scheduler.submit(Job("ahead", Lane.BACKGROUND, "b"))
    assert scheduler.take(0).start == ("ahead",)
    assert scheduler.submit(Job("typing", Lane.INLINE, "a")) == ("ahead",), "its batches would be shared"
    assert scheduler.submit(Job("next", Lane.BACKGROUND, "a")) == ()
    assert scheduler.submit(Job("other", Lane.BACKGROUND, "c")) == ()
    assert scheduler.take(0).start == ("typing",), "it need not wait for another session's"
    scheduler.finish("ahead")
    assert scheduler.take(0).start == ()
    scheduler.finish("typing")
    assert scheduler.take(0).start == ("next", "other")


def test_a_completion_that_waits_for_background_work_to_let_go_keeps_others_of_it_out() -> None:
    scheduler = Scheduler(slots=1, max_queue=9)
    scheduler.submit(Job("ahead", Lane.BACKGROUND, "a"))
    scheduler.take(0)
    assert scheduler.submit(Job("typing", Lane.INLINE, "b")) == ("ahead",)
    scheduler.submit(Job("later", Lane.BACKGROUND, "c"))
    assert scheduler.take(0).start == ()
    scheduler.finish("ahead")
    assert scheduler.take(0).start == ("typing",)


def test_next_edits_and_chat_leave_background_work_alone() -> None:
    scheduler = Scheduler(slots=4, max_queue=9)
    scheduler.submit(Job("ahead", Lane.BACKGROUND, "a"))
    scheduler.take(0)
    for lane in (Lane.NEXT_EDIT, Lane.CHAT):
        assert scheduler.submit(Job(lane.value, lane, "a")) == ()
    assert scheduler.take(0).start == ("next_edit", "chat")


def test_chat_of_the_same_session_is_not_superseded() -> None:
    scheduler = Scheduler(slots=3, max_queue=9)
    scheduler.submit(Job("chat", Lane.CHAT, "a"))
    scheduler.take(0)
    assert scheduler.submit(Job("inline", Lane.INLINE, "a")) == ()


def test_expired_work_is_never_started() -> None:
    scheduler = Scheduler(slots=1, max_queue=9)
    scheduler.submit(Job("running", Lane.INLINE))
    scheduler.take(0)
    scheduler.submit(Job("late", Lane.INLINE, deadline=5))
    scheduler.submit(Job("patient", Lane.INLINE, deadline=9))
    assert scheduler.next_deadline == 5
    assert scheduler.take(4.9) == ((), ())
    scheduler.finish("running")
    assert scheduler.take(5) == (("patient",), ("late",))


def test_a_full_queue_refuses_and_says_that_it_may_be_tried_again() -> None:
    scheduler = Scheduler(slots=1, max_queue=1)
    scheduler.submit(Job("running", Lane.INLINE))
    scheduler.take(0)
    scheduler.submit(Job("waiting", Lane.INLINE, "a"))
    with pytest.raises(SlipstreamError) as caught:
        scheduler.submit(Job("too many", Lane.INLINE, "b"))
    assert (caught.value.code, caught.value.retryable) == ("busy", True)
    assert scheduler.submit(Job("newer", Lane.INLINE, "a")) == ("waiting",), "it takes the place of what it supersedes"


def test_removing_a_waiting_job_touches_no_other() -> None:
    scheduler = Scheduler(slots=1, max_queue=9)
    for name in "abc":
        scheduler.submit(Job(name, Lane.INLINE))
    scheduler.take(0)
    assert scheduler.remove("b")
    assert not scheduler.remove("b")
    assert not scheduler.remove("a"), "it runs, it does not wait"
    scheduler.finish("a")
    assert scheduler.take(0).start == ("c",)


actions = st.lists(
    st.one_of(
        st.tuples(st.just("submit"), st.sampled_from(Lane), st.sampled_from([None, "a", "b"]), st.integers(1, 30)),
        st.tuples(st.just("finish"), st.integers(0, 9)),
        st.tuples(st.just("remove"), st.integers(0, 9)),
        st.tuples(st.just("wait"), st.integers(1, 9)),
    ),
    max_size=60,
)


@given(st.integers(1, 4), actions)
def test_whatever_happens_each_job_ends_once_and_the_bounds_hold(slots: int, script: list[tuple[object, ...]]) -> None:
    scheduler = Scheduler(slots=slots, max_queue=5)
    jobs: dict[str, Job] = {}
    running: set[str] = set()
    stopping: set[str] = set()
    gone: set[str] = set()
    now = 0.0
    for number, (action, *arguments) in enumerate(script):
        match action, arguments:
            case "submit", [Lane() as lane, session, int() as wait]:
                job = Job(str(number), lane, session if isinstance(session, str) else None, now + wait)
                try:
                    superseded = scheduler.submit(job)
                except SlipstreamError:
                    continue
                assert not set(superseded) & gone
                gone |= set(superseded) - running
                stopping |= set(superseded) & running
                jobs[job.id] = job
            case "finish", [int() as index] if running:
                done = sorted(running)[index % len(running)]
                running.remove(done)
                gone.add(done)
                scheduler.finish(done)
            case "remove", [int() as index] if waiting := sorted(set(jobs) - running - gone):
                assert scheduler.remove(waiting[index % len(waiting)])
                gone.add(waiting[index % len(waiting)])
            case "wait", [int() as seconds]:
                now += seconds
        turn = scheduler.take(now)
        assert not (set(turn.start) | set(turn.expired)) & (running | gone)
        assert all((jobs[job].deadline or 0) > now for job in turn.start)
        running |= set(turn.start)
        gone |= set(turn.expired)
        waiting_now = set(jobs) - running - gone
        assert scheduler.running == len(running) <= slots
        assert scheduler.queued == len(waiting_now) <= 5
        patient = [job for job in running if jobs[job].lane in {Lane.CHAT, Lane.BACKGROUND}]
        assert len(patient) <= max(1, slots - 1)
        document = [jobs[job] for job in running if jobs[job].lane in {Lane.INLINE, Lane.BACKGROUND}]
        sessions = [job.session for job in document if job.session]
        assert len(sessions) == len(set(sessions))
        live = {job.lane for job in document if job.id not in stopping}
        assert len(live) <= 1, "background work runs beside a completion"
