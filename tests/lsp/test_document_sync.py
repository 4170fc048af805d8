"""The server's text is the editor's text: edits in every encoding, judged by what the host is asked."""

import random
from pathlib import Path

import pytest

from copilot.text.position import PositionEncoding, to_units
from tests.lsp.fake_host import FakeHost
from tests.lsp.jrpc import Client, edit, inline

URI = "file:///w/a.py"
ENCODINGS = ["utf-8", "utf-16", "utf-32"]


@pytest.fixture(params=ENCODINGS)
def encoding(request: pytest.FixtureRequest, client: Client) -> PositionEncoding:
    name: str = request.param
    # However slow the machine is, all of a short text is asked about.
    patient = {"budgetMs": 10_000}
    result = client.initialize(capabilities={"general": {"positionEncodings": [name]}}, initializationOptions=patient)
    assert result["capabilities"]["positionEncoding"] == name
    return PositionEncoding(name)


def around(client: Client, host: FakeHost, line: int, character: int) -> tuple[str, str]:
    """The text before and after a position, as the server knows it."""
    before = len(host.asked)
    # A suggestion would be remembered, and asked for only once.
    host.tokens = ()
    client.result("textDocument/inlineCompletion", inline(URI, line, character, context={"triggerKind": 1}))
    body = host.asked[before].body
    return body["prefix"] + body["begun"], body["suffix"]


def whole(client: Client, host: FakeHost) -> str:
    # Before the caret nothing is frozen, so all of the text comes as it is now.
    prefix, suffix = around(client, host, 99_999, 0)
    assert suffix == ""
    return prefix


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("a\x0cb\nc", (1, 1)),
        ("one\u2028two\nthree", (1, 3)),
        ("a\x0b\x1c\x1d\x1e\x85\u2029b\nlast", (1, 2)),
        ("\x0c\nclass A:\n    x", (2, 5)),
        ("å∂ƒ = '🦀'\nß = ", (0, 9)),
        ("🦀🦀🦀", (0, 2)),
        ("e\u0301\u200d👩\u200d💻 = ", (0, 5)),
    ],
)
def test_only_line_ends_end_lines(
    client: Client, host: FakeHost, encoding: PositionEncoding, text: str, place: tuple[int, int]
) -> None:
    client.open(URI, text)
    line, column = place
    lines = text.split("\n")
    character = to_units(lines[line], column, encoding)
    client.change(URI, 2, edit((line, character), (line, character), "X"))
    lines[line] = lines[line][:column] + "X" + lines[line][column:]
    assert whole(client, host) == "\n".join(lines)
    before, after = around(client, host, line, to_units(lines[line], column + 1, encoding))
    assert before == "\n".join([*lines[:line], lines[line][: column + 1]])
    assert before + after == "\n".join(lines)


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_every_line_ending_counts_as_one(
    client: Client, host: FakeHost, encoding: PositionEncoding, ending: str
) -> None:
    client.open(URI, ending.join(["one", "two", "three", ""]))
    client.change(URI, 2, edit((1, 1), (2, 2), "-"), edit((0, 99), (1, 0), "+"))
    assert whole(client, host) == "one+t-ree\n"


def test_a_replacement_of_everything_up_to_far_outside(
    client: Client, host: FakeHost, encoding: PositionEncoding
) -> None:
    client.open(URI, "abc\ndef")
    client.change(URI, 2, edit((0, 0), (1, 2**31 - 1), "X"))
    assert whole(client, host) == "X"
    client.change(URI, 3, edit((7, 7), (9, 9), "\nY"))
    assert whole(client, host) == "X\nY"
    client.change(URI, 4, {"text": "all new"})
    assert whole(client, host) == "all new"


def test_thousands_of_edits_stay_in_step(client: Client, host: FakeHost, encoding: PositionEncoding) -> None:
    """Random typing against a plain string, with characters that each encoding counts differently."""
    choose = random.Random(f"edits in {encoding}")
    text = "".join(choose.choices("abc é漢🦀\n\x0c\u2028", k=400))
    client.open(URI, text)
    for version in range(2, 1502):
        start, end = sorted((choose.randint(0, len(text)), choose.randint(0, len(text))))
        # Short enough that the host is asked about the whole of it.
        end = min(end, start + choose.choice([0, 0, 0, 1, 5] if len(text) < 600 else [40]))
        new = "".join(choose.choices("xyz é漢🦀\n\x0c\u2028", k=choose.choice([0, 1, 1, 2, 8])))
        span = []
        for offset in (start, end):
            line = text.count("\n", 0, offset)
            line_start = text.rfind("\n", 0, offset) + 1
            span.append((line, to_units(text[line_start:], offset - line_start, encoding)))
        client.change(URI, version, edit(span[0], span[1], new))
        text = text[:start] + new + text[end:]
        if version % 300 == 0:
            assert whole(client, host) == text


def test_saves_and_closes_are_taken(client: Client, host: FakeHost) -> None:
    client.initialize()
    client.open(URI, "x = ")
    client.notify("textDocument/didSave", {"textDocument": {"uri": URI}})
    assert whole(client, host) == "x = "
    client.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    assert client.result("textDocument/inlineCompletion", inline(URI, 0, 4)) is None
    client.open(URI, "y = ")
    assert whole(client, host) == "y = "


def test_a_huge_file_is_asked_about_in_part(client: Client, host: FakeHost) -> None:
    client.initialize()
    client.open(URI, "".join(f"line_{number} = {number}\n" for number in range(50_000)))
    before, after = around(client, host, 25_000, 4)
    assert before.endswith("line_24999 = 24999\nline")
    assert after.startswith("_25000 = 25000\nline_25001")
    assert len(before) + len(after) < 100_000


def test_paths_are_relative_to_the_folder_they_lie_in(client: Client, host: FakeHost, home: Path) -> None:
    client.initialize(workspaceFolders=[{"uri": "file:///w/one", "name": "one"}])
    event = {"added": [{"uri": "file:///w/two%20words", "name": "two"}], "removed": []}
    client.notify("workspace/didChangeWorkspaceFolders", {"event": event})
    for uri, path in [
        ("file:///w/one/pkg/a.py", "pkg/a.py"),
        ("file:///w/two%20words/b.py", "b.py"),
        ("file:///w/other/secret/c.py", "c.py"),
    ]:
        client.open(uri, "x = ")
        client.result("textDocument/inlineCompletion", inline(uri, 0, 4))
        assert host.asked[-1].body["path"] == path


def messages(client: Client) -> list[str]:
    return [note["message"] for note in client.of("window/showMessage")]


@pytest.mark.parametrize(
    "changes",
    [
        [edit((0, 0), (0, 0), "y = 1\n"), {"text": None}],
        [{"range": {"start": {"line": 0, "character": 1.5}, "end": {"line": 0, "character": 2}}, "text": ""}],
        [{"range": {"start": {"line": "0", "character": 0}, "end": {"line": 0, "character": 0}}, "text": "y"}],
        None,
    ],
)
def test_an_edit_that_cannot_be_read_stops_completions_there(client: Client, host: FakeHost, changes: object) -> None:
    client.initialize()
    client.open(URI, "x = ")
    client.open("file:///w/b.py", "b = ")
    assert whole(client, host) == "x = "
    client.notify("textDocument/didChange", {"textDocument": {"uri": URI, "version": 2}, "contentChanges": changes})
    assert client.result("textDocument/inlineCompletion", inline(URI, 0, 4)) is None
    client.change(URI, 3, edit((0, 4), (0, 4), "1"))
    assert client.result("textDocument/inlineCompletion", inline(URI, 0, 5)) is None
    assert len(messages(client)) == 1
    assert "no longer certain" in messages(client)[0]
    # Others go on, and so does this one when its text is known again.
    host.tokens = ("1",)
    assert client.result("textDocument/inlineCompletion", inline("file:///w/b.py", 0, 4))["items"]
    client.change(URI, 4, {"text": "y = "})
    assert whole(client, host) == "y = "


def test_a_text_that_cannot_be_read_is_not_the_one_before(client: Client, host: FakeHost) -> None:
    client.initialize()
    client.open(URI, "x = ")
    client.notify("textDocument/didOpen", {"textDocument": {"uri": URI, "languageId": "python", "version": 1}})
    assert client.result("textDocument/inlineCompletion", inline(URI, 0, 4)) is None
    client.open(URI, "y = ")
    assert whole(client, host) == "y = "


def test_an_edit_that_cannot_be_read_ends_the_request_that_runs(client: Client, host: FakeHost) -> None:
    host.tokens, host.hold_after = ("1", "2"), 1
    client.initialize()
    client.open(URI, "x = ")
    asked = client.send("textDocument/inlineCompletion", inline(URI, 0, 4, context={"triggerKind": 1}))
    client.until("the question", lambda: host.asked and host.asked[0].sent)
    client.notify("textDocument/didChange", {"textDocument": {"uri": URI, "version": 2}, "contentChanges": 1})
    assert client.wait(asked)["result"] is None


@pytest.mark.parametrize("document", [None, {}, {"uri": 5}, {"uri": "file:///w/never-opened.py"}])
def test_an_edit_that_cannot_be_read_of_no_document_harms_none(
    client: Client, host: FakeHost, document: object
) -> None:
    client.initialize()
    client.open(URI, "x = ")
    client.notify("textDocument/didChange", {"textDocument": document, "contentChanges": 1})
    assert whole(client, host) == "x = "


def test_numbers_may_be_written_with_a_point(client: Client, host: FakeHost) -> None:
    client.initialize()
    client.open(URI, "x = \ny")
    span = {"start": {"line": 1.0, "character": 1.0}, "end": {"line": 1e0, "character": 1.0}}
    client.change(URI, 2, {"range": span, "text": "2"})
    assert whole(client, host) == "x = \ny2"
    client.notify(
        "textDocument/didChange", {"textDocument": {"uri": URI, "version": 3.0}, "contentChanges": [{"text": "z"}]}
    )
    assert whole(client, host) == "z"
    assert not messages(client)


def test_a_client_that_does_not_count_versions_stays_in_step(client: Client, host: FakeHost) -> None:
    client.initialize()
    client.open(URI, "x = ", version=7)
    for text in "12":
        change = edit((0, 4), (0, 4), text)
        client.notify(
            "textDocument/didChange", {"textDocument": {"uri": URI, "version": None}, "contentChanges": [change]}
        )
    assert whole(client, host) == "x = 21"
    client.change(URI, 10, edit((0, 0), (0, 1), "y"))
    assert whole(client, host) == "y = 21"
    assert not messages(client)
