"""What became of a suggestion, read off the edits."""

import pytest

from copilot.completion.kept import KEPT_AFTER, kept_share
from copilot.completion.life import Life
from copilot.completion.moment import Moment, Outcome
from copilot.completion.suggestion import Base, End, Offer, Suggestion
from copilot.context.request import CaretPlace
from copilot.text.document import Change, Document
from copilot.text.position import Position, PositionEncoding, Range
from copilot.text.spot import Spot
from tests.spots import spot_in

SHOWN, ACCEPTED, PARTLY, REJECTED, KEPT = (
    Outcome.SHOWN,
    Outcome.ACCEPTED,
    Outcome.PARTIALLY_ACCEPTED,
    Outcome.REJECTED,
    Outcome.KEPT,
)


class Screen:
    """A document on which ``text`` is suggested at the caret."""

    def __init__(self, place: str, text: str) -> None:
        self.life = Life()
        self.spot = spot_in(place)
        self.now = 10.0
        self.offer = Offer(Base.of(self.spot), generation=7)
        self.offer.grow(text, whole=len(text))
        self.offer.end(End.WHOLE)
        self.moments: list[Moment] = []
        self.show(Suggestion(text))

    def show(self, suggestion: Suggestion) -> None:
        place = CaretPlace.LINE_END
        self.moments += self.life.show(
            [(self.offer, suggestion)], self.spot, place, asked=self.now - 0.25, now=self.now
        )

    def edit(self, text: str, ahead: str = "") -> None:
        here = Position(self.spot.line, self.spot.column)
        change = Change(Range(here, here), text + ahead)
        document = self.spot.document.apply([change], PositionEncoding.UTF32)
        lines = text.count("\n")
        column = len(text) - text.rfind("\n") - 1 if lines else self.spot.column + len(text)
        before, self.spot = self.spot, Spot(document, self.spot.line + lines, column)
        self.now += 1
        self.moments += self.life.edited([change], before, self.spot, self.now)

    def outcomes(self) -> list[Outcome]:
        return [moment.outcome for moment in self.moments]


def test_it_is_shown_once_however_often_it_is_drawn() -> None:
    screen = Screen("x = ‸\n", "f(a)\ng(b)")
    screen.show(Suggestion("f(a)\ng(b)"))
    (moment,) = screen.moments
    assert (moment.outcome, moment.characters, moment.lines, moment.language) == (SHOWN, 9, 2, "python")
    assert moment.waited_ms == pytest.approx(250)


@pytest.mark.parametrize(
    ("edits", "outcomes"),
    [
        (["f(a) + 1"], [ACCEPTED]),
        (["f(", "a) + 1"], [PARTLY, ACCEPTED]),
        (["f", "(", "a"], []),
        (list("f(a) + 1"), []),
        (["x"], [REJECTED]),
        (["f", "x"], [REJECTED]),
        (["f(a)", "x"], [PARTLY, REJECTED]),
        (["f(a) + 1", "x"], [ACCEPTED]),
        (["foo(a)"], [REJECTED]),
    ],
)
def test_what_the_edits_say(edits: list[str], outcomes: list[Outcome]) -> None:
    screen = Screen("x = ‸\n", "f(a) + 1")
    for text in edits:
        screen.edit(text)
    assert screen.outcomes()[1:] == outcomes


def test_a_pair_of_brackets_is_one_key_and_accepts_nothing() -> None:
    screen = Screen("x = f‸\n", "()")
    screen.edit("(", ahead=")")
    assert ACCEPTED not in screen.outcomes()


def test_what_was_rejected_was_visible_for_a_while() -> None:
    screen = Screen("x = ‸\n", "f(a)")
    screen.edit("y")
    assert screen.moments[-1].visible_ms == pytest.approx(1000)


def test_leaving_the_place_rejects_it_once() -> None:
    screen = Screen("x = ‸\n", "f(a)")
    assert [moment.outcome for moment in screen.life.dismissed(12.0)] == [REJECTED]
    assert list(screen.life.dismissed(13.0)) == []


def test_what_is_kept_is_looked_up_when_it_is_due() -> None:
    screen = Screen("x = ‸\n", "compute(first, second)")
    screen.edit("compute(first, second)")
    due = [screen.now + after for after in KEPT_AFTER]
    assert screen.life.next_due == due[0]
    assert list(screen.life.kept(screen.spot.document, due[0] - 1)) == []
    (moment,) = screen.life.kept(screen.spot.document, due[0])
    assert (moment.outcome, moment.share, moment.after_s) == (KEPT, 1.0, KEPT_AFTER[0])
    gone = Document.from_text("file:///a.py", "python", 9, "y = 1\n")
    (moment,) = screen.life.kept(gone, due[1])
    assert (moment.share, moment.after_s) == (0.0, KEPT_AFTER[1])
    assert screen.life.next_due is None


@pytest.mark.parametrize(
    ("text", "now", "share"),
    [
        ("return total(items)", "def f():\n    return total(items)\n", 1.0),
        ("return total(items)", "# one more\n" * 30 + "    return total( items )\n", 1.0),
        ("return total(items)", "    return (x)\n", 0.0),
        ("a = f(b)\nc = g(d)", "a = f(b)\n", 0.5),
        ("   ", "anything", 1.0),
        (")", "f(x)", 1.0),
    ],
)
def test_how_much_of_a_text_is_still_there(text: str, now: str, share: float) -> None:
    document = Document.from_text("file:///a.py", "python", 1, now)
    assert kept_share(text, document, 0) == pytest.approx(share)
