"""What a ``.gitignore`` file says of a path, exactly as Git reads it. No I/O.

Source: gitignore(5); where it is silent, ``git check-ignore``. The libraries on PyPI differ from it in half of our
random files (byte ranges, broken brackets, ``a**/b``).
"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from copilot.safety.wildmatch import SPECIAL, expression

_BOM = b"\xef\xbb\xbf"
_ANY_DEPTH = 1 << 30
# So many alternatives in one expression; more would take long to compile.
_MOST_ALTERNATIVES = 500


class Rule(NamedTuple):
    """``pattern`` is what is left of the line without "!" before and "/" behind it.

    ``is_path``: it has a slash, so it is compared with the path from the file's folder on, else with the name.
    """

    pattern: bytes
    negated: bool
    only_folders: bool
    is_path: bool


def parse(data: bytes) -> list[Rule]:
    """The rules of a file in their order."""
    rules = []
    for line in data.removeprefix(_BOM).split(b"\n"):
        if line.startswith(b"#"):
            continue
        # For Git a line is a string of C.
        pattern = _without_trailing_spaces(line.removesuffix(b"\r").partition(b"\0")[0])
        negated = pattern.startswith(b"!")
        pattern = pattern[negated:]
        only_folders = pattern.endswith(b"/")
        if only_folders:
            pattern = pattern[:-1]
        if pattern:
            rules.append(Rule(pattern, negated, only_folders, b"/" in pattern))
    return rules


def _without_trailing_spaces(line: bytes) -> bytes:
    if not line.endswith(b" "):
        return line
    kept = line.rstrip(b" ")
    # An escaped space stays; one that is escaped by a backslash that is itself escaped doesn't.
    if (len(kept) - len(kept.rstrip(b"\\"))) % 2:
        kept += b" "
    return kept


def is_wild(rule: Rule) -> bool:
    """Whether it takes an expression to compare it, which costs time with each name."""
    pattern = rule.pattern.removeprefix(b"**/")
    return SPECIAL.search(pattern, int(pattern.startswith(b"*"))) is not None


class RuleSet:
    """The rules of one file, asked many times. Rules are numbered from 0."""

    def __init__(self, rules: Sequence[Rule | None], *, fold: bool = False) -> None:
        """``fold``: compare without regard to case, as Git does where ``core.ignoreCase`` is set.

        None in place of a rule leaves its number without one.
        """
        self._negated = [rule is not None and rule.negated for rule in rules]
        self._files = _Table(fold)
        self._folders = _Table(fold)
        for number, rule in enumerate(rules):
            if rule is None:
                continue
            self._folders.add(number, rule)
            if not rule.only_folders:
                self._files.add(number, rule)
        # Paths with more slashes than this match no rule that is a path.
        self.deepest = self._folders.deepest
        self.has_names = self._folders.has_names

    def last(self, name: bytes, path: bytes | None, *, is_folder: bool) -> int:
        """The number of the last rule that matches, -1 for none.

        ``path``: from the file's folder on, with ``name`` at its end; None where no rule with a slash can match.
        """
        return (self._folders if is_folder else self._files).last(name, path)

    def verdict(self, name: bytes, path: bytes | None, *, is_folder: bool) -> bool | None:
        """True: ignored; False: not, whatever files of less weight say; None: nothing said."""
        number = (self._folders if is_folder else self._files).last(name, path)
        return None if number < 0 else not self._negated[number]


class _Table:
    """Literal names, ends and paths in dictionaries, the rest in expressions: most rules are of the first kinds."""

    def __init__(self, fold: bool) -> None:
        self._fold = fold
        self._any = -1
        self._names: dict[bytes, int] = {}
        # By the last byte, which few names share with a rule; then by length.
        self._ends: dict[int, dict[int, dict[bytes, int]]] = {}
        self._paths: dict[bytes, int] = {}
        self._wild_names: _Expressions | None = None
        self._wild_paths: _Expressions | None = None
        self.deepest = -1
        self.has_names = False

    def add(self, number: int, rule: Rule) -> None:
        pattern = rule.pattern
        if rule.is_path and pattern.startswith(b"**/") and b"/" not in pattern[3:]:
            # Any folder below: the same as a name alone.
            pattern = pattern[3:]
            if pattern:
                self._add_name(number, pattern)
        elif rule.is_path:
            self._add_path(number, pattern.removeprefix(b"/"))
        else:
            self._add_name(number, pattern)

    def _add_name(self, number: int, pattern: bytes) -> None:
        literal = pattern.lower() if self._fold else pattern
        if not SPECIAL.search(pattern):
            self._names[literal] = number
        elif pattern == b"*":
            self._any = number
        elif pattern.startswith(b"*") and not SPECIAL.search(pattern, 1):
            self._ends.setdefault(literal[-1], {}).setdefault(len(pattern) - 1, {})[literal[1:]] = number
        elif (found := expression(pattern, fold=self._fold)) is not None:
            self._wild_names = self._wild_names or _Expressions()
            self._wild_names.add(number, found)
        else:
            return
        self.has_names = True

    def _add_path(self, number: int, pattern: bytes) -> None:
        special = SPECIAL.search(pattern)
        if not special:
            self._paths[pattern.lower() if self._fold else pattern] = number
            self.deepest = max(self.deepest, pattern.count(b"/"))
            return
        # What stands before the first wild card is compared by itself, so that "a**/b" means "a" and then "**/b".
        start = special.start()
        rest = expression(pattern[start:], fold=self._fold)
        if rest is None:
            return
        begin = re.escape(pattern[:start])
        self._wild_paths = self._wild_paths or _Expressions()
        self._wild_paths.add(number, (b"(?i:%b)" % begin if self._fold else begin) + rest)
        self.deepest = max(self.deepest, _ANY_DEPTH if b"**" in pattern else pattern.count(b"/"))

    def last(self, name: bytes, path: bytes | None) -> int:
        if self._fold:
            name = name.lower()
            path = path and path.lower()
        best = self._names.get(name, -1)
        best = max(best, self._any)
        ends = self._ends.get(name[-1])
        if ends:
            for length, numbers in ends.items():
                best = max(best, numbers.get(name[-length:], -1))
        if self._wild_names is not None:
            best = self._wild_names.last(name, best)
        if path is not None:
            number = self._paths.get(path, -1)
            best = max(best, number)
            if self._wild_paths is not None:
                best = self._wild_paths.last(path, best)
        return best


class _Expressions:
    """Numbered expressions in few: the last that was added is tried first."""

    def __init__(self) -> None:
        self._added: list[tuple[int, bytes]] = []
        self._compiled: list[tuple[re.Pattern[bytes], list[int]]] | None = None

    def add(self, number: int, text: bytes) -> None:
        self._added.append((number, text))

    def last(self, text: bytes, above: int) -> int:
        """The highest number whose expression matches all of ``text``; ``above`` where none is higher."""
        if self._compiled is None:
            self._compiled = self._all()
        for compiled, numbers in self._compiled:
            if numbers[0] <= above:
                break
            if found := compiled.fullmatch(text):
                assert found.lastindex is not None
                return max(above, numbers[found.lastindex - 1])
        return above

    def _all(self) -> list[tuple[re.Pattern[bytes], list[int]]]:
        latest = self._added[::-1]
        parts = [latest[at : at + _MOST_ALTERNATIVES] for at in range(0, len(latest), _MOST_ALTERNATIVES)]
        return [
            (re.compile(b"|".join(b"(%b)" % text for _, text in part), re.DOTALL), [number for number, _ in part])
            for part in parts
        ]
