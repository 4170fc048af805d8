"""Settings from editors: what counts, what is ignored, and what an editor can never set."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from copilot_lsp import settings

from copilot.config.settings import CompletionSettings
from tests.lsp.fake_host import FakeHost
from tests.lsp.jrpc import Client, Json, edit, inline

URI = "file:///w/a.py"
COMPLETE = "textDocument/inlineCompletion"
NO_ITEMS: dict[str, Any] = {"items": []}


@pytest.mark.parametrize("value", [None, {}, {"slipstream": {}}, {"maxTokens": None}])
def test_nothing_given_changes_nothing(value: object) -> None:
    reading = settings.read(value)
    assert reading.above(CompletionSettings()) == CompletionSettings()
    assert not reading.warning


@pytest.mark.parametrize("wrap", [lambda given: given, lambda given: {"slipstream": given}])
def test_each_setting_is_taken(wrap: Any) -> None:
    reading = settings.read(
        wrap({"enabled": False, "disabledLanguages": ["markdown", "c"], "maxTokens": 7, "maxLines": 3})
    )
    assert reading.above(CompletionSettings(prefix_tokens=100)) == CompletionSettings(
        enabled=False, disabled_languages=("markdown", "c"), max_tokens=7, max_lines=3, prefix_tokens=100
    )
    assert not reading.warning


@pytest.mark.parametrize(
    ("given", "named"),
    [
        ({"maxTokens": "many"}, "maxTokens"),
        ({"maxTokens": True}, "maxTokens"),
        ({"maxTokens": 0}, "maxTokens"),
        ({"maxTokens": 10**9}, "maxTokens"),
        ({"enabled": 1}, "enabled"),
        ({"disabledLanguages": "python"}, "disabledLanguages"),
        ({"disabledLanguages": [1]}, "disabledLanguages"),
        ({"max_tokens": 5}, "max_tokens is unknown"),
        ({"": 5}, "is unknown"),
        ({"x" * 500: 5}, "x… is unknown"),
        ({"model": "/tmp/evil.gguf"}, "model is unknown"),
        ({"hub": "https://evil.example"}, "hub is unknown"),
        ({"serverCommand": ["sh"]}, "serverCommand is unknown"),
        ("text", "not a table"),
        ([], "not a table"),
    ],
)
def test_what_is_wrong_is_named_and_the_rest_counts(given: object, named: str) -> None:
    whole = {**given, "maxLines": 2} if isinstance(given, Mapping) else given
    reading = settings.read(whole)
    assert named in reading.warning
    expected = CompletionSettings(max_lines=2) if isinstance(given, Mapping) else CompletionSettings()
    assert reading.above(CompletionSettings()) == expected


def test_a_name_cannot_be_a_message_of_its_own() -> None:
    warning = settings.read({"\n\n\x1b[31mCall this number": 1}).warning
    assert warning.isprintable()


# ------------------------------------------------------------------------------------------- through the process


def configured(host: FakeHost, values: list[Any]) -> Client:
    """A client that answers ``workspace/configuration`` with the last of ``values``."""

    def answer(message: Json) -> object:
        assert message["method"] == "workspace/configuration"
        assert message["params"] == {"items": [{"section": "slipstream"}]}
        return [values[-1]]

    return Client(answer=answer)


def warnings(client: Client) -> list[str]:
    return [note["message"] for note in client.of("window/showMessage")]


def test_initialization_options_count(client: Client, host: FakeHost) -> None:
    client.initialize(initializationOptions={"maxTokens": 5, "disabledLanguages": ["c"], "maxline": 1})
    client.until("the warning", lambda: warnings(client))
    assert len(warnings(client)) == 1
    assert "maxline is unknown" in warnings(client)[0]
    client.open(URI, "x = ")
    client.open("file:///w/a.c", "int x = ", language="c")
    client.result(COMPLETE, inline(URI, 0, 4))
    assert host.asked[0].body["max_tokens"] == 5
    assert client.result(COMPLETE, inline("file:///w/a.c", 0, 8)) == NO_ITEMS
    assert len(host.asked) == 1


def test_the_workspace_s_configuration_is_asked_for_and_read_again(host: FakeHost) -> None:
    values: list[Any] = [{"maxTokens": 9, "enabled": None}]
    with configured(host, values) as client:
        client.initialize(
            capabilities={"workspace": {"configuration": True}}, initializationOptions={"maxTokens": 5, "maxLines": 1}
        )
        client.open(URI, "x = ")
        client.until("the question", lambda: client.of("workspace/configuration"))
        # Answered in order: what comes after the answer to the server sees its effect.
        client.until("its effect", lambda: _max_tokens(client, host) == 9)
        values.append({"maxTokens": 11, "bogus": 1})
        client.notify("workspace/didChangeConfiguration", {"settings": None})
        client.until("its effect", lambda: _max_tokens(client, host) == 11)
        client.notify("workspace/didChangeConfiguration", {"settings": None})
        client.until("the third question", lambda: len(client.of("workspace/configuration")) == 3)
        values.append({"enabled": False})
        client.notify("workspace/didChangeConfiguration", {"settings": None})
        client.until("its effect", lambda: client.result(COMPLETE, inline(URI, 0, 4)) == NO_ITEMS)
        assert len([text for text in warnings(client) if "bogus" in text]) == 1


def _max_tokens(client: Client, host: FakeHost) -> object:
    # A suggestion would be remembered, and asked for only once.
    host.tokens = ()
    client.result(COMPLETE, inline(URI, 0, 4))
    return host.asked[-1].body["max_tokens"]


def test_pushed_settings_count_where_the_client_cannot_be_asked(client: Client, host: FakeHost) -> None:
    client.initialize()
    client.open(URI, "x = ")
    client.notify("workspace/didChangeConfiguration", {"settings": {"slipstream": {"maxTokens": 4}, "other": {"a": 1}}})
    client.until("its effect", lambda: _max_tokens(client, host) == 4)
    client.notify("workspace/didChangeConfiguration", {"settings": {"slipstream": {"maxTokens": "x"}}})
    client.until("its effect", lambda: _max_tokens(client, host) == 96)
    assert len(warnings(client)) == 1


def test_where_completion_was_switched_off_nothing_is_prefilled_either(client: Client, host: FakeHost) -> None:
    client.initialize()
    notes = "file:///project/notes.md"
    client.open(notes, "x = ", language="markdown")
    client.open(URI, "x = ")
    for uri in (notes, URI):
        client.result(COMPLETE, inline(uri, 0, 4))
    settings = {"slipstream": {"disabledLanguages": ["markdown"]}}
    client.notify("workspace/didChangeConfiguration", {"settings": settings})
    client.until("its effect", lambda: client.result(COMPLETE, inline(notes, 0, 4)) == NO_ITEMS)
    for uri, words in ((notes, "one "), (URI, "two ")):
        client.change(uri, 2, edit((0, 0), (0, 0), words * 100 + "\n"))
    # Of the two the one that was edited later.
    client.until("a prefill", lambda: any("two two" in asked.prefix for asked in host.asked))
    assert not any("one one" in asked.prefix for asked in host.asked)


@pytest.mark.parametrize("dynamic", [True, False])
def test_it_asks_to_be_told_of_changes(client: Client, host: FakeHost, dynamic: bool) -> None:
    workspace = {"didChangeConfiguration": {"dynamicRegistration": dynamic}}
    client.initialize(capabilities={"workspace": workspace})
    client.open(URI, "x = ")
    client.result(COMPLETE, inline(URI, 0, 4))
    methods = [each["method"] for asked in client.of("client/registerCapability") for each in asked["registrations"]]
    assert methods == ["workspace/didChangeConfiguration"] * dynamic


def test_a_client_that_never_answers_keeps_nobody_waiting(host: FakeHost) -> None:
    class Silent(Client):
        def _take(self, message: Json) -> None:
            if not ("method" in message and "id" in message):
                super()._take(message)

    workspace = {"configuration": True, "didChangeConfiguration": {"dynamicRegistration": True}}
    with Silent() as client:
        client.initialize(capabilities={"workspace": workspace}, initializationOptions={"maxTokens": 7})
        client.open(URI, "x = ")
        assert _max_tokens(client, host) == 7
        assert client.stop() == 0


@pytest.mark.parametrize("answer", [None, [], [None], {"maxTokens": 5}, "no"])
def test_an_odd_configuration_changes_nothing(host: FakeHost, answer: object) -> None:
    with Client(answer=lambda message: answer) as client:
        client.initialize(capabilities={"workspace": {"configuration": True}})
        client.open(URI, "x = ")
        client.until("the question", lambda: client.of("workspace/configuration"))
        assert _max_tokens(client, host) == 96
        assert not warnings(client)


def test_the_configuration_file_counts_and_the_command_line_above_it(home: Path, host: FakeHost) -> None:
    (home / "config.toml").write_text("[completion]\nmax_tokens = 33\n")
    with Client() as client:
        client.initialize()
        client.open(URI, "x = ")
        assert _max_tokens(client, host) == 33
    with Client([*Client.command(), "--set", "completion.max_tokens=34"]) as client:
        client.initialize()
        client.open(URI, "x = ")
        assert _max_tokens(client, host) == 34


@pytest.mark.parametrize(
    "content", [b"[completion\n", b"\xff\xfe", b"completion = 3\n", b"[completion]\nmax_tokns = 1\n"]
)
def test_a_broken_configuration_file_is_told_and_nothing_is_completed(
    home: Path, host: FakeHost, content: bytes
) -> None:
    (home / "config.toml").write_bytes(content)
    with Client() as client:
        # An editor's setting does not switch on what has no host.
        client.initialize(initializationOptions={"enabled": True})
        client.until("the message", lambda: warnings(client))
        assert "config.toml" in warnings(client)[0]
        assert "No completions come until it is corrected" in warnings(client)[0]
        client.open(URI, "x = ")
        assert client.result(COMPLETE, inline(URI, 0, 4, context={"triggerKind": 1})) == NO_ITEMS
        assert not host.asked
        assert len(client.of("window/showMessage")) == 1


def test_no_host_is_started_beside_a_broken_configuration_file(home: Path) -> None:
    (home / "config.toml").write_bytes(b"[completion\n")
    with Client() as client:
        client.initialize()
        client.open(URI, "x = ")
        assert client.result(COMPLETE, inline(URI, 0, 4, context={"triggerKind": 1})) == NO_ITEMS
        assert len(client.of("window/showMessage")) == 1
        assert client.stop() == 0
    assert not (home / "logs" / "host.log").exists()
