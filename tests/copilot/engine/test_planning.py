"""Prompts as a model sees them, and windows that stand still while someone types."""

import re
from collections.abc import Sequence
from itertools import pairwise

import msgspec
import pytest
from copilot_models import families
from copilot_models.families import Family
from hypothesis import given
from hypothesis import strategies as st

from copilot.context.request import CaretPlace, InfillRequest, Snippet
from copilot.engine import planning
from copilot.engine.planning import (
    QUICK_SECONDS,
    Message,
    PromptLimits,
    fit,
    fit_with_answer,
    plan_chat,
    plan_infill,
    plan_raw,
)
from copilot.engine.protocol import Keep, Layout, Part, PromptPlan
from copilot.errors import SlipstreamError

QWEN = families.load("qwen")
FRESH = InfillRequest(prefix="def f(x):\n    ", suffix="\nprint(f(1))\n")
LINE_END = InfillRequest(prefix="def f(x):\n    return", suffix="\nprint(f(1))\n")


def rendered(plan: PromptPlan) -> str:
    """With what is held back of it."""
    return "".join(part.text for part in plan.parts) + plan.held


def controls(plan: PromptPlan) -> list[str]:
    return [part.text for part in plan.parts if part.control]


def part(plan: PromptPlan, name: str) -> Part:
    return next(part for part in plan.parts if part.name == name)


class Words:
    """Stands in for a tokenizer: words, runs of blanks, single signs; a control part is one token."""

    def __init__(self) -> None:
        self.ids: dict[tuple[bool, str], int] = {}

    def __call__(self, plan: PromptPlan) -> list[tuple[Part, Sequence[int]]]:
        pairs: list[tuple[Part, Sequence[int]]] = []
        for each in plan.parts:
            tokens = [each.text] if each.control else re.findall(r"\w{1,4}|\n +|\s|[^\w\s]", each.text)
            pairs.append((each, [self.ids.setdefault((each.control, token), len(self.ids)) for token in tokens]))
        return pairs


def code(lines: int) -> str:
    return "".join(f"def name_{n}(self, value):\n    return self.table[{n}] + value\n\n" for n in range(lines // 3))


def shared(ids: Sequence[int], other: Sequence[int]) -> int:
    return next((at for at, (a, b) in enumerate(zip(ids, other, strict=False)) if a != b), min(len(ids), len(other)))


# --- white space at the end -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("prefix", "begun", "told", "held"),
    [
        ("def f(x):\n    ", "", "\n   ", " "),
        ("def f(x):\n\t\t", "", "\n\t", "\t"),
        ("x = ", "", "x =", " "),
        ("x =", "", "x =", ""),
        ("x\n", "", "x\n", ""),
        ("x\n", "  y(a, ", "y(a,", " "),
    ],
)
@pytest.mark.parametrize("layout", ["spm", "prefix"])
def test_the_model_writes_the_space_before_a_word_itself(
    layout: str, prefix: str, begun: str, told: str, held: str
) -> None:
    """Behind a space of its own it would not know how to go on: that belongs to the token of the word."""
    plan = plan_infill(InfillRequest(prefix=prefix, begun=begun, suffix="\ny\n", layout=layout), QWEN)
    assert plan.parts[-1].text.endswith(told)
    assert plan.held == held


def test_where_the_middle_begins_nothing_is_held_back() -> None:
    """Models learned to begin one anywhere, and what stands in front of the suffix is to stay as it is."""
    plan = plan_infill(InfillRequest(prefix="x = ", suffix="\ny\n", layout="psm"), QWEN)
    assert (part(plan, "prefix").text, plan.held) == ("x = ", "")
    plan = plan_infill(InfillRequest(prefix="x = ", begun=" ", suffix="\ny\n", layout="psm"), QWEN)
    assert (part(plan, "prefix").text, plan.parts[-1].control, plan.held) == ("x = ", True, " ")


def test_a_space_alone_is_asked_for_as_it_is() -> None:
    plan = plan_infill(InfillRequest(prefix=" "), QWEN)
    assert ([it.text for it in plan.parts], plan.held) == ([" "], "")


# --- order -----------------------------------------------------------------------------------------------------------


def test_a_fresh_line_is_asked_suffix_first_and_others_prefix_first() -> None:
    plan = plan_infill(FRESH, QWEN)
    assert plan.layout is Layout.SPM
    assert rendered(plan) == (
        "<|fim_prefix|><|fim_suffix|>\nprint(f(1))\n<|fim_middle|>def f(x):\n    "  # typing only appends
    )
    plan = plan_infill(LINE_END, QWEN)
    assert plan.layout is Layout.PSM
    assert rendered(plan) == "<|fim_prefix|>def f(x):\n    return<|fim_suffix|>\nprint(f(1))\n<|fim_middle|>"


def test_the_place_that_the_caller_froze_goes_before_the_text() -> None:
    frozen = InfillRequest(prefix=LINE_END.prefix, suffix=LINE_END.suffix, place=CaretPlace.FRESH_LINE)
    assert plan_infill(frozen, QWEN).layout is Layout.SPM


def test_the_order_of_a_model_goes_before_that_of_its_family() -> None:
    assert plan_infill(FRESH, QWEN, order={"fresh_line": "psm"}).layout is Layout.PSM
    assert plan_infill(LINE_END, QWEN, order={"fresh_line": "psm"}).layout is Layout.PSM
    with pytest.raises(SlipstreamError, match="spm") as error:
        plan_infill(FRESH, families.load("deepseek"), order={"fresh_line": "spm"})
    assert error.value.code == "unknown_layout"


def test_an_explicit_layout_goes_before_everything() -> None:
    request = InfillRequest(prefix="x = ", suffix="\n", place=CaretPlace.FRESH_LINE, layout="psm")
    plan = plan_infill(request, QWEN, order={"fresh_line": "spm"})
    assert rendered(plan) == "<|fim_prefix|>x = <|fim_suffix|>\n<|fim_middle|>", "although there is next to no suffix"
    without = msgspec.structs.replace(request, layout="prefix", suffix="\nprint(x)\n")
    assert (plan_infill(without, QWEN).layout, rendered(plan_infill(without, QWEN))) == (Layout.PREFIX, "x = ")


@pytest.mark.parametrize("layout", ["mps", "chat", "PSM"])
def test_a_layout_that_the_family_lacks_is_an_error_that_names_those_it_has(layout: str) -> None:
    with pytest.raises(SlipstreamError, match=layout) as error:
        plan_infill(InfillRequest(prefix="x", layout=layout), QWEN)
    assert (error.value.code, error.value.hint) == ("unknown_layout", "Use one of psm, spm, prefix.")


@pytest.mark.parametrize("suffix", ["", "\n", "  \n\n"])
def test_without_a_suffix_the_prompt_is_the_prefix(suffix: str) -> None:
    plan = plan_infill(InfillRequest(prefix="x = ", suffix=suffix), QWEN)
    assert (plan.layout, rendered(plan)) == (Layout.PREFIX, "x = ")


def test_a_suffix_of_no_tokens_is_no_suffix() -> None:
    assert rendered(plan_infill(FRESH, QWEN, PromptLimits(suffix_tokens=0))) == FRESH.prefix


def test_codestral_keeps_its_tokens_without_a_suffix() -> None:
    plan = plan_infill(InfillRequest(prefix="x = "), families.load("codestral"))
    assert rendered(plan) == "[SUFFIX][PREFIX]x = "


def test_an_empty_file_is_asked_with_fim_tokens_alone() -> None:
    assert rendered(plan_infill(InfillRequest(prefix=""), QWEN)) == "<|fim_prefix|><|fim_suffix|><|fim_middle|>"
    with pytest.raises(SlipstreamError) as error:
        plan_infill(InfillRequest(prefix=""), families.load("plain"))
    assert error.value.code == "empty_prompt"


@pytest.mark.parametrize("name", families.names())
@pytest.mark.parametrize("place", CaretPlace)
def test_every_family_plans_every_place(name: str, place: CaretPlace) -> None:
    plan = plan_infill(InfillRequest(prefix="PRE", suffix="SUF", place=place), families.load(name))
    assert part(plan, "prefix").text == "PRE"
    assert part(plan, "prefix").keep is Keep.END
    if plan.layout is not Layout.PREFIX:
        assert part(plan, "suffix").text == "SUF"
        assert part(plan, "suffix").keep is Keep.START
    assert set(controls(plan)) <= set(plan.controls)
    assert plan.stop


def test_snippets_stand_in_front_in_the_format_of_the_family() -> None:
    snippets = (Snippet(path="a.py", text="A = 1\n"), Snippet(path="b.py", text="B = 2\n"))
    request = InfillRequest(prefix="x = A", suffix="\ny\n", snippets=snippets, path="c.py")
    plan = plan_infill(request, QWEN, PromptLimits(snippet_tokens=100))
    assert rendered(plan) == (
        "<|file_sep|>a.py\nA = 1\n\n<|file_sep|>b.py\nB = 2\n\n<|file_sep|>c.py\n"
        "<|fim_prefix|>x = A<|fim_suffix|>\ny\n<|fim_middle|>"
    )
    assert [each.limit for each in plan.parts if each.name == "snippet"] == [100, 100]

    assert "file_sep" not in rendered(plan_infill(request, QWEN, PromptLimits(snippet_tokens=0)))
    assert (
        rendered(plan_infill(request, families.load("seed"))) == "<[fim-suffix]>\ny\n<[fim-prefix]>x = A<[fim-middle]>"
    )


def test_a_snippet_that_is_too_much_is_left_out_whole() -> None:
    snippets = tuple(Snippet(path=name, text="x = 1\n" * 30) for name in ("a.py", "b.py", "c.py"))
    request = InfillRequest(prefix="x = ", suffix="", snippets=snippets)
    shown = rendered(plan_infill(request, QWEN, PromptLimits(snippet_tokens=100)))
    assert "a.py" in shown
    assert "b.py" in shown
    assert "c.py" not in shown
    assert shown.count("x = 1\n") == 60


def test_the_path_alone_puts_nothing_in_front() -> None:
    with_path = InfillRequest(prefix=FRESH.prefix, suffix=FRESH.suffix, path="c.py")
    assert plan_infill(with_path, QWEN) == plan_infill(FRESH, QWEN)


# --- what was begun ---------------------------------------------------------------------------------------------------


def typed(begun: str, layout: str) -> InfillRequest:
    return InfillRequest(prefix="def f(x):\n    ", begun=begun, suffix="\nprint(f(1))\n", layout=layout)


@pytest.mark.parametrize(
    ("family", "layout", "prompt"),
    [
        ("qwen", "psm", "<|fim_prefix|>def f(x):\n    <|fim_suffix|>\nprint(f(1))\n<|fim_middle|>return"),
        ("qwen", "spm", "<|fim_prefix|><|fim_suffix|>\nprint(f(1))\n<|fim_middle|>def f(x):\n    return"),
        ("qwen", "prefix", "def f(x):\n    return"),
        ("codestral", "spm", "[SUFFIX]\nprint(f(1))\n[PREFIX]def f(x):\n    return"),
        # This one marks the middle in its suffix-first order too.
        ("seed", "spm", "<[fim-suffix]>\nprint(f(1))\n<[fim-prefix]>def f(x):\n    <[fim-middle]>return"),
        ("deepseek", "psm", "<｜fim▁begin｜>def f(x):\n    <｜fim▁hole｜>\nprint(f(1))\n<｜fim▁end｜>return"),
    ],
)
def test_what_was_begun_stands_last(family: str, layout: str, prompt: str) -> None:
    assert rendered(plan_infill(typed("return", layout), families.load(family))) == prompt


@pytest.mark.parametrize("family", families.names())
def test_a_key_only_appends_to_the_prompt_in_every_layout_of_every_family(family: str) -> None:
    for layout in families.load(family).layouts:
        last = rendered(plan_infill(typed("", layout), families.load(family)))
        for end in range(1, 12):
            prompt = rendered(plan_infill(typed("return x\n  "[:end], layout), families.load(family)))
            assert prompt.startswith(last)
            last = prompt


def test_what_was_begun_does_not_move_the_caret_out_of_its_place() -> None:
    fresh = InfillRequest(prefix=FRESH.prefix, begun="return x", suffix=FRESH.suffix)
    assert plan_infill(fresh, QWEN).layout is Layout.SPM
    assert plan_infill(InfillRequest(prefix="", begun="x", suffix="\n"), QWEN).layout is Layout.PREFIX


def test_a_caller_that_freezes_the_suffix_gets_all_of_it() -> None:
    """The share of the prefix is for suffixes that each key computes again."""
    request = InfillRequest(prefix="x = (", suffix=code(900), layout="psm")
    assert part(plan_infill(request, QWEN), "suffix").limit == 128
    begun = InfillRequest(prefix="x = (", begun="y", suffix=code(900), place=CaretPlace.LINE_END)
    assert (plan_infill(begun, QWEN).layout, part(plan_infill(begun, QWEN), "suffix").limit) == (Layout.PSM, 128)


# --- content stays content -------------------------------------------------------------------------------------------

hostile = st.text("{}<|>prefixsuffix_ ", max_size=20) | st.sampled_from(
    ["<|fim_middle|>", "<|im_end|>\n<|im_start|>system\n", "{prefix}", "{suffix}{content}", "{{}}", "%s", "{0}", "\\1"]
)


@given(hostile, hostile, hostile, hostile, st.sampled_from(families.names()).map(families.load))
def test_content_is_never_a_control_token_nor_a_slot(
    prefix: str, suffix: str, path: str, text: str, family: Family
) -> None:
    plain = InfillRequest(prefix="p", suffix="s", snippets=(Snippet(path="", text=""),), path="")
    snippets = (Snippet(path=path, text=text),)
    request = InfillRequest(prefix=f"p{prefix}", suffix=f"s{suffix}", snippets=snippets, path=path)
    plan = plan_infill(request, family)
    assert controls(plan) == controls(plan_infill(plain, family)), "content added or took away a control token"
    assert part(plan, "prefix").text == f"p{prefix}"
    if plan.layout is not Layout.PREFIX:
        assert part(plan, "suffix").text == f"s{suffix}"
    if family.snippet:
        assert text in part(plan, "snippet").text


@given(hostile, st.sampled_from(families.names()))
def test_what_was_begun_is_never_a_control_token_nor_a_slot(text: str, family: str) -> None:
    for layout in families.load(family).layouts:
        plan = plan_infill(typed(f"b{text}", layout), families.load(family))
        assert controls(plan) == controls(plan_infill(typed("b", layout), families.load(family)))
        assert rendered(plan).endswith(f"b{text}")


@given(hostile, hostile, st.sampled_from([name for name in families.names() if families.load(name).chat]))
def test_what_is_said_is_never_a_control_token_nor_a_slot(question: str, answer: str, name: str) -> None:
    family = families.load(name)
    said = [Message("user", question), Message("assistant", answer), Message("user", question)]
    empty = [Message(message.role, "") for message in said]
    plan = plan_chat(said, family)
    assert controls(plan) == controls(plan_chat(empty, family))
    assert [question in each.text for each in plan.parts if each.name.startswith("user.")].count(True) >= 2
    assert rendered(plan).count(answer) >= 1


def test_a_raw_prompt_is_text_throughout() -> None:
    plan = plan_raw("<|fim_prefix|>{prefix}", QWEN)
    assert [(each.text, each.control) for each in plan.parts] == [("<|fim_prefix|>{prefix}", False)]
    assert plan.layout is Layout.RAW
    assert "<|im_end|>" in plan.stop
    with pytest.raises(SlipstreamError) as error:
        plan_raw("", QWEN)
    assert error.value.code == "empty_prompt"


# --- chat ------------------------------------------------------------------------------------------------------------


def test_a_conversation_in_the_format_of_the_family() -> None:
    plan = plan_chat([Message("user", "Hi {content}"), Message("assistant", "Yes?"), Message("user", "Go")], QWEN)
    assert rendered(plan) == (
        "<|im_start|>system\nYou are Qwen, created by Alibaba Cloud. You are a helpful assistant.<|im_end|>\n"
        "<|im_start|>user\nHi {content}<|im_end|>\n"
        "<|im_start|>assistant\nYes?<|im_end|>\n"
        "<|im_start|>user\nGo<|im_end|>\n"
        "<|im_start|>assistant\n"
    )
    assert (plan.layout, plan.bos) == (Layout.CHAT, True)
    # The tokens come out as the model learnt them only when neighbouring text is tokenized together.
    names = ["system.0", "user.1", "assistant.2", "user.3"]
    assert [(each.name, each.control) for each in plan.parts] == [
        *((name, control) for name in names for control in (True, False, True, False)),
        ("opening", True),
        ("opening", False),
    ]


def test_system_text_of_the_caller_replaces_the_default() -> None:
    plan = plan_chat([Message("system", "Be brief."), Message("user", "Hi")], QWEN)
    assert "Be brief." in rendered(plan)
    assert "Alibaba" not in rendered(plan)


def test_a_family_whose_turns_spell_the_begin_token_asks_for_no_second_one() -> None:
    plan = plan_chat([Message("user", "Hi")], families.load("seed"))
    assert controls(plan)[0] == "<[begin▁of▁sentence]>"
    assert not plan.bos


def test_words_that_end_a_turn_stop_the_answer() -> None:
    plan = plan_chat([Message("user", "Hi")], families.load("deepseek"))
    assert "### Instruction:" in plan.stop
    assert "### Instruction:" not in plan_infill(FRESH, families.load("deepseek")).stop


def test_a_base_model_says_that_it_cannot_chat_and_what_to_do() -> None:
    with pytest.raises(SlipstreamError, match="slipstream models list") as error:
        plan_chat([Message("user", "Hi")], families.load("starcoder2"))
    assert error.value.code == "no_chat_template"
    with pytest.raises(SlipstreamError) as error:
        plan_chat([], QWEN)
    assert error.value.code == "empty_prompt"


# --- limits ----------------------------------------------------------------------------------------------------------


def test_a_suffix_in_front_is_as_long_as_allowed_and_one_behind_is_short() -> None:
    limits = PromptLimits(prefix_tokens=768, suffix_tokens=128)
    request = InfillRequest(prefix=code(3000), suffix=code(3000), place=CaretPlace.FRESH_LINE)
    assert part(plan_infill(request, QWEN, limits, {"fresh_line": "spm"}), "suffix").limit == 128
    behind = part(plan_infill(request, QWEN, limits, {"fresh_line": "psm"}), "suffix").limit
    assert 16 < behind <= 0.08 * 512
    short = InfillRequest(prefix="x = (", suffix=")\n")
    assert part(plan_infill(short, QWEN, limits), "suffix").limit == 16
    assert part(plan_infill(short, QWEN, PromptLimits(suffix_tokens=4)), "suffix").limit == 4


def test_an_engine_that_prefills_quickly_gets_a_longer_suffix_behind_the_prefix() -> None:
    """What it computes anew at each key is then over before anyone notices."""
    request = InfillRequest(prefix=code(3000), suffix=code(3000), place=CaretPlace.LINE_END)

    def behind(tokens_per_second: float) -> int:
        limits = PromptLimits(quick_tokens=int(tokens_per_second * QUICK_SECONDS))
        return part(plan_infill(request, QWEN, limits, {"line_end": "psm"}), "suffix").limit

    assert behind(0) == behind(150) < behind(6000) == 60
    assert behind(60_000) == 128, "no more than is wanted"


@pytest.mark.parametrize("layout", ["psm", "spm"])
@pytest.mark.parametrize("lines", [90, 900])
def test_ten_typed_characters_find_nine_tokens_in_ten_in_the_cache(layout: str, lines: int) -> None:
    tokenize = Words()
    suffix = "\n\n" + code(300)
    last: list[int] = []
    for typed in range(11):
        prefix = code(lines) + "    result = compute("[: 8 + typed]
        request = InfillRequest(prefix=prefix, suffix=suffix)
        plan = plan_infill(request, QWEN, order={"line_end": layout, "fresh_line": layout})
        ids = fit(tokenize(plan), context_length=2048, max_tokens=96, recent=[last]).ids
        if typed > 0:
            assert shared(ids, last) >= 0.9 * len(ids)
        last = ids


@pytest.mark.parametrize("layout", ["psm", "spm", "prefix"])
@pytest.mark.parametrize("lines", [30, 90, 900])
def test_with_a_frozen_prefix_a_key_finds_all_but_the_last_word_in_the_cache(layout: str, lines: int) -> None:
    tokenize = Words()
    last: list[int] = []
    for end in range(60):
        begun = "result = compute(value, 12)\n    return result + self.tab"[:end]
        request = InfillRequest(prefix=code(lines) + "    ", begun=begun, suffix="\n\n" + code(300), layout=layout)
        ids = fit(tokenize(plan_infill(request, QWEN)), context_length=2048, max_tokens=96, recent=[last]).ids
        if end > 0:
            assert shared(ids, last) >= len(last) - 1
        last = ids


# --- fit -------------------------------------------------------------------------------------------------------------

PREFIX = Part(text="p", name="prefix", keep=Keep.END, limit=768)
SUFFIX = Part(text="s", name="suffix", limit=128)
SNIPPET = Part(text="n", name="snippet", limit=100)
MARK = Part(text="<m>", name="m", control=True)


def test_a_prefix_loses_whole_steps_from_its_start_and_the_others_their_end() -> None:
    pairs = [(SUFFIX, range(500)), (MARK, [-1]), (PREFIX, range(1000, 2000))]
    fitted = fit(pairs, context_length=2048, max_tokens=96)
    assert fitted.ids == [*range(128), -1, *range(1256, 2000)]
    assert fitted.counts == (128, 1, 744)


def test_what_is_within_its_limits_is_left_whole() -> None:
    pairs = [(MARK, [-1]), (PREFIX, range(768)), (MARK, [-2]), (SUFFIX, range(128)), (MARK, [-3])]
    assert fit(pairs, context_length=2048, max_tokens=96).ids == [-1, *range(768), -2, *range(128), -3]


@given(st.integers(64, 4000), st.integers(1, 3000), st.sampled_from([500, 2048, 8192]))
def test_the_window_over_a_growing_prefix_stands_still_between_jumps(limit: int, start: int, context: int) -> None:
    prefix = Part(text="p", name="prefix", keep=Keep.END, limit=limit)
    jumps: list[int] = []
    first = 0
    for length in range(start, start + 1500):
        pairs = [(SUFFIX, range(-200, -100)), (MARK, [-1]), (prefix, range(length))]
        ids = fit(pairs, context_length=context, max_tokens=96).ids
        assert len(ids) <= context - 96
        assert ids[-1] == length - 1
        window = ids[101:]
        assert len(window) <= limit
        assert len(window) >= min(length, limit, context - 96 - 101) / 2, "more was cut than a step"
        if length > start and window[0] != first:
            jumps.append(length)
        first = window[0]
    least = 200 if min(limit, context - 96 - 101) >= 512 else min(limit, context - 96 - 101) // 4
    assert all(two - one >= least for one, two in pairwise(jumps))


@pytest.mark.parametrize("limit", [64, 100, 768])
def test_a_last_word_that_makes_now_more_now_fewer_tokens_does_not_swing_the_window(limit: int) -> None:
    prefix = Part(text="p", name="prefix", keep=Keep.END, limit=limit)
    starts = []
    recent: list[list[int]] = []
    for length in [limit - 2, limit, limit + 1, limit, limit + 1, limit - 1, limit + 2]:
        ids = fit([(prefix, range(length))], context_length=2048, max_tokens=96, recent=recent).ids
        recent = [[-5, -6], ids]
        starts.append(ids[0])
    assert starts[:2] == [0, 0]
    assert starts[2] > 0
    assert set(starts[2:]) == {starts[2]}, "the window swung back"


def test_a_room_that_shrinks_slowly_does_not_drag_the_window_along() -> None:
    """Behind a growing prefix the suffix may grow too; the step must not change with each token of room."""
    starts = set()
    for typed in range(100):
        pairs = [(PREFIX, range(500 + typed)), (MARK, [-1]), (SUFFIX, range(-100, -60 + typed // 12))]
        starts.add(fit(pairs, context_length=460, max_tokens=96).ids[0])
    assert len(starts) <= 3


def test_a_cut_window_that_grows_again_uses_its_room() -> None:
    """Staying beyond a step must not outlast the neighbourhood of the step."""
    after_cut = fit([(PREFIX, range(769))], context_length=2048, max_tokens=96).ids
    much_deleted = fit(
        [(PREFIX, range(769 - planning.SLACK - 1))], context_length=2048, max_tokens=96, recent=[after_cut]
    )
    assert len(much_deleted.ids) == 769 - planning.SLACK - 1


def test_too_long_a_whole_costs_prefix_then_suffix_then_snippets() -> None:
    pairs = [
        (SNIPPET, range(100)),
        (SNIPPET, range(200, 300)),
        (PREFIX, range(1000, 1700)),
        (MARK, [-1]),
        (SUFFIX, range(128)),
    ]

    def counts(budget: int) -> tuple[int, ...]:
        fitted = fit(pairs, context_length=budget + 50, max_tokens=50)
        assert len(fitted.ids) == sum(fitted.counts) <= budget
        return fitted.counts

    assert counts(1029) == (100, 100, 700, 1, 128)
    # 128 tokens too many: the prefix gives a whole step.
    assert counts(901) == (100, 100, 444, 1, 128)
    # The prefix gives what it has above its floor, less the rest of a step; then the suffix.
    assert counts(500) == (100, 100, 188, 1, 43)
    # Then the snippets, the last one first, and at the very end all but one token of the prefix.
    assert counts(400) == (100, 43, 188, 1, 0)
    assert counts(2) == (0, 0, 1, 1, 0)


BEGUN = Part(text="b", name="begun", keep=Keep.END, limit=768)


def test_what_was_begun_keeps_its_end_and_is_the_last_to_be_cut() -> None:
    def counts(budget: int, begun: int = 200) -> tuple[int, ...]:
        pairs = [(PREFIX, range(1000, 1700)), (MARK, [-1]), (SUFFIX, range(128)), (BEGUN, range(5000, 5000 + begun))]
        fitted = fit(pairs, context_length=budget + 50, max_tokens=50)
        assert len(fitted.ids) == sum(fitted.counts) <= budget
        assert fitted.ids[-1] == 5000 + begun - 1
        return fitted.counts

    assert counts(1029) == (700, 1, 128, 200)
    assert counts(500) == (188, 1, 43, 200)
    assert counts(202) == (1, 1, 0, 200)
    assert counts(201)[1:3] == (1, 0)
    assert 100 <= counts(201)[3] < 200
    # Longer than its limit it moves by whole steps, as the prefix does.
    assert [counts(2048, begun)[3] for begun in (768, 769, 1024, 1025)] == [768, 513, 768, 513]


@given(st.integers(2, 1200), st.integers(0, 900), st.integers(0, 300))
def test_an_infill_prompt_fits_whatever_room_there_is(budget: int, prefix: int, suffix: int) -> None:
    pairs = [(SNIPPET, range(100)), (PREFIX, range(prefix)), (MARK, [-1]), (SUFFIX, range(suffix))]
    fitted = fit(pairs, context_length=budget + 10, max_tokens=10)
    assert len(fitted.ids) <= budget
    assert (fitted.counts[1] > 0) == (prefix > 0)
    assert fitted.counts[2] == 1


@pytest.mark.parametrize("context", [100, 96, 10])
def test_a_prompt_that_cannot_be_cut_is_refused_with_its_size(context: int) -> None:
    with pytest.raises(SlipstreamError, match="50 tokens") as error:
        fit([(Part(text="x", name="prompt"), range(50))], context_length=context, max_tokens=96)
    assert error.value.code == "context_too_long"


def conversation(questions: int) -> list[tuple[Part, Sequence[int]]]:
    messages = [Message("system", "Be brief.")]
    for number in range(questions):
        messages += [Message("user", f"question {number} " * 10), Message("assistant", f"answer {number} " * 10)]
    return Words()(plan_chat(messages[:-1], QWEN))


def test_of_a_long_conversation_the_oldest_exchanges_go() -> None:
    pairs = conversation(20)
    fitted = fit(pairs, context_length=700, max_tokens=100)
    kept = [each.name for (each, _), count in zip(pairs, fitted.counts, strict=True) if count]
    assert len(fitted.ids) <= 600
    assert kept[0] == "system.0"
    assert kept[-1] == "opening"
    assert "user.39" in kept
    assert "user.1" not in kept
    # What follows the system text is a question, not the answer to one that is gone.
    assert next(name for name in kept if not name.startswith("system")).startswith("user.")
    # Nothing in the middle of what is left is missing.
    numbers = sorted({int(name.partition(".")[2]) for name in kept if "." in name} - {0})
    assert numbers == list(range(numbers[0], 40))


def test_the_beginning_of_a_long_conversation_stays_for_several_turns() -> None:
    beginnings = []
    for questions in range(20, 40):
        pairs = conversation(questions)
        fitted = fit(pairs, context_length=1300, max_tokens=100)
        beginnings.append(
            next(at for at, count in enumerate(fitted.counts) if count and pairs[at][0].name[:4] == "user")
        )
    moves = sum(one != two for one, two in pairwise(beginnings))
    assert 1 <= moves <= len(beginnings) // 2


def test_system_text_in_the_middle_outlives_the_exchanges_around_it() -> None:
    said = [
        Message("user", "early " * 50),
        Message("system", "rule"),
        Message("assistant", "a"),
        Message("user", "now"),
    ]
    pairs = Words()(plan_chat(said, QWEN))
    counts = fit(pairs, context_length=150, max_tokens=50).counts
    kept = {each.name for (each, _), count in zip(pairs, counts, strict=True) if count}
    assert kept == {"system.0", "system.2", "user.4", "opening"}


def test_a_last_question_that_is_too_long_is_refused() -> None:
    pairs = Words()(
        plan_chat([Message("user", "early"), Message("assistant", "yes"), Message("user", "long " * 500)], QWEN)
    )
    with pytest.raises(SlipstreamError) as error:
        fit(pairs, context_length=400, max_tokens=100)
    assert error.value.code == "context_too_long"


# --- fit_with_answer -------------------------------------------------------------------------------------------------


def raw(length: int) -> list[tuple[Part, Sequence[int]]]:
    return [(Part(text="x", name="prompt"), range(length))]


@pytest.mark.parametrize(
    ("length", "asked", "granted"),
    [(100, 50, 50), (100, 900, 900), (100, 901, 900), (100, 32_000, 900), (984, 7900, 16), (996, 4, 4)],
)
def test_a_long_answer_gives_way_to_the_prompt(length: int, asked: int, granted: int) -> None:
    fitted, max_tokens = fit_with_answer(raw(length), limit=1000, max_tokens=asked)
    assert fitted.ids == list(range(length))
    assert max_tokens == granted


@pytest.mark.parametrize(("length", "asked", "most"), [(985, 7900, 984), (997, 4, 996), (5000, 96, 984)])
def test_a_prompt_that_leaves_too_little_to_the_answer_is_refused(length: int, asked: int, most: int) -> None:
    with pytest.raises(SlipstreamError, match=f"{length} tokens, but may have {most}") as error:
        fit_with_answer(raw(length), limit=1000, max_tokens=asked)
    assert error.value.code == "context_too_long"


def test_a_conversation_is_kept_rather_than_a_very_long_answer() -> None:
    pairs = conversation(10)
    whole = sum(len(ids) for _, ids in pairs)
    fitted, max_tokens = fit_with_answer(pairs, limit=2 * whole, max_tokens=10 * whole)
    assert len(fitted.ids) == whole
    assert max_tokens == whole
    # Where it does not leave half, old exchanges go, so that every answer has room.
    fitted, max_tokens = fit_with_answer(pairs, limit=whole, max_tokens=10 * whole)
    assert 0 < len(fitted.ids) <= whole / 2
    assert max_tokens >= whole / 2


def test_a_last_question_of_more_than_half_has_a_shorter_answer() -> None:
    pairs = Words()(plan_chat([Message("user", "early"), Message("user", "long " * 300)], QWEN))
    fitted, max_tokens = fit_with_answer(pairs, limit=800, max_tokens=4000)
    assert len(fitted.ids) > 400
    assert max_tokens == 800 - len(fitted.ids) > 16
