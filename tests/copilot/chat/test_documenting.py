"""Documentation: the model writes words, and they go where each language has them."""

import pytest

from copilot.chat.documenting import Documenting, documentation
from copilot.errors import SlipstreamError
from tests.copilot.chat.places import place


def after(text: str, language: str, answer: str, *, end: str = "\n") -> str:
    outcome = Documenting(place(text, language, end=end)).read(answer, whole=True)
    assert outcome.proposal is not None, outcome.note
    return outcome.proposal.text


def test_a_docstring_begins_the_body() -> None:
    assert (
        after("def f(x):\n    «»return x\n", "python", "Return it.")
        == 'def f(x):\n    """Return it."""\n    return x\n'
    )


def test_a_docstring_takes_the_place_of_the_one_there_is() -> None:
    text = 'def f(x):\n    """Old\n    words.\n    """\n    «»return x\n'
    assert after(text, "python", "New words.") == 'def f(x):\n    """New words."""\n    return x\n'


def test_long_words_are_wrapped_and_quotes_do_no_harm() -> None:
    made = after("class A:\n    def f(self):\n        «»pass\n", "python", 'Say """this""" \\ that. ' + "Word " * 40)
    assert all(len(line) <= 90 for line in made.split("\n"))
    assert made.count('"""') == 2
    compile(made, "a.py", "exec")


@pytest.mark.parametrize(
    ("language", "text", "want"),
    [
        ("javascript", "function f() {\n  «»go();\n}\n", "/**\n * Do it.\n */\nfunction f() {\n  go();\n}\n"),
        ("typescript", "export class A {\n  run() {\n    «»go();\n  }\n}\n",
         "export class A {\n  /**\n   * Do it.\n   */\n  run() {\n    go();\n  }\n}\n"),
        ("rust", "/// Old.\nfn f() {\n    «»go();\n}\n", "/// Do it.\nfn f() {\n    go();\n}\n"),
        ("go", "func F() {\n\t«»run()\n}\n", "// Do it.\nfunc F() {\n\trun()\n}\n"),
        ("cpp", "int f() {\n  «»return 1;\n}\n", "/**\n * Do it.\n */\nint f() {\n  return 1;\n}\n"),
        ("ruby", "def f\n  «»1\nend\n", "# Do it.\ndef f\n  1\nend\n"),
        ("csharp", "class A {\n  void F() {\n    «»G();\n  }\n}\n",
         "class A {\n  /// <summary>\n  /// Do it.\n  /// </summary>\n  void F() {\n    G();\n  }\n}\n"),
    ],
)  # fmt: skip
def test_other_languages_have_it_above(language: str, text: str, want: str) -> None:
    assert after(text, language, "Do it.") == want
    assert after(text, language, "Do it.", end="\r\n") == want.replace("\n", "\r\n")


@pytest.mark.parametrize(
    "answer",
    [
        "Add two numbers.",
        "```\nAdd two numbers.\n```",
        '```python\ndef add(a, b):\n    """Add two numbers."""\n    return a + b\n```',
        "Here is the docstring:\n\nAdd two numbers.",
        "```js\n/**\n * Add two numbers.\n */\nfunction add() {}\n```",
        "// Add two numbers.",
        '"""Add two numbers."""',
    ],
)
def test_the_words_are_found_whatever_they_are_wrapped_in(answer: str) -> None:
    assert documentation(answer).removeprefix("// ") == "Add two numbers."


@pytest.mark.parametrize(
    ("text", "language", "note"),
    [
        ("def f(x): «»return x\n", "python", "stands on one line"),
        ("function f() {} function g() {«»}\n", "javascript", "shares its line"),
    ],
)
def test_where_there_is_no_place_nothing_is_proposed(text: str, language: str, note: str) -> None:
    outcome = Documenting(place(text, language)).read("Do it.", whole=True)
    assert outcome.proposal is None
    assert note in outcome.note


def test_an_answer_cannot_end_the_comment_and_go_on_as_code() -> None:
    made = after("function f() {\n  «»go();\n}\n", "javascript", "Do it. */ evil(); /*")
    assert "*/ evil" not in made
    made = after("int f() {\n  «»return 1;\n}\n", "cpp", "Do it \\")
    assert made.endswith("int f() {\n  return 1;\n}\n")


def test_without_a_definition_there_is_nothing_to_document() -> None:
    with pytest.raises(SlipstreamError, match="no function or class"):
        _ = Documenting(place("«»x = 1\n")).title
