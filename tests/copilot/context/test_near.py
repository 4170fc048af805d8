"""The names around a caret, read off unfinished text."""

from copilot.context.near import UNNAMED, Near, names_in, near, plain, words_in
from tests.copilot.context.tree import question


def _near(text: str, path: str = "a.py") -> Near:
    asked = question(path, text)
    return near(asked.text.split("\n"), asked.line, asked.column, asked.language)


def test_names_of_the_carets_line_come_first() -> None:
    found = _near("far(1)\n\n\nclose(2)\nhere = there(¦")
    assert [name.name for name in found.names[:2]] == ["here", "there"]
    weights = {name.name: name.weight for name in found.names}
    assert weights["there"] == 1 > weights["close"] > weights["far"] > 0


def test_lines_below_count_less_than_lines_above() -> None:
    weights = {name.name: name.weight for name in _near("above()\n¦\nbelow()\n").names}
    assert weights["above"] > weights["below"]


def test_comments_strings_and_the_languages_own_words_are_no_names() -> None:
    found = {name.name for name in names_in("for item in range(3): print('text', item)  # remark", "python")}
    assert found == {"item"}
    assert {name.name for name in names_in("const x1 = call(`t`) // remark", "typescript")} == {"x1", "call"}


def test_a_member_knows_what_it_is_a_member_of() -> None:
    found = [(name.receiver, name.name, name.called) for name in names_in("self.reader.lines(table)", "python")]
    assert found == [("self", "reader", False), ("reader", "lines", True), ("", "table", False)]
    found = [(name.receiver, name.name, name.called) for name in names_in("aa->bb(cc::dd)", "cpp")]
    assert found == [("", "aa", False), ("aa", "bb", True), ("", "cc", False), ("cc", "dd", False)]
    assert [(name.receiver, name.name) for name in names_in("open_it().rows", "python")] == [
        ("", "open_it"),
        (UNNAMED, "rows"),
    ]


def test_the_call_that_the_caret_stands_in() -> None:
    call = _near("x = store.put(\n    key,\n    other(1),\n    ¦").call
    assert call is not None
    assert (call.name, call.receiver) == ("put", "store")


def test_a_closed_call_is_none() -> None:
    assert _near("x = put(1)\n¦").call is None


def test_a_bracket_after_a_keyword_is_no_call() -> None:
    assert _near("if (¦", "a.ts").call is None


def test_a_list_in_a_call_is_not_the_call() -> None:
    assert _near("put([¦").call is None


def test_what_is_begun_at_the_caret() -> None:
    found = _near("x = table.ro¦")
    assert (found.receiver, found.begun) == ("table", "ro")
    assert "ro" not in {name.name for name in found.names}


def test_scopes_from_the_inside_out_with_their_bases() -> None:
    scopes = _near("class Square(Shape, Sized):\n    def area(self):\n        return ¦\n").scopes
    assert [scope.name for scope in scopes] == ["area", "Square"]
    assert scopes[1].bases == ("Shape", "Sized")
    assert scopes[1].is_type


def test_scopes_of_languages_with_braces() -> None:
    scopes = _near("export class Square extends Shape {\n  area(scale: number) {\n    ¦\n  }\n}\n", "a.ts").scopes
    assert [scope.name for scope in scopes] == ["area", "Square"]
    assert "Shape" in scopes[1].bases


def test_an_empty_line_under_a_header_is_inside() -> None:
    assert [scope.name for scope in _near("def area(self):\n¦\n").scopes] == ["area"]


def test_a_line_at_the_margin_is_in_no_scope() -> None:
    assert _near("def area(self):\n    pass\n\nx = ¦").scopes == ()


def test_plain_text_keeps_code() -> None:
    assert plain("a = 'it''s' # no", "python").rstrip() == 'a = """"'
    assert "b" not in plain("a /* b */ + c", "c")


def test_words_without_builtins() -> None:
    assert words_in("rows = len(table)", "python") == {"rows", "table"}


def test_an_empty_document() -> None:
    found = _near("¦")
    assert (found.names, found.call, found.begun, found.scopes) == ((), None, "", ())
