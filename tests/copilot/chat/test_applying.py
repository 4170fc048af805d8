import pytest

from copilot.chat.applying import applied, inserted
from copilot.chat.place import Lines
from copilot.errors import SlipstreamError
from copilot.text.document import Document

STORE = '''\
import json
from pathlib import Path


def read(path: Path) -> object:
    return json.loads(path.read_text())


class Store:
    """Keeps things."""

    def get(self, key: str) -> object:
        return self.values[key]

    def put(self, key: str, value: object) -> None:
        self.values[key] = value


def main() -> None:
    read(Path("a"))
'''


def document(text: str = STORE, language: str = "python") -> Document:
    return Document.from_text("file:///p/store.py", language, 1, text)


def after(code: str, text: str = STORE, selected: Lines | None = None, language: str = "python") -> str:
    return applied(document(text, language), code, selected).text


def test_a_function_goes_in_place_of_its_namesake() -> None:
    code = "def read(path: Path) -> object:\n    with path.open() as file:\n        return json.load(file)"
    assert after(code) == STORE.replace("    return json.loads(path.read_text())", "\n".join(code.split("\n")[1:]))


def test_only_what_differs_is_a_hunk() -> None:
    code = "def read(path: Path) -> object:\n    return 1\n\n\ndef main() -> None:\n    read(Path('b'))"
    proposal = applied(document(), code)
    assert [(it.first, it.lines) for it in proposal.hunks] == [
        (5, ("    return 1\n",)),
        (19, ("    read(Path('b'))\n",)),
    ]
    assert proposal.only({1}).text == STORE.replace('Path("a")', "Path('b')")
    assert proposal.only(set()).text == STORE


def test_what_is_typed_elsewhere_meanwhile_does_no_harm() -> None:
    proposal = applied(document(), "def read(path: Path) -> object:\n    return 1")
    newer = proposal.on(document(f"# a comment\n{STORE}"))
    assert newer is not None
    assert newer.text == f"# a comment\n{STORE}".replace("    return json.loads(path.read_text())", "    return 1")
    assert proposal.on(document(STORE.replace("json.loads", "json5.loads"))) is None


def test_a_method_alone_finds_its_class() -> None:
    code = "def get(self, key: str) -> object:\n    return self.values.get(key)"
    assert after(code) == STORE.replace("self.values[key]\n\n", "self.values.get(key)\n\n", 1)


def test_a_class_that_names_some_methods_keeps_the_others() -> None:
    get = "    def get(self, key: str) -> object:\n        return None\n"
    code = f"class Store:\n{get}\n    def drop(self) -> None:\n        pass"
    text = after(code)
    assert "        return None\n" in text
    assert "    def put(self, key" in text
    assert '"""Keeps things."""' in text
    assert text.index("def put") < text.index("def drop") < text.index("def main")


def test_new_functions_and_imports_find_their_places() -> None:
    read = "def read(path: Path) -> object:\n    return os.stat(path)\n"
    code = f"import os\nimport json\n\n{read}\ndef extra() -> int:\n    return 2"
    text = after(code)
    assert text.startswith("import json\nfrom pathlib import Path\nimport os\n\n\n")
    assert text.count("import json") == 1
    assert text.index("os.stat") < text.index("def extra") < text.index("class Store")


def test_code_without_a_namesake_takes_the_place_of_the_selection_as_deep_as_it_was() -> None:
    assert after("x = compute()\nreturn x", selected=Lines(12, 13)) == STORE.replace(
        "        return self.values[key]\n", "        x = compute()\n        return x\n", 1
    )


def test_new_definitions_alone_go_to_the_end() -> None:
    assert after("def other() -> int:\n    return 3") == f"{STORE}\n\ndef other() -> int:\n    return 3\n"


def test_an_empty_file_is_filled() -> None:
    assert after("print(1)", text="") == "print(1)\n"
    assert after("print(1)", text="\n") == "print(1)\n"


def test_line_ends_stay_those_of_the_file() -> None:
    text = after("def read(path: Path) -> object:\n    return 1\n", STORE.replace("\n", "\r\n"))
    assert "    return 1\r\n" in text
    assert "\n" not in text.replace("\r\n", "")


def test_other_languages_too() -> None:
    go = 'package a\n\nimport "fmt"\n\nfunc A() int {\n\treturn 1\n}\n'
    assert after("func A() int {\n\treturn 2\n}", go, language="go") == go.replace("return 1", "return 2")
    js = "const f = () => 1;\n\nfunction g() {\n  return 2;\n}\n"
    assert after("function g() {\n  return 3;\n}", js, language="javascript") == js.replace("return 2", "return 3")


@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("", "no_place"),
        ("print(1)", "no_place"),
        ("def read(path):\n    # ... existing code ...\n    return 1", "elided"),
        ("def read(path):\n    ...\n    # rest of the function", "elided"),
        ("def read(path: Path) -> object:\n    return json.loads(path.read_text())", "no_change"),
    ],
)
def test_what_cannot_be_applied_is_said(code: str, error: str) -> None:
    with pytest.raises(SlipstreamError) as caught:
        applied(document(), code)
    assert caught.value.code == error


def test_invisible_characters_do_not_get_into_a_file() -> None:
    assert "\u202e" not in after("def read(path: Path) -> object:\n    return '\u202e'")


@pytest.mark.parametrize(
    ("line", "column", "code", "text"),
    [
        (5, 4, "a = 1\nif a:\n    b()", "a = 1\n    if a:\n        b()"),
        (5, 0, "a = 1\nb()", "a = 1\nb()"),
        (5, 10, "x", "x"),
        (5, 10, "x\ny", "x\ny"),
    ],
)
def test_at_a_caret_code_is_as_deep_as_its_line(line: int, column: int, code: str, text: str) -> None:
    assert inserted(document(), line, column, code) == text


TWIN_PASSWORDS = ("hunter2xKf93" + "jdkA!", "Zr7#mVb2pLs8" + "QxT!4")
LOGINS = """\
def first():
    password = '{}'
    return login(password)


def second():
    password = '{}'
    return login(password)
""".format(*TWIN_PASSWORDS)
SHOWN_PASSWORD = "PASSWORD_REDACTED"


def logins() -> Document:
    return Document.from_text("file:///p/logins.py", "python", 1, LOGINS)


def test_secrets_in_lines_that_stay_stay() -> None:
    code = f"def second():\n    password = '{SHOWN_PASSWORD}'\n    return login(password, 2)"
    assert applied(logins(), code).text == LOGINS.removesuffix("password)\n") + "password, 2)\n"


@pytest.mark.parametrize("written", [SHOWN_PASSWORD, SHOWN_PASSWORD + "x", "REDACTEDx"])
def test_a_placeholder_is_never_applied_or_inserted(written: str) -> None:
    code = f"def second():\n    return login('{written}')"
    for attempt in (lambda: applied(logins(), code), lambda: inserted(logins(), 4, 0, code)):
        with pytest.raises(SlipstreamError) as caught:
            attempt()
        assert caught.value.code == "secrets_left_out"
