"""What is kept of a file: windows of lines, names, never more than bounds allow."""

import json

from hypothesis import given
from hypothesis import strategies as st

from copilot.index.parsed import Parsed, Task, parsed, windows
from copilot.safety.gate import Seen
from copilot.syntax.outline import outline


def of(text: str, path: str = "a.py") -> Parsed:
    language = {"py": "python", "md": "markdown"}[path.rpartition(".")[2]]
    return parsed(Task(path, ticket=3), Seen(path, text, b"d", len(text), 5, 0), outline(text, language))


@given(st.integers(0, 500), st.lists(st.integers(1, 500)))
def test_windows_hold_every_line_once(count: int, definitions: list[int]) -> None:
    found = windows(count, definitions)
    assert [line for first, last in found for line in range(first, last + 1)] == list(range(1, count + 1))
    assert all(last - first < 60 for first, last in found)


def test_a_window_begins_with_a_definition_that_is_near_enough() -> None:
    assert windows(100, [12, 47, 80]) == [(1, 46), (47, 79), (80, 100)]
    assert windows(100, []) == [(1, 40), (41, 80), (81, 100)]


def test_symbols_references_and_imports() -> None:
    file = of("import os\n\n\ndef walk(top):\n    return os.walk(top)\n")
    assert [it[:2] for it in file.symbols] == [("walk", "function")]
    assert dict(file.references)["os"] == "5"
    assert json.loads(file.imports) == [["os", [], 1]]
    assert (file.path, file.ticket, file.lines, file.language) == ("a.py", 3, 5, "python")
    assert "walk" in file.chunks[0][2].split()


def test_text_without_a_grammar_is_still_searched() -> None:
    file = of("# Ledger\n\nThe ledger counts.\n", "a.md")
    assert (file.symbols, file.references) == ((), ())
    assert file.chunks == ((1, 3, "ledger the ledger counts"),)


def test_a_file_of_names_keeps_the_ones_it_uses_most() -> None:
    lines = [f"call(name{number})" for number in range(1_000)] + ["often(often, often)", "often()"]
    names = dict(of("\n".join(lines)).references)
    assert len(names) == 300
    assert "often" in names and "call" in names


def test_an_empty_file_has_nothing() -> None:
    assert of("") == Parsed("a.py", ticket=3, mtime_ns=5, digest=b"d", language="python")
