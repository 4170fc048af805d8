"""What someone pins, bans and never wants to see."""

import pytest

from copilot.context.steering import MOST, Ban, Pin, Steering, head_of, lines_of, place_of
from copilot.errors import SlipstreamError

PIN = Pin(path="src/a.py", first=3, last=5, head="def f()")
BAN = Ban(path="src/a.py", head="def f()")


def test_nothing_is_said_at_first() -> None:
    assert Steering().allows("a.py", "x = 1")


def test_a_banned_piece_is_told_by_its_first_line() -> None:
    steering = Steering().with_ban(BAN)
    assert not steering.allows("src/a.py", "\n    def f():\n        return 1\n")
    assert not steering.allows("src/a.py", "class A\n    def f()\n    def g()")
    assert steering.allows("src/a.py", "def g(): ...")
    assert steering.allows("src/b.py", "def f():")


@pytest.mark.parametrize(
    ("path", "hidden"),
    [("src/a.py", True), ("src/sub/b.py", True), ("src", True), ("src2/a.py", False), ("lib/src/a.py", False)],
)
def test_a_folder_that_is_never_shown_hides_what_is_in_it(path: str, hidden: bool) -> None:
    assert Steering().with_never("src").hides(path) == hidden
    assert Steering().with_never("src").allows(path, "x") == (not hidden)


def test_the_last_word_counts() -> None:
    assert Steering().with_ban(BAN).with_pin(PIN) == Steering(pins=(PIN,))
    assert Steering().with_pin(PIN).with_ban(BAN) == Steering(bans=(BAN,))
    assert Steering().with_pin(PIN).with_never("src") == Steering(never=("src",))
    assert Steering().with_never("src").with_pin(PIN) == Steering(pins=(PIN,))
    assert Steering().with_never("src/a.py").with_never("src") == Steering(never=("src",))


def test_a_word_about_a_path_can_be_taken_back() -> None:
    other = Pin(path="b.py", first=1, last=1, head="x")
    steering = Steering().with_pin(PIN).with_pin(other).with_ban(Ban(path="src/c.py", head="y"))
    assert steering.without("src") == Steering(pins=(other,))


def test_there_is_an_end_to_it_and_nothing_is_forgotten_for_it() -> None:
    steering = Steering()
    for number in range(MOST):
        steering = steering.with_never(f"{number}.py")
    with pytest.raises(SlipstreamError) as caught:
        steering.with_never("one_more.py")
    assert caught.value.code == "too_many"
    assert steering.hides("0.py")


def test_a_banned_stretch_is_known_when_it_comes_a_few_lines_further_down() -> None:
    lines = [f"value_{number} = compute({number})" for number in range(24)]
    text = "\n".join(lines[:12])
    steering = Steering().with_ban(Ban(path="a.py", head=head_of(text), lines=lines_of(text)))
    assert not steering.allows("a.py", "\n".join(lines[4:16]))
    assert steering.allows("a.py", "\n".join(lines[10:22]))
    assert steering.allows("b.py", text)


def test_a_pin_follows_its_text() -> None:
    lines = ["import os", "", "", "x = 1", "def f():", "    a", "    b", "c"]
    assert place_of(PIN, lines) == (5, 7)
    assert place_of(PIN, lines[:6]) == (5, 6)
    assert place_of(PIN, ["def g():"]) is None
    twice = ["def f():", *[""] * 3, "def f():", "    a", "    b"]
    assert place_of(PIN, twice) == (1, 3)


def test_the_first_line_that_says_something() -> None:
    assert head_of("\n\n   x = 1  \ny") == "x = 1"
    assert head_of("  def f(a) -> int:\n") == "def f(a) -> int"
    assert head_of("func f() {\n") == "func f()"
    assert head_of(" \n") == ""
    assert head_of("@property\n# why\ndef size(self) -> int:\n    ...") == "def size(self) -> int"
    assert head_of("@property\n") == "@property"
