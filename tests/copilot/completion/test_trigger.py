"""Where nothing is suggested by itself, and when a pause is waited for."""

import msgspec
import pytest

from copilot.completion.trigger import Pace, Quiet, quiet_at
from copilot.config.settings import CompletionSettings
from tests.spots import spot_in


@pytest.mark.parametrize(
    ("text", "quiet"),
    [
        ("x = ‸", None),
        ("‸", None),
        ("    ‸\n", None),
        ("f(‸)", None),
        ("f(a, ‸)", None),
        ('x = "‸"', None),
        ("x = na‸", None),
        ("x = na‸me", Quiet.IN_WORD),
        ("x = ‸name", Quiet.IN_WORD),
        ("x = ‸größe", Quiet.IN_WORD),
        ("f(a)‸", Quiet.AFTER_CLOSER),
        ("f(g(a)‸)", Quiet.AFTER_CLOSER),
        ("x = [1]‸\n", Quiet.AFTER_CLOSER),
        ("f(a) ‸", None),
        ("# a word ‸", None),
    ],
)
def test_quiet_places(text: str, quiet: Quiet | None) -> None:
    assert quiet_at(spot_in(text), CompletionSettings()) is quiet


@pytest.mark.parametrize(
    ("text", "language", "quiet"),
    [
        ("x = 1  # why ‸", "python", True),
        ('x = "# ‸"', "python", False),
        ("int x; // why ‸", "c", True),
        ("/* why\n ‸ */ int x;", "c", True),
        ("int x; /* why */ ‸", "c", False),
        ("<!-- why ‸ -->", "html", True),
    ],
)
def test_comments_when_they_are_not_wanted(text: str, language: str, quiet: bool) -> None:
    settings = msgspec.structs.replace(CompletionSettings(), comments=False)
    found = quiet_at(spot_in(text, language), settings)
    assert found is (Quiet.IN_COMMENT if quiet else None)


def typing(*gaps: float) -> Pace:
    pace = Pace()
    now = 10.0
    pace.key(now)
    for gap in gaps:
        now += gap
        pace.key(now)
    return pace


def test_a_pause_is_longer_than_the_gaps_between_keys() -> None:
    quick, slow = typing(*[0.1] * 8), typing(*[0.25] * 8)
    assert 0.1 < quick.pause < slow.pause
    assert slow.pause > 0.25


def test_going_away_is_no_gap_between_keys() -> None:
    assert typing(0.1, 0.1, 60.0, 0.1).pause == typing(0.1, 0.1, 0.1).pause


def test_nothing_is_waited_for_while_the_budget_is_met() -> None:
    pace = typing(0.1, 0.1)
    assert pace.wait(3, 0.2, 0.25) == 0
    assert pace.wait(3, 0.5, 0.25) == 0
    assert 0 < pace.wait(3, 0.55, 0.25) <= pace.pause
    assert pace.wait(3, 9.0, 0.25) == pace.pause


def test_rejections_on_a_line_make_it_wait_until_something_is_accepted() -> None:
    pace = Pace()
    pace.rejected(3)
    assert pace.wait(3, 0.0, 0.25) == 0
    pace.rejected(3)
    assert pace.wait(3, 0.0, 0.25) == pace.pause
    assert pace.wait(4, 0.0, 0.25) == 0
    pace.accepted()
    assert pace.wait(3, 0.0, 0.25) == 0
    pace.rejected(3)
    pace.rejected(4)
    assert pace.wait(4, 0.0, 0.25) == 0
