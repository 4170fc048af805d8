"""The locator against tomllib: the same keys, each on the line where a reader finds it."""

import contextlib
import re
import tomllib
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from copilot.config.locate import Key, locate


def keys_of(value: Any, key: Key = ()) -> set[Key]:
    """Every key and item in what tomllib made of a text."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    found: set[Key] = set()
    for name, content in items:
        found |= {(*key, name)} | keys_of(content, (*key, name))
    return found


PITFALLS = '''\
# [comment]
first = 1 # second = 2
"quoted = key" = "a # b ] } = \\" c"
'lit"eral' = 'back\\slash'
dotted . "name.d" . last = 1979-05-27 07:32:00Z

[table]   # comment
multi = """
[not.a.table]
not_a_key = 1
\\"""
""quoted""\"""
after_multi = \'\'\'
also = "not"\'\'\'\'\'
array = [  # ] comment
  "]", [1, 2], # ,
  { inner = "}" , deep.er = [ "x" ] },
]
after_array = true
inline = { a = 1, "b c" = { d = 2 } }
empty = ""
empties = [[], {}, \'\']

[table."sub.table"]
key = -inf

[[list]]
name = "one"
[[list.inner]]
x = 1
[[list]]
name = "two"
[list.table]
y = 2
[[list.inner]]
[[list.inner]]
x = 3
'''


def test_every_pitfall_of_toml_keeps_its_line() -> None:
    lines = locate(PITFALLS)
    text = PITFALLS.splitlines()

    def line_of(start: str, nth: int = 0) -> int:
        return [number for number, line in enumerate(text, 1) if line.strip().startswith(start)][nth]

    assert set(lines) == keys_of(tomllib.loads(PITFALLS))
    expected: dict[Key, int] = {
        ("first",): 2,
        ("quoted = key",): 3,
        ('lit"eral',): 4,
        ("dotted",): 5,
        ("dotted", "name.d", "last"): 5,
        ("table",): line_of("[table]"),
        ("table", "multi"): line_of("multi"),
        ("table", "after_multi"): line_of("after_multi"),
        ("table", "array"): line_of("array ="),
        ("table", "array", 1): line_of('"]", ['),
        ("table", "array", 2, "inner"): line_of("{ inner"),
        ("table", "array", 2, "deep", "er"): line_of("{ inner"),
        ("table", "after_array"): line_of("after_array"),
        ("table", "inline", "b c", "d"): line_of("inline"),
        ("table", "sub.table", "key"): line_of("key ="),
        ("list",): line_of("[[list]]"),
        ("list", 0, "inner", 0, "x"): line_of("x = 1"),
        ("list", 1): line_of("[[list]]", 1),
        ("list", 1, "name"): line_of('name = "two"'),
        ("list", 1, "table", "y"): line_of("y = 2"),
        ("list", 1, "inner", 0): line_of("[[list.inner]]", 1),
        ("list", 1, "inner", 1, "x"): line_of("x = 3"),
    }
    assert {key: lines[key] for key in expected} == expected


@pytest.mark.parametrize("text", ["", "\n", "# only a comment", "a = 1", "a = 1  # no line end", '[a]\n""=0'])
def test_small_texts(text: str) -> None:
    assert set(locate(text)) == keys_of(tomllib.loads(text))


MARKER = re.compile(r"k\d+x")
plain = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), max_size=12).filter(
    lambda text: not MARKER.search(text)
)
awkward = st.sampled_from(['"""', "'''", '"', "\\", "]", "}", "[a]\nb = 1\n", "x = [", "#", '\n"""\n', "\r\n", "= {"])
strings = st.lists(plain | awkward, max_size=4).map("".join).filter(lambda text: not MARKER.search(text))
scalars = strings | st.integers() | st.booleans() | st.floats(allow_nan=False) | st.datetimes() | st.dates()
# What stands before the number in a key makes some keys need quotes.
names = st.sampled_from(["", "a", "a-b", "a b", "a.b", '"', "'", "ä", "#", "]", "="])
trees = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=3) | st.lists(st.tuples(names, inner), max_size=4).map(tuple),
    max_leaves=25,
)


def numbered(value: Any, count: list[int]) -> Any:
    """Tables (tuples of pairs until now) as dicts whose keys are unique in the whole document."""
    if isinstance(value, list):
        return [numbered(item, count) for item in value]
    if not isinstance(value, tuple):
        return value
    table = {}
    for name, content in value:
        count[0] += 1
        unique = f"{name}k{count[0]}x"
        table[unique] = numbered(content, count)
    return table


@given(st.lists(st.tuples(names, trees), max_size=5).map(tuple), st.booleans())
def test_the_same_keys_as_tomllib_each_where_its_name_first_stands(pairs: Any, multiline: bool) -> None:
    text = tomli_w.dumps(numbered(pairs, [0]), multiline_strings=multiline).replace("\r\n", "\n")
    found = locate(text)
    assert set(found) == keys_of(tomllib.loads(text))
    for key, line in found.items():
        name = key[-1]
        if isinstance(name, str):
            before = text.partition(MARKER.findall(name)[-1])[0]
            assert line == before.count("\n") + 1


@given(
    st.lists(st.sampled_from([*"[]{}=.,#\"'\\ab1\n ", '"""', "'''", "a=", "[a]", "[[a]]"]), max_size=30).map("".join)
)
def test_any_text_comes_to_an_end(text: str) -> None:
    try:
        parsed = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        with contextlib.suppress(ValueError):
            locate(text)
    else:
        assert set(locate(text)) == keys_of(parsed)


def test_nesting_beyond_the_stack_is_refused() -> None:
    with pytest.raises(ValueError, match="nested too deeply"):
        locate("a = " + "[" * 100_000)
