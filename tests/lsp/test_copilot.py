"""Clients written for Copilot's language server: the methods they call, with the parameters they send."""

import pytest
from copilot_lsp.copilot import seen
from copilot_lsp.status import HostView, State, compose

from copilot import __version__, paths
from copilot.completion.ledger import opened
from copilot.serve.api import HostState, HostStatus
from tests.lsp.fake_host import FakeHost
from tests.lsp.jrpc import Client, Json, at, edit, inline

URI = "file:///project/a.py"
COMPLETE = "textDocument/inlineCompletion"
INFO = {"editorInfo": {"name": "Neovim", "version": "0.11.4"}, "editorPluginInfo": {"name": "x", "version": "1"}}


@pytest.fixture
def editor(client: Client) -> Client:
    # As Neovim announces itself; its Copilot plugins count in UTF-16 all the same.
    client.initialize(
        initializationOptions=INFO, capabilities={"general": {"positionEncodings": ["utf-8", "utf-16", "utf-32"]}}
    )
    return client


def doc(line: int, character: int, version: int | None = 1, uri: str = URI, **more: object) -> Json:
    """As copilot.vim and copilot.lua send it: each thing twice."""
    document = {"uri": uri, "version": version, "insertSpaces": True, "tabSize": 4, "position": at(line, character)}
    return {
        "doc": document, "textDocument": {"uri": uri, "version": version}, "position": at(line, character), "_": True,
        **more,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("state", "enabled", "working", "busy", "kind"),
    [
        (State.STARTING, True, False, True, "Normal"),
        (State.READY, True, False, False, "Normal"),
        (State.READY, True, True, True, "Normal"),
        (State.READY, False, False, False, "Inactive"),
        (State.FAILED, True, False, False, "Error"),
    ],
)
def test_the_status_as_they_know_it(state: State, enabled: bool, working: bool, busy: bool, kind: str) -> None:
    status = compose(HostView(state=state), enabled=enabled, working=working, stats=None)
    assert seen(status)[:2] == (busy, kind)


@pytest.mark.parametrize(
    ("method", "status"),
    [
        ("checkStatus", "OK"),
        ("signIn", "AlreadySignedIn"),
        ("signInInitiate", "AlreadySignedIn"),
        ("signInConfirm", "OK"),
    ],
)
@pytest.mark.parametrize("params", [None, {}, {"options": {"localChecksOnly": True}}])
def test_everyone_is_signed_in(editor: Client, method: str, status: str, params: Json | None) -> None:
    answer = editor.result(method, params)
    assert answer["status"] == status
    assert answer["user"]


def test_version_models_and_what_there_is_not(editor: Client, host: FakeHost) -> None:
    assert editor.result("getVersion", {})["version"] == __version__
    (model,) = editor.result("copilot/models", {})
    assert model["scopes"] == ["completion"]
    assert model["id"]
    assert editor.result("setEditorInfo", INFO) == "OK"
    assert editor.result("textDocument/copilotInlineEdit", inline(URI, 0, 0)) == {"edits": []}
    assert editor.error("conversation/create", {})["code"] == -32601


def test_their_options_are_no_mistakes_and_they_count_in_utf_16(client: Client, host: FakeHost) -> None:
    options = {**INFO, "networkProxy": {"host": "x"}, "editorConfig": {}, "name": "emacs", "maxLines": 1}
    result = client.initialize(
        initializationOptions=options, capabilities={"general": {"positionEncodings": ["utf-8", "utf-16"]}}
    )
    assert result["capabilities"]["positionEncoding"] == "utf-16"
    client.notify("workspace/didChangeConfiguration", {"settings": {"telemetry": {"telemetryLevel": "all"}}})
    client.open(URI, "x = ")
    assert client.result(COMPLETE, inline(URI, 0, 4))["items"]
    assert not client.of("window/showMessage")


def test_the_status_is_told_in_both_their_forms(client: Client, host: FakeHost) -> None:
    host.status = HostStatus(state=HostState.STARTING, version="0", pid=1, detail="Loading")
    client.initialize(initializationOptions=INFO)
    client.until("starting", lambda: {"busy": True, "kind": "Normal", "message": "Loading"}
                 in client.of("didChangeStatus"))  # fmt: skip
    client.until("starting in the old form", lambda: {"status": "InProgress", "message": "Loading"}
                 in client.of("statusNotification"))  # fmt: skip
    host.status = HostStatus(state=HostState.READY, version="0", pid=1)
    client.until("ready", lambda: client.of("statusNotification")[-1] == {"status": "Normal", "message": ""})
    assert client.of("didChangeStatus")[-1] == {"busy": False, "kind": "Normal", "message": ""}
    assert not client.of("slipstream/didChangeStatus")


def test_a_completion_writes_the_caret_s_line_anew(editor: Client, host: FakeHost) -> None:
    host.tokens = ("total(", "items)")
    editor.open(URI, "größe🦀 = ()\r\n")
    (one,) = editor.result("getCompletions", doc(0, 11))["completions"]
    uuid = one.pop("uuid")
    assert uuid
    text = one.pop("text")
    assert text == "größe🦀 = (" + one.pop("displayText")
    assert one == {
        "range": {"start": at(0, 0), "end": at(0, 11)}, "position": at(0, 11), "docVersion": 1,
    }  # fmt: skip
    assert host.questions[0].prefix == "größe🦀 = ("


def test_line_ends_are_always_lf(editor: Client, host: FakeHost) -> None:
    host.tokens = ("for x in y:\n", "    f(x)\n", "    g(x)\n")
    editor.open(URI, "\r\n\r\n")
    completions = editor.result("getCompletionsCycling", doc(0, 0))["completions"]
    assert "\n" in completions[0]["text"]
    assert not [one for one in completions if "\r" in one["text"]]


def test_cycling_gives_several(editor: Client, host: FakeHost) -> None:
    host.answers = [["first"], ["second_one"]]
    editor.open(URI, "x = ")
    completions = editor.result("getCompletionsCycling", doc(0, 4))["completions"]
    assert [one["displayText"] for one in completions[:2]] == ["first", "second_one"]
    assert len({one["uuid"] for one in completions}) == len(completions)


@pytest.mark.parametrize("params", [doc(0, 4, version=1), doc(0, 4, uri="file:///never.py"), doc(0, 0, uri="")])
def test_an_older_text_or_none_has_no_completions(editor: Client, host: FakeHost, params: Json) -> None:
    editor.open(URI, "x = ")
    editor.change(URI, 2, edit((0, 4), (0, 4), " "))
    assert editor.result("getCompletions", params) == {"completions": []}
    assert not host.questions
    assert editor.result("getCompletions", doc(99, 99, version=7))["completions"] is not None


def test_a_newer_question_ends_the_older(editor: Client, host: FakeHost) -> None:
    host.hold_after = 0
    editor.open(URI, "x = ")
    older = editor.send("getCompletions", doc(0, 4))
    newer = editor.send("getCompletions", doc(0, 4))
    assert editor.wait(older)["result"] == {"completions": []}
    host.release()
    assert editor.wait(newer)["result"]["completions"]


def test_a_panel_is_filled_by_notifications(editor: Client, host: FakeHost) -> None:
    host.answers = [["first"], ["second_one"]]
    editor.open(URI, "x = ")
    answer = editor.result("getPanelCompletions", doc(0, 4, panelId="copilot:///panel/1"))
    assert answer["solutionCountTarget"] > 1
    editor.until("the end", lambda: editor.of("PanelSolutionsDone"))
    solutions = editor.of("PanelSolution")
    assert [one["completionText"] for one in solutions[:2]] == ["first", "second_one"]
    assert solutions[0]["displayText"] == "x = first"
    assert solutions[0]["range"] == {"start": at(0, 4), "end": at(0, 4)}
    assert solutions[0]["score"] > solutions[1]["score"]
    assert {one["panelId"] for one in [*solutions, *editor.of("PanelSolutionsDone")]} == {"copilot:///panel/1"}


def test_a_panel_of_the_newer_kind_is_an_answer(editor: Client, host: FakeHost) -> None:
    host.answers = [["first"], ["second_one"]]
    editor.open(URI, "x = ")
    params = {"textDocument": {"uri": URI, "version": 1}, "position": at(0, 4)}
    items = editor.result("textDocument/copilotPanelCompletion", params)["items"]
    assert [item["insertText"] for item in items[:2]] == ["first", "second_one"]
    nowhere = {**params, "textDocument": {"uri": "file:///never.py"}}
    assert editor.result("textDocument/copilotPanelCompletion", nowhere) == {"items": []}


def test_what_became_of_it_is_recorded_once(editor: Client, host: FakeHost) -> None:
    host.tokens = ("total(items)",)
    editor.open(URI, "x = ")
    (one,) = editor.result("getCompletions", doc(0, 4))["completions"]
    assert editor.result("notifyShown", {"uuid": one["uuid"], "_": True}) == "OK"
    # copilot.lua tells the length of the whole line, whatever was accepted of it, and edits after that.
    for version, word in enumerate(("total", "(items)"), 2):
        told = {"uuid": one["uuid"], "acceptedLength": len(one["text"])}
        assert editor.result("notifyAccepted", told) == "OK"
        column = 4 if version == 2 else 9
        editor.change(URI, version, edit((0, column), (0, column), word))
    assert editor.stop() == 0
    with opened(paths.ledger_file()) as database:
        rows = list(database.execute("SELECT outcome, characters FROM moment ORDER BY rowid"))
    assert rows == [("shown", 12), ("partially_accepted", 5), ("accepted", 7)]


def test_what_is_rejected_does_not_come_back_by_itself(editor: Client, host: FakeHost) -> None:
    editor.open(URI, "x = ")
    (one,) = editor.result("getCompletions", doc(0, 4))["completions"]
    assert editor.result("notifyRejected", {"uuids": [one["uuid"], "never-1-0"]}) == "OK"
    assert editor.result("getCompletions", doc(0, 4)) == {"completions": []}
    assert editor.result("getCompletionsCycling", doc(0, 4))["completions"]


def test_what_a_standard_request_of_theirs_has_more_is_ignored(editor: Client, host: FakeHost) -> None:
    editor.open(URI, "x = ")
    params = inline(URI, 0, 4, formattingOptions={"tabSize": 4, "insertSpaces": True})
    params["textDocument"]["version"] = 1
    (item,) = editor.result(COMPLETE, params)["items"]
    # copilot.el runs the whole command, with its title.
    assert editor.result("workspace/executeCommand", item["command"]) is None


@pytest.mark.parametrize("method", ["getCompletions", "getPanelCompletions", "notifyShown", "notifyRejected"])
def test_parameters_that_do_not_fit_are_refused(editor: Client, method: str) -> None:
    assert editor.error(method, {"doc": {"uri": 1}})["code"] == -32602
