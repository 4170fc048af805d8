"""Ruby: a path as seen from the file itself, or from a folder such as ``lib``."""

from collections.abc import Iterator

from copilot.index.imports.files import Files, folder_of, folders_above, joined, nearest
from copilot.syntax.symbols import Import


def resolved(statement: Import, importer: str, files: Files) -> Iterator[str]:
    module = statement.module if statement.module.endswith(".rb") else f"{statement.module}.rb"
    if module.startswith("."):
        path = joined(folder_of(importer), module)
        if path is not None and files.has(path):
            yield path
        return
    for folder in folders_above(importer):
        for root in ("lib", "app", "spec", "test", ""):
            path = joined(folder, f"{root}/{module}")
            if path and files.has(path):
                yield path
                return
    yield from nearest(files.ending(f"lib/{module}"), importer)[:1]
