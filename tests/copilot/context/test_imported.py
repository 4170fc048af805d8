"""What a document imports, read off the statements alone."""

from copilot.context.imported import imports_of, statement_lines, statements
from copilot.syntax.outline import Import


def _statements(text: str) -> str:
    lines = text.split("\n")
    return statements(lines, statement_lines(text, lines))


def test_statements_to_where_their_brackets_close() -> None:
    text = "x = 1\nfrom a import (\n    b,\n    c,\n)\nimport d\n\ndef f():\n    from e import g\n    important = 2\n"
    assert _statements(text) == "from a import (\nb,\nc,\n)\nimport d\nfrom e import g\n"


def test_statements_of_other_languages() -> None:
    assert _statements('import {\n  a,\n} from "./b";\nconst c = require("d");\nimported();\n').count("\n") == 4
    assert _statements('package a\n\nimport (\n\t"b/c"\n)\n') == 'import (\n"b/c"\n)\n'
    assert _statements('#include "a.h"\nint b;\n') == '#include "a.h"\n'
    assert _statements("use crate::a::{b, c};\npub use d::e;\n") == "use crate::a::{b, c};\npub use d::e;\n"


def test_a_bracket_that_is_never_closed_ends_somewhere() -> None:
    text = "from a import (\n" + "x = 1\n" * 500
    assert _statements(text).count("\n") < 100


def test_no_statements() -> None:
    assert _statements("x = 1\n") == ""


def test_names_modules_and_everything() -> None:
    paths = {"a.b": ("a/b.py",), "a": ("a/e.py", "a/__init__.py"), "f": ("f.py",)}
    found = imports_of(
        [
            Import("a.b", (("c", "d"),), 1),
            Import("a", (("e", "e"),), 2),
            Import("f", (("*", "*"),), 3),
            Import("elsewhere", (("x", "x"),), 4),
        ],
        "main.py",
        lambda it: paths.get(it.module, ()),
    )
    assert (found.names["d"].name, found.names["d"].paths) == ("c", ("a/b.py",))
    assert (found.names["e"].name, found.names["e"].paths) == ("", ("a/e.py",))
    assert found.everything == ("f.py",)
    assert "x" not in found.names
    assert found.paths == {"a/b.py", "a/e.py", "a/__init__.py", "f.py"}
