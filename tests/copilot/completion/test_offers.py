"""What one document has on offer: running generations first, then what is remembered."""

from copilot.completion.framing import Prompt
from copilot.completion.offers import Offers
from copilot.completion.run import Kind, Run
from copilot.completion.speed import Speed
from copilot.context.request import InfillRequest
from tests.spots import spot_in

PLACE = "def f(a):\n    ‸\n"
SPEED = Speed()


def started(offers: Offers, generation: int, kind: Kind = Kind.MAIN, place: str = PLACE) -> Run:
    prompt = Prompt(InfillRequest(prefix="p", suffix="s"), 10.0)
    run = Run(generation, kind, spot_in(place), prompt, since=0.0, max_lines=12)
    offers.runs[generation] = run
    return run


def ended(offers: Offers, run: Run) -> None:
    run.finish(SPEED)
    del offers.runs[run.generation]
    offers.keep(run)


def shown(offers: Offers, place: str) -> list[str]:
    return [suggestion.text for _, suggestion in offers.at(spot_in(place))]


def test_what_runs_is_shown_by_lines_and_remembered_when_it_ends() -> None:
    offers = Offers()
    run = started(offers, 1)
    run.text("if a:\n        retu", 0.1, SPEED)
    assert shown(offers, PLACE) == ["if a:"]
    run.text("rn a\n", 0.2, SPEED)
    ended(offers, run)
    assert shown(offers, PLACE) == ["if a:\n        return a"]


def test_each_text_is_offered_once_and_alternatives_come_last() -> None:
    offers = Offers()
    for generation, (text, kind) in enumerate(
        [("return 1\n", Kind.ALTERNATIVE), ("return 2\n", Kind.MAIN), ("return 2\n", Kind.ALTERNATIVE)], 1
    ):
        run = started(offers, generation, kind)
        run.text(text, 0.1, SPEED)
        ended(offers, run)
    assert shown(offers, PLACE) == ["return 2", "return 1"]


def test_another_alternative_goes_behind_those_that_are_there() -> None:
    offers = Offers()
    for generation, text in enumerate(("return 1\n", "return 2\n", "return 3\n"), 1):
        run = started(offers, generation, Kind.ALTERNATIVE)
        run.text(text, 0.1, SPEED)
        assert shown(offers, PLACE) == ["return 1", "return 2", "return 3"][:generation]
        ended(offers, run)
    assert shown(offers, PLACE) == ["return 1", "return 2", "return 3"]


def test_a_generation_is_awaited_until_it_is_contradicted() -> None:
    offers = Offers()
    run = started(offers, 1)
    for typed in ("", "r", "return"):
        spot = spot_in(PLACE.replace("‸", f"{typed}‸"))
        assert offers.awaited(spot)
        assert offers.contradicted(spot) == []
    run.text("retry()", 0.1, SPEED)
    assert offers.contradicted(spot_in(PLACE.replace("‸", "ret‸"))) == []
    assert offers.contradicted(spot_in(PLACE.replace("‸", "retu‸"))) == [run]
    assert not offers.awaited(spot_in("x = ‸\n"))


def test_what_only_prefills_offers_and_contradicts_nothing() -> None:
    offers = Offers()
    started(offers, 1, Kind.AHEAD)
    assert not offers.writing
    assert not offers.awaited(spot_in(PLACE))
    assert offers.contradicted(spot_in("x = ‸\n")) == []


def test_white_space_says_nothing_before_the_text_can_be_shown() -> None:
    offers = Offers()
    run = started(offers, 1, place="x = ‸\n")
    run.text(" path", 0.1, SPEED)
    assert offers.contradicted(spot_in("x = pa‸\n")) == []
    assert offers.contradicted(spot_in("x = pb‸\n")) == [run]
