"""Which order a model should have, by what evidence."""

import tomllib

import msgspec
from copilot_models.manifests import builtin

from copilot.bench.quality.orders import choose, manifest_table
from copilot.bench.quality.results import Result
from copilot.context.request import CaretPlace
from tests.copilot.bench.quality.test_results import RESULT


def results(verdicts: str, similarity: float = 0.5) -> list[Result]:
    """One result a character: ``+`` is right."""
    scores = [msgspec.structs.replace(RESULT.raw, passed=verdict == "+", similarity=similarity) for verdict in verdicts]
    return [msgspec.structs.replace(RESULT, id=str(n), shown=score) for n, score in enumerate(scores)]


PLACE = CaretPlace.FRESH_LINE


def test_the_best_wins_where_it_is_significantly_better() -> None:
    choice = choose({"spm": results("+" * 12), "psm": results("-" * 8 + "++++")}, PLACE, "psm")
    assert choice is not None
    assert (choice.layout, choice.present, choice.best, choice.n) == ("spm", "psm", "spm", 12)
    assert choice.p < 0.05


def test_the_present_one_stays_without_evidence() -> None:
    choice = choose({"spm": results("+++-"), "psm": results("++--")}, PLACE, "psm")
    assert choice is not None
    assert (choice.layout, choice.best, choice.p) == ("psm", "spm", 1.0)


def test_of_new_orders_the_one_with_more_right_answers_wins_then_the_nearer_one() -> None:
    by_right = choose({"spm": results("++--"), "psm": results("+++-")}, PLACE, "prefix")
    assert by_right is not None
    assert by_right.layout == "psm"
    by_similarity = choose({"spm": results("++--", 0.9), "psm": results("++--", 0.8)}, PLACE, "prefix")
    assert by_similarity is not None
    assert by_similarity.layout == "spm"


def test_nothing_measured_chooses_nothing() -> None:
    assert choose({"spm": [], "psm": []}, PLACE, "spm") is None


def test_the_table_is_what_a_manifest_takes() -> None:
    first = choose({"spm": results("++++"), "psm": results("++++")}, CaretPlace.FRESH_LINE, "spm")
    second = choose({"spm": results("-" * 9), "psm": results("+" * 9)}, CaretPlace.LINE_END, "spm")
    assert first is not None
    assert second is not None
    table = tomllib.loads(manifest_table([first, second]))["order"]
    assert table == {"fresh_line": "spm", "line_end": "psm"}
    manifest = next(iter(builtin().values()))
    assert msgspec.structs.replace(manifest, order=table).order == table
