"""Which files of rules hold where, and how they are put together."""

import os
import shutil
from pathlib import Path

import pytest

from copilot.safety.gate import Gate, Refusal
from copilot.safety.ignores import folded
from tests.copilot.safety.conftest import Laid, initialised


def _walked(root: Path) -> list[str]:
    return [it.path for it in Gate(root).walk()]


def test_own_rules_only_narrow(laid: Laid) -> None:
    root = laid({".gitignore": "*.log\n", ".copilotignore": "!a.log\n*.sql\n!keep.sql\n", "a.log": "", "a.sql": ""})
    gate = Gate(root)
    assert gate.refusal("a.log") is Refusal.IGNORED
    assert gate.refusal("a.sql") is Refusal.EXCLUDED
    assert gate.refusal("keep.sql") is None
    # And Git's rules don't undo ours.
    (root / ".gitignore").write_text("!*.sql\n")
    gate.forget()
    assert gate.refusal("a.sql") is Refusal.EXCLUDED


def test_own_rules_at_every_level(laid: Laid) -> None:
    root = laid({".copilotignore": "*.csv\n/data\n", "in/.copilotignore": "!x.csv\nplan*\n", "in/data/a": ""})
    gate = Gate(root)
    assert gate.refusal("in/x.csv") is None
    assert gate.refusal("in/y.csv") is Refusal.EXCLUDED
    assert gate.refusal("in/plan.md") is Refusal.EXCLUDED
    assert gate.refusal("plan.md") is None
    assert gate.refusal("in/data/a") is None
    assert gate.refusal("data/a") is Refusal.EXCLUDED
    assert gate.refusal("data", is_folder=True) is Refusal.EXCLUDED
    # Nothing comes back from a folder that is excluded.
    (root / ".copilotignore").write_text("in/\n!in/x.csv\n")
    gate.forget()
    assert gate.refusal("in/x.csv") is Refusal.EXCLUDED


def test_configured_rules_are_not_undone(laid: Laid) -> None:
    root = laid({".copilotignore": "!a.py\n", ".gitignore": "!a.py\n", "a.py": "", "b.py": ""})
    gate = Gate(root, exclude=["*.py", "!b.py"])
    assert gate.refusal("a.py") is Refusal.EXCLUDED
    assert gate.refusal("b.py") is None
    assert [it.path for it in gate.walk()] == [".copilotignore", ".gitignore", "b.py"]


@pytest.mark.parametrize(
    ("rule", "path"),
    [
        ("Private/", "private/a"),
        ("private/", "PRIVATE/a"),
        ("caf\u00e9", "cafe\u0301"),
        ("cafe\u0301", "CAF\u00c9"),
        ("stra\u00dfe/x", "STRASSE/x"),
        ("*.Key2", "a.kEY2"),
        ("[A-C]x", "bX"),
        ("[[:upper:]]x", "Ax"),
        ("\u212aelvin", "kelvin"),
    ],
)
def test_no_other_spelling_escapes_own_rules(laid: Laid, rule: str, path: str) -> None:
    root = laid({".copilotignore": f"{rule}\n"})
    assert Gate(root).refusal(path) is Refusal.EXCLUDED
    assert Gate(root, exclude=[rule]).refusal(path) is Refusal.EXCLUDED


def test_what_comes_back_is_spelled_as_the_rule(laid: Laid) -> None:
    root = laid({".copilotignore": "*.md\n!README.md\n"})
    gate = Gate(root)
    assert gate.refusal("README.md") is None
    assert gate.refusal("Readme.md") is Refusal.EXCLUDED


def test_the_last_own_rule_counts(laid: Laid) -> None:
    root = laid({".copilotignore": "!a.md\n*.md\n!b.md\n"})
    gate = Gate(root)
    assert gate.refusal("a.md") is Refusal.EXCLUDED
    assert gate.refusal("b.md") is None


def test_folding() -> None:
    assert folded("A\u030a/X") == folded("\u00c5/x") == "\u00e5/x"


def test_git_cares_for_case_where_it_is_told_to(laid: Laid) -> None:
    root = initialised(laid({".gitignore": "Build/\n"}))
    assert Gate(root).refusal("build/a") is None
    with (root / ".git" / "config").open("a") as config:
        config.write("[core]\n\tignoreCase = true\n")
    assert Gate(root).refusal("build/a") is Refusal.IGNORED


def test_a_workspace_below_the_top(laid: Laid) -> None:
    root = initialised(laid({".gitignore": "/sub/x\n*.o\n", ".copilotignore": "sub/y\n", "sub/in/a": "", "sub/x": ""}))
    (root / ".git" / "info" / "exclude").write_text("sub/in/b\n")
    gate = Gate(root / "sub")
    assert [gate.refusal(it) for it in ("x", "in/x", "in/a.o")] == [Refusal.IGNORED, None, Refusal.IGNORED]
    assert gate.refusal("y") is Refusal.EXCLUDED
    assert gate.refusal("in/b") is Refusal.IGNORED
    assert [it.path for it in gate.walk()] == ["in/a"]


def test_a_workspace_that_is_ignored_itself(laid: Laid) -> None:
    root = initialised(laid({".gitignore": "sub\n", "sub/a": ""}))
    gate = Gate(root / "sub")
    assert gate.refusal("") is gate.refusal(".", is_folder=True) is gate.refusal("a") is Refusal.IGNORED
    assert list(gate.walk()) == []
    assert Gate(root).refusal("") is None


def test_the_users_own_rules(laid: Laid, user: Path) -> None:
    root = initialised(laid({".gitignore": "!b.swp\n", "a.swp": "", "b.swp": ""}))
    (user / ".config" / "git").mkdir(parents=True)
    (user / ".config" / "git" / "ignore").write_text("*.swp\n")
    assert _walked(root) == [".gitignore", "b.swp"]


def test_a_nested_repository_can_only_narrow(laid: Laid) -> None:
    root = initialised(laid({".gitignore": "*.o\nbuilt\n", ".copilotignore": "*.sql\n"}))
    inner = initialised(root / "vendor" / "inner")
    (inner / ".gitignore").write_text("!a.o\n!built\nnot\n")
    (inner / ".copilotignore").write_text("!a.sql\n")
    (inner / ".git" / "info" / "exclude").write_text("own\n")
    for name in ("a.o", "built", "not", "own", "a.sql", "yes"):
        (inner / name).touch()
    assert _walked(root)[2:] == [f"vendor/inner/{name}" for name in (".copilotignore", ".gitignore", "yes")]
    gate = Gate(root)
    assert gate.refusal("vendor/inner/a.o") is Refusal.IGNORED
    assert gate.refusal("vendor/inner/own") is Refusal.IGNORED
    assert gate.refusal("vendor/inner/a.sql") is Refusal.EXCLUDED
    # As a workspace of its own it follows its own rules.
    assert Gate(inner).refusal("a.o") is None


def test_no_repository_and_no_git(laid: Laid, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = laid({".gitignore": "*.o\n", "a/.gitignore": "b\n", "a/b": "", "a/c": "", "a/c.o": ""})
    for path in (os.environ["PATH"], str(tmp_path)):
        monkeypatch.setenv("PATH", path)
        assert _walked(root) == [".gitignore", "a/.gitignore", "a/c"]


def test_files_of_rules_that_are_none(laid: Laid, tmp_path: Path) -> None:
    root = laid({"a.o": "", "b": ""})
    (tmp_path / "rules").write_text("*.o\n")
    # Git follows no link here; our own file only narrows, so it may be shared by one.
    (root / ".gitignore").symlink_to(tmp_path / "rules")
    assert _walked(root) == ["a.o", "b"]
    (root / ".copilotignore").symlink_to(tmp_path / "rules")
    assert _walked(root) == ["b"]
    for name in (".gitignore", ".copilotignore"):
        (root / name).unlink()
    (root / ".gitignore").mkdir()
    assert _walked(root) == ["a.o", "b"]
    (root / ".gitignore").rmdir()
    os.mkfifo(root / ".gitignore")
    assert _walked(root) == ["a.o", "b"]
    # Nobody knows what it would have excluded.
    os.mkfifo(root / ".copilotignore")
    assert _walked(root) == []


def test_rules_too_long_to_read_hide_everything(laid: Laid) -> None:
    root = laid({".gitignore": "# much\n" * 200_000, "a": ""})
    assert Gate(root).refusal("a") is Refusal.IGNORED


def test_rules_are_read_once_and_anew_when_forgotten(laid: Laid) -> None:
    root = laid({"in/.gitignore": "a\n", "in/a": ""})
    gate = Gate(root)
    assert gate.refusal("in/a") is Refusal.IGNORED
    (root / "in" / ".gitignore").write_text("b\n")
    assert gate.refusal("in/a") is Refusal.IGNORED
    gate.forget()
    assert gate.refusal("in/a") is None
    shutil.rmtree(root)
    gate.forget()
    assert gate.refusal("in/a") is None
    assert list(gate.walk()) == []


def test_a_path_of_many_parts(laid: Laid) -> None:
    root = laid({".gitignore": "deep\n"})
    assert Gate(root).refusal("a/" * 3000 + "deep") is Refusal.IGNORED


def test_more_wild_cards_than_can_be_compared_hide_everything(laid: Laid) -> None:
    root = laid({".gitignore": "".join(f"a*b{number:05d}?*c\n" for number in range(60_000)), "m.py": ""})
    assert _walked(root) == []
    # Names and endings are as fast in any number.
    (root / ".gitignore").write_text(
        "".join(f"name{number}\n*.end{number}\n**/in{number}\n" for number in range(9_000))
    )
    (root / "in7").touch()
    assert _walked(root) == [".gitignore", "m.py"]


def test_a_root_whose_name_is_no_text(laid: Laid) -> None:
    top = initialised(laid({".gitignore": "*.o\n/r?/x\n"}))
    root = Path(os.fsdecode(os.fsencode(top) + b"/r\xff"))
    root.mkdir()
    for name in ("m.py", "m.o", "x"):
        (root / name).touch()
    assert _walked(root) == ["m.py"]


def test_configured_rules_that_are_no_text(laid: Laid) -> None:
    root = laid({"a.py": "", "b.py": ""})
    gate = Gate(root, exclude=["\ud800x", "a.py", "\udcff", "c\0d"])
    assert [it.path for it in gate.walk()] == ["b.py"]
    assert gate.shown("/elsewhere/z.py", "text") == "text"
