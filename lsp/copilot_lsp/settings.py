"""Settings that an editor may give, by ``initializationOptions`` or ``workspace/configuration``. No I/O.

An editor takes settings from the folder it has open, which may come from anyone. So there is none here that names a
command, an address or a file, and what is not listed is ignored.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import msgspec

from copilot.config.settings import CompletionSettings, ContextSettings

SECTION = "slipstream"

KNOWN: Mapping[str, str] = MappingProxyType(
    {
        "enabled": "enabled",
        "disabledLanguages": "disabled_languages",
        "maxTokens": "max_tokens",
        "maxLines": "max_lines",
        "budgetMs": "budget_ms",
        "candidates": "candidates",
        "comments": "comments",
        "prefetch": "prefetch",
        "snippetTokens": "snippet_tokens",
        "index": "index",
        "exclude": "exclude",
    }
)
"""An editor's name for a setting, and the field of :class:`CompletionSettings` or :class:`ContextSettings` that it is
for."""

_CONTEXT = frozenset(ContextSettings.__struct_fields__)
_TYPES = {
    field.name: field.type for table in (CompletionSettings, ContextSettings) for field in msgspec.structs.fields(table)
}
# Names are shown as they came, and must not become a message of their own.
_SHOWN_NAME_LENGTH = 40


class EditorSettings(NamedTuple):
    """``given``: fields of both tables. ``ignored``: one phrase for each setting that was wrong."""

    given: Mapping[str, Any] = MappingProxyType({})
    ignored: tuple[str, ...] = ()

    def above(self, base: CompletionSettings) -> CompletionSettings:
        """``base`` with what the editor gave in its place. Of other files the model sees no more for it, only less."""
        given = {name: value for name, value in self.given.items() if name not in _CONTEXT}
        if "snippet_tokens" in given:
            given["snippet_tokens"] = min(given["snippet_tokens"], base.snippet_tokens)
        return msgspec.structs.replace(base, **given)

    def narrowing(self, base: ContextSettings) -> ContextSettings:
        """``base`` with what the editor leaves out as well."""
        return ContextSettings(
            index=base.index and self.given.get("index", True),
            exclude=tuple(dict.fromkeys((*base.exclude, *self.given.get("exclude", ())))),
        )

    @property
    def warning(self) -> str:
        """One message for all that was ignored; empty where nothing was."""
        if not self.ignored:
            return ""
        return f"Slipstream ignores editor settings: {'; '.join(self.ignored)}. It knows {', '.join(KNOWN)}."


def read(value: object, *, also_known: frozenset[str] = frozenset()) -> EditorSettings:
    """Understand what an editor sent; whatever is wrong is left out and named, the rest counts.

    ``also_known``: names that mean something elsewhere. Settings below a ``slipstream`` key are taken from there,
    because some editors send the section with its name and some without. Null leaves a setting as it is.
    """
    if isinstance(value, Mapping) and isinstance(value.get(SECTION), Mapping):
        value = value[SECTION]
    if value is None:
        return EditorSettings()
    if not isinstance(value, Mapping):
        return EditorSettings(ignored=(f"{SECTION} is not a table",))
    given: dict[str, Any] = {}
    ignored: list[str] = []
    for name, item in value.items():
        if name in also_known or item is None:
            continue
        if name not in KNOWN:
            ignored.append(f"{_shown(name)} is unknown")
            continue
        try:
            given[KNOWN[name]] = msgspec.convert(item, _TYPES[KNOWN[name]])
        except msgspec.ValidationError as error:
            ignored.append(f"{name}: {error}")
    return EditorSettings(given, tuple(ignored))


def _shown(name: str) -> str:
    text = "".join(character if character.isprintable() else "?" for character in name)
    return text if len(text) <= _SHOWN_NAME_LENGTH else text[:_SHOWN_NAME_LENGTH] + "…"
