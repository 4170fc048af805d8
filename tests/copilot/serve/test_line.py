"""One lane: order, places and what a job is thought to cost."""

from hypothesis import given
from hypothesis import strategies as st

from copilot.serve.api import Lane
from copilot.serve.line import FIRST_GUESS, Job, Line


def job(name: str, tenant: str = "") -> Job:
    return Job(name, Lane.CHAT, tenant=tenant)


def start(line: Line) -> str:
    """The next one, which runs from now on."""
    following = line.next(lambda _: True)
    assert following is not None
    line.start(following)
    return following.id


def test_many_requests_of_one_tenant_do_not_delay_the_first_of_another() -> None:
    line = Line()
    for number in range(20):
        line.add(job(f"many {number}", "many"))
    assert start(line) == "many 0"
    line.add(job("one", "one"))
    assert line.position("one") == 0
    assert line.position("many 1") == 1
    assert start(line) == "one"


def test_before_its_first_token_is_counted_a_tenant_does_not_get_the_next_slot_too() -> None:
    line = Line()
    for tenant in "ab":
        for number in range(3):
            line.add(job(f"{tenant}{number}", tenant))
    assert [start(line) for _ in range(4)] == ["a0", "b0", "a1", "b1"]


def test_what_a_job_cost_counts_and_not_how_many_there_were() -> None:
    line = Line()
    for number in range(40):
        line.add(job(f"short {number}", "short"))
        line.add(job(f"long {number}", "long"))
    had = {"short": 0, "long": 0}
    for _ in range(40):
        name = start(line)
        tenant = name.split()[0]
        cost = 100 if tenant == "short" else 900
        line.charge(name, cost, 0)
        line.finish(name)
        had[tenant] += cost
    assert abs(had["short"] - had["long"]) <= 900


def test_charges_are_totals_and_told_twice_they_count_once() -> None:
    line = Line()
    for tenant in "ab":
        for number in range(3):
            line.add(job(f"{tenant}{number}", tenant))
    assert [start(line), start(line)] == ["a0", "b0"]
    for _ in range(5):
        line.charge("a0", FIRST_GUESS + 10, 0)
    line.charge("b0", FIRST_GUESS + 20, 0)
    assert start(line) == "a1", "it was charged less, once"


def test_what_supersedes_a_waiting_job_takes_its_place() -> None:
    line = Line()
    line.add(job("first", "a"))
    line.add(job("other", "b"))
    line.add(job("newer", "a"), instead_of="first")
    assert line.position("newer") == 0
    assert [start(line), start(line)] == ["newer", "other"]
    assert not line


steps = st.lists(
    st.one_of(
        st.tuples(st.just("add"), st.sampled_from("abcd"), st.just(0)),
        st.tuples(st.just("start"), st.just(""), st.just(0)),
        st.tuples(st.just("charge"), st.just(""), st.integers(0, 900)),
        st.tuples(st.just("finish"), st.just(""), st.just(0)),
        st.tuples(st.just("remove"), st.just(""), st.integers(0, 9)),
    ),
    max_size=40,
)


@given(steps)
def test_the_place_that_is_told_is_the_order_in_which_they_start(script: list[tuple[str, str, int]]) -> None:
    line = Line()
    waiting: list[str] = []
    running: list[str] = []
    for number, (action, tenant, value) in enumerate(script):
        match action:
            case "add":
                line.add(job(f"{number}", tenant))
                waiting.append(f"{number}")
            case "start" if waiting:
                running.append(start(line))
                waiting.remove(running[-1])
            case "charge" if running:
                line.charge(running[value % len(running)], value, value // 2)
            case "finish" if running:
                line.finish(running.pop(0))
            case "remove" if waiting:
                assert line.remove(waiting.pop(value % len(waiting))) is not None
    told = {name: line.position(name) for name in waiting}
    assert [told[start(line)] for _ in waiting] == list(range(len(waiting)))
    assert line.next(lambda _: True) is None
