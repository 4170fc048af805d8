from copilot.bench.quality.arms import Arm, arms
from copilot.config.settings import CompletionSettings
from copilot.context.request import CaretPlace

ORDER = {"fresh_line": "spm", "line_end": "psm", "mid_line": "psm", "no_suffix": "prefix"}


def test_without_a_wish_it_is_as_set() -> None:
    (arm,) = arms([], [], [])
    assert arm.name == "as set"
    assert arm.settings(CompletionSettings()) == CompletionSettings()
    assert arm.model(ORDER).layout(CaretPlace.FRESH_LINE, "x") == "spm"
    assert arm.model(ORDER).layout(CaretPlace.LINE_END, "x") == "psm"


def test_every_combination_has_its_name() -> None:
    found = arms(["spm", "psm"], [], [16, 32])
    assert [arm.name for arm in found] == ["spm, suffix 16", "spm, suffix 32", "psm, suffix 16", "psm, suffix 32"]
    settings = found[1].settings(CompletionSettings())
    assert (settings.suffix_tokens, settings.prefix_tokens) == (32, CompletionSettings().prefix_tokens)


def test_an_order_is_the_same_at_every_place() -> None:
    model = Arm(layout="psm").model(ORDER)
    assert {model.layout(place, "x") for place in CaretPlace} == {"psm"}
    assert model.layout(CaretPlace.FRESH_LINE, "") == "psm"


def test_without_a_suffix_its_length_makes_no_difference() -> None:
    assert [arm.name for arm in arms(["prefix", "spm"], [], [16, 32])] == ["prefix", "spm, suffix 16", "spm, suffix 32"]
