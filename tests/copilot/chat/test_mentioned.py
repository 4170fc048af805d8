import pytest

from copilot.chat.mentioned import mentioned, without_mentions


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("@codebase how are secrets masked?", [("codebase", "")]),
        ("where is it? @map", [("map", "")]),
        ("What does @file:src/app.py do?", [("file", "src/app.py")]),
        ("(see @symbol:Gate.read)", [("symbol", "Gate.read")]),
        ('@file:"my notes.md", please', [("file", "my notes.md")]),
        ("@folder:src/ and @diff.", [("folder", "src/"), ("diff", "")]),
        ("me@codebase.org, @codebases, @mapping, @codebase/x, @file: x, a@map", []),
        ("@app.route does what?", []),
    ],
)
def test_mentions_are_told_from_the_rest_of_a_sentence(text: str, found: list[tuple[str, str]]) -> None:
    assert [(it.kind, it.name) for it in mentioned(text)] == found


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("@codebase how are secrets masked?", "how are secrets masked?"),
        ("how @map is it?", "how is it?"),
        ("What does @file:src/app.py do?", "What does src/app.py do?"),
        ("@map", "@map"),
        ("mail me@codebase.org", "mail me@codebase.org"),
    ],
)
def test_a_model_reads_the_question_without_them(text: str, plain: str) -> None:
    assert without_mentions(text) == plain
