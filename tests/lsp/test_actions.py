"""Code actions: what a client is offered, and what it then runs."""

import pytest

from tests.lsp.asking import EXECUTE, FIXED, TEXT, URI, answer, spot
from tests.lsp.fake_host import FakeHost
from tests.lsp.jrpc import Client, Json, at

ACTIONS = "textDocument/codeAction"
LITERALS: Json = {"textDocument": {"codeAction": {"codeActionLiteralSupport": {"codeActionKind": {"valueSet": []}}}}}
PROBLEM = {"range": spot(4, 15), "message": "undefined name 'itmes'"}
SELECTED = {"start": at(3, 0), "end": at(5, 0)}


@pytest.fixture
def editor(client: Client) -> Client:
    result = client.initialize(capabilities=LITERALS, initializationOptions={"prefetch": False, "review": True})
    assert "quickfix" in result["capabilities"]["codeActionProvider"]["codeActionKinds"]
    client.open(URI, TEXT)
    return client


def offered(client: Client, place: Json, **context: object) -> list[Json]:
    params = {"textDocument": {"uri": URI}, "range": place, "context": {"diagnostics": [], **context}}
    found: list[Json] = client.result(ACTIONS, params)
    return found


def titles(found: list[Json]) -> list[str]:
    return [it["title"].removeprefix("Slipstream: ") for it in found]


ALL = ["Fix", "Document", "Suggest names", "Generate tests", "Explain"]


def test_a_selection_and_a_fault_are_worth_a_light_bulb_and_a_bare_line_is_not(editor: Client) -> None:
    assert titles(offered(editor, SELECTED, triggerKind=2)) == ALL
    assert titles(offered(editor, spot(4), triggerKind=2, diagnostics=[PROBLEM])) == ALL
    assert offered(editor, spot(4), triggerKind=2) == []


@pytest.mark.parametrize("context", [{"triggerKind": 1}, {}])
def test_whoever_asks_is_answered(editor: Client, context: Json) -> None:
    assert titles(offered(editor, spot(4), **context)) == ALL


@pytest.mark.parametrize(
    ("only", "found"),
    [
        (["quickfix"], ["Fix"]),
        (["refactor"], ["Fix", "Document", "Suggest names", "Generate tests"]),
        (["refactor.rewrite.fix"], ["Fix"]),
        (["refactor.rewrite.document"], ["Document"]),
        (["source.organizeImports"], []),
        (["slipstream"], ["Explain"]),
        ([""], ALL),
    ],
)
def test_only_the_kinds_that_were_asked_for(editor: Client, only: list[str], found: list[str]) -> None:
    assert titles(offered(editor, SELECTED, only=only)) == found


def test_a_fix_carries_the_fault_and_works(editor: Client, host: FakeHost) -> None:
    answer(host, FIXED)
    fix = offered(editor, spot(4), diagnostics=[PROBLEM])[0]
    assert (fix["kind"], fix["diagnostics"]) == ("quickfix", [PROBLEM])
    command = fix["command"]
    result = editor.result(EXECUTE, {"command": command["command"], "arguments": command["arguments"]})
    assert "+    return sum(items)\n" in result["diff"]
    assert "undefined name" in host.asked_chat[0].body["messages"][-1]["content"]


def test_a_client_that_knows_only_commands_gets_commands(client: Client) -> None:
    client.initialize(initializationOptions={"prefetch": False})
    client.open(URI, TEXT)
    assert {type(it["command"]) for it in offered(client, SELECTED)} == {str}
