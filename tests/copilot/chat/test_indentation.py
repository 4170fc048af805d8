"""A model's code at the depth of the place, in its kind of white space."""

import pytest

from copilot.chat.indentation import reindented


@pytest.mark.parametrize(
    ("code", "like", "want"),
    [
        ("def f():\n    return 1", "    def f():\n        return 2", "    def f():\n        return 1"),
        ("        x = 1\n\n        y = 2", "    x = 0", "    x = 1\n\n    y = 2"),
        ("if x {\n    y()\n}", "\tif x {\n\t\tz()\n\t}", "\tif x {\n\t\ty()\n\t}"),
        ("if x:\n\ty()", "  if x:\n    z()", "  if x:\n    y()"),
        ("x", "", "x"),
    ],
)
def test_it_stands_as_deep_as_what_was_there(code: str, like: str, want: str) -> None:
    assert reindented(code, like) == want
