"""Rust: modules by the folders of a crate, and crates that Cargo.toml names with a path.

A module's own modules stand in the folder of its name: that of ``a::b`` in ``src/a/b/``, whether it is written in
``src/a/b.rs`` or ``src/a/b/mod.rs``. https://doc.rust-lang.org/reference/items/modules.html
"""

import tomllib
from collections.abc import Iterator
from functools import lru_cache
from typing import Any

from copilot.index.imports.files import Files, folder_of, joined, nearest, nearest_above
from copilot.syntax.symbols import Import

_ROOTS = ("lib.rs", "main.rs")
_NOT_HERE = frozenset({"std", "core", "alloc", "proc_macro", "test"})
_DEPENDENCIES = ("dependencies", "dev-dependencies", "build-dependencies")


def resolved(statement: Import, importer: str, files: Files) -> Iterator[str]:
    parts = [part.removeprefix("r#") for part in statement.module.split("::") if part]
    if not parts or parts[0] in _NOT_HERE:
        return
    for path in [[*parts, name] if name != "*" else parts for name, _here in statement.names] or [parts]:
        found = _walked(path, importer, files)
        if found is not None:
            yield found


def _walked(path: list[str], importer: str, files: Files) -> str | None:
    """The file of the innermost module on ``path``; the rest is something within it."""
    own = _own_folder(importer, files)
    first, rest = path[0], path[1:]
    if first == "crate":
        root = _crate_root(importer, files)
        return _deepest(folder_of(root), rest, files) or root if root is not None else None
    if first in {"self", "super"}:
        folder = own if first == "self" else folder_of(own)
        while rest and rest[0] == "super":
            folder, rest = folder_of(folder), rest[1:]
        return _deepest(folder, rest, files) or _module(folder, files)
    found = _deepest(own, path, files)
    if found is None:
        root = _crate_root(importer, files)
        if root is not None and root != importer:
            found = _deepest(folder_of(root), path, files)
    if found is None and (root := _other_crate(first, importer, files)) is not None:
        found = _deepest(folder_of(root), rest, files) or root
    return found


def _own_folder(importer: str, files: Files) -> str:
    folder, _, name = importer.rpartition("/")
    if name in {"mod.rs", *_ROOTS} or importer == _crate_root(importer, files):
        return folder
    return importer.removesuffix(".rs")


def _deepest(folder: str, path: list[str], files: Files) -> str | None:
    found = None
    for part in path:
        folder = f"{folder}/{part}" if folder else part
        path_of = next((it for it in (f"{folder}.rs", f"{folder}/mod.rs") if files.has(it)), None)
        if path_of is None:
            break
        found = path_of
    return found


def _module(folder: str, files: Files) -> str | None:
    """The file of the module whose own modules stand in ``folder``."""
    base = f"{folder}/" if folder else ""
    candidates = (f"{folder}.rs", f"{base}mod.rs", *(f"{base}{root}" for root in _ROOTS))
    return next((it for it in candidates if files.has(it)), None)


def _crate_root(importer: str, files: Files) -> str | None:
    cargo = nearest_above("Cargo.toml", importer, files)
    home = folder_of(cargo) if cargo is not None else None
    if home is not None:
        inner = importer.removeprefix(f"{home}/") if home else importer
        parts = inner.split("/")
        # Each file of these folders is a crate.
        if (parts[0] in {"tests", "examples", "benches"} and len(parts) == 2) or parts[:2] == ["src", "bin"]:
            return importer
        return _root_in(home, files)
    # Without a Cargo.toml the nearest root above.
    return next((it for root in _ROOTS if (it := nearest_above(root, importer, files)) is not None), None)


def _root_in(home: str, files: Files) -> str | None:
    base = f"{home}/" if home else ""
    cargo = _toml(files.text(f"{base}Cargo.toml") or "")
    library = cargo.get("lib")
    if isinstance(library, dict) and isinstance(library.get("path"), str):
        path = joined(home, library["path"])
        if path is not None and files.has(path):
            return path
    return next((it for root in _ROOTS if files.has(it := f"{base}src/{root}")), None)


def _other_crate(name: str, importer: str, files: Files) -> str | None:
    own = nearest_above("Cargo.toml", importer, files)
    if own is None:
        return None
    home, cargo = folder_of(own), _toml(files.text(own) or "")
    if _crate_name(cargo) == name:
        # Its tests and programs take the library by its name.
        return _root_in(home, files)
    for table in _DEPENDENCIES:
        said = cargo.get(table)
        for key, value in said.items() if isinstance(said, dict) else ():
            if key.replace("-", "_") != name:
                continue
            folder, given = home, value
            if isinstance(given, dict) and given.get("workspace"):
                folder, given = _of_workspace(key, home, files)
            if isinstance(given, dict) and isinstance(given.get("path"), str):
                at = joined(folder, given["path"])
                return _root_in(at, files) if at is not None else None
    # A member of the workspace that is not named with a path, by its folder.
    for folder in {name, name.replace("_", "-")}:
        for path in nearest(files.ending(f"{folder}/Cargo.toml"), importer):
            if _crate_name(_toml(files.text(path) or "")) == name:
                return _root_in(folder_of(path), files)
    return None


def _of_workspace(key: str, home: str, files: Files) -> tuple[str, Any]:
    at = home
    while at:
        at = folder_of(at)
        workspace = _toml(files.text(f"{at}/Cargo.toml" if at else "Cargo.toml") or "").get("workspace")
        if isinstance(workspace, dict):
            said = workspace.get("dependencies")
            return at, said.get(key) if isinstance(said, dict) else None
    return home, None


def _crate_name(cargo: dict[str, Any]) -> str:
    for table in ("lib", "package"):
        said = cargo.get(table)
        if isinstance(said, dict) and isinstance(said.get("name"), str):
            return str(said["name"]).replace("-", "_")
    return ""


@lru_cache(maxsize=256)
def _toml(text: str) -> dict[str, Any]:
    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError):
        return {}
