"""Names: those that could be used, and a change that takes just the same thing."""

import pytest

from copilot.chat.renaming import Renaming, read_names, styled
from copilot.errors import SlipstreamError
from tests.copilot.chat.places import place


def renamed(text: str, new: str, language: str = "python") -> str:
    outcome = Renaming(place(text, language)).renamed(new)
    assert outcome.proposal is not None, outcome.note
    return outcome.proposal.text


def test_a_local_name_is_renamed_in_its_function_only() -> None:
    text = "def f(«»n):\n    n += 1\n    return n\n\n\ndef g(n):\n    return n\n"
    want = "def f(count):\n    count += 1\n    return count\n\n\ndef g(n):\n    return n\n"
    assert renamed(text, "count") == want


def test_a_function_is_renamed_where_it_is_called() -> None:
    text = "def «»f(x):\n    return x\n\n\nprint(f(1), obj.f, 'f')  # f\n"
    assert renamed(text, "same") == "def same(x):\n    return x\n\n\nprint(same(1), obj.f, 'f')  # f\n"


def test_a_method_is_renamed_at_its_own_object_and_others_are_counted() -> None:
    text = "class A:\n    def «»run(self):\n        self.run()\n\n\nother.run()\n"
    outcome = Renaming(place(text)).renamed("start")
    assert outcome.proposal is not None
    assert outcome.proposal.text == "class A:\n    def start(self):\n        self.start()\n\n\nother.run()\n"
    assert "1 more" in outcome.note


def test_keyword_arguments_of_others_stay() -> None:
    text = "def f(«»n):\n    return g(n=n)\n"
    assert renamed(text, "count") == "def f(count):\n    return g(n=count)\n"


def test_a_shorthand_keeps_its_property() -> None:
    text = "function f(«»n) {\n  return { n };\n}\n"
    assert renamed(text, "count", "javascript") == "function f(count) {\n  return { n: count };\n}\n"


@pytest.mark.parametrize(
    ("answer", "names"),
    [
        ("1. `total`\n2. sum_items\n", ("total", "sum_items")),
        ("- **total** - the sum\n* amount()", ("total", "amount")),
        ("total, amount, value", ("total", "amount", "value")),
        ("class\nreturn\nused\nold_name", ()),
        ("Here are some better names for it:\ntotal", ("total",)),
        ("totalSum", ("total_sum",)),
    ],
)
def test_names_are_read_and_unusable_ones_left_out(answer: str, names: tuple[str, ...]) -> None:
    assert read_names(answer, "old_name", {"used"}, whole=True) == names


def test_a_line_that_broke_off_is_no_name() -> None:
    assert read_names("total\namou", "x", set(), whole=False) == ("total",)


@pytest.mark.parametrize(
    ("name", "like", "want"),
    [("sumItems", "do_it", "sum_items"), ("sum_items", "doIt", "sumItems"), ("sum_items", "DoIt", "SumItems"),
     ("sumItems", "DO_IT", "SUM_ITEMS"), ("sum_items", "_x_y", "_sum_items"), ("größe", "x", "größe")],
)  # fmt: skip
def test_names_are_written_as_the_old_one(name: str, like: str, want: str) -> None:
    assert styled(name, like) == want


def test_without_a_name_there_is_nothing_to_rename() -> None:
    with pytest.raises(SlipstreamError, match="no name"):
        _ = Renaming(place("\n«»\n")).title
