"""Type-through: what is left of a suggestion after someone and their editor typed on."""

from dataclasses import dataclass
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from copilot.completion.follow import follow, remainder
from copilot.completion.suggestion import Base, End, Offer, Suggestion
from copilot.text.spot import Spot
from tests.spots import CARET, spot_in


def offered(base: str, text: str, *, replaced: int = 0, whole: int | None = None) -> Offer:
    """An offer at the caret in ``base``; ``whole``: it still grows, and so much of it are whole lines."""
    offer = Offer(Base.of(spot_in(base)), generation=1)
    offer.grow(text, whole=len(text) if whole is None else whole, replaced=replaced)
    if whole is None:
        offer.end(End.WHOLE)
    return offer


def left(offer: Offer, text: str) -> Suggestion | None:
    match = follow(offer, spot_in(text))
    return None if match is None else remainder(offer, match)


class Case(NamedTuple):
    """``now``: how the document reads; ``text`` None: nothing of the suggestion fits any more."""

    name: str
    base: str
    suggestion: str
    now: str
    text: str | None
    replaced: int = 0


F = "def f(a):\n    "
CASES = [
    Case("nothing was typed", f"{F}‸\n", "return a", f"{F}‸\n", "return a"),
    Case("one key", f"{F}‸\n", "return a", f"{F}r‸\n", "eturn a"),
    Case("a word", f"{F}‸\n", "return a", f"{F}return‸\n", " a"),
    Case("all of it", f"{F}‸\n", "return a", f"{F}return a‸\n", None),
    Case("more than all of it", f"{F}‸\n", "return a", f"{F}return ab‸\n", None),
    Case("another key", f"{F}‸\n", "return a", f"{F}x‸\n", None),
    Case("another case", f"{F}‸\n", "return a", f"{F}R‸\n", None),
    Case("the first line", f"{F}‸\n", "if a:\n        b()", f"{F}if a:‸\n", "\n        b()"),
    # Enter, and what editors do then.
    Case("Enter, indented", f"{F}‸\n", "if a:\n        b()", f"{F}if a:\n        ‸\n", "b()"),
    Case("Enter, indented less", f"{F}‸\n", "if a:\n        b()", f"{F}if a:\n    ‸\n", "    b()"),
    Case("Enter, not indented", f"{F}‸\n", "if a:\n        b()", f"{F}if a:\n‸\n", "        b()"),
    Case("Enter, indented more", f"{F}‸\n", "if a:\n        b()", f"{F}if a:\n            ‸\n", None),
    Case("Enter, tabs for spaces", f"{F}‸\n", "if a:\n        b()", f"{F}if a:\n\tb‸\n", "()"),
    Case("white space before Enter", f"{F}‸\n", "if a:\n        b()", f"{F}if a: \n        b‸\n", "()"),
    Case("two lines on", f"{F}‸\n", "x = 1\n    y = 2\n    z = 3", f"{F}x = 1\n    y = 2\n    z‸\n", " = 3"),
    Case("a line between is another", f"{F}‸\n", "x = 1\n    y = 2\n    z = 3", f"{F}x = 1\n    w = 2\n    z‸\n", None),
    Case("the first line was indented anew", f"{F}‸\n", "return a", "def f(a):\n        r‸\n", "eturn a"),
    Case("the fresh line was indented less", f"{F}‸\n", "return a", "def f(a):\n  ‸\n", None),
    Case("a blank line of it", f"{F}‸\n", "x = 1\n\n    y = 2", f"{F}x = 1\n\n    ‸\n", "y = 2"),
    Case("a blank line with white space", f"{F}‸\n", "x = 1\n\n    y = 2", f"{F}x = 1\n    \n    ‸\n", "y = 2"),
    # Brackets and quotes that the editor closes.
    Case("a closer is put there", "x = ‸\n", "f(a)", "x = f(‸)\n", "a)", 1),
    Case("a closer is put there, in front of text", "x = ‸ # sum\n", "f(a)", "x = f(‸) # sum\n", "a)", 1),
    Case("two closers", "x = ‸\n", "f([a, b])", "x = f([‸])\n", "a, b])", 2),
    Case("a closer typed over", "x = ‸\n", "f(a) + 1", "x = f(a)‸\n", " + 1"),
    Case("of two closers, one typed over", "x = ‸\n", "f([a]) + 1", "x = f([a]‸)\n", ") + 1", 1),
    Case("a quote", "x = ‸\n", 'f("a")', 'x = f("‸")\n', 'a")', 2),
    Case("a closer that nothing opened", "x = ‸\n", "f(a)", "x = f(‸]\n", None),
    Case("text was put right of the caret", "x = ‸\n", "f(a)", "x = f(‸b)\n", None),
    Case("the suggestion has no closer", "x = ‸\n", "f(", "x = f‸\n", "("),
    Case("Enter between brackets", "x = ‸\n", "f(\n    a,\n)", "x = f(\n    ‸\n)\n", "a,"),
    Case("Enter between brackets, lines on", "x = ‸\n", "f(\n    a,\n    b,\n)", "x = f(\n    a,\n‸\n)\n", "    b,"),
    Case("Enter between brackets, in front of text", "x = ‸ # s\n", "f(\n    a\n)", "x = f(\n    ‸\n) # s\n", "a"),
    Case("the closer that went down is not the end", "x = ‸\n", "f(\n    a\n) + 1", "x = f(\n    ‸\n)\n", None),
    Case("Enter between brackets that stood there", "f(‸)\n", "\n    a,\n)", "f(\n    ‸\n)\n", "a,"),
    # Closers that stood there before.
    Case("in front of a closer", "f(‸)\n", "a, b", "f(a‸)\n", ", b"),
    Case("a closer is part of it", "f(‸)\n", "a, b)", "f(a‸)\n", ", b)", 1),
    Case("a closer that stood there is typed over", "f(‸)\n", "a) + 1", "f(a)‸\n", " + 1"),
    # Elsewhere.
    Case("the line above is another", f"{F}‸\n", "return a", "def g(a):\n    ‸\n", None),
    Case("lines were put far above", f"{F}‸\n", "return a", f"import os\n\n\n\n\n\n\n{F}‸\n", None),
    Case("the line below is another", f"{F}‸\n\nx = 1\n", "return a", f"{F}‸\n\ny = 1\n", None),
    Case("a blank line below went", f"{F}‸\n\nx = 1\n", "return a", f"{F}‸\nx = 1\n", "return a"),
]


@pytest.mark.parametrize("case", CASES, ids=[case.name for case in CASES])
def test_what_is_left(case: Case) -> None:
    replaced = 1 if case.base.startswith("f(") and ")" in case.suggestion else 0
    suggestion = left(offered(case.base, case.suggestion, replaced=replaced), case.now)
    assert suggestion == (None if case.text is None else Suggestion(case.text, case.replaced))


def test_a_suggestion_that_grows_shows_whole_lines_only() -> None:
    offer = offered(f"{F}‸\n", "if a:\n        b(", whole=5)
    assert left(offer, f"{F}‸\n") == Suggestion("if a:")
    assert left(offer, f"{F}if‸\n") == Suggestion(" a:")
    assert left(offer, f"{F}if a:‸\n") is None


@pytest.mark.parametrize(
    ("now", "fits"),
    [
        (f"{F}if a:\n        b(x‸\n", True),
        (f"{F}if a:\n        b(x)\n        ‸\n", True),
        (f"{F}if a:\n        c(‸\n", False),
        (f"{F}if b‸\n", False),
    ],
)
def test_someone_may_be_ahead_of_a_suggestion_that_grows(now: str, fits: bool) -> None:
    offer = offered(f"{F}‸\n", "if a:\n        b(", whole=5)
    match = follow(offer, spot_in(now))
    assert (match is not None) == fits
    assert match is None or match.ahead
    offer.end(End.WHOLE)
    assert left(offer, now) is None


def test_what_it_replaces_counts_from_the_text_that_replaces_it() -> None:
    offer = Offer(Base.of(spot_in("f(‸)\n")), generation=1)
    offer.grow("a,\n", whole=2)
    offer.grow("  b)", whole=7, replaced=1)
    offer.end(End.WHOLE)
    assert offer.replaced_by(2) == 0
    assert left(offer, "f(‸)\n") == Suggestion("a,\n  b)", 1)


# ----------------------------------------------------------------------------------------------- an editor, in small


_CLOSERS = {"(": ")", "[": "]", "{": "}", '"': '"'}


@dataclass
class Editor:
    """One that closes brackets, skips closers it put there, and indents after Enter as the line above is indented."""

    before: str
    after: str
    closes: bool
    indents: bool
    put: int = 0
    """How many closers right of the caret it put there."""
    moved: int = 0
    """How many it put on lines of their own below."""
    went: bool = False
    """Whether the caret ever went behind one of those, indented as the editor would have it."""

    def type(self, character: str) -> None:
        if character == "\n":
            self._enter()
        elif self.moved and not self.put and self.after.lstrip().startswith(character) and character in ")]}":
            self._go_down()
        elif self.closes and self.put and self.after.startswith(character):
            self.before, self.after, self.put = self.before + character, self.after[1:], self.put - 1
        elif self.closes and character in _CLOSERS:
            self.before, self.after = self.before + character, _CLOSERS[character] + self.after
            self.put += 1
        else:
            self.before += character

    def _enter(self) -> None:
        last = self.before.rpartition("\n")[2]
        indent = last[: len(last) - len(last.lstrip())] if self.indents else ""
        if self.closes and self.put and self.after[:1] == _CLOSERS.get(last[-1:], "none"):
            # Between two brackets: the closer goes to a line of its own.
            self.after = f"\n{indent}{self.after}"
            self.moved += 1
            indent += "    " if self.indents else ""
        self.before += f"\n{indent}"
        self.put = 0

    def _go_down(self) -> None:
        """Nobody types a closer that stands below already: the caret goes behind it, and a blank line between goes."""
        above, _, blank = self.before.rpartition("\n")
        size = len(self.after) - len(self.after.lstrip()) + 1
        assert not blank.strip()
        self.before, self.after = above + self.after[:size], self.after[size:]
        self.moved, self.went = self.moved - 1, True

    def write(self, text: str) -> None:
        """``text`` as a person types it: white space at a line's beginning that is there already is not typed again."""
        for number, line in enumerate(text.split("\n")):
            if number:
                self.type("\n")
                there = self.before.rpartition("\n")[2]
                if not line.startswith(there):
                    # Backspace, as much as is too much.
                    self.before = self.before[: len(self.before) - len(there)]
                    there = ""
            else:
                there = ""
            for character in line[len(there) :]:
                self.type(character)

    def accept(self, suggestion: Suggestion) -> str:
        return self.before + suggestion.text + self.after[suggestion.replaced :]

    @property
    def spot(self) -> Spot:
        return spot_in(self.before + CARET + self.after)


words = st.sampled_from(["a", "bc", "x1", " ", ", ", " = ", ".", " + "])
expressions = st.recursive(
    words,
    lambda inner: st.one_of(
        st.tuples(inner, inner).map("".join),
        st.tuples(st.sampled_from(["()", "[]", "{}", '""']), inner).map(
            lambda pair: pair[0][0] + (pair[1].replace('"', "") if pair[0] == '""' else pair[1]) + pair[0][1]
        ),
    ),
    max_leaves=6,
)
lines = st.tuples(st.integers(0, 3), expressions).map(lambda pair: "    " * pair[0] + pair[1].strip())
# A call whose brackets are on lines of their own, as formatters leave it.
calls = st.tuples(st.sampled_from(["()", "[]", "{}"]), st.lists(words.map(str.strip).filter(bool), max_size=2)).map(
    lambda pair: "\n".join([f"f{pair[0][0]}", *(f"    {word}" for word in pair[1]), pair[0][1]])
)
suggestions = st.tuples(expressions, st.lists(st.one_of(lines, calls), max_size=3)).map(
    lambda pair: "\n".join([pair[0].strip() or "a", *pair[1]])
)
places = st.sampled_from([f"{F}‸\n", f"{F}‸", "x = ‸\n", "x = ‸  # sum\n\nnext()\n", "‸", "import os\n\n‸\n\ny = 2\n"])


@given(places, suggestions, st.data())
def test_typing_any_part_of_it_leaves_the_rest(place: str, suggestion: str, data: st.DataObject) -> None:
    offer = offered(place, suggestion)
    size = data.draw(st.integers(0, len(suggestion)))
    typed = suggestion[:size]
    before, after = place.split(CARET)
    rest = left(offer, before + typed + CARET + after)
    assert (rest.text if rest is not None else "").strip() == suggestion[size:].strip()
    assert rest is None or _plain(suggestion[size:]) == _plain(rest.text)


@given(places, suggestions, st.booleans(), st.booleans(), st.data())
def test_accepting_what_is_left_gives_what_accepting_at_once_gives(
    place: str, suggestion: str, closes: bool, indents: bool, data: st.DataObject
) -> None:
    """Whatever the editor does by itself."""
    offer = offered(place, suggestion)
    before, after = place.split(CARET)
    at_once = before + suggestion + after
    editor = Editor(before, after, closes, indents)
    size = data.draw(st.integers(0, len(suggestion)))
    editor.write(suggestion[:size])
    match = follow(offer, editor.spot)
    rest = None if match is None else remainder(offer, match)
    if rest is None:
        # Nothing is left but closers, which the editor has put there; or they are below, and more comes behind them.
        assert editor.moved or not suggestion[size:].strip(')]}" \n')
    else:
        same = _bare if editor.moved or editor.went else _plain
        assert same(editor.accept(rest)) == same(at_once)


def _plain(text: str) -> str:
    """Without white space at lines' ends, which nobody sees."""
    return "\n".join(line.rstrip() for line in text.split("\n"))


def _bare(text: str) -> str:
    """Without indentation too, where the editor indented a closer in its own way."""
    return "\n".join(line.strip() for line in text.split("\n"))


@given(suggestions.filter(lambda text: "\n" not in text), st.data())
def test_a_closing_editor_loses_no_suggestion_along_a_line(suggestion: str, data: st.DataObject) -> None:
    """Along a line the rest is shown after each key."""
    offer = offered("x = ‸\n", suggestion)
    editor = Editor("x = ", "\n", closes=True, indents=True)
    for at, character in enumerate(suggestion[:-1]):
        editor.type(character)
        rest = left(offer, editor.before + CARET + editor.after)
        if suggestion[at + 1 :].strip():
            assert rest is not None, editor
            assert rest.text == suggestion[at + 1 :]
