"""Java: a class stands in a file of its name in the folder of its package."""

from collections.abc import Iterator

from copilot.index.imports.files import Files, folders_above, nearest
from copilot.syntax.symbols import ALL, Import

_NOT_HERE = ("java.", "javax.", "jdk.", "sun.")
_MOST_IN_PACKAGE = 100
_ROOTS = ("", "src", "java", "src/main/java", "src/test/java", "app/src/main/java")


def resolved(statement: Import, importer: str, files: Files) -> Iterator[str]:
    if statement.module.startswith(_NOT_HERE):
        return
    parts = statement.module.split(".")
    # A class within a class, or a member, stands in the file of the outer one.
    for count in range(len(parts), max(1, len(parts) - 2), -1):
        found = files.ending(f"{'/'.join(parts[:count])}.java")
        if found:
            yield from nearest(found, importer)
            return
        if statement.names == ALL and count == len(parts):
            package = _package("/".join(parts), importer, files)
            if package:
                yield from package
                return


def _package(tail: str, importer: str, files: Files) -> list[str]:
    for folder in folders_above(importer):
        for root in _ROOTS:
            below = files.below("/".join(filter(None, (folder, root, tail))))
            found = sorted(path for path in below if path.endswith(".java"))
            if found:
                return found[:_MOST_IN_PACKAGE]
    return []
