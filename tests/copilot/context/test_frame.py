"""Frames: what stands in front of the typed text stays the same while someone types."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.context.frame import PREFIX, PSM, SPM, Frame, frame_at, rendered, request_in, shared, still_fits
from copilot.context.request import InfillRequest
from copilot.text.spot import Spot
from tests.spots import spot_in

TEXT = "import os\n\n\ndef f(a):\n    x = ‸\n    return x\n\n\ndef g():\n    pass\n"


def framed(spot: Spot, layout: str = SPM, *, prefix: int = 1000, suffix: int = 1000) -> Frame:
    return frame_at(spot, layout, prefix_characters=prefix, suffix_characters=suffix)


def typed(spot: Spot, text: str) -> Spot:
    return spot.after(text)


def test_a_frame_takes_whole_lines_as_far_as_they_go() -> None:
    spot = spot_in(TEXT)
    assert request_in(framed(spot, prefix=18), spot).prefix == "def f(a):\n    x = "
    assert request_in(framed(spot, prefix=17), spot).prefix == "    x = "
    assert request_in(framed(spot, prefix=5), spot).prefix == " x = "
    assert request_in(framed(spot), spot).prefix == TEXT.partition("‸")[0]


def test_a_long_line_above_is_begun_in_its_middle() -> None:
    spot = spot_in("first\n" + "word " * 50 + "\n    ‸\n")
    frame = framed(spot, prefix=100)
    assert request_in(frame, spot).prefix == ("word " * 50 + "\n    ")[-100:]
    assert still_fits(frame, typed(spot, "abc"), prefix_characters=150)


@pytest.mark.parametrize("layout", [SPM, PSM, PREFIX])
@given(st.lists(st.sampled_from(["a", "(", " = ", "\n    ", "é", "🦀"]), max_size=12))
def test_typing_appends_to_the_prompt(layout: str, pieces: list[str]) -> None:
    spot = spot_in(TEXT)
    frame = framed(spot, layout)
    before = rendered(request_in(frame, spot))
    for piece in pieces:
        spot = typed(spot, piece)
        after = rendered(request_in(frame, spot))
        assert after == before + piece
        before = after


def test_only_the_order_that_ends_with_the_middle_has_a_begun_one() -> None:
    spot = spot_in(TEXT)
    for layout, begun in {SPM: "", PREFIX: "", PSM: "abc"}.items():
        request = request_in(framed(spot, layout), typed(spot, "abc"), path="a.py")
        assert request.begun == begun
        assert (request.prefix + request.begun).endswith("    x = abc")
        assert (request.layout, request.path, request.language) == (layout, "a.py", "python")
        assert request.suffix == ("" if layout == PREFIX else "\n    return x\n\n\ndef g():\n    pass\n")


def test_a_frame_fits_while_someone_types_and_no_longer() -> None:
    spot = spot_in(TEXT)
    frame = framed(spot, PSM)
    assert still_fits(frame, typed(spot, "abc"), prefix_characters=1000)
    assert still_fits(frame, typed(spot, "abc\n    y = 1"), prefix_characters=1000)
    assert not still_fits(frame, typed(spot, "abc"), prefix_characters=30)
    assert not still_fits(frame, typed(spot, "a" * 401), prefix_characters=1000)
    # In front of where the middle began.
    assert not still_fits(frame, Spot(spot.document, 3, 2), prefix_characters=1000)


@pytest.mark.parametrize(
    ("now", "fits"),
    [
        (TEXT.replace("x = ‸", "x = f(‸)"), True),
        (TEXT.replace("x = ‸", "x = f(\n        ‸\n    )"), True),
        (TEXT.replace("    return x\n", ""), False),
        (TEXT.replace("x = ‸\n    return x", "x = ‸\n    y = 1\n    return x"), False),
    ],
)
def test_a_suffix_is_good_while_it_stands_below_whatever_the_editor_put_between(now: str, fits: bool) -> None:
    frame = framed(spot_in(TEXT))
    assert still_fits(frame, spot_in(now), prefix_characters=1000) == fits


LONG = "one of many words " * 9


@pytest.mark.parametrize(
    ("before", "now", "size"),
    [
        (f"x = ‸\n{LONG}", f"x = abc‸\n{LONG}", 40),
        (f"x = ‸\n{LONG}", f"x = f(‸)\n{LONG}", 40),
        (f"x = f(‸)\n{LONG}", f"x = f(a)‸\n{LONG}", 40),
        ("x = ‸\n" + "}\n" * 30 + "y = 1\n", "x = a‸\n" + "}\n" * 30 + "y = 1\n", 40),
        ("x = ‸\n" + "}\n" * 12 + "y = 1\n", "x = a‸\n" + "}\n" * 12 + "y = 1\n", 400),
        ("x = ‸\n" + "\n" * 30 + "y = 1\n", "x = a‸\n" + "\n" * 30 + "y = 1\n", 400),
    ],
)
def test_a_suffix_is_good_where_it_is_cut_or_begins_with_many_closers(before: str, now: str, size: int) -> None:
    frame = framed(spot_in(before), suffix=size)
    assert still_fits(frame, spot_in(now), prefix_characters=1000)


def test_lines_added_above_move_a_frame() -> None:
    spot = spot_in(TEXT)
    frame = framed(spot, PSM, prefix=20)
    below = spot_in("import sys\nimport re\n" + TEXT)
    moved = frame.shifted(0, 2)
    assert request_in(moved, below) == request_in(frame, spot)
    assert moved.shifted(0, -2) == frame
    assert frame.shifted(4, 3) == frame
    assert frame.shifted(0, -99).start == (0, 0)


@given(st.text("ab", max_size=30), st.text("ab", max_size=30))
def test_what_two_prompts_share(one: str, other: str) -> None:
    count = shared(one, other)
    assert one[:count] == other[:count]
    assert count == min(len(one), len(other)) or one[count] != other[count]


def test_another_order_shares_nothing_that_counts() -> None:
    texts = [rendered(InfillRequest(prefix="same", suffix="same", layout=layout)) for layout in (SPM, PSM)]
    assert shared(*texts) == 0
