"""Counters of tokens: who is next, what idle time earns, and what is remembered."""

from copilot.serve import fairness
from copilot.serve.fairness import Shares


def test_generated_tokens_cost_more_than_those_of_a_prompt() -> None:
    shares = Shares(decode_weight=3)
    shares.charge("a", 100, 10)
    assert shares.counter("a") == 130


def test_nobody_saves_up_credit_while_idle() -> None:
    shares = Shares()
    shares.join("busy")
    for _ in range(100):
        shares.serve("busy")
        shares.charge("busy", 100, 0)
    shares.join("back from lunch")
    assert 9_900 <= shares.counter("back from lunch") <= 10_000, "as much as the other had, but for its last turn"


def test_who_left_with_more_than_others_had_does_not_lose_it_by_coming_back() -> None:
    shares = Shares()
    for tenant in "ab":
        shares.join(tenant)
    shares.serve("a")
    shares.leave("a")
    shares.charge("a", 5_000, 0)
    shares.join("a")
    assert shares.counter("a") - shares.counter("b") == 5_000


def test_what_is_remembered_is_bounded() -> None:
    shares = Shares()
    shares.join("always")
    shares.charge("always", 7, 0)
    for number in range(5 * fairness.MOST_DEBTORS):
        shares.join(f"{number}")
        shares.leave(f"{number}")
        shares.charge(f"{number}", 1 + number, 0)
    assert shares.known <= 2 * fairness.MOST_DEBTORS + 1
    assert shares.counter("always") == 7, "who waits is never forgotten"
    last = 5 * fairness.MOST_DEBTORS - 1
    assert shares.counter(f"{last}") == 1 + last, "nor who owes most"
