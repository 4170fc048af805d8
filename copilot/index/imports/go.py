"""Go: a package is the folder that the module's path in go.mod leads to. https://go.dev/ref/mod#go-mod-file"""

import re
from collections.abc import Iterator

from copilot.index.imports.files import Files, folder_of, joined, nearest, nearest_above
from copilot.syntax.symbols import Import

_MODULE = re.compile(r"^[ \t]*+module[ \t]++[\"`]?([^\s\"`]+)", re.MULTILINE)
_MOST_MODULES = 20


def resolved(statement: Import, importer: str, files: Files) -> Iterator[str]:
    module = statement.module
    if module.startswith("."):
        folder = joined(folder_of(importer), module)
        if folder is not None:
            yield from _package(folder, files)
        return
    own = nearest_above("go.mod", importer, files)
    if own is not None and (folder := _folder(own, module, files)) is not None:
        yield from _package(folder, files)
        return
    if "." not in module.partition("/")[0]:
        # The standard library.
        return
    for other in nearest(files.ending("go.mod"), importer)[:_MOST_MODULES]:
        if other != own and (folder := _folder(other, module, files)) is not None:
            yield from _package(folder, files)
            return
    home = folder_of(own) if own is not None else ""
    yield from _package(f"{home}/vendor/{module}" if home else f"vendor/{module}", files)


def _folder(go_mod: str, module: str, files: Files) -> str | None:
    found = _MODULE.search(files.text(go_mod) or "")
    if found is None or not (module == found[1] or module.startswith(f"{found[1]}/")):
        return None
    return joined(folder_of(go_mod), module[len(found[1]) :])


def _package(folder: str, files: Files) -> Iterator[str]:
    """The file that is called like the package first, which mostly holds what matters."""
    own = folder.rpartition("/")[2]
    paths = [path for path in files.below(folder) if path.endswith(".go") and not path.endswith("_test.go")]
    yield from sorted(paths, key=lambda it: (it.rpartition("/")[2] != f"{own}.go", it.endswith("/doc.go"), it))
