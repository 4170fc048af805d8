"""Which files of the workspace an import means. Pure: the files are asked for through a protocol."""

from collections.abc import Callable, Iterable

from copilot.index.imports import c, go, java, javascript, python, ruby, rust
from copilot.index.imports.files import Files
from copilot.syntax.symbols import Import

__all__ = ["Files", "resolve"]

_RESOLVERS: dict[str, Callable[[Import, str, Files], Iterable[str]]] = {
    "python": python.resolved,
    "starlark": python.resolved,
    "javascript": javascript.resolved,
    "javascriptreact": javascript.resolved,
    "typescript": javascript.resolved,
    "typescriptreact": javascript.resolved,
    "vue": javascript.resolved,
    "svelte": javascript.resolved,
    "go": go.resolved,
    "rust": rust.resolved,
    "java": java.resolved,
    "c": c.resolved,
    "cpp": c.resolved,
    "cuda-cpp": c.resolved,
    "ruby": ruby.resolved,
    "shellscript": c.resolved,
    "sh": c.resolved,
    "bash": c.resolved,
}


def resolve(statement: Import, importer: str, language: str, files: Files) -> tuple[str, ...]:
    """Paths, the most likely first; empty for what is not in the workspace. ``importer``: the path of its file."""
    resolver = _RESOLVERS.get(language)
    if resolver is None or not statement.module:
        return ()
    # A file that a statement leads back to says nothing new.
    return tuple(dict.fromkeys(path for path in resolver(statement, importer, files) if path != importer))
