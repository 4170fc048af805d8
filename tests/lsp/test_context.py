"""What of other files the model is shown: over the wire, on a real workspace with its index."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.lsp.fake_host import Asked, FakeHost
from tests.lsp.jrpc import GUARD_SECONDS, Client, Json, at, edit, file_uri, inline

COMPLETE = "textDocument/inlineCompletion"
HELPER = '''"""Helpers."""


def frobnicate(table: str, *, depth: int = 3) -> list[int]:
    """Count what is in a table."""
    return [len(table)] * depth
'''
MAIN = "from helper import frobnicate\n\n\ndef run(name):\n    rows = \n    return rows\n"
CARET = (4, 11)
TOKEN = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = tmp_path / "project"
    root.mkdir()
    (root / "helper.py").write_text(HELPER, encoding="utf-8")
    (root / "main.py").write_text(MAIN, encoding="utf-8")
    return root


@pytest.fixture
def clients(host: FakeHost) -> Iterator[Callable[..., Client]]:
    opened: list[Client] = []

    def start(root: Path, answer: Callable[[Json], object] = lambda message: None, **options: object) -> Client:
        client = Client(answer=answer)
        opened.append(client)
        client.initialize(
            rootUri=file_uri(root),
            workspaceFolders=[{"uri": file_uri(root), "name": root.name}],
            initializationOptions={"prefetch": False, **options},
        )
        return client

    yield start
    for client in opened:
        client.kill()


@pytest.fixture
def editor(clients: Callable[..., Client], root: Path) -> Client:
    return clients(root)


def shown(asked: Asked) -> dict[str, str]:
    """Text by path."""
    texts: dict[str, str] = {}
    for it in asked.body["snippets"]:
        texts[it["path"]] = f"{texts.get(it['path'], '')}{it['text']}\n"
    return texts


class Typist:
    """Someone who works in ``main.py`` and rests now and then, where the prompt is prefilled ahead."""

    def __init__(self, client: Client, host: FakeHost, root: Path, text: str = MAIN, name: str = "main.py") -> None:
        self.client, self.host, self.uri = client, host, file_uri(root / name)
        self.version, self.word = 1, ""
        client.open(self.uri, text)
        self.rest()

    def rest(self) -> None:
        place = {"textDocument": {"uri": self.uri}, "position": at(*CARET)}
        self.client.notify("slipstream/didMoveCaret", place)

    def until(self, what: str, found: Callable[[dict[str, str]], object]) -> dict[str, str]:
        """Rest until the model is shown what ``found`` wants; text by path."""
        end, seen = time.monotonic() + GUARD_SECONDS, len(self.host.asked)
        while True:
            self.rest()
            time.sleep(0.2)
            for asked in self.host.asked[seen:]:
                if found(texts := shown(asked)):
                    return texts
            assert time.monotonic() < end, f"{what} did not come; {[shown(it) for it in self.host.asked[-3:]]}"

    def write(self, word: str) -> Asked:
        """Write a word at the caret's line and ask behind it."""
        self.version += 1
        line, column = CARET
        self.client.change(self.uri, self.version, edit((line, column), (line, column + len(self.word)), word))
        self.word = word
        before = len(self.host.questions)
        self.client.result(COMPLETE, inline(self.uri, line, column + len(word), context={"triggerKind": 1}))
        assert len(self.host.questions) > before
        return self.host.questions[-1]

    def ask(self) -> Asked:
        """What the host is asked at the caret."""
        before = len(self.host.questions)
        self.client.result(COMPLETE, inline(self.uri, *CARET, context={"triggerKind": 1}))
        assert len(self.host.questions) > before
        return self.host.questions[-1]

    def asked_from_here(self, times: int = 5) -> list[Asked]:
        """All that the host is asked while someone rests a while and asks in between."""
        before = len(self.host.asked)
        for _ in range(times):
            self.rest()
            time.sleep(0.2)
        self.client.result(COMPLETE, inline(self.uri, *CARET, context={"triggerKind": 1}))
        return self.host.asked[before:]

    def command(self, name: str, **arguments: object) -> Any:
        params = {"command": f"slipstream.context.{name}", "arguments": [{"uri": self.uri, **arguments}]}
        return self.client.result("workspace/executeCommand", params)


def has_helper(texts: dict[str, str]) -> bool:
    return "def frobnicate(table: str, *, depth: int = 3) -> list[int]" in texts.get("helper.py", "")


def test_what_is_called_is_shown_with_its_signature(editor: Client, host: FakeHost, root: Path) -> None:
    Typist(editor, host, root).until("the definition", has_helper)


def test_an_open_file_is_shown_as_the_editor_has_it(editor: Client, host: FakeHost, root: Path) -> None:
    editor.open(file_uri(root / "helper.py"), HELPER.replace("depth: int", "levels: int"))
    Typist(editor, host, root).until("the unsaved text", lambda it: "levels: int" in it.get("helper.py", ""))


def test_what_is_saved_is_seen(editor: Client, host: FakeHost, root: Path) -> None:
    typist = Typist(editor, host, root)
    typist.until("the definition", has_helper)
    (root / "helper.py").write_text(HELPER.replace("depth: int", "floors: int"), encoding="utf-8")
    editor.notify("textDocument/didSave", {"textDocument": {"uri": file_uri(root / "helper.py")}})
    typist.until("the saved text", lambda it: "floors: int" in it.get("helper.py", ""))


def test_why_says_where_it_is_from_and_what_it_cost(editor: Client, host: FakeHost, root: Path) -> None:
    typist = Typist(editor, host, root)
    typist.until("the definition", has_helper)
    assert has_helper(shown(typist.ask()))
    answer = editor.result("slipstream/why", {})
    (part,) = [it for it in answer["parts"] if it["part"] == "snippet" and it["origin"] == "helper.py"]
    assert part["source"] in {"definition", "import"}
    assert part["score"] > 0
    assert part["tokens"] == part["kept"] == len(part["text"].split())
    assert "frobnicate" in part["reason"]
    assert (part["firstLine"], part["lastLine"]) == (4, 6)
    assert "helper.py" in answer["markdown"]
    assert all(it["tokens"] for it in answer["parts"] if it["text"].strip())


# ----------------------------------------------------------------------------------------------- what nobody may see


@pytest.mark.parametrize(
    ("rules", "options"),
    [({".copilotignore": "helper.py\n"}, {}), ({".gitignore": "helper.py\n"}, {}), ({}, {"exclude": ["helper.py"]})],
    ids=["copilotignore", "gitignore", "exclude"],
)
def test_what_is_left_out_is_in_no_prompt(
    clients: Callable[..., Client], host: FakeHost, root: Path, rules: dict[str, str], options: Json
) -> None:
    for name, text in rules.items():
        (root / name).write_text(text, encoding="utf-8")
    (root / "other.py").write_text(HELPER.replace("frobnicate", "measured"), encoding="utf-8")
    client = clients(root, **options)
    client.open(file_uri(root / "helper.py"), HELPER)
    text = MAIN.replace("frobnicate", "frobnicate; from other import measured").replace("name", "measured")
    typist = Typist(client, host, root, text)
    typist.until("the other definition", lambda it: "other.py" in it)
    assert all("helper.py" not in shown(asked) for asked in host.asked)
    assert all("def frobnicate" not in str(asked.body) for asked in host.asked)


def test_nothing_is_completed_in_a_file_that_is_left_out(
    clients: Callable[..., Client], host: FakeHost, root: Path
) -> None:
    (root / ".copilotignore").write_text("main.py\n", encoding="utf-8")
    (root / ".env").write_text("KEY=1\n", encoding="utf-8")
    client = clients(root)
    for name in ("main.py", ".env"):
        uri = file_uri(root / name)
        client.open(uri, MAIN)
        client.notify("slipstream/didMoveCaret", {"textDocument": {"uri": uri}, "position": at(*CARET)})
        assert client.result(COMPLETE, inline(uri, *CARET)) == {"items": []}
    messages = [it["message"] for it in client.of("window/logMessage")]
    assert any("main.py" in it and ".copilotignore" in it for it in messages)
    assert any(".env" in it and "secrets" in it for it in messages)
    assert host.asked == []


def test_a_secret_is_masked_in_the_file_itself_and_in_others(
    clients: Callable[..., Client], host: FakeHost, root: Path
) -> None:
    (root / "helper.py").write_text(HELPER.replace("[len(table)]", f"['{TOKEN}']"), encoding="utf-8")
    client = clients(root)
    text = MAIN.replace("\n\n\n", f"\nKEY = '{TOKEN}'\n\n") + f"\nB = '{TOKEN}'\n"
    typist = Typist(client, host, root, text)
    typist.until("the definition", lambda it: "helper.py" in it)
    assert all(TOKEN[6:] not in str(asked.body) for asked in host.asked)
    assert all(TOKEN[6:] not in line for line in client.log)


def test_links_lead_nowhere(clients: Callable[..., Client], host: FakeHost, root: Path, tmp_path: Path) -> None:
    (tmp_path / "outside.py").write_text(HELPER.replace("depth", "canary_of_outside"), encoding="utf-8")
    (root / "linked.py").symlink_to(tmp_path / "outside.py")
    Typist(clients(root), host, root).until("the definition", has_helper)
    assert all("canary_of_outside" not in str(asked.body) for asked in host.asked)


# -------------------------------------------------------------------------------------------------- the user's word


def test_never_holds_from_the_next_prompt_on_and_can_be_taken_back(editor: Client, host: FakeHost, root: Path) -> None:
    typist = Typist(editor, host, root)
    typist.until("the definition", has_helper)
    assert typist.command("never", path="helper.py") == {"pins": [], "bans": [], "never": ["helper.py"]}
    later = typist.asked_from_here()
    assert later
    assert all("helper.py" not in shown(asked) for asked in later)
    assert typist.command("list")["never"] == ["helper.py"]
    assert typist.command("reset", path="helper.py") == {"pins": [], "bans": [], "never": []}
    end = time.monotonic() + GUARD_SECONDS
    # It was prefilled before, so that nothing is asked ahead.
    while not has_helper(shown(typist.write(f"q{chr(97 + typist.version % 26)}"))):
        assert time.monotonic() < end
        time.sleep(0.2)


def test_a_piece_is_banned_and_no_other(editor: Client, host: FakeHost, root: Path) -> None:
    (root / "helper.py").write_text(HELPER + "\n\ndef other_one(rows):\n    return rows\n", encoding="utf-8")
    text = MAIN.replace("import frobnicate", "import frobnicate, other_one").replace("(name)", "(other_one)")
    typist = Typist(editor, host, root, text)
    texts = typist.until("the definitions", lambda it: has_helper(it) and "def other_one" in it["helper.py"])
    typist.command(
        "ban", path="helper.py", text=next(it for it in texts["helper.py"].split("\n") if "frobnicate" in it)
    )
    later = typist.asked_from_here()
    assert later
    assert not any(has_helper(shown(asked)) for asked in later)
    assert any("def other_one" in shown(asked).get("helper.py", "") for asked in later)


@pytest.mark.parametrize("how", ["saved", "setting", "none at all"])
def test_what_is_left_out_later_is_in_no_prompt_from_then_on(
    clients: Callable[..., Client], host: FakeHost, root: Path, how: str
) -> None:
    client = clients(root)
    typist = Typist(client, host, root)
    typist.until("the definition", has_helper)
    if how == "saved":
        (root / ".copilotignore").write_text("helper.py\n", encoding="utf-8")
        client.notify("textDocument/didSave", {"textDocument": {"uri": file_uri(root / ".copilotignore")}})
    else:
        pushed = {"exclude": ["helper.py"]} if how == "setting" else {"snippetTokens": 0}
        client.notify("workspace/didChangeConfiguration", {"settings": {"slipstream": pushed}})
    time.sleep(1.0)
    for asked in [typist.write("qa"), *typist.asked_from_here()]:
        assert "helper.py" not in shown(asked)


def test_a_pin_is_always_there_and_follows_its_text(editor: Client, host: FakeHost, root: Path) -> None:
    notes = "# " + "\n# ".join(f"note {number}" for number in range(20)) + "\nunrelated = 'nothing to do with it'\n"
    (root / "notes.py").write_text(notes, encoding="utf-8")
    uri = file_uri(root / "notes.py")
    editor.open(uri, notes)
    typist = Typist(editor, host, root)
    place = {"start": at(20, 0), "end": at(21, 0)}
    command = {"command": "slipstream.context.pin", "arguments": [{"uri": uri, "range": place}]}
    assert editor.result("workspace/executeCommand", command)["pins"] == [
        {"path": "notes.py", "first": 21, "last": 21, "head": "unrelated = 'nothing to do with it'"}
    ]
    typist.until("the pin", lambda it: "unrelated = " in it.get("notes.py", ""))
    editor.change(uri, 2, edit((0, 0), (0, 0), "# one more\n# and another\n"))
    end = time.monotonic() + GUARD_SECONDS
    parts: list[Json] = []
    while [(it["source"], it["firstLine"], it["lastLine"]) for it in parts] != [("pinned", 23, 23)]:
        assert time.monotonic() < end, parts
        # What is shown stays the same, so that nothing is asked ahead.
        typist.rest()
        time.sleep(0.2)
        asked = typist.write(f"q{chr(97 + typist.version % 26)}")
        parts = [it for it in editor.result("slipstream/why", {})["parts"] if it["origin"] == "notes.py"]
        assert bool(parts) == ("notes.py" in shown(asked))


def test_a_piece_that_was_shown_is_pinned_without_its_file_being_open(
    editor: Client, host: FakeHost, root: Path
) -> None:
    typist = Typist(editor, host, root)
    typist.until("the definition", has_helper)
    typist.ask()
    why = editor.result("slipstream/why", {})
    assert why["uri"] == typist.uri
    (part,) = [it for it in why["parts"] if it["origin"] == "helper.py"]
    place = {"start": at(part["firstLine"] - 1, 0), "end": at(part["lastLine"] - 1, 0)}
    answer = typist.command("pin", path="helper.py", range=place, text=part["text"])
    head = "def frobnicate(table: str, *, depth: int = 3) -> list[int]"
    assert answer["pins"] == [{"path": "helper.py", "first": 4, "last": 6, "head": head}]


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("pin", {}),
        ("pin", {"path": "helper.py", "range": {"start": at(0, 0), "end": at(1, 0)}}),
        ("ban", {"path": "helper.py"}),
        ("ban", {"path": "helper.py", "text": " \n"}),
    ],
)
def test_what_lacks_something_is_refused(editor: Client, root: Path, name: str, arguments: Json) -> None:
    uri = file_uri(root / "main.py")
    editor.open(uri, MAIN)
    params = {"command": f"slipstream.context.{name}", "arguments": [{"uri": uri, **arguments}]}
    assert editor.error("workspace/executeCommand", params)["code"] == -32602


def test_a_document_outside_every_folder_has_no_workspace(editor: Client, tmp_path: Path) -> None:
    params = {"command": "slipstream.context.list", "arguments": [{"uri": file_uri(tmp_path / "x.py")}]}
    assert "folder" in editor.error("workspace/executeCommand", params)["message"]


# ----------------------------------------------------------------------------------------- what the editor knows more


def test_the_editor_s_own_language_servers_are_asked(
    clients: Callable[..., Client], host: FakeHost, root: Path
) -> None:
    (root / "deep").mkdir()
    (root / "deep" / "made.py").write_text("class Odd:\n    def hidden_name(self, a):\n        return a\n", "utf-8")
    asked: list[Json] = []

    def answer(message: Json) -> object:
        if message["method"] != "slipstream/definitions":
            return None
        asked.append(message["params"])
        place = {"uri": file_uri(root / "deep" / "made.py"), "range": {"start": at(1, 8), "end": at(1, 19)}}
        return [[place] for _ in message["params"]["positions"]]

    typist = Typist(clients(root, answer, definitions=True), host, root)
    typist.until("what they say", lambda it: "def hidden_name(self, a):" in it.get("deep/made.py", ""))
    assert all(it["positions"] for it in asked)
    typist.ask()
    parts = typist.client.result("slipstream/why", {})["parts"]
    assert [it["source"] for it in parts if it["origin"] == "deep/made.py"] == ["lsp"]


def test_an_editor_that_does_not_answer_holds_nothing_up(
    clients: Callable[..., Client], host: FakeHost, root: Path
) -> None:
    def answer(message: Json) -> object:
        return "nonsense" if message["method"] == "slipstream/definitions" else None

    Typist(clients(root, answer, definitions=True), host, root).until("the definition", has_helper)


@pytest.mark.parametrize("options", [{"index": False}, {"snippetTokens": 0}], ids=str)
def test_it_can_be_switched_off(clients: Callable[..., Client], host: FakeHost, root: Path, options: Json) -> None:
    later = Typist(clients(root, **options), host, root).asked_from_here(times=8)
    assert later
    assert not any(has_helper(shown(asked)) for asked in later)
