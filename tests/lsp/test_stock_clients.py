"""What editors without a plugin of ours send, as they were seen to send it, and what their users would notice."""

from pathlib import Path
from typing import Any

import pytest

from copilot.chat.task import Task
from tests.lsp.fake_host import FakeHost
from tests.lsp.jrpc import Client, Json, at, edit, inline

URI = "file:///w/a.py"
TEXT = "def add(a, b):\n    return "
REQUEST_FAILED = -32803
HERE = {"start": at(1, 11), "end": at(1, 11)}

# Neovim 0.12's own client, with `vim.lsp.inline_completion`.
NEOVIM: Json = {
    "clientInfo": {"name": "Neovim", "version": "0.12.4"},
    "capabilities": {
        "general": {"positionEncodings": ["utf-8", "utf-16", "utf-32"]},
        "textDocument": {"inlineCompletion": {"dynamicRegistration": False}},
        "window": {"showDocument": {"support": True}, "workDoneProgress": True},
        "workspace": {"applyEdit": True, "configuration": True},
    },
}
# lsp-mode 10 asks for inline completions without announcing that it can.
LSP_MODE: Json = {
    "clientInfo": {"name": "emacs", "version": "GNU Emacs 30.2"},
    "rootPath": "/w",
    "capabilities": {
        "general": {"positionEncodings": ["utf-32", "utf-8", "utf-16"]},
        "textDocument": {"synchronization": {"willSave": True, "didSave": True, "willSaveWaitUntil": True}},
        "workspace": {"applyEdit": True, "configuration": True, "diagnostics": {"refreshSupport": False}},
    },
}
HELIX: Json = {
    "clientInfo": {"name": "helix", "version": "25.07.1"},
    "rootPath": "/w",
    "capabilities": {
        "general": {"positionEncodings": ["utf-8", "utf-32", "utf-16"]},
        "window": {
            "showDocument": {"support": True},
            "showMessage": {"messageActionItem": {"additionalPropertiesSupport": True}},
            "workDoneProgress": True,
        },
        "workspace": {
            "applyEdit": True,
            "configuration": True,
            "didChangeConfiguration": {"dynamicRegistration": False},
            "workspaceEdit": {"documentChanges": True, "failureHandling": "abort", "normalizesLineEndings": False},
        },
    },
}
# It shows no inline completions, and takes no `workspace/applyEdit` later than two seconds after a command.
KATE: Json = {
    "rootPath": "/w",
    "rootUri": "file:///w",
    "workspaceFolders": [],
    "capabilities": {
        "textDocument": {
            "codeAction": {
                "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix", "refactor", "source"]}}
            }
        },
        "window": {
            "showMessage": {"messageActionItem": {"additionalPropertiesSupport": True}},
            "workDoneProgress": True,
        },
        "workspace": {"configuration": True, "workspaceFolders": True},
    },
}
# LSP4IJ, the client in JetBrains' editors; it calls every request for inline completion an automatic one.
LSP4IJ: Json = {
    "clientInfo": {"name": "PyCharm", "version": "2026.2"},
    "capabilities": {
        "general": {
            "positionEncodings": ["utf-16"],
            "staleRequestSupport": {"cancel": True, "retryOnContentModified": []},
        },
        "textDocument": {"inlineCompletion": {"dynamicRegistration": True}},
        "window": {
            "showDocument": {"support": True},
            "showMessage": {"messageActionItem": {"additionalPropertiesSupport": False}},
            "workDoneProgress": True,
        },
        "workspace": {
            "applyEdit": True,
            "configuration": True,
            "didChangeConfiguration": {"dynamicRegistration": True},
            "executeCommand": {"dynamicRegistration": True},
            "workspaceEdit": {"documentChanges": True, "resourceOperations": ["create", "delete", "rename"]},
        },
    },
}
# Sublime Text's package LSP.
SUBLIME: Json = {
    "clientInfo": {"name": "Sublime Text LSP", "version": "2.13.0"},
    "capabilities": {
        "general": {"positionEncodings": ["utf-16"], "regularExpressions": {"engine": "ECMAScript"}},
        "window": {
            "showDocument": {"support": True},
            "showMessage": {"messageActionItem": {"additionalPropertiesSupport": True}},
            "workDoneProgress": True,
        },
        "workspace": {
            "applyEdit": True,
            "configuration": True,
            "executeCommand": {"dynamicRegistration": True},
            "workspaceEdit": {
                "changeAnnotationSupport": {"groupsOnLabel": False},
                "documentChanges": True,
                "failureHandling": "abort",
                "metadataSupport": True,
                "snippetEditSupport": True,
            },
        },
    },
}
ENCODINGS = [
    pytest.param(NEOVIM, "utf-8", id="neovim"),
    pytest.param(LSP_MODE, "utf-32", id="emacs"),
    pytest.param(HELIX, "utf-8", id="helix"),
    pytest.param(KATE, "utf-16", id="kate"),
    pytest.param(LSP4IJ, "utf-16", id="jetbrains"),
    pytest.param(SUBLIME, "utf-16", id="sublime"),
]


@pytest.mark.parametrize(("params", "encoding"), ENCODINGS)
def test_each_is_given_its_first_encoding_and_an_answer(
    client: Client, host: FakeHost, params: Json, encoding: str
) -> None:
    host.tokens = ("a", " + ", "b")
    capabilities = client.initialize(**params)["capabilities"]
    assert capabilities["positionEncoding"] == encoding
    assert capabilities["inlineCompletionProvider"] == {}
    # Helix counts versions from 0.
    client.open(URI, TEXT, version=0)
    (item,) = client.result("textDocument/inlineCompletion", inline(URI, 1, 11))["items"]
    assert (item["insertText"], item["range"]) == ("a + b", HERE)
    # Neovim and lsp-mode run the command of what was accepted, Neovim only where it was announced.
    assert item["command"]["command"] in capabilities["executeCommandProvider"]["commands"]
    command = {key: item["command"][key] for key in ("command", "arguments")}
    assert client.result("workspace/executeCommand", command) is None


def test_neovim_asks_again_without_cancelling(client: Client, host: FakeHost) -> None:
    """Null for the older request leaves on screen what is there; an error would be written to a log."""
    host.tokens, host.hold_after = ("a", " + ", "b"), 0
    client.initialize(**NEOVIM)
    client.open(URI, TEXT)
    older = client.send("textDocument/inlineCompletion", inline(URI, 1, 11))
    client.until("the engine's work", lambda: host.questions)
    client.change(URI, 2, edit((1, 11), (1, 11), "a"))
    newer = client.send("textDocument/inlineCompletion", inline(URI, 1, 12))
    assert client.wait(older)["result"] is None
    host.release()
    (item,) = client.wait(newer)["result"]["items"]
    assert item["insertText"] == " + b"


def test_neovim_hides_what_it_shows_when_completion_is_switched_off(host: FakeHost) -> None:
    """It draws the last suggestion on, beside whatever is typed, until a list comes."""
    wanted: Json = {"enabled": True}

    def answer(message: Json) -> Any:
        return [dict(wanted)] if message["method"] == "workspace/configuration" else None

    host.tokens = ("a", " + ", "b")
    with Client(answer=answer) as client:
        client.initialize(**NEOVIM)
        client.open(URI, TEXT)
        assert client.result("textDocument/inlineCompletion", inline(URI, 1, 11))["items"]
        wanted["enabled"] = False
        client.notify("workspace/didChangeConfiguration", {"settings": {}})
        client.until("completion to be off", lambda: client.result("slipstream/status")["state"] == "off")
        client.change(URI, 2, edit((1, 11), (1, 11), "x"))
        assert client.result("textDocument/inlineCompletion", inline(URI, 1, 12)) == {"items": []}


def test_helix_gives_its_settings_twice_and_hears_of_a_mistake_in_them_once(host: FakeHost) -> None:
    config: Json = {"slipstream": {"maxLines": "three"}}

    def answer(message: Json) -> Any:
        return [config["slipstream"]] if message["method"] == "workspace/configuration" else None

    with Client(answer=answer) as client:
        client.initialize(**HELIX, initializationOptions=config)
        client.until("the question for settings", lambda: client.of("workspace/configuration"))
        client.notify("workspace/didChangeConfiguration", {"settings": config})
        client.until("the second one", lambda: len(client.of("workspace/configuration")) > 1)
        assert client.stop() == 0
        (told,) = client.of("window/showMessage")
        assert "maxLines" in told["message"]


def test_jetbrains_cancels_the_older_request_and_is_given_the_newer_one(client: Client, host: FakeHost) -> None:
    host.tokens, host.hold_after = ("a", " + ", "b"), 0
    client.initialize(**LSP4IJ)
    client.open(URI, TEXT)
    older = client.send("textDocument/inlineCompletion", inline(URI, 1, 11))
    client.until("the engine's work", lambda: host.questions)
    client.change(URI, 2, edit((1, 11), (1, 11), "a"))
    client.notify("$/cancelRequest", {"id": older})
    newer = client.send("textDocument/inlineCompletion", inline(URI, 1, 12))
    assert client.wait(older).get("result") is None
    host.release()
    (item,) = client.wait(newer)["result"]["items"]
    assert (item["insertText"], item["range"]) == (" + b", {"start": at(1, 12), "end": at(1, 12)})


@pytest.mark.parametrize("task", Task)
@pytest.mark.parametrize("params", [{}, KATE], ids=["nothing", "kate"])
def test_a_command_ends_where_a_client_can_show_little_and_asks_nothing_that_it_cannot(
    client: Client, host: FakeHost, tmp_path: Path, params: Json, task: Task
) -> None:
    """Kate never answers a `window/showDocument`; whoever waited for it would wait for ever."""
    client.initialize(**params)
    uri = (tmp_path / "a.py").as_uri()
    client.open(uri, TEXT)
    argument = {"uri": uri, "range": {"start": at(0, 0), "end": at(1, 11)}, "question": "What is it?"}
    response = client.call("workspace/executeCommand", {"command": f"slipstream.ask.{task}", "arguments": [argument]})
    if "error" in response:
        # Kate and Helix show their users no errors of commands.
        assert response["error"]["code"] == REQUEST_FAILED
        client.until("the error, for people", lambda: client.of("window/showMessage"))
    else:
        assert response["result"]["kind"] == task
    asked = {note["method"] for note in client.notes if "id" in note}
    window = params.get("capabilities", {}).get("window", {})
    able = {"window/showMessageRequest"}
    if params:
        able |= {"workspace/configuration"}
    if window.get("workDoneProgress"):
        able |= {"window/workDoneProgress/create"}
    assert asked <= able


def test_helix_clears_its_message_when_work_ends_so_an_error_comes_after_that(client: Client, tmp_path: Path) -> None:
    client.initialize(**HELIX)
    argument = {"uri": (tmp_path / "a.py").as_uri()}
    command = {"command": "slipstream.ask.commitMessage", "arguments": [argument], "workDoneToken": "mine"}
    assert client.error("workspace/executeCommand", command)["code"] == REQUEST_FAILED
    told = [note for note in client.notes if note["method"] in {"$/progress", "window/showMessage"}]
    assert [note["method"] for note in told[-2:]] == ["$/progress", "window/showMessage"]
    assert told[-2]["params"]["value"]["kind"] == "end"


def test_jetbrains_is_offered_a_fix_of_selected_code_as_no_quick_fix(client: Client, host: FakeHost) -> None:
    """It leaves quick fixes out of the intentions on a selection."""
    literals = {
        "codeActionLiteralSupport": {"codeActionKind": {"valueSet": ["quickfix", "refactor", "refactor.rewrite"]}}
    }
    capabilities = {**LSP4IJ["capabilities"], "textDocument": {"codeAction": literals}}
    client.initialize(**{**LSP4IJ, "capabilities": capabilities})
    client.open(URI, TEXT)
    selected = {"start": at(0, 0), "end": at(1, 11)}
    asked = {"textDocument": {"uri": URI}, "range": selected, "context": {"diagnostics": []}}
    offered = {action["title"]: action["kind"] for action in client.result("textDocument/codeAction", asked)}
    assert offered["Slipstream: Fix"] == "refactor.rewrite.fix"
    assert "quickfix" not in offered.values()
