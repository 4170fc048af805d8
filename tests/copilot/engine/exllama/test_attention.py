"""The check of a loaded model's attention: which way is taken, and what happens when one is wrong."""

import pytest

from copilot.engine.exllama.attention import Verdict, Ways, choose, sample_ids
from copilot.errors import SlipstreamError

RIGHT, WRONG = Verdict(0.01, 1.0, True), Verdict(0.9, 0.1, False)


class Three:
    """Three ways of computing; some of them may be wrong, or raise."""

    def __init__(self, *outcomes: Verdict | Exception, at: int = 0) -> None:
        self.outcomes = outcomes
        self.at = at
        self.ways = Ways(("first", "second", "third")[: len(outcomes)], lambda: self.at, self.lower)

    def lower(self) -> bool:
        if self.at == len(self.outcomes) - 1:
            return False
        self.at += 1
        return True

    def check(self) -> Verdict:
        outcome = self.outcomes[self.at]
        if isinstance(outcome, Exception):
            raise outcome
        return outcome


def test_the_best_that_is_right_is_taken_and_named() -> None:
    three = Three(RIGHT, RIGHT)
    words = choose(three.check, three.ways)
    assert three.at == 0
    assert words == "Attention: first, checked against the plain path (difference 0.010, 100% of tokens the same)."


def test_one_that_is_wrong_or_can_not_run_is_passed_over_and_that_is_said() -> None:
    three = Three(WRONG, RuntimeError("no kernel image"), RIGHT)
    words = choose(three.check, three.ways)
    assert three.at == 2
    assert "third" in words
    assert "first is wrong (difference 0.90)" in words
    assert "second can't be used here (RuntimeError)" in words


@pytest.mark.parametrize("outcomes", [(WRONG,), (WRONG, WRONG), (NotImplementedError("softcap"), WRONG)])
def test_when_none_is_right_the_model_is_refused(outcomes: tuple[Verdict | Exception, ...]) -> None:
    three = Three(*outcomes)
    with pytest.raises(SlipstreamError, match="No way of computing attention is right") as caught:
        choose(three.check, three.ways)
    assert caught.value.code == "wrong_attention"
    assert "GGUF" in caught.value.hint


def test_ways_that_come_to_the_same_are_tried_once() -> None:
    """On a processor the best of them is the last, whichever is asked for."""
    tried: list[int] = []
    lowest = [0]

    def lower() -> bool:
        lowest[0] += 1
        return lowest[0] < 3

    def check() -> Verdict:
        tried.append(lowest[0])
        return WRONG

    with pytest.raises(SlipstreamError):
        choose(check, Ways(("first", "second", "third"), lambda: 2, lower))
    assert tried == [0]


def test_sample_ids_are_the_same_every_time_and_within_the_vocabulary() -> None:
    assert sample_ids(1000) == sample_ids(1000)
    assert all(0 <= id < 1000 for id in sample_ids(1000))
    assert len(set(sample_ids(1000))) > 200
