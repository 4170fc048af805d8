"""The tree-sitter grammar of a language, by the id that editors send; loaded when it is first asked for.

A grammar is a wheel of its own and costs a few MB and milliseconds, so nothing of tree-sitter is imported before.
"""

import logging
from functools import cache
from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tree_sitter import Language

_LOG = logging.getLogger(__name__)

# The module of each grammar's wheel, what in it makes the grammar, and the language ids it is for.
_TABLE = (
    ("tree_sitter_python", "language", "python starlark"),
    ("tree_sitter_javascript", "language", "javascript javascriptreact"),
    ("tree_sitter_typescript", "language_typescript", "typescript"),
    ("tree_sitter_typescript", "language_tsx", "typescriptreact"),
    ("tree_sitter_go", "language", "go"),
    ("tree_sitter_rust", "language", "rust"),
    ("tree_sitter_c", "language", "c"),
    ("tree_sitter_cpp", "language", "cpp cuda-cpp"),
    ("tree_sitter_java", "language", "java"),
    ("tree_sitter_c_sharp", "language", "csharp"),
    ("tree_sitter_ruby", "language", "ruby"),
    ("tree_sitter_bash", "language", "shellscript sh bash"),
    ("tree_sitter_json", "language", "json jsonc"),
    ("tree_sitter_css", "language", "css"),
)
_BY_LANGUAGE = {language: (module, maker) for module, maker, languages in _TABLE for language in languages.split()}

LANGUAGES = frozenset(_BY_LANGUAGE)
"""The language ids that have a grammar."""


def grammar_of(language: str | None) -> "Language | None":
    """The grammar for an editor's language id; None where there is none, or where its wheel can't be loaded.

    Without a grammar a document is text: everything works, less precisely.
    """
    found = _BY_LANGUAGE.get(language or "")
    return _load(*found) if found else None


@cache
def _load(module: str, maker: str) -> "Language | None":
    try:
        from tree_sitter import Language

        return Language(getattr(import_module(module), maker)())
    except (ImportError, AttributeError, ValueError) as error:
        # ValueError: the grammar is of a format (ABI) that this tree-sitter does not read.
        _LOG.warning("The grammar %s can't be used: %s", module, error)
        return None
