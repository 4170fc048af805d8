"""The ignore files that hold in each folder of a workspace: Git's own, and ``.copilotignore``.

Each is read once. Where Git would let a rule undo what must stay hidden, such as one of a nested repository a rule of
the one around it, both hold.
"""

import os
import unicodedata
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import NamedTuple

from copilot.safety import inside, repository
from copilot.safety.gitignore import Rule, RuleSet, is_wild, parse

OWN_FILE = ".copilotignore"
_MOST_BYTES = 1_000_000
_EVERYTHING = b"*\n"
_MOST_WILD = 5_000
_MOST_LEVELS = 200_000


def folded(path: str) -> str:
    """The same for all names that a disk or a person may take for one."""
    if path.isascii():
        return path.lower()
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


class OwnRules:
    """Rules of ``.copilotignore`` or the configuration.

    What they exclude, they exclude however it is spelled; what they let in again, they let in as it is written.
    """

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._excluding = RuleSet(
            [None if it.negated else it._replace(pattern=_folded(it.pattern)) for it in rules], fold=True
        )
        self._including = RuleSet([it if it.negated else None for it in rules])
        self.deepest = max(self._excluding.deepest, self._including.deepest)
        self.has_names = self._excluding.has_names or self._including.has_names

    def verdict(self, name: bytes, path: bytes | None, *, is_folder: bool) -> bool | None:
        """As :meth:`RuleSet.verdict`."""
        excluding = self._excluding.last(_folded(name), None if path is None else _folded(path), is_folder=is_folder)
        including = self._including.last(name, path, is_folder=is_folder)
        return None if excluding == including else excluding > including


def _bytes(text: str) -> bytes:
    """As the disk has the name; a configuration may also hold what no name is."""
    try:
        return text.encode(errors="surrogateescape")
    except UnicodeEncodeError:
        return text.encode(errors="surrogatepass")


def _folded(text: bytes) -> bytes:
    if text.isascii():
        return text.lower()
    return folded(text.decode(errors="surrogateescape")).encode(errors="surrogateescape")


class _Applied(NamedTuple):
    """``before``: from the rules' folder to this one, with a slash behind; None: no rule with a slash reaches here."""

    rules: RuleSet | OwnRules
    before: bytes | None


# The files of one repository, the weightiest first.
_Stack = tuple[_Applied, ...]
_NONE: tuple[_Stack, ...] = ((),)


class Level(NamedTuple):
    """What holds for the entries of one folder.

    ``ignored``, ``excluded``: the folder itself is, and so all below. ``git``, ``own``: a stack for the repository and
    for each one nested in another, the innermost last.
    """

    ignored: bool
    excluded: bool
    git: tuple[_Stack, ...]
    own: tuple[_Stack, ...]

    def ignores(self, name: str, *, is_folder: bool) -> bool:
        return self.ignored or (len(name) == 4 and name.lower() == ".git") or _refused(self.git, name, is_folder)

    def excludes(self, name: str, *, is_folder: bool) -> bool:
        return self.excluded or (self.own != _NONE and _refused(self.own, name, is_folder))


def _refused(stacks: tuple[_Stack, ...], name: str, is_folder: bool) -> bool:
    raw = _bytes(name)
    for stack in stacks:
        for rules, before in stack:
            verdict = rules.verdict(raw, None if before is None else before + raw, is_folder=is_folder)
            if verdict is not None:
                if verdict:
                    return True
                break
    return False


class Ignores:
    """All levels of a workspace. May be asked from several threads."""

    def __init__(self, root: Path, exclude: Sequence[str] = ()) -> None:
        """``exclude``: rules as in a file at the root; nothing undoes them."""
        self._root = root
        self._known: dict[bytes, RuleSet] = {}
        self._known_own: dict[bytes, OwnRules] = {}
        self._settings = repository.git_settings(root)
        self._exclude = tuple(exclude)
        self._configured = OwnRules(parse(b"\n".join(map(_bytes, exclude))))
        self._levels = {"": self._root_level()}

    def level(self, folder: str) -> Level:
        """What holds in ``folder`` (normal, "" for the root), which need not exist."""
        found = self._levels.get(folder)
        if found is not None:
            return found
        level, path = self._levels[""], ""
        for name in folder.split("/"):
            path = f"{path}/{name}" if path else name
            level = self._levels.get(path) or self._opened(level, path)
        return level

    def excludes_elsewhere(self, path: str) -> bool:
        """Whether the configuration excludes a file outside the root, of which no file of rules is read."""
        parts = [part for part in path.split("/") if part not in {"", ".", ".."}]
        raw = [_bytes(part) for part in parts]
        return any(
            self._configured.verdict(part, b"/".join(raw[: number + 1]), is_folder=number + 1 < len(raw))
            for number, part in enumerate(raw)
        )

    def _opened(self, above: Level, folder: str) -> Level:
        try:
            descriptor = inside.open_folder(self._root, folder)
        except OSError:
            return self.entered(above, folder, None, ())
        try:
            return self.entered(above, folder, descriptor, None)
        finally:
            os.close(descriptor)

    def entered(self, above: Level, folder: str, descriptor: int | None, listed: Collection[str] | None) -> Level:
        """The same, where ``folder`` is open and its parent's level known.

        ``listed``: the names in it where they are known, so that files that aren't there need not be looked for.
        """
        found = self._levels.get(folder)
        if found is None:
            found = self._below(above, f"{self._root}/{folder}", descriptor, listed)
            if len(self._levels) >= _MOST_LEVELS:
                self._levels = {"": self._levels[""]}
            self._levels[folder] = found
        return found

    def _root_level(self) -> Level:
        top = repository.top_of(self._root) or self._root
        stack = self._exclude_of(top)
        if self._settings.excludes is not None:
            stack += self._git_rules(_data(self._settings.excludes))
        level = Level(ignored=False, excluded=False, git=(stack,), own=((),))
        for place in reversed([self._root, *self._root.parents]):
            if not place.is_relative_to(top):
                continue
            descriptor = _opened(place)
            try:
                if place != top:
                    level = self._below(level, str(place), descriptor, None)
                elif descriptor is not None:
                    level = self._with_files(level, descriptor, None)
            finally:
                if descriptor is not None:
                    os.close(descriptor)
        return level._replace(own=((_Applied(self._configured, b""),), *level.own)) if self._exclude else level

    def _below(self, above: Level, place: str, descriptor: int | None, listed: Collection[str] | None) -> Level:
        name = place.rpartition("/")[2]
        level = Level(
            ignored=above.ignores(name, is_folder=True),
            excluded=above.excludes(name, is_folder=True),
            git=_deeper(above.git, name),
            own=_deeper(above.own, name),
        )
        if descriptor is None:
            return level
        if (listed is None or ".git" in listed) and _exists(".git", descriptor):
            level = level._replace(git=(*level.git, self._exclude_of(Path(place))), own=(*level.own, ()))
        return self._with_files(level, descriptor, listed)

    def _with_files(self, level: Level, descriptor: int, listed: Collection[str] | None) -> Level:
        # Git reads none in an ignored folder. Ours counts there too: an open file may lie in one.
        if not level.ignored and (listed is None or ".gitignore" in listed):
            # Git does not follow a link here.
            rules = self._git_rules(_data(".gitignore", dir_fd=descriptor, follow=False))
            level = level._replace(git=(*level.git[:-1], rules + level.git[-1]))
        if listed is None or OWN_FILE in listed:
            own = self._own_rules(_data(OWN_FILE, dir_fd=descriptor, otherwise=_EVERYTHING))
            level = level._replace(own=(*level.own[:-1], own + level.own[-1]))
        return level

    def _exclude_of(self, top: Path) -> _Stack:
        file = repository.exclude_file(top)
        return self._git_rules(_data(file)) if file else ()

    def _git_rules(self, data: bytes | None) -> _Stack:
        if not data:
            return ()
        rules = self._known.get(data)
        if rules is None:
            rules = self._known[data] = RuleSet(_parsed(data), fold=self._settings.ignores_case)
        return (_Applied(rules, b""),)

    def _own_rules(self, data: bytes | None) -> _Stack:
        if not data:
            return ()
        rules = self._known_own.get(data)
        if rules is None:
            rules = self._known_own[data] = OwnRules(_parsed(data))
        return (_Applied(rules, b""),)


def _parsed(data: bytes) -> list[Rule]:
    """One with more wild cards than can be compared in time hides everything, as one of absurd size does."""
    rules = parse(data)
    return rules if sum(map(is_wild, rules)) <= _MOST_WILD else parse(_EVERYTHING)


def _deeper(stacks: tuple[_Stack, ...], name: str) -> tuple[_Stack, ...]:
    """What of ``stacks`` still matters in the folder ``name``. The last stays, though empty: files may come to it."""
    raw = _bytes(name) + b"/"
    found = [tuple(below for it in stack if (below := _applied_below(it, raw))) for stack in stacks]
    return (*filter(None, found[:-1]), found[-1])


def _applied_below(applied: _Applied, name: bytes) -> _Applied | None:
    rules, before = applied
    if before is not None:
        before += name
        if before.count(b"/") <= rules.deepest:
            return _Applied(rules, before)
    return _Applied(rules, None) if rules.has_names else None


def _data(
    path: Path | str, *, dir_fd: int | None = None, follow: bool = True, otherwise: bytes | None = None
) -> bytes | None:
    """A file of rules; None where there is none, ``otherwise`` where it can't be read.

    One of absurd size excludes everything: to leave out what it says could show what it hides.
    """
    try:
        data = inside.begin_of(path, _MOST_BYTES + 1, dir_fd=dir_fd, follow=follow)
    except (FileNotFoundError, NotADirectoryError):
        return None
    except OSError:
        return otherwise
    return data if len(data) <= _MOST_BYTES else _EVERYTHING


def _opened(folder: Path) -> int | None:
    try:
        return os.open(folder, inside.FOLDER)
    except OSError:
        return None


def _exists(name: str, dir_fd: int) -> bool:
    try:
        os.stat(name, dir_fd=dir_fd, follow_symlinks=False)
    except OSError:
        return False
    return True
