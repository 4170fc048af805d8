from pathlib import Path

import pytest
from copilot_desktop.mentions import fixed, of_editor, searched

from copilot.chat.exchange import Now, OpenFile

FILE = OpenFile(uri="file:///p/src/app.py", path="src/app.py")


@pytest.fixture
def root(home: Path) -> str:
    for name in ("docs/editors/zed.md", "src/store.py", "src/story.txt", "tests/test_store.py"):
        path = home / "p" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("def store(): pass\n")
    return str(home / "p")


def keys(root: str, word: str) -> list[str]:
    return [it.key for it in searched(root, word, Now()) if it.kind == "file"]


def test_files_that_begin_so_come_first_and_far_fetched_ones_do_not(root: str) -> None:
    assert keys(root, "store") == ["src/store.py", "tests/test_store.py"]
    assert keys(root, "stpy") == ["src/store.py", "tests/test_store.py"]
    assert keys(root, "src/st") == ["src/store.py", "src/story.txt"]
    assert keys(root, "") != []


def test_kinds_narrow_it_down(root: str) -> None:
    assert {it.kind for it in searched(root, "folder:sr", Now())} == {"folder"}
    assert {it.kind for it in searched(root, "symbol:sto", Now())} == {"symbol"}


def test_what_the_editor_shows_is_offered_most_specific_first() -> None:
    now = Now(file=FILE, selection=(3, 9), problems=2, open=(FILE,))
    assert [it.title for it in of_editor(now)] == ["app.py:3-9", "2 problems", "app.py"]
    assert [it.title for it in fixed(now, "", workspace=True)] == [
        "@file", "@open", "@selection", "@problems", "@codebase", "@map", "@diff",
    ]  # fmt: skip
    assert [it.title for it in fixed(now, "d", workspace=True)] == ["@diff"]
    assert of_editor(Now()) == []
    assert fixed(Now(), "", workspace=False) == []
