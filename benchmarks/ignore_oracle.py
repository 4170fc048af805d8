"""Do our rules ignore what Git ignores? Random trees with random ignore files, each compared with `git check-ignore`.

Names and patterns are drawn from small alphabets that are chosen to be nasty: brackets, backslashes, stars beside
slashes, spaces at ends, bytes beyond ASCII, line ends of Windows. Every path of a tree is asked by name, and the files
that a walk finds are compared too.

    python -m benchmarks.ignore_oracle [5000] [--seed 1]

The goal: no differences.
"""

import argparse
import os
import random
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from copilot.safety.gate import Gate
from copilot.safety.ignores import Ignores
from copilot.safety.sensitive import is_sensitive

_ALPHABETS = ("ab", "abA.", "ab -!#", "a[]^", "aé\U0001f600", "a*?", "a\\b", "ab_1~{}()|+$:")
_ATOMS = (
    *("*", "*", "**", "***", "?", "/", "/", "/**", "**/", "/**/", "/*/", "\\", "\\\\", "\\*", "\\/", "\\ ", " ", "!"),
    *("[ab]", "[!a]", "[^a]", "[a-b]", "[]a]", "[!]a]", "[]-a]", "[a-]", "[-a]", "[\\a]", "[a\\]b]", "[b-a]", "[[]"),
    *("[[:alpha:]]", "[![:upper:]]", "[[:space:]]", "[[:punct:][:digit:]]", "[[:none:]]", "[[:", "[[:]", "[[:]]"),
    *("[a-[:alpha:]]", "[a/b]", "[", "[a", "]", "[!", "[]", "[\\", "[[:alpha:]-b]", "[a-\\b]", "[*]", "[!/]"),
    *("#", "\\#", "\\!", "é", "\t", "\0", "\r"),
)
_ENDS = ("\n",) * 8 + ("\r\n", "\n\n", " \n", "/\n", "  \r\n", "\\ \n")


class Tree(NamedTuple):
    """``folders``, ``files``, ``rules`` (the bytes of ignore files): paths from the repository's top on.

    ``root``: the workspace, "" for the top; ``exclude`` and ``user``: info/exclude and core.excludesFile.
    """

    folders: list[str]
    files: list[str]
    rules: dict[str, bytes]
    root: str
    exclude: bytes
    user: bytes
    ignores_case: bool


def trees(seed: int) -> Iterator[Tree]:
    numbers = random.Random(seed)
    while True:
        yield _tree(numbers)


def _tree(numbers: random.Random) -> Tree:
    alphabet = numbers.choice(_ALPHABETS)
    names = [_name(numbers, alphabet) for _ in range(numbers.randint(3, 8))]
    folders = [""]
    for _ in range(numbers.randint(2, 14)):
        path = "/".join(filter(None, [numbers.choice(folders), numbers.choice(names)]))
        if path not in folders and path.count("/") < 5:
            folders.append(path)
    files = {
        "/".join(filter(None, [numbers.choice(folders), numbers.choice(names) + numbers.choice(["", "", ".b", "a"])]))
        for _ in range(numbers.randint(10, 50))
    }
    entries = [*folders[1:], *files]
    lines = _Lines(numbers, names, entries)
    rules = {
        "/".join(filter(None, [folder, ".gitignore"])): lines.file()
        for folder in folders
        if not folder or numbers.random() < 0.25
    }
    return Tree(
        folders=folders,
        files=sorted(files - set(folders) - set(rules)),
        rules=rules,
        root=numbers.choice(folders) if numbers.random() < 0.2 else "",
        exclude=lines.file() if numbers.random() < 0.3 else b"",
        user=lines.file() if numbers.random() < 0.3 else b"",
        ignores_case=numbers.random() < 0.15,
    )


def _name(numbers: random.Random, alphabet: str) -> str:
    while True:
        name = "".join(numbers.choice(alphabet) for _ in range(numbers.randint(1, 4)))
        if name not in {".", ".."} and name.lower() != ".git":
            return name


class _Lines:
    def __init__(self, numbers: random.Random, names: list[str], entries: list[str]) -> None:
        self._numbers = numbers
        self._names = names
        self._entries = entries

    def file(self) -> bytes:
        numbers = self._numbers
        text = "".join(self._line() + numbers.choice(_ENDS) for _ in range(numbers.choice([1, 2, 3, 5, 8, 20])))
        if numbers.random() < 0.2:
            text = text.rstrip("\n")
        return b"\xef\xbb\xbf" * (numbers.random() < 0.1) + text.encode()

    def _line(self) -> str:
        numbers = self._numbers
        line = "!" if numbers.random() < 0.25 else ""
        match numbers.randint(0, 3):
            case 0:
                return line + "/" * numbers.randint(0, 1) + numbers.choice(self._names)
            case 1:
                # A path that exists, from anywhere in it on, with parts of it made wild.
                parts = numbers.choice(self._entries).split("/")
                parts = parts[numbers.randrange(len(parts)) :]
                return line + "/" * numbers.randint(0, 1) + "/".join(self._wild(it) for it in parts)
            case 2:
                return line + self._wild(numbers.choice(self._names))
            case _:
                pieces = [numbers.choice([*_ATOMS, *self._names]) for _ in range(numbers.randint(1, 6))]
                return (line + "".join(pieces)).replace("\n", "")

    def _wild(self, part: str) -> str:
        numbers = self._numbers
        if numbers.random() < 0.5:
            return part
        at = numbers.randint(0, len(part))
        after = numbers.randint(at, len(part))
        return part[:at] + numbers.choice(_ATOMS) + part[after:]


class Place:
    """A repository whose contents change from tree to tree."""

    def __init__(self, folder: Path) -> None:
        self.top = folder / "top"
        self._user = folder / "user"
        subprocess.run(["git", "init", "-q", str(self.top)], check=True)
        self._config = (self.top / ".git" / "config").read_text()

    def lay(self, tree: Tree) -> None:
        for entry in self.top.iterdir():
            if entry.name != ".git":
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        for folder in tree.folders:
            (self.top / folder).mkdir(parents=True, exist_ok=True)
        for file in tree.files:
            (self.top / file).touch()
        for path, data in tree.rules.items():
            (self.top / path).write_bytes(data)
        (self.top / ".git" / "info" / "exclude").write_bytes(tree.exclude)
        self._user.write_bytes(tree.user)
        (self.top / ".git" / "config").write_text(
            f"{self._config}[core]\n\texcludesFile = {self._user}\n\tignoreCase = {str(tree.ignores_case).lower()}\n"
        )

    def ignored_by_git(self, paths: list[str]) -> dict[str, bool]:
        # Not bare: one that begins with a colon would be a pattern.
        asked = "".join(f"./{path}\0" for path in paths).encode()
        command = ["git", "-C", str(self.top), "check-ignore", "--stdin", "-z", "-v", "-n"]
        done = subprocess.run(command, input=asked, capture_output=True, check=False)
        if done.returncode not in {0, 1}:
            raise RuntimeError(done.stderr.decode())
        fields = done.stdout.split(b"\0")[:-1]
        # Four for each path: the file of the rule, its line, the rule, the path.
        return {
            os.fsdecode(path[2:]): bool(rule) and not rule.startswith(b"!")
            for rule, path in zip(fields[2::4], fields[3::4], strict=True)
        }


class Compared(NamedTuple):
    """``differences``: what we and Git say of differently; ``ignored``: how many of ``paths`` Git ignores."""

    differences: list[str]
    paths: int
    ignored: int


def compared(place: Place, tree: Tree) -> Compared:
    place.lay(tree)
    inside = f"{tree.root}/" if tree.root else ""
    folders = [it for it in tree.folders if it.startswith(inside) and it not in {"", tree.root}]
    files = [it for it in [*tree.files, *tree.rules] if it.startswith(inside)]
    theirs = place.ignored_by_git([*folders, *files]) if folders or files else {}
    root = place.top / tree.root
    ignores = Ignores(root)
    ours = {
        path: ignores.level(path.removeprefix(inside).rpartition("/")[0]).ignores(
            path.rpartition("/")[2], is_folder=path in folders
        )
        for path in [*folders, *files]
    }
    found = [f"{path!r}: Git {theirs.get(path)}, we {said}" for path, said in ours.items() if theirs.get(path) != said]
    return Compared(found + _walked_differently(root, inside, files, theirs), len(ours), sum(theirs.values()))


def _walked_differently(root: Path, inside: str, files: list[str], theirs: Mapping[str, bool]) -> list[str]:
    walked = {inside + it.path for it in Gate(root).walk()}
    wanted = {path for path in files if not theirs[path] and not is_sensitive(path.removeprefix(inside))}
    return [f"{path!r}: walked or not" for path in walked ^ wanted]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("count", type=int, nargs="?", default=5000)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    paths = wrong = ignored = 0
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        place = Place(Path(folder))
        for number, tree in zip(range(given.count), trees(given.seed), strict=False):
            found = compared(place, tree)
            paths += found.paths
            ignored += found.ignored
            wrong += len(found.differences)
            for line in found.differences[:5]:
                print(f"tree {number}: {line}\n  {tree.rules} {tree.exclude!r} {tree.user!r} {tree.ignores_case}")
    seconds = time.monotonic() - start
    print(f"{given.count} trees, {paths} paths ({ignored} ignored by Git), {wrong} differences, {seconds:.0f} s")
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
