"""JavaScript and TypeScript: relative paths, ``paths`` of a tsconfig or jsconfig, packages of the same workspace.

https://www.typescriptlang.org/docs/handbook/modules/reference.html
"""

import json
import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from copilot.index.imports.files import Files, folder_of, folders_above, joined, nearest
from copilot.syntax.symbols import Import

_TYPED = (".ts", ".tsx", ".d.ts", ".mts", ".cts")
_PLAIN = (".js", ".jsx", ".mjs", ".cjs")
_OTHER = (".vue", ".svelte", ".json")
# What a name of what is built stands for in the sources.
_BUILT = {
    ".js": (".ts", ".tsx", ".d.ts", ".jsx"),
    ".jsx": (".tsx",),
    ".mjs": (".mts", ".d.mts"),
    ".cjs": (".cts", ".d.cts"),
}
_CONFIGS = ("tsconfig.json", "jsconfig.json")
_MOST_EXTENDED = 5
# One that is not closed counts too, so that it is not looked for again from every quote in it.
_STRING_OR_COMMENT = re.compile(r'("(?:[^"\\\n]|\\.)*"?)|/\*.*?(?:\*/|\Z)|//[^\n]*', re.DOTALL)
_TRAILING = re.compile(r",(?=\s*[}\]])")


class _Config(NamedTuple):
    """``base``: the folder that bare names are looked up in, ``paths``: patterns, as seen from ``origin``."""

    base: str | None
    origin: str
    paths: tuple[tuple[str, tuple[str, ...]], ...]


def resolved(statement: Import, importer: str, files: Files) -> Iterator[str]:
    module = re.split(r"[?]|(?<=.)#", statement.module, maxsplit=1)[0]
    ends = _ends(importer)
    if module.startswith(".") or module == "..":
        path = joined(folder_of(importer), module)
        if path is not None:
            yield from _file(path, ends, files)
        return
    if not module or module.startswith(("node:", "http:", "https:", "data:", "/")):
        return
    for paths in (_by_config, _by_alias, _by_package):
        found = list(paths(module, importer, ends, files))
        if found:
            yield from found
            return


def _ends(importer: str) -> tuple[str, ...]:
    typed = importer.endswith((*_TYPED, ".vue", ".svelte"))
    return (*_TYPED, *_PLAIN, *_OTHER) if typed else (*_PLAIN, *_TYPED, *_OTHER)


def _file(path: str, ends: tuple[str, ...], files: Files) -> Iterator[str]:
    """At most one: the file, the one that it is built from, or a folder's index."""
    if path and files.has(path):
        yield path
        return
    for built, sources in _BUILT.items():
        if path.endswith(built):
            for source in sources:
                if files.has(path.removesuffix(built) + source):
                    yield path.removesuffix(built) + source
                    return
    for end in ends:
        if path and files.has(path + end):
            yield path + end
            return
    base = f"{path}/" if path else ""
    if files.has(f"{base}package.json") and (main := _entry(files.text(f"{base}package.json"))):
        inner = joined(path, main)
        if inner is not None and inner != path and (found := list(_file(inner, ends, files))):
            yield from found
            return
    for end in ends:
        if files.has(f"{base}index{end}"):
            yield f"{base}index{end}"
            return


def _by_config(module: str, importer: str, ends: tuple[str, ...], files: Files) -> Iterator[str]:
    config = _config_of(importer, files)
    if config is None:
        return
    # The most precise pattern wins.
    for pattern, targets in sorted(config.paths, key=lambda it: -len(it[0].partition("*")[0])):
        before, star, after = pattern.partition("*")
        if not (module.startswith(before) and module.endswith(after) if star else module == pattern):
            continue
        if len(module) < len(before) + len(after):
            continue
        inner = module[len(before) : len(module) - len(after)] if star else ""
        for target in targets:
            path = joined(config.origin, target.replace("*", inner))
            if path is not None and (found := list(_file(path, ends, files))):
                yield from found
                return
    if config.base is not None and (path := joined(config.base, module)) is not None:
        yield from _file(path, ends, files)


def _config_of(importer: str, files: Files) -> _Config | None:
    for folder in folders_above(importer):
        for name in _CONFIGS:
            path = f"{folder}/{name}" if folder else name
            if files.has(path):
                return _config(path, files)
    return None


def _config(path: str, files: Files) -> _Config | None:
    base: str | None = None
    origin: str | None = None
    paths: tuple[tuple[str, tuple[str, ...]], ...] = ()
    at: str | None = path
    for _ in range(_MOST_EXTENDED):
        said = _json(files.text(at) or "") if at is not None else {}
        if at is None or not said:
            break
        folder = folder_of(at)
        options = said.get("compilerOptions")
        options = options if isinstance(options, dict) else {}
        if base is None and isinstance(options.get("baseUrl"), str):
            base = joined(folder, options["baseUrl"])
        if origin is None and isinstance(options.get("paths"), dict):
            # Without a base they are seen from where they are written.
            origin = base if base is not None else folder
            paths = tuple(
                (pattern, tuple(it for it in targets if isinstance(it, str)))
                for pattern, targets in options["paths"].items()
                if isinstance(targets, list)
            )
        extends = said.get("extends")
        at = None
        if isinstance(extends, str) and extends.startswith("."):
            at = joined(folder, extends)
            if at is not None and not at.endswith(".json"):
                at += ".json"
    return _Config(base, origin or "", paths) if base is not None or paths else None


def _by_alias(module: str, importer: str, ends: tuple[str, ...], files: Files) -> Iterator[str]:
    """What bundlers are usually told: ``@/`` and ``~/`` are the sources."""
    if not module.startswith(("@/", "~/")):
        return
    for folder in folders_above(importer):
        for root in ("src", "app", ""):
            path = joined(folder, f"{root}/{module[2:]}")
            if path and (found := list(_file(path, ends, files))):
                yield from found
                return


def _by_package(module: str, importer: str, ends: tuple[str, ...], files: Files) -> Iterator[str]:
    """Another package of the workspace, whose folder mostly has its name."""
    parts = module.split("/")
    count = 2 if module.startswith("@") else 1
    if len(parts) < count:
        return
    name, inner = "/".join(parts[:count]), "/".join(parts[count:])
    last = parts[count - 1]
    folders = [last, f"{parts[0][1:]}-{last}"] if count == 2 else [last]
    for folder in folders:
        for path in nearest(files.ending(f"{folder}/package.json"), importer):
            said = _json(files.text(path) or "")
            if said.get("name") != name:
                continue
            home = folder_of(path)
            for base in (inner, f"src/{inner}") if inner else ("src/index", ""):
                where = joined(home, base)
                if where is not None and (found := list(_file(where, ends, files))):
                    yield from found
                    return


def _entry(text: str | None) -> str:
    said = _json(text or "")
    return next(
        (it for key in ("source", "module", "main", "types") if isinstance(it := said.get(key), str) and it), ""
    )


@lru_cache(maxsize=256)
def _json(text: str) -> dict[str, Any]:
    """With comments and trailing commas, as configurations have them; empty where it is no object."""
    try:
        said = json.loads(text)
    except ValueError:
        plain = _TRAILING.sub("", _STRING_OR_COMMENT.sub(lambda found: found[1] or "", text))
        try:
            said = json.loads(plain)
        except (ValueError, RecursionError):
            return {}
    except RecursionError:
        return {}
    return said if isinstance(said, dict) else {}
