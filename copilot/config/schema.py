"""What may be set: every setting of :class:`~copilot.config.settings.Settings` as a flat, checked list."""

import math
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple, get_args, get_origin

import msgspec

from copilot.config.settings import Settings

ENVIRONMENT_PREFIX = "SLIPSTREAM_"


class Setting(NamedTuple):
    """One setting: ``key`` of ``table``, its type, default and description."""

    table: str
    key: str
    type: Any
    default: Any
    description: str

    @property
    def name(self) -> str:
        """As written on the command line: ``engine.threads``."""
        return f"{self.table}.{self.key}"

    @property
    def variable(self) -> str:
        """As written in the environment: ``SLIPSTREAM_ENGINE_THREADS``."""
        return f"{ENVIRONMENT_PREFIX}{self.table}_{self.key}".upper()

    @property
    def plain_type(self) -> Any:
        """The type without its limits: ``int``, ``float``, ``bool``, ``str`` or ``tuple``."""
        plain = get_args(self.type)[0] if get_args(self.type) else self.type
        return str if self.choices else get_origin(plain) or plain

    @property
    def choices(self) -> tuple[str, ...]:
        """The texts to choose from, where not every text will do."""
        plain = get_args(self.type)[0] if get_args(self.type) else self.type
        return get_args(plain) if get_origin(plain) is Literal else ()

    @property
    def accepts(self) -> str:
        """The values it takes, in words: ``a whole number from 0 to 512``."""
        if self.choices:
            return " or ".join(f'"{choice}"' for choice in self.choices)
        words = {int: "a whole number", float: "a number", bool: "true or false", str: "text", tuple: "a list of texts"}
        return f"{words[self.plain_type]}{_limits(self.type)}"

    def check(self, value: object) -> Any:
        """The value in the setting's type. Raises :class:`ValueError` saying what it takes instead."""
        try:
            return msgspec.convert(value, self.type)
        except msgspec.ValidationError as error:
            raise ValueError(f"{self.name} takes {self.accepts}, not {_shown(value)}") from error


def _limits(annotated: Any) -> str:
    meta = next((item for item in get_args(annotated) if isinstance(item, msgspec.Meta)), msgspec.Meta())
    if meta.ge is not None and meta.le is not None:
        return f" from {meta.ge} to {meta.le}"
    bounds = {"from": meta.ge, "above": meta.gt, "up to": meta.le, "below": meta.lt}
    return "".join(f" {word} {bound}" for word, bound in bounds.items() if bound is not None)


def _shown(value: object) -> str:
    """A wrong value as the reader of a message knows it: TOML's words, and cut when it is long."""
    if isinstance(value, Mapping):
        return "a table"
    if isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        return "a list of tables"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    text = repr(value) if isinstance(value, (str, int, float, list)) else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def _flatten() -> dict[str, Setting]:
    settings = [
        Setting(table.name, field.name, field.type, field.default, _description(field.type))
        for table in msgspec.structs.fields(Settings)
        for field in msgspec.structs.fields(table.type)
    ]
    return {setting.name: setting for setting in settings}


def _description(annotated: Any) -> str:
    return next((item.description or "" for item in get_args(annotated) if isinstance(item, msgspec.Meta)), "")


SETTINGS: Mapping[str, Setting] = _flatten()
"""By name (``engine.threads``), in the order of the sample file."""

TABLES: Mapping[str, str] = {
    table.name: (table.type.__doc__ or "").strip() for table in msgspec.structs.fields(Settings)
}
"""What each table is about."""


def assemble(values: Mapping[str, Any]) -> Settings:
    """Settings from checked values by name; what is absent keeps its default."""
    tables: dict[str, Any] = {}
    for table in msgspec.structs.fields(Settings):
        named = {setting.key: setting.name for setting in SETTINGS.values() if setting.table == table.name}
        tables[table.name] = table.type(**{key: values[name] for key, name in named.items() if name in values})
    return Settings(**tables)


def value_of(settings: Settings, name: str) -> Any:
    """The value of ``engine.threads`` in ``settings``."""
    setting = SETTINGS[name]
    return getattr(getattr(settings, setting.table), setting.key)
