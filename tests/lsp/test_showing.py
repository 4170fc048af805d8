"""Answers in clients without views of their own: nothing is written without a yes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.lsp.asking import FIXED, STREAM, TEXT, URI, answer, ask, spot
from tests.lsp.fake_host import FakeHost
from tests.lsp.jrpc import Client, Json, edit

SHOW = "window/showDocument"
CHOOSE = "window/showMessageRequest"
APPLY = "workspace/applyEdit"


def stock(replies: dict[str, object], *, show: bool = True) -> Client:
    """A client that knows nothing of ours; ``replies`` to the server's requests, by method."""

    def reply(message: Json) -> object:
        given = replies.get(message["method"])
        return given(message["params"]) if callable(given) else given

    client = Client(answer=reply)
    capabilities: Json = {"workspace": {"applyEdit": True}, "window": {"showDocument": {"support": show}}}
    client.initialize(capabilities=capabilities, initializationOptions={"prefetch": False})
    return client


def chosen(title: str | None) -> Callable[[Json], object]:
    return lambda params: {"title": title} if title else None


def test_a_change_is_shown_as_a_diff_and_made_after_yes(host: FakeHost) -> None:
    shown: list[str] = []

    def show(params: Json) -> Json:
        shown.append(Path(params["uri"].removeprefix("file://")).read_text())
        return {"success": True}

    answer(host, FIXED)
    with stock({SHOW: show, CHOOSE: chosen("Apply"), APPLY: {"applied": True}}) as client:
        client.open(URI, TEXT)
        ask(client, "fix", uri=URI, range=spot(4))
        (params,) = client.until("the edit", lambda: client.of(APPLY))
        assert "-    return sum(itmes)\n+    return sum(items)\n" in shown[0]
        assert [it["title"] for it in client.of(CHOOSE)[0]["actions"]] == ["Apply", "Discard"]
        (one,) = params["edit"]["changes"][URI]
        assert one["newText"] == "    return sum(items)\n"
        assert client.of(STREAM) == []


@pytest.mark.parametrize("choice", ["Discard", None])
def test_without_a_yes_nothing_is_written(host: FakeHost, choice: str | None) -> None:
    answer(host, FIXED)
    with stock({SHOW: {"success": True}, CHOOSE: chosen(choice), APPLY: {"applied": True}}) as client:
        client.open(URI, TEXT)
        ask(client, "fix", uri=URI, range=spot(4))
        client.until("the question", lambda: client.of(CHOOSE))
        # What comes after it was handled after it.
        assert ask(client, "explain", uri=URI, range=spot(4))["text"]
        assert client.of(APPLY) == []


def test_a_yes_that_comes_too_late_writes_nothing(host: FakeHost) -> None:
    answer(host, FIXED)
    clients: list[Client] = []

    def late(params: Json) -> Json:
        clients[0].change(URI, 2, edit((4, 4), (4, 4), "# "))
        return {"title": "Apply"}

    with stock({SHOW: {"success": True}, CHOOSE: late, APPLY: {"applied": True}}) as client:
        clients.append(client)
        client.open(URI, TEXT)
        ask(client, "fix", uri=URI, range=spot(4))
        client.until("the words", lambda: [it for it in said(client) if "changed meanwhile" in it])
        assert client.of(APPLY) == []


def said(client: Client) -> list[Any]:
    return [it["message"] for it in client.of("window/showMessage")]


def test_a_client_that_shows_no_files_gets_the_diff_with_the_question(host: FakeHost) -> None:
    answer(host, FIXED)
    with stock({CHOOSE: chosen("Discard")}, show=False) as client:
        client.open(URI, TEXT)
        ask(client, "fix", uri=URI, range=spot(4))
        (question,) = client.until("the question", lambda: client.of(CHOOSE))
        assert "+    return sum(items)\n" in question["message"]


def test_an_edit_that_the_editor_refuses_is_told(host: FakeHost) -> None:
    answer(host, FIXED)
    refusal = {"applied": False, "failureReason": "it is read-only"}
    with stock({SHOW: {"success": True}, CHOOSE: chosen("Apply"), APPLY: refusal}) as client:
        client.open(URI, TEXT)
        ask(client, "fix", uri=URI, range=spot(4))
        client.until("the words", lambda: [it for it in said(client) if "it is read-only" in it])


def test_a_name_is_chosen_before_its_diff_is_shown(host: FakeHost) -> None:
    choices = iter(["add_up", "Apply"])
    answer(host, "sum_items\nadd_up\n")
    replies: dict[str, object] = {
        SHOW: {"success": True},
        CHOOSE: lambda params: {"title": next(choices)},
        APPLY: {"applied": True},
    }
    with stock(replies) as client:
        client.open(URI, TEXT)
        ask(client, "rename", uri=URI, range=spot(3, 5))
        (params,) = client.until("the edit", lambda: client.of(APPLY))
        assert [it["newText"] for it in params["edit"]["changes"][URI]] == [
            "def add_up(items):\n",
            "print(add_up([1]))\n",
        ]


def test_an_explanation_is_shown_as_a_private_file_that_goes_with_the_server(host: FakeHost) -> None:
    with stock({SHOW: {"success": True}}) as client:
        client.open(URI, TEXT)
        ask(client, "explain", uri=URI, range=spot(3))
        (params,) = client.until("the file", lambda: client.of(SHOW))
        path = Path(params["uri"].removeprefix("file://"))
        assert path.read_text() == "It adds two numbers."
        assert (path.stat().st_mode & 0o077, path.parent.stat().st_mode & 0o077) == (0, 0)
        client.stop()
        assert not path.exists()


def test_a_client_that_can_do_nothing_is_told_in_words(host: FakeHost) -> None:
    with Client() as client:
        client.initialize(initializationOptions={"prefetch": False})
        client.open(URI, TEXT)
        ask(client, "explain", uri=URI, range=spot(3))
        client.until("the answer", lambda: "It adds two numbers." in said(client))
        answer(host, FIXED)
        ask(client, "fix", uri=URI, range=spot(4))
        client.until("the words", lambda: [it for it in said(client) if "the diff is yours" in it])
