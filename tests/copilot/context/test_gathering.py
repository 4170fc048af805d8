"""Snippets for a caret on a real folder: what the user wants, what nobody may see. Without an index: that is tested
where there is one."""

from pathlib import Path

import pytest

from copilot.context.gathering import Gatherer
from copilot.context.request import Snippet
from copilot.context.snapshot import Place, Snapshot
from copilot.context.steering import Ban, Pin, steering_file
from copilot.safety.gate import Gate
from copilot.text.document import Document

HELPER = "def frobnicate(table: str) -> int:\n    return len(table)\n"
MAIN = "from helper import frobnicate\n\nrows = frobnicate(\n"
TOKEN = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"


class Desk:
    def __init__(self, folder: Path) -> None:
        self.root = folder / "project"
        self.root.mkdir()
        self.steering = steering_file(folder / "context.json")
        self.gatherer = Gatherer(Gate(self.root), self.steering)

    def write(self, path: str, text: str) -> None:
        file = self.root / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")

    def document(self, path: str, text: str, version: int = 1) -> tuple[str, Document]:
        return path, Document.from_text((self.root / path).as_uri(), "python", version, text)

    def gather(
        self,
        *others: tuple[str, Document],
        places: tuple[Place, ...] = (),
        kept: tuple[Snippet, ...] = (),
        characters: int = 1200,
    ) -> tuple[Snippet, ...]:
        path, document = self.document("main.py", MAIN)
        snapshot = Snapshot(
            path, document, 2, 18, others=others, places=places, kept=kept, characters=characters, now=1.0
        )
        return self.gatherer.gather(snapshot)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def test_a_name_is_found_in_an_open_document(desk: Desk) -> None:
    (snippet,) = desk.gather(desk.document("helper.py", HELPER))
    assert (snippet.path, snippet.text.split("\n")[0]) == ("helper.py", "def frobnicate(table: str) -> int:")
    assert snippet.source
    assert "frobnicate" in snippet.reason


def test_rules_are_no_context(desk: Desk) -> None:
    assert desk.gather(desk.document("deep/.slipstream.md", HELPER)) == ()


def test_a_secret_in_it_is_masked(desk: Desk) -> None:
    found = desk.gather(desk.document("helper.py", HELPER.replace("len(table)", f"'{TOKEN}'")))
    assert found
    assert TOKEN[6:] not in str(found)


@pytest.mark.parametrize(
    ("rules", "path"), [(".copilotignore", "helper.py"), (".gitignore", "helper.py"), ("", ".env")]
)
def test_a_document_that_is_left_out_is_not_shown_though_it_is_open(desk: Desk, rules: str, path: str) -> None:
    if rules:
        desk.write(rules, f"{path}\n")
    assert desk.gather(desk.document(path, HELPER)) == ()


def test_never_and_bans_hold_at_once_for_what_was_shown_too(desk: Desk) -> None:
    helper = desk.document("lib/helper.py", HELPER)
    kept = desk.gather(helper)
    desk.steering.change(desk.root, lambda it: it.with_never("lib"))
    assert desk.gather(helper, kept=kept) == ()
    desk.steering.change(desk.root, lambda it: it.without("lib"))
    assert desk.gather(helper, kept=kept) == kept
    ban = Ban(path="lib/helper.py", head="def frobnicate(table: str) -> int")
    desk.steering.change(desk.root, lambda it: it.with_ban(ban))
    assert desk.gather(helper, kept=kept) == ()


def test_a_pin_comes_before_all_that_is_found(desk: Desk) -> None:
    desk.write("notes.py", "a = 1\nb = 2\nc = 3\n" + "# more\n" * 40)
    desk.steering.change(desk.root, lambda it: it.with_pin(Pin(path="notes.py", first=1, last=2, head="b = 2")))
    found = desk.gather(desk.document("helper.py", HELPER), characters=60)
    assert [(it.path, it.start_line, it.end_line, it.text, it.source) for it in found] == [
        ("notes.py", 2, 3, "b = 2\nc = 3", "pinned")
    ]


@pytest.mark.parametrize("path", ["gone.py", "main.py", "../outside.py", "secret.py"])
def test_a_pin_that_cannot_be_shown_is_left_out(desk: Desk, path: str) -> None:
    desk.write("../outside.py", "b = 2\n")
    desk.write("secret.py", "b = 2\n")
    desk.write("main.py", "b = 2\n")
    desk.write(".copilotignore", "secret.py\n")
    desk.steering.change(desk.root, lambda it: it.with_pin(Pin(path=path, first=1, last=1, head="b = 2")))
    assert desk.gather() == ()


def test_what_the_editor_s_language_servers_say_is_shown(desk: Desk) -> None:
    desk.write("deep/made.py", "class Odd:\n    def hidden(self, a):\n        return a\n" + "\n    x = 1" * 30)
    (short,) = desk.gather(places=(Place("deep/made.py", 2, "hidden"),))
    assert (short.path, short.start_line, short.end_line) == ("deep/made.py", 2, 3)
    assert (short.text, short.source) == ("class Odd:\n    def hidden(self, a):\n        return a", "lsp")
    (long,) = desk.gather(places=(Place("deep/made.py", 1, "Odd"),))
    assert long.text.startswith("class Odd:\n    def hidden(self, a)")


def test_places_that_lead_nowhere_are_no_trouble(desk: Desk) -> None:
    desk.write(".env", "KEY=1\n")
    desk.write("empty.py", "")
    names = ("gone.py", ".env", "empty.py", "main.py", "../../etc/passwd")
    assert desk.gather(places=tuple(Place(name, 1, "x") for name in names)) == ()


def test_nothing_is_shown_where_there_is_no_room(desk: Desk) -> None:
    assert desk.gather(desk.document("helper.py", HELPER), characters=20) == ()
