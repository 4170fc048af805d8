"""``slipstream.ask.*``: answers stream, can be stopped, and become a change only where they fit."""

import subprocess
from pathlib import Path

import pytest

from copilot.serve.api import ErrorData
from tests.lsp.asking import EXECUTE, FIXED, STREAM, TEXT, URI, answer, ask, command, prompt, spot
from tests.lsp.fake_host import FakeHost
from tests.lsp.jrpc import Client, Json, edit, file_uri

OPTIONS = {"prefetch": False, "streams": True, "review": True}
WORKSPACE = {
    "workspaceEdit": {"documentChanges": True, "resourceOperations": ["create"]},
    "applyEdit": True,
    "workspaceFolders": True,
}


def started(client: Client, **workspace: object) -> Client:
    client.initialize(
        rootUri="file:///project",
        initializationOptions=OPTIONS,
        capabilities={"workspace": {**WORKSPACE, **workspace}, "window": {"workDoneProgress": True}},
    )
    return client


@pytest.fixture
def editor(client: Client) -> Client:
    return started(client)


def made(text: str, result: Json) -> str:
    """``text`` with the edit of ``result``, which counts in UTF-16; all of it here is ASCII."""
    (change,) = result["edit"]["documentChanges"]
    lines = [*text.splitlines(keepends=True), ""]
    starts = [sum(map(len, lines[:n])) for n in range(len(lines))]
    for one in sorted(change["edits"], key=lambda it: -it["range"]["start"]["line"]):
        start, end = (starts[it["line"]] + it["character"] for it in (one["range"]["start"], one["range"]["end"]))
        text = text[:start] + one["newText"] + text[end:]
    return text


# ------------------------------------------------------------------------------------------------ as it streams


def test_an_answer_streams_in_order_and_comes_whole_at_the_end(editor: Client, host: FakeHost) -> None:
    editor.open(URI, TEXT)
    result = ask(editor, "explain", uri=URI, range=spot(3, 5))
    notes = editor.of(STREAM)
    assert [it["kind"] for it in notes] == ["begin", "text", "text", "text", "end"]
    assert [it["sequence"] for it in notes] == list(range(5))
    assert "".join(it["text"] for it in notes if it["kind"] == "text") == "It adds two numbers." == result["text"]
    assert (notes[0]["title"], notes[0]["command"], notes[-1]["reason"]) == (
        "Explain total", "slipstream.ask.explain", "done",
    )  # fmt: skip
    assert (result["edit"], result["diff"], result["incomplete"]) == (None, None, False)


def test_text_comes_while_the_rest_is_still_being_written(editor: Client, host: FakeHost) -> None:
    host.hold_after = 1
    editor.open(URI, TEXT)
    request = editor.send(EXECUTE, command("explain", uri=URI, range=spot(3)))
    editor.until("the first piece", lambda: [it for it in editor.of(STREAM) if it["kind"] == "text"])
    assert request not in editor.responses
    host.release()
    assert editor.wait(request)["result"]["text"] == "It adds two numbers."


@pytest.mark.parametrize("how", ["request", "progress"])
def test_cancelling_stops_the_model(editor: Client, host: FakeHost, how: str) -> None:
    host.hold_after = 1
    editor.open(URI, TEXT)
    request = editor.send(EXECUTE, command("explain", token="t1", uri=URI, range=spot(3)))
    editor.until("the first piece", lambda: [it for it in editor.of(STREAM) if it["kind"] == "text"])
    if how == "request":
        editor.notify("$/cancelRequest", {"id": request})
    else:
        editor.notify("window/workDoneProgress/cancel", {"token": "t1"})
    assert editor.wait(request)["error"]["code"] == -32800
    editor.until("the stream's end at the host", lambda: host.asked_chat[0].ended == "closed")
    assert editor.of(STREAM)[-1] == {
        "stream": "s", "sequence": 2, "kind": "end", "reason": "cancelled",
        "message": "The request was cancelled.", "hint": "",
    }  # fmt: skip
    kinds = [it["value"]["kind"] for it in editor.of("$/progress") if it["token"] == "t1"]
    assert (kinds[0], kinds[-1]) == ("begin", "end")


def test_what_goes_wrong_is_said_and_ends_the_stream(editor: Client, host: FakeHost) -> None:
    host.refuse = ErrorData(
        code="out_of_memory", message="No memory is left.", hint="Close something.", retryable=False
    )
    editor.open(URI, TEXT)
    error = editor.error(EXECUTE, command("explain", uri=URI, range=spot(3)))
    assert error["code"] == -32803
    assert "No memory is left." in error["message"]
    assert [it["kind"] for it in editor.of(STREAM)] == ["begin", "end"]


def test_a_file_that_is_not_open_is_refused_in_words(editor: Client) -> None:
    error = editor.error(EXECUTE, command("explain", uri="file:///project/none.py", range=spot(0)))
    assert "is not open" in error["message"]


@pytest.mark.parametrize(
    ("task", "argument"),
    [("explain", {}), ("fix", {"uri": URI}), ("chat", {"question": "  "}), ("commitMessage", {}), ("fix", {"uri": 3})],
)
def test_arguments_that_do_not_fit_are_refused(editor: Client, task: str, argument: Json) -> None:
    assert editor.error(EXECUTE, command(task, **argument))["code"] == -32602


def test_a_chat_goes_on_where_it_was(editor: Client, host: FakeHost) -> None:
    before = [{"role": "user", "content": "Hi."}, {"role": "assistant", "content": "Hello."}]
    ask(editor, "chat", question="And now?", messages=before)
    assert host.asked_chat[-1].body["messages"][1:] == [*before, {"role": "user", "content": "And now?"}]


def test_an_answer_at_its_limit_says_so(editor: Client, host: FakeHost) -> None:
    host.chat_finish = "length"
    editor.open(URI, TEXT)
    assert ask(editor, "explain", uri=URI, range=spot(3))["incomplete"] is True
    assert editor.of(STREAM)[-1]["reason"] == "length"


# --------------------------------------------------------------------------------------------------- proposals


def test_a_fix_is_a_change_of_what_is_wrong_only(editor: Client, host: FakeHost) -> None:
    answer(host, FIXED)
    editor.open(URI, TEXT)
    problem = {"range": spot(4, 15), "message": "undefined name 'itmes'", "source": "ruff"}
    result = ask(editor, "fix", uri=URI, range=spot(4), diagnostics=[problem])
    assert "ruff: undefined name 'itmes' (at `return sum(itmes)`)" in prompt(host)
    assert made(TEXT, result) == TEXT.replace("itmes", "items")
    (change,) = result["edit"]["documentChanges"]
    assert change["textDocument"] == {"uri": URI, "version": 1}
    assert len(change["edits"]) == 1
    assert "-    return sum(itmes)\n+    return sum(items)\n" in result["diff"]
    assert result["diff"].startswith("--- a/a.py\n+++ b/a.py\n")


def test_line_ends_stay_what_they_are(editor: Client, host: FakeHost) -> None:
    answer(host, FIXED)
    text = TEXT.replace("\n", "\r\n")
    editor.open(URI, text)
    assert made(text, ask(editor, "fix", uri=URI, range=spot(4))) == text.replace("itmes", "items")


def fixed_meanwhile(editor: Client, host: FakeHost, change: Json) -> Json:
    """The result of a fix during which the text was changed."""
    answer(host, FIXED)
    host.hold_after = 1
    editor.open(URI, TEXT)
    request = editor.send(EXECUTE, command("fix", uri=URI, range=spot(4)))
    editor.until("the question", lambda: host.asked_chat)
    editor.change(URI, 2, change)
    host.release()
    result: Json = editor.wait(request)["result"]
    return result


def test_a_fix_moves_along_with_what_is_typed_elsewhere(editor: Client, host: FakeHost) -> None:
    result = fixed_meanwhile(editor, host, edit((0, 0), (0, 0), "import re\n"))
    assert made(f"import re\n{TEXT}", result) == f"import re\n{TEXT}".replace("itmes", "items")
    assert result["edit"]["documentChanges"][0]["textDocument"]["version"] == 2


def test_a_fix_of_what_was_changed_meanwhile_is_not_proposed(editor: Client, host: FakeHost) -> None:
    result = fixed_meanwhile(editor, host, edit((4, 4), (4, 4), "# "))
    assert (result["edit"], result["diff"]) == (None, None)
    assert "changed meanwhile" in result["note"]


@pytest.mark.parametrize(
    ("text", "note"),
    [
        ("I cannot see a mistake.", "would no longer parse"),
        ("```python\ndef total(items):\n    # ... existing code\n    return 1\n```", "leaves code out"),
        ("```python\ndef other(items):\n    return 1\n```", "drops total"),
        ("```python\ndef total(items):\n    return sum(\n```", "no longer parse"),
        ("```python\ndef total(items):\n    return sum(itmes)\n```", "as it was"),
    ],
)
def test_an_answer_that_does_not_fit_changes_nothing(editor: Client, host: FakeHost, text: str, note: str) -> None:
    answer(host, text)
    editor.open(URI, TEXT)
    result = ask(editor, "fix", uri=URI, range=spot(4))
    assert (result["edit"], result["diff"]) == (None, None)
    assert note in result["note"]


SECRET = "hunter2xKf93" + "jdkA!"
LOGIN = f"def login():\n    password = '{SECRET}'\n    return passwrd\n"
PLACEHOLDER = "PASSWORD_REDACTED"


def test_a_fix_leaves_a_secret_where_it_is(editor: Client, host: FakeHost) -> None:
    answer(host, f"```python\ndef login():\n    password = '{PLACEHOLDER}'\n    return password\n```\n")
    editor.open(URI, LOGIN)
    problem = {"range": spot(2, 11), "message": f"\"Literal['{SECRET}']\" is not a number"}
    result = ask(editor, "fix", uri=URI, range=spot(2, 11), diagnostics=[problem])
    assert f"Literal['{PLACEHOLDER}']" in prompt(host)
    assert SECRET not in str(host.asked_chat[-1].body)
    assert made(LOGIN, result) == LOGIN.replace("passwrd", "password")


def test_a_fix_with_a_miscounted_placeholder_is_not_proposed(editor: Client, host: FakeHost) -> None:
    answer(host, f"```python\ndef login():\n    word = '{PLACEHOLDER}x'\n    return word\n```\n")
    editor.open(URI, LOGIN)
    result = ask(editor, "fix", uri=URI, range=spot(2, 11))
    assert result["edit"] is None
    assert "secrets that the model was not shown" in result["note"]


@pytest.mark.parametrize("task", ["explain", "fix", "chat", "document", "tests"])
def test_lines_inside_of_a_private_key_reach_no_prompt(editor: Client, host: FakeHost, task: str) -> None:
    lines = "\n".join(f"MIIEvQIBADANBgkqhkiG9w0BAQEFAASCBKcwggSjAgEA{at:04}+xYz/QrStUv" for at in range(12))
    text = f'def key():\n    return """-----BEGIN PRIVATE KEY-----\n{lines}\n-----END PRIVATE KEY-----\n"""\n'
    editor.open(URI, text)
    selection = {"start": {"line": 4, "character": 0}, "end": {"line": 7, "character": 0}}
    problem = {"range": spot(5), "message": "odd"}
    ask(editor, task, uri=URI, range=selection, diagnostics=[problem], question="What is it?")
    assert "MIIEvQ" not in str(host.asked_chat[-1].body)


def test_documentation_gets_no_secret(editor: Client, host: FakeHost) -> None:
    answer(host, f"Log in with {PLACEHOLDER}.")
    text = LOGIN.replace("passwrd", "password")
    editor.open(URI, text)
    result = ask(editor, "document", uri=URI, range=spot(0, 5))
    assert f'"""Log in with {PLACEHOLDER}."""' in made(text, result)
    assert SECRET not in made(text, result).replace(text.split("\n")[1], "")
    assert "A secret was left out" in result["note"]


def test_a_title_has_no_secret(editor: Client, host: FakeHost) -> None:
    editor.open(URI, LOGIN)
    result = ask(editor, "chat", uri=URI, range=spot(0), question=f"What is {SECRET}?")
    assert SECRET not in str(editor.of(STREAM)) + str(result)


def test_characters_that_nobody_sees_do_not_reach_the_file(editor: Client, host: FakeHost) -> None:
    answer(host, FIXED.replace("sum(items)", "sum(items)  # \u202eok\u2066"))
    editor.open(URI, TEXT)
    result = ask(editor, "fix", uri=URI, range=spot(4))
    assert "sum(items)  # ok\n" in made(TEXT, result)
    assert "\u202e" not in result["text"] + result["diff"]
    assert "Invisible characters" in result["note"]


def test_documentation_is_put_where_the_language_has_it(editor: Client, host: FakeHost) -> None:
    answer(host, "Add up all of the items.")
    editor.open(URI, TEXT)
    result = ask(editor, "document", uri=URI, range=spot(4))
    assert made(TEXT, result) == TEXT.replace("    return", '    """Add up all of the items."""\n    return')


def test_documentation_needs_something_to_document(editor: Client) -> None:
    editor.open(URI, TEXT)
    assert "no function or class" in editor.error(EXECUTE, command("document", uri=URI, range=spot(0)))["message"]


# ------------------------------------------------------------------------------------------------------ names


def test_names_are_suggested_and_the_first_is_proposed(editor: Client, host: FakeHost) -> None:
    answer(host, "1. `sum_items`\n2. add_up\n3. total\n")
    editor.open(URI, TEXT)
    result = ask(editor, "rename", uri=URI, range=spot(3, 5))
    assert result["names"] == ["sum_items", "add_up"]
    assert made(TEXT, result) == TEXT.replace("total", "sum_items")


def test_another_name_is_taken_without_asking_the_model(editor: Client, host: FakeHost) -> None:
    editor.open(URI, TEXT)
    assert made(TEXT, ask(editor, "rename", uri=URI, range=spot(3, 5), name="add_up")) == TEXT.replace(
        "total", "add_up"
    )
    assert host.asked_chat == []
    assert "cannot be a name" in ask(editor, "rename", uri=URI, range=spot(3, 5), name="a b")["note"]


# ------------------------------------------------------------------------------------------------------ tests


@pytest.fixture
def code(tmp_path: Path) -> Path:
    path = tmp_path / "sums.py"
    path.write_text("def total(items):\n    return sum(items)\n")
    return path


TESTS = "```python\nfrom sums import total\n\n\ndef test_total():\n    assert total([1, 2]) == 3\n```"


def test_tests_go_into_a_new_file(editor: Client, host: FakeHost, code: Path) -> None:
    answer(host, TESTS)
    editor.open(file_uri(code), code.read_text())
    result = ask(editor, "tests", uri=file_uri(code), range=spot(0))
    create, change = result["edit"]["documentChanges"]
    target = file_uri(code.with_name("test_sums.py"))
    assert (create["kind"], create["uri"], create["options"]["overwrite"]) == ("create", target, False)
    assert "def test_total():\n" in change["edits"][0]["newText"]
    assert result["diff"].startswith("--- /dev/null\n")


def test_tests_get_no_secret(editor: Client, host: FakeHost, code: Path) -> None:
    text = LOGIN.replace("passwrd", "password")
    code.write_text(text)
    answer(host, f"```python\ndef test_login():\n    assert login() == '{PLACEHOLDER}'\n```\n")
    uri = file_uri(code)
    editor.open(uri, text)
    result = ask(editor, "tests", uri=uri, range=spot(1))
    assert f"assert login() == '{PLACEHOLDER}'" in str(result["edit"])
    assert SECRET not in str(result["edit"])
    assert "A secret was left out" in result["note"]


def test_a_client_that_creates_no_files_is_only_shown_them(client: Client, host: FakeHost, code: Path) -> None:
    answer(host, TESTS)
    started(client, workspaceEdit={"documentChanges": True})
    client.open(file_uri(code), code.read_text())
    result = ask(client, "tests", uri=file_uri(code), range=spot(0))
    assert result["edit"] is None
    assert "+def test_total():" in result["diff"]
    assert "creates no files" in result["note"]


def test_tests_join_those_that_are_there(editor: Client, host: FakeHost, code: Path) -> None:
    answer(host, TESTS)
    there = "from sums import total\n\n\ndef test_nothing():\n    assert total([]) == 0\n"
    code.with_name("test_sums.py").write_text(there)
    editor.open(file_uri(code), code.read_text())
    after = made(there, ask(editor, "tests", uri=file_uri(code), range=spot(0)))
    assert after.startswith(there)
    assert "def test_total():" in after


def test_a_test_file_that_appears_meanwhile_is_not_written_over(editor: Client, host: FakeHost, code: Path) -> None:
    answer(host, TESTS)
    host.hold_after = 1
    editor.open(file_uri(code), code.read_text())
    request = editor.send(EXECUTE, command("tests", uri=file_uri(code), range=spot(0)))
    editor.until("the question", lambda: host.asked_chat)
    code.with_name("test_sums.py").write_text("mine\n")
    host.release()
    result = editor.wait(request)["result"]
    assert result["edit"] is None
    assert "changed meanwhile" in result["note"]


# ----------------------------------------------------------------------------------------------- commit message


def git(folder: Path, *arguments: str) -> None:
    command = ["git", "-c", "user.name=x", "-c", "user.email=x@y", *arguments]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)


def test_a_commit_message_comes_from_what_is_staged(editor: Client, host: FakeHost, code: Path) -> None:
    git(code.parent, "init", "-q")
    git(code.parent, "add", "sums.py")
    code.write_text("not staged\n")
    answer(host, "Commit message: Add up items.\n\nIt was asked for.")
    result = ask(editor, "commitMessage", uri=file_uri(code.parent))
    assert result["commitMessage"] == "Add up items\n\nIt was asked for."
    assert "+def total(items):" in prompt(host)
    assert "not staged" not in prompt(host)


def test_without_a_change_there_is_nothing_to_say(editor: Client, code: Path) -> None:
    assert "no repository" in editor.error(EXECUTE, command("commitMessage", uri=file_uri(code)))["message"]
    git(code.parent, "init", "-q")
    assert "Nothing is staged" in editor.error(EXECUTE, command("commitMessage", uri=file_uri(code)))["message"]


@pytest.mark.parametrize(
    "setting",
    ["diff.external", "core.fsmonitor", "core.pager", "diff.evil.command", "diff.evil.textconv", "filter.evil.clean"],
)
def test_nothing_that_a_repository_names_is_run(
    editor: Client, host: FakeHost, code: Path, tmp_path_factory: pytest.TempPathFactory, setting: str
) -> None:
    ran = tmp_path_factory.mktemp("ran") / "yes"
    program = tmp_path_factory.mktemp("program") / "evil.sh"
    program.write_text(f"#!/bin/sh\ntouch {ran}\ncat\n")
    program.chmod(0o700)
    git(code.parent, "init", "-q")
    git(code.parent, "add", "sums.py")
    (code.parent / ".git" / "info").mkdir(exist_ok=True)
    (code.parent / ".git" / "info" / "attributes").write_text("*.py diff=evil filter=evil\n")
    git(code.parent, "config", setting, str(program))
    ask(editor, "commitMessage", uri=file_uri(code))
    assert not ran.exists()
