"""Python: modules and packages, from the importer's package, the folders around it, and what looks like a source root.

https://docs.python.org/3/reference/import.html
"""

import sys
from collections.abc import Iterator

from copilot.index.imports.files import Files, folder_of, folders_above, nearest
from copilot.syntax.symbols import Import

_ROOTS = ("src", "lib", "python", "source")
# In the order in which Python looks.
_ENDS = ("/__init__.py", ".py", "/__init__.pyi", ".pyi")
_STANDARD = sys.stdlib_module_names


def resolved(statement: Import, importer: str, files: Files) -> Iterator[str]:
    module = statement.module.lstrip(".")
    dots = len(statement.module) - len(module)
    parts = [part for part in module.split(".") if part]
    names = [name for name, _here in statement.names if name != "*"]
    if dots:
        folder = folder_of(importer)
        for _ in range(dots - 1):
            if not folder:
                return
            folder = folder_of(folder)
        yield from _found("/".join(filter(None, [folder, *parts])), names, files)
        return
    if not parts:
        return
    tail = "/".join(parts)
    tried = set()
    for root in _roots(parts[0], importer, files):
        if root in tried:
            continue
        tried.add(root)
        found = list(_found(f"{root}/{tail}" if root else tail, names, files))
        if found:
            yield from found
            return
    if parts[0] not in _STANDARD:
        yield from _anywhere(tail, names, importer, files)


def _found(base: str, names: list[str], files: Files) -> Iterator[str]:
    """Names that are modules of a package first: what is taken from them is theirs."""
    for name in names:
        yield from _module(f"{base}/{name}" if base else name, files)
    if base:
        yield from _module(base, files)
    else:
        yield from (path for path in ("__init__.py", "__init__.pyi") if files.has(path))


def _module(base: str, files: Files) -> Iterator[str]:
    for end in _ENDS:
        if files.has(base + end):
            yield base + end
            return


def _roots(top: str, importer: str, files: Files) -> Iterator[str]:
    """Where a search for ``top`` may begin, as ``sys.path`` says it."""
    own, inner = _own_root(importer, files)
    if top in _STANDARD:
        # The standard library is found first, but by a package of that name itself.
        if inner == top:
            yield own
        return
    yield own
    for folder in folders_above(importer):
        # A folder of a package is no root.
        if not _is_package(folder, files):
            yield folder
            yield from (f"{folder}/{root}" if folder else root for root in _ROOTS)


def _own_root(importer: str, files: Files) -> tuple[str, str]:
    """The folder around the outermost package that ``importer`` is in, and that package's name."""
    folder, inner = folder_of(importer), importer.rpartition("/")[2].partition(".")[0]
    while folder and _is_package(folder, files):
        folder, inner = folder_of(folder), folder.rpartition("/")[2]
    return folder, inner


def _is_package(folder: str, files: Files) -> bool:
    base = f"{folder}/" if folder else ""
    return files.has(f"{base}__init__.py") or files.has(f"{base}__init__.pyi")


def _anywhere(tail: str, names: list[str], importer: str, files: Files) -> Iterator[str]:
    tails = [tail + end for end in _ENDS]
    # Without a file of its own a package is known by what is taken from it.
    tails += [f"{tail}/{name}{end}" for name in names for end in _ENDS]
    for wanted in tails:
        matches = [
            path for path in files.ending(wanted) if not _is_package(path.removesuffix(wanted).rstrip("/"), files)
        ]
        if matches:
            path = nearest(matches, importer)[0]
            root = path.removesuffix(wanted).rstrip("/")
            yield from _found(f"{root}/{tail}" if root else tail, names, files)
            return
