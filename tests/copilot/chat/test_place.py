"""What a question is about: the selection, or what stands around the caret."""

import pytest

from tests.copilot.chat.places import place

CODE = """import os


class Box:
    @property
    def size(self):
        return 1

    def empty(self):
        return «»0
"""


def test_without_a_selection_it_is_the_function_around() -> None:
    here = place(CODE)
    assert here.symbol is not None
    assert (here.symbol.name, [it.name for it in here.scopes]) == ("empty", ["Box", "empty"])
    assert here.piece == "    def empty(self):\n        return 0"


def test_decorators_belong_to_what_they_decorate() -> None:
    assert place(CODE.replace("«»", "").replace("return 1", "return «»1")).piece.startswith("    @property\n")


def test_outside_of_everything_it_is_the_line() -> None:
    here = place("«»import os\nimport re\n")
    assert (here.symbol, here.piece) == (None, "import os")


@pytest.mark.parametrize(
    ("text", "piece"),
    [
        ("a\n«b\nc\n»d\n", "b\nc"),
        ("a\nx«b\nc»y\nd\n", "xb\ncy"),
        ("a«»", "a"),
        ("«»", ""),
        ("a\n«»", ""),
        ("«a\n»", "a"),
        ("😀 «b» c\n", "😀 b c"),
    ],
)
def test_a_selection_means_its_lines(text: str, piece: str) -> None:
    assert place(text).piece == piece


def test_lines_are_counted_as_editors_do() -> None:
    here = place("a\x0cb\nd\u2028e«»\nf", end="\r\n")
    assert (here.lines, here.piece) == ((1, 2), "d\u2028e")


def test_a_place_outside_is_moved_inside() -> None:
    document = place("ab«»\n").document
    here = type(place("«»"))(document, (9, 9), (-1, -5))
    assert (here.start, here.end) == ((0, 0), (1, 0))


@pytest.mark.parametrize(
    ("language", "text", "name"),
    [
        ("javascript", "const twice = (x) => {\n  «»return 2 * x;\n};\n", "twice"),
        ("typescript", "export class A {\n  run(): void {\n    «»go();\n  }\n}\n", "run"),
        ("go", "func Twice(x int) int {\n\treturn «»2 * x\n}\n", "Twice"),
        ("rust", "#[test]\nfn twice(x: i32) -> i32 {\n    «»2 * x\n}\n", "twice"),
        ("cpp", "template <class T>\nT *twice(T x) {\n  «»return x;\n}\n", "twice"),
        ("java", "class A {\n  int twice(int x) {\n    «»return 2 * x;\n  }\n}\n", "twice"),
        ("csharp", "class A {\n  int Twice(int x) {\n    «»return 2 * x;\n  }\n}\n", "Twice"),
        ("ruby", "def twice(x)\n  «»2 * x\nend\n", "twice"),
    ],
)
def test_definitions_are_known_in_many_languages(language: str, text: str, name: str) -> None:
    symbol = place(text, language).symbol
    assert symbol is not None
    assert (symbol.name, symbol.is_function) == (name, True)
