"""What clients tell of suggestions, and what is recorded of it: each thing once, whoever says it first."""

from typing import Any

import pytest

from copilot import paths
from copilot.completion.ledger import opened
from tests.lsp.fake_host import FakeHost
from tests.lsp.jrpc import Client, Json, at, edit, inline

URI = "file:///project/a.py"
COMPLETE = "textDocument/inlineCompletion"
ACCEPT = "slipstream.didAcceptCompletion"
COPILOT_ACCEPT = "github.copilot.didAcceptCompletionItem"
TEXT = "total(items)"


@pytest.fixture
def editor(client: Client) -> Client:
    client.initialize(initializationOptions={"prefetch": False})
    return client


def suggested(editor: Client, host: FakeHost, *, text: str = TEXT, **more: object) -> Json:
    """The item at the end of ``x = ``."""
    host.tokens = (text,)
    editor.open(URI, "x = \n\ny = 1\n")
    (item,) = editor.result(COMPLETE, inline(URI, 0, 4, **more))["items"]
    return dict(item)


def id_of(item: Json) -> str:
    (argument,) = item["command"]["arguments"]
    return str(argument["id"])


def run(editor: Client, item: Json, command: str = ACCEPT) -> Any:
    return editor.result("workspace/executeCommand", {**item["command"], "command": command})


def type_in(editor: Client, text: str, column: int = 4, version: int = 2) -> None:
    editor.change(URI, version, edit((0, column), (0, column), text))


def dismiss(editor: Client, item: Json) -> None:
    editor.notify("slipstream/didDismissCompletion", {"item": item})


def outcomes(editor: Client) -> list[tuple[str, int]]:
    """What was recorded, with how many characters; ends the server."""
    assert editor.stop() == 0
    with opened(paths.ledger_file()) as database:
        return list(database.execute("SELECT outcome, characters FROM moment ORDER BY rowid"))


SHOWN = ("shown", len(TEXT))
ACCEPTED = ("accepted", len(TEXT))


def test_the_command_names_the_suggestion_and_is_announced(client: Client, host: FakeHost) -> None:
    capabilities = client.initialize()["capabilities"]
    assert ACCEPT in capabilities["executeCommandProvider"]["commands"]
    assert not [name for name in capabilities["executeCommandProvider"]["commands"] if "github" in name]
    assert capabilities["experimental"]["slipstream"]["life"] is True
    item = suggested(client, host)
    assert item["command"]["command"] == ACCEPT
    assert item["command"]["title"]
    assert id_of(item)


def test_a_suggestion_keeps_its_id_while_it_grows_and_is_typed_through(editor: Client, host: FakeHost) -> None:
    host.tokens = ("for x in y:\n", "    f(x)\n", "    g(x)\n")
    editor.open(URI, "")
    final = editor.result(COMPLETE, inline(URI, 0, 0, partialResultToken="t"))
    partial = [note["value"] for note in editor.of("$/progress")]
    editor.change(URI, 2, edit((0, 0), (0, 0), "for"))
    rest = editor.result(COMPLETE, inline(URI, 0, 3))
    assert partial
    assert len({id_of(value["items"][0]) for value in [*partial, final, rest]}) == 1


def test_candidates_and_documents_have_ids_of_their_own(editor: Client, host: FakeHost) -> None:
    host.answers = [["first"], ["second"], ["third"]]
    editor.open(URI, "x = ")
    editor.open("file:///b.py", "x = ")
    items = editor.result(COMPLETE, inline(URI, 0, 4, context={"triggerKind": 1}))["items"]
    items += editor.result(COMPLETE, inline("file:///b.py", 0, 4))["items"]
    assert len({id_of(item) for item in items}) == len(items) > 2


@pytest.mark.parametrize("command", [ACCEPT, COPILOT_ACCEPT])
@pytest.mark.parametrize("order", ["command first", "edit first"])
def test_an_acceptance_counts_once_in_either_order(editor: Client, host: FakeHost, order: str, command: str) -> None:
    item = suggested(editor, host)
    if order == "command first":
        assert run(editor, item, command) is None
        type_in(editor, TEXT)
    else:
        type_in(editor, TEXT)
        assert run(editor, item, command) is None
    run(editor, item, command)
    assert outcomes(editor) == [SHOWN, ACCEPTED]


def test_an_acceptance_whose_edit_never_comes_counts_too(editor: Client, host: FakeHost) -> None:
    item = suggested(editor, host)
    run(editor, item)
    editor.result(COMPLETE, inline(URI, 0, 4))
    assert outcomes(editor)[:2] == [SHOWN, ACCEPTED]


def test_an_acceptance_that_does_not_look_like_one_counts_because_it_is_told(editor: Client, host: FakeHost) -> None:
    item = suggested(editor, host)
    run(editor, item)
    editor.change(URI, 2, {"text": f"x = {TEXT}  # formatted\n"})
    assert outcomes(editor) == [SHOWN, ACCEPTED]


@pytest.mark.parametrize("order", ["command first", "edit first", "no command"])
def test_an_acceptance_with_an_entry_of_the_popup_selected(editor: Client, host: FakeHost, order: str) -> None:
    host.tokens = ("(item", ")")
    editor.open(URI, "items.app\ny = 2\n")
    info = {"text": "append", "range": {"start": at(0, 6), "end": at(0, 9)}}
    context = {"triggerKind": 2, "selectedCompletionInfo": info}
    (item,) = editor.result(COMPLETE, inline(URI, 0, 9, context=context))["items"]
    if order == "command first":
        run(editor, item)
    editor.change(URI, 2, edit((0, 6), (0, 9), "append(item)"))
    if order == "edit first":
        run(editor, item)
    assert outcomes(editor) == [("shown", 6), ("accepted", 6)]


def test_what_is_left_after_an_acceptance_is_another_suggestion(editor: Client, host: FakeHost) -> None:
    host.tokens = ("for ", "x in y:\n", "    f(", "x)\n", "    g(x)\n")
    host.hold_after = 3
    editor.open(URI, "")
    (first,) = editor.result(COMPLETE, inline(URI, 0, 0))["items"]
    editor.change(URI, 2, edit((0, 0), (0, 0), "for x in y:"))
    running = editor.send(COMPLETE, inline(URI, 0, 11))
    host.release()
    (rest,) = editor.wait(running)["result"]["items"]
    assert id_of(rest) != id_of(first)
    # The client's word of the first comes late, and must not count for the rest.
    run(editor, first)
    assert [outcome for outcome, _ in outcomes(editor)] == ["shown", "accepted"]


@pytest.mark.parametrize("order", ["told first", "edit first"])
@pytest.mark.parametrize("whole_item", [True, False])
def test_words_that_are_accepted_count_once_each(editor: Client, host: FakeHost, order: str, whole_item: bool) -> None:
    item = suggested(editor, host)
    sent = item if whole_item else {"command": item["command"]}
    column = 4
    for version, word in enumerate(("total", "(items"), 2):
        params = {"item": sent, "acceptedLength": column - 4 + len(word)}
        if order == "told first":
            editor.notify("textDocument/didPartiallyAcceptCompletion", params)
        type_in(editor, word, column, version)
        if order == "edit first":
            editor.notify("textDocument/didPartiallyAcceptCompletion", params)
        column += len(word)
    assert outcomes(editor) == [SHOWN, ("partially_accepted", 5), ("partially_accepted", 6)]


def test_a_part_that_is_told_is_measured_in_utf_16(editor: Client, host: FakeHost) -> None:
    item = suggested(editor, host, text="f('🦀🦀')")
    editor.notify("textDocument/didPartiallyAcceptCompletion", {"item": item, "acceptedLength": 5})
    editor.change(URI, 2, {"text": "x = f('🦀 "})
    assert outcomes(editor)[:2] == [("shown", 7), ("partially_accepted", 4)]


def test_the_candidate_on_screen_is_the_one_that_is_dismissed(editor: Client, host: FakeHost) -> None:
    host.answers = [["first"], ["second_one"]]
    editor.open(URI, "x = ")
    items = editor.result(COMPLETE, inline(URI, 0, 4, context={"triggerKind": 1}))["items"]
    editor.notify("textDocument/didShowCompletion", {"item": items[1]})
    dismiss(editor, items[1])
    size = len(items[1]["insertText"])
    assert outcomes(editor) == [("shown", 5), ("shown", size), ("rejected", size)]


def test_another_candidate_that_is_accepted_is_no_rejection(editor: Client, host: FakeHost) -> None:
    host.answers = [["first"], ["second_one"]]
    editor.open(URI, "x = ")
    items = editor.result(COMPLETE, inline(URI, 0, 4, context={"triggerKind": 1}))["items"]
    type_in(editor, items[1]["insertText"])
    run(editor, items[1])
    assert outcomes(editor) == [("shown", 5), ("accepted", len("second_one"))]


def test_a_dismissed_suggestion_does_not_come_back_until_someone_asks(editor: Client, host: FakeHost) -> None:
    dismiss(editor, suggested(editor, host))
    assert editor.result(COMPLETE, inline(URI, 0, 4))["items"] == []
    assert len(host.questions) == 1
    (item, *_) = editor.result(COMPLETE, inline(URI, 0, 4, context={"triggerKind": 1}))["items"]
    assert item["insertText"] == TEXT
    assert editor.result(COMPLETE, inline(URI, 0, 4))["items"][0]["insertText"] == TEXT


def test_a_dismissed_suggestion_may_come_back_once_someone_types(editor: Client, host: FakeHost) -> None:
    dismiss(editor, suggested(editor, host))
    type_in(editor, "t")
    assert editor.result(COMPLETE, inline(URI, 0, 5))["items"][0]["insertText"] == TEXT[1:]
    assert outcomes(editor)[:2] == [SHOWN, ("rejected", len(TEXT))]


def test_other_places_are_not_dismissed(editor: Client, host: FakeHost) -> None:
    dismiss(editor, suggested(editor, host))
    assert editor.result(COMPLETE, inline(URI, 1, 0))["items"]


def test_what_is_dismissed_while_it_is_written_stops_the_engine(editor: Client, host: FakeHost) -> None:
    host.tokens, host.hold_after = ("for ", "x in y:\n", "    f(x)\n", "    g(x)\n"), 3
    editor.open(URI, "")
    running = editor.send(COMPLETE, inline(URI, 0, 0, partialResultToken="t"))
    editor.until("the first line", lambda: editor.of("$/progress"))
    dismiss(editor, editor.of("$/progress")[0]["value"]["items"][0])
    assert editor.wait(running)["result"] is None
    editor.until("the end of the stream", lambda: host.asked[0].ended == "closed")


def test_a_document_that_is_looked_at_has_its_prompt_computed(editor: Client, host: FakeHost) -> None:
    text = "value = compute(1)\n" * 20
    editor.open(URI, text)
    editor.notify("slipstream/didMoveCaret", {"textDocument": {"uri": URI}, "position": at(20, 0)})
    editor.until("the prompt of a caret that rests", lambda: len(host.asked) == 1 and host.asked[0].ended)
    editor.change(URI, 2, edit((0, 0), (0, 0), "first = compute(1)\n"))
    editor.notify("textDocument/didFocus", {"textDocument": {"uri": URI}})
    editor.notify("textDocument/didFocus", {"textDocument": {"uri": "file:///never/opened.py"}})
    assert editor.result(COMPLETE, inline(URI, 21, 0))["items"]


@pytest.mark.parametrize(
    "item",
    [{}, {"command": None}, {"command": {"arguments": []}}, {"command": {"arguments": [{"id": "never-1-0"}]}},
     {"command": {"arguments": [{"id": 7}]}}, {"command": {"arguments": "x"}}],
)  # fmt: skip
def test_what_is_unknown_is_ignored(editor: Client, host: FakeHost, item: Json) -> None:
    suggested(editor, host)
    for method in ("textDocument/didShowCompletion", "textDocument/didPartiallyAcceptCompletion"):
        editor.notify(method, {"item": item})
        editor.notify(method, {})
    dismiss(editor, item)
    useless: list[object] = [[], None, [{}], ["x"], [{"id": "never-1-0"}]]
    for arguments in useless:
        assert editor.result("workspace/executeCommand", {"command": ACCEPT, "arguments": arguments}) is None
    assert outcomes(editor) == [SHOWN]


def test_a_command_that_there_is_not_is_refused_with_those_that_there_are(editor: Client, host: FakeHost) -> None:
    error = editor.error("workspace/executeCommand", {"command": "rm", "arguments": []})
    assert error["code"] == -32602
    assert ACCEPT in error["message"]
