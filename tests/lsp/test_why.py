"""Why this suggestion: by itself, and over the wire."""

import pytest
from copilot_lsp.why import explain, markdown, parts_of

from copilot.completion.run import Kind
from copilot.completion.traces import Origin, Trace
from copilot.context.request import InfillRequest, Snippet
from copilot.serve.api import DoneData, ProgressData, StartData, TokenData
from tests.lsp.fake_host import FakeHost
from tests.lsp.jrpc import Client, Json, at, edit, inline

URI = "file:///project/pkg/a.py"
COMPLETE = "textDocument/inlineCompletion"
WHY = "slipstream/why"


def trace(**more: object) -> Trace:
    request = InfillRequest(**{"prefix": "a\nb\n", "begun": "c = ", "suffix": "\nd\ne\n", "path": "x.py", **more})  # type: ignore[arg-type]
    return Trace(Origin(Kind.MAIN, request, line=2))


# ------------------------------------------------------------------------------------------------------ by itself


def test_parts_say_where_their_text_stands() -> None:
    found = [(part.part, part.origin, part.first_line, part.last_line, part.characters) for part in parts_of(trace())]
    assert found == [("prefix", "x.py", 1, 3, 4), ("begun", "x.py", 3, 3, 4), ("suffix", "x.py", 3, 6, 5)]


def test_what_was_typed_over_several_lines_ends_at_the_caret() -> None:
    (prefix, begun) = parts_of(trace(prefix="a\n", begun="b\nc = ", suffix=""))
    assert (prefix.first_line, prefix.last_line) == (1, 2)
    assert (begun.first_line, begun.last_line) == (2, 3)


def test_snippets_come_first_with_their_reason() -> None:
    snippet = Snippet(path="lib/other.py", text="def f(): ...", start_line=7, end_line=9, reason="it is imported")
    part = parts_of(trace(snippets=(snippet,)))[0]
    assert (part.part, part.origin, part.reason, part.first_line, part.last_line) == (
        "snippet", "lib/other.py", "it is imported", 7, 9,
    )  # fmt: skip


def test_before_the_host_has_said_anything_the_rest_is_not_known() -> None:
    answer = explain("s-1-0", trace())
    for name in ("model", "promptTokens", "reusedTokens", "generatedTokens", "ttftMs", "tokensPerSecond"):
        assert answer[name] is None
    assert "not known" in answer["markdown"]


def test_the_page_says_it_in_words() -> None:
    told = trace()
    for event in (
        StartData(stream="1", model="coder", layout="psm"),
        ProgressData(processed=64, total=64, reused=48),
        TokenData(text="1"),
        DoneData(reason="stop", prompt_tokens=64, reused_tokens=48, generated_tokens=2, decode_ms=100.0),
    ):
        told.add(event)
    page = markdown(told, parts_of(told))
    assert "Model: coder, prompt order psm" in page
    assert "64 tokens, 48 of them" in page
    assert "20 a second" in page
    assert "| begun | x.py | 3 to 3 | 4 |" in page


def test_text_that_holds_a_fence_does_not_end_its_own() -> None:
    told = trace(prefix="```python\n", begun="", suffix="")
    assert "\n````\n```python\n````\n" in markdown(told, parts_of(told))


# -------------------------------------------------------------------------------------------------- over the wire


@pytest.fixture
def editor(client: Client) -> Client:
    client.initialize(rootUri="file:///project", initializationOptions={"prefetch": False})
    return client


def suggested(editor: Client, line: int, character: int, **more: object) -> list[str]:
    """Ids of what is suggested there."""
    items = editor.result(COMPLETE, inline(URI, line, character, **more))["items"]
    return [item["command"]["arguments"][0]["id"] for item in items]


def text_of(answer: Json, name: str) -> str:
    return "".join(part["text"] for part in answer["parts"] if part["part"] == name)


def test_of_the_suggestion_shown_last(editor: Client, host: FakeHost) -> None:
    host.tokens = ("a", " + b")
    editor.open(URI, "def add(a, b):\n    return \n\nx = 1\n")
    (id,) = suggested(editor, 1, 11)
    answer = editor.result(WHY, {})
    assert answer == editor.result(WHY, {"id": id})
    assert (answer["id"], answer["kind"], answer["model"], answer["layout"]) == (id, "main", host.status.model, "psm")
    assert text_of(answer, "prefix") + text_of(answer, "begun") == "def add(a, b):\n    return "
    assert text_of(answer, "suffix") == "\n\nx = 1\n"
    assert (answer["promptTokens"], answer["reusedTokens"], answer["generatedTokens"]) == (64, 16, 2)
    assert answer["tokensPerSecond"] == 20.0
    assert answer["ttftMs"] > 0
    assert answer["gaveUp"] == []
    assert answer["parts"][0]["origin"] == "pkg/a.py"
    assert "return" in answer["markdown"]


def test_of_a_candidate_and_of_a_suggestion_typed_through(editor: Client, host: FakeHost) -> None:
    host.answers = [["first"], ["second_one"]]
    editor.open(URI, "x = ")
    first, second, *_ = suggested(editor, 0, 4, context={"triggerKind": 1})
    assert editor.result(WHY, {"id": second})["kind"] == "alternative"
    editor.change(URI, 2, edit((0, 4), (0, 4), "fi"))
    assert suggested(editor, 0, 6) == [first]
    assert editor.result(WHY)["kind"] == "main"


def test_of_what_was_made_ahead(client: Client, host: FakeHost) -> None:
    client.initialize()
    host.tokens = ("total(items)",)
    client.open(URI, "x = ")
    suggested(client, 0, 4)
    host.tokens = ("\ny = 2",)
    client.until("the prefetch", lambda: len(host.asked) == 2 and host.asked[1].ended)
    client.change(URI, 2, edit((0, 4), (0, 4), "total(items)"))
    suggested(client, 0, 16)
    answer = client.result(WHY, {})
    assert answer["kind"] == "prefetch"
    assert text_of(answer, "prefix") + text_of(answer, "begun") == "x = total(items)"


@pytest.mark.parametrize("params", [{}, {"id": None}, {"id": "never-1-0"}, {"id": ""}, {"id": "x"}])
def test_what_is_not_known_is_null(editor: Client, host: FakeHost, params: Json) -> None:
    assert editor.result(WHY, params) is None


def test_a_closed_document_s_suggestions_are_not_known_any_more(editor: Client, host: FakeHost) -> None:
    editor.open(URI, "x = ")
    (id,) = suggested(editor, 0, 4)
    editor.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    assert editor.result(WHY, {"id": id}) is None


def test_parameters_that_do_not_fit_are_refused(editor: Client, host: FakeHost) -> None:
    assert editor.error(WHY, {"id": 7})["code"] == -32602


def test_lines_count_from_the_file_s_first(editor: Client, host: FakeHost) -> None:
    editor.open(URI, "# one\n# two\nx = ")
    suggested(editor, 2, 4)
    part = editor.result(WHY, {})["parts"][-1]
    assert part["lastLine"] == at(2, 4)["line"] + 1
