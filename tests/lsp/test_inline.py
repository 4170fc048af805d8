"""Inline completion as an editor sees it: what is asked of the host, what comes back, and when the host is let go."""

import json
from typing import Any

import pytest

from copilot import paths
from copilot.completion.ledger import opened
from copilot.serve.api import ErrorData
from copilot.text.position import PositionEncoding, to_units
from tests.lsp.fake_host import Asked, FakeHost
from tests.lsp.jrpc import Client, Json, at, edit, inline

URI = "file:///project/pkg/a.py"
OTHER = "file:///project/pkg/b.py"
COMPLETE = "textDocument/inlineCompletion"
INVOKED = {"triggerKind": 1}

FUNCTION = "def total(items):\n    "
LINES = ("for ", "item in items:\n", "        count(", "item)\n", "        more(item)\n")
BLOCK = "for item in items:\n        count(item)\n        more(item)"


@pytest.fixture
def editor(client: Client) -> Client:
    client.initialize(
        rootUri="file:///project", workspaceFolders=[{"uri": "file:///project", "name": "work"}], capabilities={}
    )
    return client


def texts(result: Any) -> list[str]:
    return [item["insertText"] for item in result["items"]]


def edits(result: Any) -> list[Json]:
    """The items, without the command that names each."""
    return [{"insertText": item["insertText"], "range": item["range"]} for item in result["items"]]


def asked(client: Client, host: FakeHost, count: int = 1, sent: int = 0) -> Asked:
    """The host's newest request, once there are ``count`` and it has sent so many tokens."""
    client.until("the request at the host", lambda: len(host.asked) >= count and host.asked[-1].sent >= sent)
    return host.asked[-1]


def ended(client: Client, request: Asked, how: str) -> None:
    client.until(f"the stream {how}", lambda: request.ended == how)


def grown(client: Client, token: object) -> list[str]:
    """What was shown for a partial result token, in order."""
    return [note["value"]["items"][0]["insertText"] for note in client.of("$/progress") if note["token"] == token]


# ---------------------------------------------------------------------------------------------- asking, answering


def test_a_completion_is_text_and_an_empty_range_at_the_caret(editor: Client, host: FakeHost) -> None:
    host.tokens = ("a", " + ", "b")
    editor.open(URI, "def add(a, b):\n    return \n\nx = 1\n")
    result = editor.result(COMPLETE, inline(URI, 1, 11))
    assert edits(result) == [{"insertText": "a + b", "range": {"start": at(1, 11), "end": at(1, 11)}}]
    body = host.asked[0].body
    assert body["prefix"] == "def add(a, b):\n    return "
    assert body["suffix"] == "\n\nx = 1\n"
    assert (body["language"], body["path"]) == ("python", "pkg/a.py")
    assert (body["lane"], body["place"]) == ("inline", "line_end")


def test_a_position_past_the_line_s_end_is_the_line_s_end(editor: Client, host: FakeHost) -> None:
    editor.open(URI, "x = \ny\n")
    result = editor.result(COMPLETE, inline(URI, 0, 999))
    assert result["items"][0]["range"] == {"start": at(0, 4), "end": at(0, 4)}
    assert host.asked[0].body["prefix"] == "x = "


@pytest.mark.parametrize(
    "uri", ["untitled:Untitled-1", "vscode-notebook-cell://x/a.ipynb#1", "file:///elsewhere/c.py", "odd"]
)
def test_any_uri_is_a_document(editor: Client, host: FakeHost, uri: str) -> None:
    editor.open(uri, "x = ")
    assert texts(editor.result(COMPLETE, inline(uri, 0, 4))) == ["1"]
    assert host.asked[0].body["path"] in {None, "c.py"}


@pytest.mark.parametrize(
    "context", [None, {}, {"triggerKind": 0}, {"triggerKind": 1}, {"triggerKind": 2}, {"triggerKind": 2, "new": [1]}]
)
def test_every_context_in_use_is_accepted(editor: Client, host: FakeHost, context: Json | None) -> None:
    editor.open(URI, "x = ")
    params = inline(URI, 0, 4, formattingOptions={"tabSize": 4}, workDoneToken="w")
    if context is None:
        del params["context"]
    else:
        params["context"] = context
    assert texts(editor.result(COMPLETE, params)) == ["1"]


@pytest.mark.parametrize("request_id", ["a-string", 0, -1, 2**40])
def test_ids_may_be_strings_and_numbers(editor: Client, host: FakeHost, request_id: object) -> None:
    host.tokens = LINES
    editor.open(URI, FUNCTION)
    editor.send(COMPLETE, inline(URI, 1, 4, partialResultToken=request_id), request_id)
    assert texts(editor.wait(request_id)["result"]) == [BLOCK]
    assert grown(editor, request_id)[0] == "for item in items:"


def test_a_document_that_is_not_open_has_no_completions(editor: Client, host: FakeHost) -> None:
    assert editor.result(COMPLETE, inline(URI, 0, 0)) is None
    assert not host.asked
    assert not editor.of("window/showMessage")


def test_nothing_worth_showing_is_an_empty_list(editor: Client, host: FakeHost) -> None:
    host.tokens = ()
    editor.open(URI, "x = ")
    assert editor.result(COMPLETE, inline(URI, 0, 4)) == {"items": []}


def test_lone_surrogates_do_no_harm(editor: Client, host: FakeHost) -> None:
    editor.open(URI, "x = '\ud83d'\ny = ")
    assert texts(editor.result(COMPLETE, inline(URI, 1, 4))) == ["1"]
    assert host.asked[0].body["prefix"] == "x = '\ufffd'\ny = "


# ------------------------------------------------------------------------------------------------------ streaming


def test_the_text_grows_by_whole_lines_and_never_shrinks(editor: Client, host: FakeHost) -> None:
    host.tokens = LINES
    editor.open(URI, FUNCTION)
    result = editor.result(COMPLETE, inline(URI, 1, 4, partialResultToken="grow"))
    states = grown(editor, "grow")
    lines = BLOCK.split("\n")
    assert states == ["\n".join(lines[:count]) for count in range(1, len(states) + 1)]
    assert len(states) > 1
    assert texts(result) == [BLOCK]
    ranges = [note["value"]["items"][0]["range"] for note in editor.of("$/progress")]
    assert ranges == [result["items"][0]["range"]] * len(states)


def test_lines_are_shown_before_the_answer_is_whole(editor: Client, host: FakeHost) -> None:
    host.tokens = LINES
    host.hold_after = 3
    editor.open(URI, FUNCTION)
    running = editor.send(COMPLETE, inline(URI, 1, 4, partialResultToken=7))
    editor.until("the first line", lambda: grown(editor, 7))
    assert grown(editor, 7) == ["for item in items:"]
    assert running not in editor.responses
    host.release()
    assert texts(editor.wait(running)["result"]) == [BLOCK]


def test_a_suggestion_of_one_line_comes_in_the_answer_only(editor: Client, host: FakeHost) -> None:
    host.tokens = ("al", "pha(", "beta", ", ", "gamma", ")")
    editor.open(URI, "x = ")
    result = editor.result(COMPLETE, inline(URI, 0, 4, partialResultToken="grow"))
    assert texts(result) == ["alpha(beta, gamma)"]
    assert grown(editor, "grow") == []


def test_without_a_token_the_first_line_is_the_answer_and_the_rest_comes_once_that_is_accepted(
    editor: Client, host: FakeHost
) -> None:
    host.tokens = LINES
    host.hold_after = 3
    editor.open(URI, FUNCTION)
    assert texts(editor.result(COMPLETE, inline(URI, 1, 4))) == ["for item in items:"]
    assert host.questions[0].ended is None
    editor.change(URI, 2, edit((1, 4), (1, 4), "for item in items:"))
    running = editor.send(COMPLETE, inline(URI, 1, 22))
    host.release()
    assert texts(editor.wait(running)["result"]) == ["\n        count(item)"]
    assert not editor.of("$/progress")
    assert len(host.questions) == 1


def test_the_engine_stops_when_the_suggestion_is_whole(editor: Client, host: FakeHost) -> None:
    host.tokens = ("    return a\n", "\n", "def more():\n", "    pass\n", "# and on\n") + ("x = 1\n",) * 200
    host.hold_after = 100
    editor.open(URI, "def f(a):\n")
    result = editor.result(COMPLETE, inline(URI, 1, 0))
    assert texts(result) == ["    return a"]
    ended(editor, host.asked[0], "closed")


# -------------------------------------------------------------------------------------------- supersede and cancel


def test_a_newer_request_at_the_same_place_goes_on_with_what_runs(editor: Client, host: FakeHost) -> None:
    host.hold_after = 0
    editor.open(URI, "x = ")
    older = editor.send(COMPLETE, inline(URI, 0, 4))
    first = asked(editor, host)
    newer = editor.send(COMPLETE, inline(URI, 0, 4))
    assert editor.wait(older)["result"] is None
    host.release()
    assert texts(editor.wait(newer)["result"]) == ["1"]
    assert host.questions == [first]


def test_a_newer_request_elsewhere_supersedes_the_older(editor: Client, host: FakeHost) -> None:
    host.hold_after = 0
    editor.open(URI, "x = \n\n\ny = ")
    older = editor.send(COMPLETE, inline(URI, 0, 4))
    first = asked(editor, host)
    newer = editor.send(COMPLETE, inline(URI, 3, 4))
    assert editor.wait(older)["result"] is None
    ended(editor, first, "closed")
    host.release()
    assert texts(editor.wait(newer)["result"]) == ["1"]
    assert len({request.body["session"] for request in host.asked}) == 1


def test_requests_that_come_at_once_leave_only_the_last(editor: Client, host: FakeHost) -> None:
    editor.open(URI, "x = ")
    ids = [editor.send(COMPLETE, inline(URI, 0, 4)) for _ in range(20)]
    answers = [editor.wait(request_id)["result"] for request_id in ids]
    assert answers[:-1] == [None] * 19
    assert texts(answers[-1]) == ["1"]


@pytest.mark.parametrize("what", ["change", "close", "open"])
def test_an_edit_supersedes(editor: Client, host: FakeHost, what: str) -> None:
    host.tokens, host.hold_after = ("1", "2"), 1
    editor.open(URI, "x = ")
    running = editor.send(COMPLETE, inline(URI, 0, 4))
    request = asked(editor, host, sent=1)
    if what == "change":
        editor.change(URI, 2, edit((0, 4), (0, 4), "y"))
    elif what == "close":
        editor.notify("textDocument/didClose", {"textDocument": {"uri": URI}})
    else:
        editor.open(URI, "z = ")
    assert editor.wait(running)["result"] is None
    ended(editor, request, "closed")


def test_an_edit_that_agrees_leaves_the_stream_to_the_next_request(editor: Client, host: FakeHost) -> None:
    host.tokens = ("alpha", "(", "beta", ")")
    host.hold_after = 1
    editor.open(URI, "x = ")
    running = editor.send(COMPLETE, inline(URI, 0, 4))
    request = asked(editor, host, sent=1)
    editor.change(URI, 2, edit((0, 4), (0, 4), "al"))
    assert editor.wait(running)["result"] is None
    running = editor.send(COMPLETE, inline(URI, 0, 6))
    host.release()
    result = editor.wait(running)["result"]
    assert edits(result) == [{"insertText": "pha(beta)", "range": {"start": at(0, 6), "end": at(0, 6)}}]
    assert host.questions == [request]


def test_a_client_that_cancels_at_every_key_still_gets_its_text(editor: Client, host: FakeHost) -> None:
    host.tokens = ("alpha", "(", "beta", ")")
    host.hold_after = 0
    editor.open(URI, "x = ")
    for version, key in enumerate("alph", 2):
        running = editor.send(COMPLETE, inline(URI, 0, 2 + version))
        asked(editor, host)
        editor.notify("$/cancelRequest", {"id": running})
        editor.change(URI, version, edit((0, 2 + version), (0, 2 + version), key))
        assert editor.wait(running).get("result") is None
    host.release()
    assert texts(editor.result(COMPLETE, inline(URI, 0, 8))) == ["a(beta)"]
    assert len(host.questions) == 1


def test_a_stream_that_nobody_asks_for_again_is_closed(editor: Client, host: FakeHost) -> None:
    host.hold_after = 0
    editor.open(URI, "x = ")
    editor.send(COMPLETE, inline(URI, 0, 4))
    request = asked(editor, host)
    editor.change(URI, 2, edit((0, 4), (0, 4), "a"))
    ended(editor, request, "closed")


def test_another_document_s_requests_and_edits_supersede_nothing(editor: Client, host: FakeHost) -> None:
    host.hold_after = 0
    editor.open(URI, "x = ")
    editor.open(OTHER, "y = ")
    running = editor.send(COMPLETE, inline(URI, 0, 4))
    asked(editor, host)
    other = editor.send(COMPLETE, inline(OTHER, 0, 4))
    asked(editor, host, 2)
    editor.change(OTHER, 2, edit((0, 0), (0, 0), " "))
    assert editor.wait(other)["result"] is None
    host.release()
    assert texts(editor.wait(running)["result"]) == ["1"]
    assert len({request.body["session"] for request in host.asked}) == 2


@pytest.mark.parametrize("request_id", [17, "seventeen"])
@pytest.mark.parametrize("sent", [0, 1])
def test_cancel_answers_at_once_and_closes_the_stream_when_nobody_asks_again(
    editor: Client, host: FakeHost, request_id: object, sent: int
) -> None:
    host.tokens = ("a", "b", "c")
    host.hold_after = sent
    editor.open(URI, "x = ")
    editor.send(COMPLETE, inline(URI, 0, 4), request_id)
    request = asked(editor, host, sent=sent)
    editor.notify("$/cancelRequest", {"id": request_id})
    assert editor.wait(request_id)["error"]["code"] == -32800
    ended(editor, request, "closed")


def test_a_cancel_that_comes_with_its_request_is_answered_once(editor: Client, host: FakeHost) -> None:
    editor.open(URI, "x = ")
    for request_id in range(100, 130):
        editor.send(COMPLETE, inline(URI, 0, 4), request_id)
        editor.notify("$/cancelRequest", {"id": request_id})
    for request_id in range(100, 130):
        response = editor.wait(request_id)
        assert response.get("error", {}).get("code") == -32800 or response["result"] is None
    assert texts(editor.result(COMPLETE, inline(URI, 0, 4))) == ["1"]


def test_a_cancel_that_comes_too_late_changes_nothing(editor: Client, host: FakeHost) -> None:
    editor.open(URI, "x = ")
    editor.send(COMPLETE, inline(URI, 0, 4), 5)
    editor.wait(5)
    editor.notify("$/cancelRequest", {"id": 5})
    editor.notify("$/cancelRequest", {"id": "never"})
    assert texts(editor.result(COMPLETE, inline(URI, 0, 4))) == ["1"]


def test_the_text_asked_about_is_the_one_when_the_request_came(editor: Client, host: FakeHost) -> None:
    # Both in one write, so that the edit is there before the first answer is begun.
    editor.open(URI, "one = ")
    request = {"jsonrpc": "2.0", "id": 1000, "method": COMPLETE, "params": inline(URI, 0, 6)}
    change = {
        "jsonrpc": "2.0",
        "method": "textDocument/didChange",
        "params": {"textDocument": {"uri": URI, "version": 2}, "contentChanges": [{"text": "two = "}]},
    }
    again = {**request, "id": 1001}

    bodies = [json.dumps(message).encode() for message in (request, change, again)]
    editor.raw_bytes(b"".join(b"Content-Length: %d\r\n\r\n%s" % (len(body), body) for body in bodies))
    assert editor.wait(1000)["result"] is None
    assert texts(editor.wait(1001)["result"]) == ["1"]
    assert host.asked[-1].body["prefix"] == "two = "


# ------------------------------------------------------------------------------------------------- typing through


def test_typing_through_a_suggestion_asks_nobody(editor: Client, host: FakeHost) -> None:
    host.tokens = ("return sum", "(items)")
    editor.open(URI, FUNCTION)
    text = "return sum(items)"
    assert texts(editor.result(COMPLETE, inline(URI, 1, 4))) == [text]
    for count in range(1, 10):
        here = (1, 3 + count)
        editor.change(URI, 1 + count, edit(here, here, text[count - 1]))
        assert texts(editor.result(COMPLETE, inline(URI, 1, 4 + count))) == [text[count:]]
    assert len(host.questions) == 1


def test_a_suggestion_is_found_again_after_undo_and_at_a_place_moved_back_to(editor: Client, host: FakeHost) -> None:
    editor.open(URI, "x = \n\n\ny = ")
    assert texts(editor.result(COMPLETE, inline(URI, 0, 4))) == ["1"]
    editor.change(URI, 2, edit((0, 4), (0, 4), "z"))
    editor.change(URI, 3, edit((0, 4), (0, 5), ""))
    assert texts(editor.result(COMPLETE, inline(URI, 0, 4))) == ["1"]
    assert texts(editor.result(COMPLETE, inline(URI, 3, 4))) == ["1"]
    assert texts(editor.result(COMPLETE, inline(URI, 0, 4))) == ["1"]
    assert len(host.questions) == 2


@pytest.mark.parametrize("name", ["utf-8", "utf-16"])
def test_a_closer_that_the_editor_put_there_is_replaced(client: Client, host: FakeHost, name: str) -> None:
    client.initialize(capabilities={"general": {"positionEncodings": [name]}})
    encoding = PositionEncoding(name)
    host.tokens = ("total(", "items)")
    head = "Größe🦀 = "
    start = to_units(head, len(head), encoding)
    client.open(URI, head + "  # 漢字🦀 é\n")
    assert texts(client.result(COMPLETE, inline(URI, 0, start))) == ["total(items)"]
    client.change(URI, 2, edit((0, start), (0, start), "total"))
    client.change(URI, 3, edit((0, start + 5), (0, start + 5), "()"))
    result = client.result(COMPLETE, inline(URI, 0, start + 6))
    span = {"start": at(0, start + 6), "end": at(0, start + 7)}
    assert edits(result) == [{"insertText": "items)", "range": span}]
    assert len(host.questions) == 1


def test_closers_that_stood_there_are_replaced_not_doubled(editor: Client, host: FakeHost) -> None:
    host.tokens = ("items, ", "key=size)")
    editor.open(URI, "x = sorted()\n")
    result = editor.result(COMPLETE, inline(URI, 0, 11))
    text, span = result["items"][0]["insertText"], result["items"][0]["range"]
    line = "x = sorted()"
    assert line[:11] + text + line[span["end"]["character"] :] == "x = sorted(items, key=size)"


def test_line_ends_are_those_of_the_document(editor: Client, host: FakeHost) -> None:
    host.tokens = LINES
    editor.open(URI, FUNCTION.replace("\n", "\r\n"))
    result = editor.result(COMPLETE, inline(URI, 1, 4, partialResultToken="t"))
    assert texts(result) == [BLOCK.replace("\n", "\r\n")]
    assert all("\n" not in text.replace("\r\n", "") for text in grown(editor, "t"))
    first = BLOCK.partition("\n")[0]
    editor.change(URI, 2, edit((1, 4), (1, 4), first + "\r\n        "))
    assert texts(editor.result(COMPLETE, inline(URI, 2, 8))) == ["count(item)\r\n        more(item)"]
    assert len(host.questions) == 1


# ----------------------------------------------------------------------------------- several, ahead, and the record


@pytest.mark.parametrize("kind", [0, 1])
def test_who_asks_gets_several_to_choose_from(editor: Client, host: FakeHost, kind: int) -> None:
    host.answers = [["first"], ["second"], ["second"], ["third"]]
    editor.open(URI, "x = ")
    result = editor.result(COMPLETE, inline(URI, 0, 4, context={"triggerKind": kind}))
    assert texts(result)[0] == "first"
    assert sorted(texts(result)) == ["first", "second", "third"]
    assert len({request.body["seed"] for request in host.questions}) == len(host.questions)


def test_how_many_to_choose_from_is_a_setting(client: Client, host: FakeHost) -> None:
    client.initialize(initializationOptions={"candidates": 1})
    client.open(URI, "x = ")
    assert texts(client.result(COMPLETE, inline(URI, 0, 4, context=INVOKED))) == ["1"]
    assert len(host.questions) == 1


@pytest.mark.parametrize(("text", "column"), [("value = 1\n", 3), ("f(x)\n", 4)])
def test_quiet_places_have_something_only_for_who_asks(editor: Client, host: FakeHost, text: str, column: int) -> None:
    editor.open(URI, text)
    assert editor.result(COMPLETE, inline(URI, 0, column)) == {"items": []}
    assert not host.questions
    editor.result(COMPLETE, inline(URI, 0, column, context=INVOKED))
    assert host.questions


def test_a_caret_that_rests_has_its_prompt_computed_ahead(client: Client, host: FakeHost) -> None:
    client.initialize()
    client.open(URI, "value = compute(1)\n" * 20 + "\n" + "value = compute(2)\n" * 20)
    client.notify("slipstream/didMoveCaret", {"textDocument": {"uri": URI}, "position": at(20, 0)})
    request = asked(client, host)
    assert (request.body["lane"], request.body["max_tokens"]) == ("background", 0)
    assert request.prefix.count("\n") == 20
    ended(client, request, "done")
    client.result(COMPLETE, inline(URI, 20, 0))
    body = host.questions[0].body
    assert (body["prefix"], body["suffix"]) == (request.body["prefix"], request.body["suffix"])


@pytest.mark.parametrize("uri", ["file:///nowhere/never.py", URI])
def test_a_caret_anywhere_does_no_harm(editor: Client, host: FakeHost, uri: str) -> None:
    editor.open(URI, "x = ")
    editor.notify("slipstream/didMoveCaret", {"textDocument": {"uri": uri}, "position": at(99, 99)})
    editor.notify("slipstream/didMoveCaret", {"textDocument": {"uri": uri}})
    assert texts(editor.result(COMPLETE, inline(URI, 0, 4))) == ["1"]


def test_what_follows_is_there_once_the_suggestion_is_accepted(editor: Client, host: FakeHost) -> None:
    editor.open(URI, "x = ")
    assert texts(editor.result(COMPLETE, inline(URI, 0, 4))) == ["1"]
    host.tokens = ("\ny = 2",)
    editor.until("the prefetch", lambda: len(host.asked) == 2 and host.asked[1].ended)
    assert (host.asked[1].body["lane"], host.asked[1].prefix) == ("background", "x = 1")
    editor.change(URI, 2, edit((0, 4), (0, 4), "1"))
    assert texts(editor.result(COMPLETE, inline(URI, 0, 5))) == ["\ny = 2"]
    assert len(host.questions) == 1


def test_what_became_of_a_suggestion_is_recorded_without_any_code(editor: Client, host: FakeHost) -> None:
    host.tokens = ("secret_name", "(items)")
    editor.open(URI, FUNCTION)
    editor.result(COMPLETE, inline(URI, 1, 4))
    editor.change(URI, 2, edit((1, 4), (1, 4), "secret_name(items)"))
    editor.result(COMPLETE, inline(URI, 1, 22))
    assert editor.stop() == 0
    file = paths.ledger_file()
    with opened(file) as database:
        rows = database.execute("SELECT outcome, language, place, characters, lines, waited_ms FROM moment").fetchall()
    assert [row[:5] for row in rows[:2]] == [
        ("shown", "python", "fresh_line", 18, 1),
        ("accepted", "python", "fresh_line", 18, 1),
    ]
    assert rows[0][5] > 0
    assert file.stat().st_mode & 0o077 == 0
    kept = b"".join(path.read_bytes() for path in file.parent.glob(f"{file.name}*"))
    assert b"secret" not in kept
    assert b"a.py" not in kept


# ------------------------------------------------------------------------------------- an entry selected in the popup


def selected(text: str, start: tuple[int, int], end: tuple[int, int]) -> Json:
    info = {"text": text, "range": {"start": at(*start), "end": at(*end)}}
    return {"triggerKind": 2, "selectedCompletionInfo": info}


def test_the_answer_goes_on_behind_the_selected_entry(editor: Client, host: FakeHost) -> None:
    host.tokens = ("(item", ")")
    editor.open(URI, "items.app\ny = 2\n")
    context = selected("append", (0, 6), (0, 9))
    result = editor.result(COMPLETE, inline(URI, 0, 9, context=context))
    assert edits(result) == [{"insertText": "append(item)", "range": {"start": at(0, 6), "end": at(0, 9)}}]
    assert (host.asked[0].prefix, host.asked[0].body["suffix"]) == ("items.append", "\ny = 2\n")


def test_what_grows_behind_the_selected_entry_begins_with_it(editor: Client, host: FakeHost) -> None:
    host.tokens = LINES[1:]
    editor.open(URI, FUNCTION + "fo")
    context = selected("for ", (1, 4), (1, 6))
    result = editor.result(COMPLETE, inline(URI, 1, 6, context=context, partialResultToken="t"))
    assert texts(result) == [BLOCK]
    assert grown(editor, "t")[0] == "for item in items:"
    assert result["items"][0]["range"] == {"start": at(1, 4), "end": at(1, 6)}


def test_a_suggestion_at_the_caret_is_found_again_behind_an_entry_it_begins_with(
    editor: Client, host: FakeHost
) -> None:
    host.tokens = ("append(item", ")")
    editor.open(URI, "items.\ny = 2\n")
    assert texts(editor.result(COMPLETE, inline(URI, 0, 6))) == ["append(item)"]
    editor.change(URI, 2, edit((0, 6), (0, 6), "app"))
    result = editor.result(COMPLETE, inline(URI, 0, 9, context=selected("append", (0, 6), (0, 9))))
    assert edits(result) == [{"insertText": "append(item)", "range": {"start": at(0, 6), "end": at(0, 9)}}]
    assert len(host.questions) == 1


@pytest.mark.parametrize(
    "context",
    [
        selected("append", (0, 6), (0, 8)),
        selected("append", (0, 9), (0, 6)),
        selected("append", (1, 0), (0, 9)),
        selected("app\nend", (0, 6), (0, 9)),
    ],
)
def test_a_selected_entry_that_does_not_fit_gets_nothing(editor: Client, host: FakeHost, context: Json) -> None:
    editor.open(URI, "items.app\ny = 2\n")
    assert editor.result(COMPLETE, inline(URI, 0, 9, context=context)) is None
    assert not host.asked


# ---------------------------------------------------------------------------------------------------------- facts


def test_facts_are_sent_to_a_client_that_asked_for_them(client: Client, host: FakeHost) -> None:
    host.tokens = ("a", "b", "c")
    client.initialize(initializationOptions={"completionStats": True})
    client.open(URI, "x = ")
    client.send(COMPLETE, inline(URI, 0, 4), "mine")
    client.wait("mine")
    (facts,) = client.of("slipstream/completionStats")
    assert facts.pop("ttftMs") > 0
    assert facts == {
        "requestId": "mine",
        "tokensPerSecond": 30.0,
        "promptTokens": 64,
        "reusedTokens": 16,
        "generatedTokens": 3,
        "gaveUp": [],
    }


def test_facts_of_a_stream_that_was_cut_short(client: Client, host: FakeHost) -> None:
    host.tokens = ("    return a\n", "\n", "def more():\n") + ("x = 1\n",) * 50
    client.initialize(initializationOptions={"completionStats": True, "candidates": 1})
    client.open(URI, "def f(a):\n")
    client.result(COMPLETE, inline(URI, 1, 0, context=INVOKED))
    (facts,) = client.of("slipstream/completionStats")
    assert (facts["promptTokens"], facts["reusedTokens"]) == (64, 16)
    assert 0 < facts["generatedTokens"] < 50
    assert facts["tokensPerSecond"] > 0


def test_nobody_else_gets_facts(editor: Client, host: FakeHost) -> None:
    editor.open(URI, "x = ")
    editor.result(COMPLETE, inline(URI, 0, 4))
    assert not editor.of("slipstream/completionStats")


# -------------------------------------------------------------------------------------------------------- trouble


def failure(code: str, **more: Any) -> ErrorData:
    return ErrorData(code=code, message="It went wrong.", hint="Do this.", **more)


def test_an_error_is_shown_once_until_it_works_again(editor: Client, host: FakeHost) -> None:
    host.refuse = failure("model_broken")
    editor.open(URI, "x = \n\n\ny = ")
    for _ in range(5):
        assert editor.result(COMPLETE, inline(URI, 0, 4)) is None
    assert [note["message"] for note in editor.of("window/showMessage")] == ["Slipstream: It went wrong. Do this."]
    host.refuse = None
    assert texts(editor.result(COMPLETE, inline(URI, 0, 4))) == ["1"]
    host.refuse = failure("model_broken")
    # At another place: what was suggested once is remembered and needs no host.
    assert editor.result(COMPLETE, inline(URI, 3, 4)) is None
    assert texts(editor.result(COMPLETE, inline(URI, 0, 4))) == ["1"]
    assert len(editor.of("window/showMessage")) == 2


def test_each_kind_of_trouble_is_shown(editor: Client, host: FakeHost) -> None:
    editor.open(URI, "x = ")
    for code in ("one", "two", "one", "two"):
        host.refuse = failure(code)
        assert editor.result(COMPLETE, inline(URI, 0, 4)) is None
    assert len(editor.of("window/showMessage")) == 2


@pytest.mark.parametrize("code", ["busy", "expired", "cancelled", "unloaded"])
def test_a_busy_host_is_nobody_s_trouble(editor: Client, host: FakeHost, code: str) -> None:
    host.refuse = failure(code, retryable=True)
    editor.open(URI, "x = ")
    assert editor.result(COMPLETE, inline(URI, 0, 4)) is None
    assert not editor.of("window/showMessage")


def test_an_engine_that_dies_leaves_the_lines_that_were_shown(editor: Client, host: FakeHost) -> None:
    host.tokens = LINES[:4]
    host.fail = failure("engine_restarted", retryable=True, partial=True)
    editor.open(URI, FUNCTION)
    result = editor.result(COMPLETE, inline(URI, 1, 4, partialResultToken="t"))
    assert texts(result) == grown(editor, "t")[-1:] == ["for item in items:\n        count(item)"]
    assert len(editor.of("window/showMessage")) == 1
    host.fail, host.tokens = None, ("eturn 0",)
    editor.change(URI, 2, edit((1, 4), (1, 4), "r"))
    assert texts(editor.result(COMPLETE, inline(URI, 1, 5))) == ["eturn 0"]


def test_an_edit_out_of_order_stops_completions_until_the_file_is_opened_again(editor: Client, host: FakeHost) -> None:
    editor.open(URI, "x = ", version=5)
    editor.change(URI, 5, edit((0, 0), (0, 0), "y"))
    editor.change(URI, 6, edit((0, 0), (0, 0), "z"))
    assert editor.result(COMPLETE, inline(URI, 0, 4)) is None
    assert not host.asked
    (note,) = editor.of("window/showMessage")
    assert "open it again" in note["message"]
    editor.open(URI, "x = ", version=7)
    assert texts(editor.result(COMPLETE, inline(URI, 0, 4))) == ["1"]
