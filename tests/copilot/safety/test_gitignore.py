"""Rules of ignore files, against ``git check-ignore`` and by example."""

import os
import subprocess
from itertools import islice
from pathlib import Path

import pytest

from benchmarks.ignore_oracle import Place, compared, trees
from copilot.safety.gitignore import Rule, RuleSet, parse


def test_random_trees_as_git_says(tmp_path: Path, user: Path) -> None:
    place = Place(tmp_path / "place")
    found = [compared(place, tree) for tree in islice(trees(20261), 150)]
    assert [it.differences for it in found if it.differences] == []
    # Neither all nor nothing is ignored, else it would say little.
    paths, ignored = sum(it.paths for it in found), sum(it.ignored for it in found)
    assert paths > 3000
    assert 0.2 < ignored / paths < 0.8


@pytest.mark.parametrize("ignores_case", [False, True])
def test_every_byte_as_git_says(tmp_path: Path, user: Path, ignores_case: bool) -> None:
    classes = [
        "alnum",
        "alpha",
        "blank",
        "cntrl",
        "digit",
        "graph",
        "lower",
        "print",
        "punct",
        "space",
        "upper",
        "xdigit",
    ]
    patterns = [f"[[:{name}:]]" for name in classes] + [f"[![:{name}:]]" for name in classes]
    patterns += ["[A-Z]", "[a-z]", "[^A-Z]", "\\A", "[\\A]", "A", "[A]", "[X-b]", "?", "*", "/[A-B]", "/A", "[!/]"]
    names = [bytes([number]) for number in range(1, 256) if number not in b"./"]
    top = tmp_path / "top"
    subprocess.run(["git", "init", "-q", str(top)], check=True)
    subprocess.run(["git", "-C", str(top), "config", "core.ignoreCase", str(ignores_case).lower()], check=True)
    for name in names:
        Path(os.fsdecode(os.fsencode(top) + b"/" + name)).touch()
    for pattern in patterns:
        (top / ".gitignore").write_text(pattern)
        asked = b"".join(b"./%b\0" % name for name in names)
        command = ["git", "-C", str(top), "check-ignore", "--stdin", "-z"]
        ignored = subprocess.run(command, input=asked, capture_output=True, check=False).stdout.split(b"\0")[:-1]
        rules = RuleSet(parse(pattern.encode()), fold=ignores_case)
        ours = [name for name in names if rules.verdict(name, name, is_folder=False)]
        assert ours == [path[2:] for path in ignored], pattern


@pytest.mark.parametrize(
    ("line", "rule"),
    [
        ("a", Rule(b"a", negated=False, only_folders=False, is_path=False)),
        ("!a/", Rule(b"a", negated=True, only_folders=True, is_path=False)),
        ("/a", Rule(b"/a", negated=False, only_folders=False, is_path=True)),
        ("a/b/", Rule(b"a/b", negated=False, only_folders=True, is_path=True)),
        ("a  ", Rule(b"a", negated=False, only_folders=False, is_path=False)),
        ("a\\  ", Rule(b"a\\ ", negated=False, only_folders=False, is_path=False)),
        ("a\\\\ ", Rule(b"a\\\\", negated=False, only_folders=False, is_path=False)),
        ("a\t", Rule(b"a\t", negated=False, only_folders=False, is_path=False)),
        ("\\#a", Rule(b"\\#a", negated=False, only_folders=False, is_path=False)),
        ("a \r", Rule(b"a", negated=False, only_folders=False, is_path=False)),
        ("\ufeffa", Rule(b"a", negated=False, only_folders=False, is_path=False)),
        ("a\0b", Rule(b"a", negated=False, only_folders=False, is_path=False)),
    ],
)
def test_lines(line: str, rule: Rule) -> None:
    assert parse(line.encode()) == [rule]
    assert parse(f"{line}\n".encode()) == [rule]


@pytest.mark.parametrize("line", ["", "#a", "!", "/", "   ", "\r", "\ufeff#a"])
def test_lines_without_a_rule(line: str) -> None:
    assert parse(line.encode()) == []


def test_the_last_of_many_rules_counts() -> None:
    """More wild ones than one expression takes."""
    lines = [f"{'!' if number % 2 else ''}f[{number % 10}]*-{number // 10}" for number in range(3000)]
    rules = RuleSet(parse("\n".join(lines).encode()))
    assert rules.verdict(b"f3x-0", b"f3x-0", is_folder=False) is False
    assert rules.verdict(b"f4x-299", b"f4x-299", is_folder=False) is True
    assert rules.last(b"f5-77", b"f5-77", is_folder=False) == 775
    assert rules.verdict(b"g", b"g", is_folder=False) is None


def test_a_rule_left_out_keeps_its_number() -> None:
    rules = RuleSet([None, *parse(b"*.a\nb\n")])
    assert rules.last(b"x.a", None, is_folder=False) == 1
    assert rules.last(b"b", None, is_folder=False) == 2
