"""Whatever is typed, mistyped, jumped to or helped along by the editor: at its end the file is the goal."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.bench.replay.hand import Hand, Key
from copilot.bench.replay.pipeline import Ghost
from copilot.bench.replay.trace import Trace
from copilot.bench.replay.typist import make_trace
from tests.copilot.bench.replay.traces import one_place

HERE = Path(__file__)


def typed(trace: Trace) -> list[str]:
    """The keys, as a person would name them; the file is checked on the way."""
    hand, keys = Hand(trace), []
    while (press := hand.upcoming()) is not None:
        hand.press(press)
        plain = press.key is Key.CHARACTER
        keys.append((press.edit.typed or hand.buffer.before[-1:]) if plain else str(press.key))
    assert hand.buffer.text == trace.goal
    return keys


def test_the_editor_indents_and_the_hand_takes_back_what_is_too_much() -> None:
    goal = "def f(a):\n    return a\n\n\nx = 1\n"
    keys = typed(one_place(goal, 9, 30))
    assert keys == ["enter", *"return a", "enter", "enter", "enter", "backspace", *"x = 1"]
    inner = "def f(a):\n    if a:\n        g()\n    h()\n"
    assert typed(one_place(inner, 9, len(inner) - 1))[:8] == ["enter", *"if a:", "enter", "g"]
    assert "backspace" in typed(one_place(inner, 9, len(inner) - 1))


def test_brackets_that_the_editor_closed_are_typed_over() -> None:
    goal = 'print(f("a", [1]))\n'
    trace = one_place(goal, 0, len(goal) - 1)
    assert "".join(typed(trace)) == 'print(f("a", [1]))'
    hand = Hand(trace)
    for _ in range(6):
        press = hand.upcoming()
        assert press is not None
        hand.press(press)
    assert hand.buffer.before == "print("
    assert hand.buffer.after == ")\n"
    assert hand.closers == 1


def test_a_block_between_braces_is_left_by_moving_over_the_brace() -> None:
    goal = "function f() {\n    return 1;\n}\ng();\n"
    keys = typed(one_place(goal, 0, len(goal) - 1, language="javascript"))
    assert keys[-6:] == ["move", "enter", *"g()", ";"]


def test_a_closing_bracket_that_belongs_to_the_text_below_is_deleted_again() -> None:
    goal = "call(\n    1,\n)\n"
    assert "delete" in typed(one_place(goal, 0, 11))


def test_a_typo_is_taken_back() -> None:
    keys = typed(one_place("total = 1\n", 0, 9, typo=(2, "ra")))
    assert keys[:7] == ["t", "o", "r", "a", "backspace", "backspace", "t"]


def test_a_suggestion_is_compared_with_what_is_to_come() -> None:
    goal = "def f(a):\n    return a + 1\n    b\nend\n"
    hand = Hand(one_place(goal, 9, 32))
    press = hand.upcoming()
    assert press is not None
    hand.press(press)
    assert hand.judge(Ghost("return a + 1")) == (12, True, False)
    assert hand.judge(Ghost("return a")) == (8, True, False)
    assert hand.judge(Ghost("return b")) == (0, False, False)
    assert hand.judge(Ghost("return a + 1\n    b")) == (12, True, False)
    assert hand.judge(Ghost("return a + 1\n    c")) == (12, False, False)
    hand.accept(Ghost("return a + 1"))
    assert hand.rest == "\n    b"
    while (press := hand.upcoming()) is not None:
        hand.press(press)
    assert hand.buffer.text == goal


def test_a_suggestion_may_replace_the_closer_that_the_editor_put() -> None:
    goal = "print(total)\nx\n"
    hand = Hand(one_place(goal, 0, 12))
    for _ in range(6):
        press = hand.upcoming()
        assert press is not None
        hand.press(press)
    assert hand.judge(Ghost("total)", 1)) == (6, True, False)
    assert hand.judge(Ghost("total)")) == (6, True, True), "right, but the bracket would be there twice"
    assert hand.judge(Ghost("total")) == (5, True, False)
    hand.accept(Ghost("total)", 1))
    assert hand.upcoming() is None
    assert hand.buffer.text == goal


def test_a_suggestion_that_copies_the_next_line_is_doubled() -> None:
    goal = "a = 1\nb = 2\nreturn a\n"
    hand = Hand(one_place(goal, 6, 11))
    assert hand.judge(Ghost("return a")).doubled
    assert not hand.judge(Ghost("b = 2")).doubled


def test_an_accepted_stretch_skips_its_keys_and_the_rest_is_typed() -> None:
    goal = "a = 1\nbb = 22\ncc = 33\n"
    hand = Hand(one_place(goal, 5, 21))
    hand.accept(Ghost("\nbb = 22\ncc"))
    keys = []
    while (press := hand.upcoming()) is not None:
        hand.press(press)
        keys.append(press.edit.typed)
    assert "".join(keys) == " = 33"
    assert hand.buffer.text == goal


LINES = st.lists(
    st.one_of(
        st.text(st.sampled_from("ab (){}[]\"':,éß漢\t=#"), max_size=24),
        st.builds(
            lambda depth, body: "    " * depth + body, st.integers(0, 4), st.sampled_from(["x = f(1)", "}", "if a:"])
        ),
    ).map(lambda line: line.rstrip()),
    min_size=3,
    max_size=25,
)


@given(LINES, st.integers(0, 10_000), st.booleans(), st.sampled_from(["python", "c"]))
def test_any_text_comes_back_exactly(lines: list[str], seed: int, closing: bool, language: str) -> None:
    goal = "\n".join(lines) + "\n"
    start, end = sorted((seed % len(goal), (seed // 7) % len(goal)))
    typed(one_place(goal, start, end, language=language, closing=closing))


@pytest.mark.parametrize("seed", range(25))
def test_traces_of_real_files_come_back_exactly(seed: int) -> None:
    from copilot.bench.replay import hand, typist

    for module in (hand, typist):
        path = Path(str(module.__file__))
        trace = make_trace(path.read_text(encoding="utf-8"), name=path.name, language="python", seed=str(seed), jumps=3)
        assert trace is not None
        keys = typed(trace)
        assert keys.count("jump") >= 3
