"""The tables, by what a reader takes from them."""

import tomllib

import msgspec

from copilot.bench.quality.problems import Stratum
from copilot.bench.quality.report import changes, report
from copilot.bench.quality.results import Result
from copilot.bench.quality.scoring import Flaws
from copilot.context.request import CaretPlace
from tests.copilot.bench.quality.test_results import RESULT

ORDER = {"fresh_line": "psm", "line_end": "psm", "mid_line": "psm"}


def result(
    name: str,
    *,
    raw: bool,
    shown: bool,
    stratum: Stratum = Stratum.FRESH_LINE,
    place: CaretPlace = CaretPlace.FRESH_LINE,
    arm: str = "as set",
    flaws: Flaws | None = None,
) -> Result:
    score = RESULT.raw
    return msgspec.structs.replace(
        RESULT,
        id=name,
        digest=name,
        stratum=stratum,
        place=place,
        setup=msgspec.structs.replace(RESULT.setup, arm=arm),
        raw=msgspec.structs.replace(score, passed=raw, flaws=flaws or Flaws()),
        shown=msgspec.structs.replace(score, passed=shown),
        whole=msgspec.structs.replace(score, passed=shown),
    )


def line(text: str, beginning: str) -> list[str]:
    (found,) = [line for line in text.splitlines() if line.startswith(beginning)]
    return found.split()


def test_shares_with_their_intervals_by_place() -> None:
    results = [result(str(n), raw=n < 21, shown=n < 31) for n in range(40)]
    results.append(result("x", raw=True, shown=True, stratum=Stratum.BEGUN, place=CaretPlace.LINE_END))
    text = report(results, order=ORDER, layouts_compared=False)
    first = text.split("\n\n")[0]
    row = line(first, "fresh-line")
    assert row[:5] == ["fresh-line", "40", "psm", ".775", "(.62-.88)"]
    assert ".525" in row
    assert line(first, "begun")[1] == "1"


def test_what_trimming_saved_and_broke() -> None:
    results = [
        result("a", raw=True, shown=False),
        result("b", raw=False, shown=True),
        result("c", raw=False, shown=True),
    ]
    text = report(results, order=ORDER, layouts_compared=False, show=1)
    trimming = text.split("\n\n")[1]
    assert line(trimming, "fresh-line")[:5] == ["fresh-line", "3", "2", "1", "1"]
    assert "broke: a (fresh-line)" in trimming
    assert "saved: b (fresh-line), c (fresh-line)" in trimming
    assert "model       '1\\n'" in trimming
    assert "saved:" not in report(results, order=ORDER, layouts_compared=False).replace("saved: right", "")


def test_flaws_are_counted_before_and_after() -> None:
    flawed = Flaws(doubled_bracket=True, unparsable=True)
    text = report([result("a", raw=False, shown=True, flaws=flawed)], order=ORDER, layouts_compared=False)
    assert " ".join(line(text.split("\n\n")[1], "fresh-line")[-9:]) == "1 -> 0 0 -> 0 1 -> 0"


def test_spans_are_told_apart_by_place() -> None:
    results = [
        result("a", raw=True, shown=True, stratum=Stratum.SPAN, place=CaretPlace.MID_LINE),
        result("b", raw=True, shown=True, stratum=Stratum.SPAN, place=CaretPlace.LINE_END),
    ]
    text = report(results, order=ORDER, layouts_compared=False)
    assert "span, mid line" in text
    assert "span, line end" in text


def test_orders_are_compared_on_the_problems_that_both_have() -> None:
    results = [result(str(n), raw=True, shown=True, arm="spm") for n in range(12)]
    results += [result(str(n), raw=False, shown=n < 2, arm="psm") for n in range(10)]
    text = report(results, order=ORDER, layouts_compared=True)
    side = next(part for part in text.split("\n\n") if part.startswith("configurations"))
    assert line(side, "fresh-line")[1:4] == ["spm", "10", "1.000"]
    (psm,) = [words for words in map(str.split, side.splitlines()) if words[:1] == ["psm"]]
    assert psm[1:3] == ["10", ".200"]
    assert "0:8" in psm
    assert "0.0078" in psm
    table = tomllib.loads(text[text.index("[order]") :])
    assert table == {"order": {"fresh_line": "spm"}}


def test_published_holes_choose_no_order() -> None:
    results = [result("a", raw=True, shown=True, arm=arm, stratum=Stratum.PUBLISHED) for arm in ("spm", "psm")]
    assert "[order]" not in report(results, order=ORDER, layouts_compared=True)


def test_changes_are_paired() -> None:
    names = {"a": (True, False), "b": (False, True), "c": (False, True), "d": (True, True)}
    pairs = [
        (result(name, raw=False, shown=before), result(name, raw=False, shown=now))
        for name, (before, now) in names.items()
    ]
    text = changes(pairs, 1)
    row = line(text, "fresh-line")
    assert row[:3] == ["fresh-line", "4", ".500"]
    assert row[4] == ".750"
    assert row[6:9] == ["1", "2", "1"]
    assert "only before: a (fresh-line)" in text
    assert "only now: b (fresh-line), c (fresh-line)" in text
