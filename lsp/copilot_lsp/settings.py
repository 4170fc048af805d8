"""Settings that an editor may give, by ``initializationOptions`` or ``workspace/configuration``. No I/O.

An editor takes settings from the folder it has open, which may come from anyone. So there is none here that names a
command, an address or a file, and what is not listed is ignored.
"""

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from copilot.config.settings import CompletionSettings

SECTION = "slipstream"

# Named in a warning as they came, so that a name cannot be a message of its own.
_SHOWN_NAME_LENGTH = 40


class EditorSettings(msgspec.Struct, frozen=True, rename="camel"):
    """What an editor may set. ``None`` leaves a setting to the configuration file."""

    enabled: bool | None = None
    disabled_languages: tuple[str, ...] | None = None
    max_tokens: Annotated[int, Meta(ge=1, le=2048)] | None = None
    max_lines: Annotated[int, Meta(ge=1, le=200)] | None = None

    def above(self, base: CompletionSettings) -> CompletionSettings:
        """``base`` with every setting replaced that the editor gave."""
        given = {name: value for name in self.__struct_fields__ if (value := getattr(self, name)) is not None}
        return msgspec.structs.replace(base, **given)


class Reading(msgspec.Struct, frozen=True):
    """Settings as they were understood. ``ignored``: one phrase for each that was not."""

    settings: EditorSettings
    ignored: tuple[str, ...] = ()

    @property
    def warning(self) -> str:
        """One message for all that was ignored; empty where nothing was."""
        if not self.ignored:
            return ""
        known = ", ".join(field.encode_name for field in msgspec.structs.fields(EditorSettings))
        return f"Slipstream ignores editor settings: {'; '.join(self.ignored)}. It knows {known}."


def read(value: object, *, also_known: frozenset[str] = frozenset()) -> Reading:
    """Understand what an editor sent; whatever is wrong is left out and named, the rest counts.

    ``also_known``: names that mean something elsewhere. Settings below a ``slipstream`` key are taken from there,
    because some editors send the section with its name and some without.
    """
    if isinstance(value, Mapping) and isinstance(value.get(SECTION), Mapping):
        value = value[SECTION]
    if value is None:
        return Reading(EditorSettings())
    if not isinstance(value, Mapping):
        return Reading(EditorSettings(), (f"{SECTION} is not a table",))
    given: dict[str, Any] = {}
    ignored: list[str] = []
    fields = {field.encode_name: field for field in msgspec.structs.fields(EditorSettings)}
    for name, item in value.items():
        if name in also_known:
            continue
        if name not in fields:
            ignored.append(f"{_shown(name)} is unknown")
            continue
        try:
            given[fields[name].name] = msgspec.convert(item, fields[name].type)
        except msgspec.ValidationError as error:
            ignored.append(f"{name}: {error}")
    return Reading(EditorSettings(**given), tuple(ignored))


def _shown(name: object) -> str:
    text = "".join(character if character.isprintable() else "?" for character in str(name))
    return text if len(text) <= _SHOWN_NAME_LENGTH else text[:_SHOWN_NAME_LENGTH] + "…"
