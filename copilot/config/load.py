"""Reads the settings: defaults, then the TOML file, then the environment, then the command line, each above the last.

Light: the language server runs this while an editor waits for it.
"""

import os
import re
import tomllib
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from copilot import paths
from copilot.config.locate import Key, locate
from copilot.config.schema import ENVIRONMENT_PREFIX, SETTINGS, TABLES, Setting, assemble
from copilot.config.settings import Settings
from copilot.errors import SlipstreamError

RESERVED_VARIABLES = frozenset({"SLIPSTREAM_HOME", "SLIPSTREAM_CONFIG", "SLIPSTREAM_MODELS_DIR"})
"""Variables of ours that are no settings; ``copilot.paths`` reads them."""

MAX_FILE_BYTES = 1024 * 1024

HINT = "`slipstream config sample` prints every setting with its default."


class OriginKind(StrEnum):
    DEFAULT = "default"
    FILE = "file"
    ENVIRONMENT = "environment"
    COMMAND_LINE = "command line"


class Origin(msgspec.Struct, frozen=True):
    """Where a value came from. ``name``: the file or the variable; ``line``: in the file, from 1, 0 when unknown."""

    kind: OriginKind = OriginKind.DEFAULT
    name: str = ""
    line: int = 0

    def __str__(self) -> str:
        if self.kind is OriginKind.FILE:
            return f"{self.name}:{self.line}" if self.line else self.name
        return self.name or str(self.kind)


class LoadedSettings(msgspec.Struct, frozen=True, kw_only=True):
    """The settings, and where each came from.

    ``origins``: by name (``engine.threads``), every setting in it. ``path``: the file that was looked for, ``found``
    whether it was there. ``warnings``: sentences about what was ignored.
    """

    settings: Settings
    origins: Mapping[str, Origin]
    path: Path
    found: bool
    warnings: tuple[str, ...] = ()


def as_options(config_file: str | None, overrides: Sequence[str]) -> list[str]:
    """The options that make another ``slipstream`` process, wherever it runs, read the same settings."""
    options = ["--config", str(Path(config_file).absolute())] if config_file else []
    for override in overrides:
        options += ["--set", override]
    return options


def load(config_file: str | None = None, overrides: Sequence[str] = ()) -> LoadedSettings:
    """Read and layer the settings.

    ``config_file`` must exist; without it the usual file is read where there is one. ``overrides``: ``table.key=value``
    each, the value as in TOML, quotes around text not needed.

    Raises :class:`SlipstreamError` with code ``config_missing``, ``config_unreadable`` or ``config_invalid``; the last
    names everything that is wrong at once, each with its file and line.
    """
    path = Path(config_file) if config_file is not None else paths.config_file()
    reading = _Reading()
    found = _read_file(path, reading, required=config_file is not None)
    _read_environment(os.environ, reading)
    for override in overrides:
        _read_override(override, reading)
    if reading.problems:
        raise _invalid([problem for _, problem in reading.problems])
    origins = {name: reading.origins.get(name, Origin()) for name in SETTINGS}
    return LoadedSettings(
        settings=assemble(reading.values),
        origins=origins,
        path=path,
        found=found,
        warnings=tuple(reading.warnings),
    )


class _Reading:
    """What the layers gave so far; a later layer replaces values of an earlier one."""

    def __init__(self) -> None:
        self.values: dict[str, Any] = {}
        self.origins: dict[str, Origin] = {}
        # Each with its line in the file, to report them in the order of the file.
        self.problems: list[tuple[int, str]] = []
        self.warnings: list[str] = []

    def put(self, setting: Setting, value: object, origin: Origin, where: str = "") -> None:
        try:
            self.values[setting.name] = setting.check(value)
            self.origins[setting.name] = origin
        except ValueError as error:
            self.refuse(origin, f"{error}.", where)

    def refuse(self, origin: Origin, what: str, where: str = "") -> None:
        self.problems.append((origin.line, f"{where or origin}: {what}"))


def _invalid(problems: Sequence[str]) -> SlipstreamError:
    if len(problems) == 1:
        return SlipstreamError(problems[0], hint=HINT, code="config_invalid")
    listed = "\n".join(f"  {problem}" for problem in problems)
    return SlipstreamError(f"The settings have {len(problems)} mistakes:\n{listed}", hint=HINT, code="config_invalid")


# ---------------------------------------------------------------------------------------------------- the file


def _read_file(path: Path, reading: _Reading, *, required: bool) -> bool:
    try:
        with path.open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (FileNotFoundError, NotADirectoryError):
        if required:
            raise SlipstreamError(
                f"There is no configuration file {path}.",
                hint="Leave out --config to use the usual one; `slipstream config path` says which that is.",
                code="config_missing",
            ) from None
        if os.environ.get("SLIPSTREAM_CONFIG"):
            reading.warnings.append(f"SLIPSTREAM_CONFIG names {path}, and there is no such file.")
        return False
    except OSError as error:
        raise SlipstreamError(
            f"The configuration file {path} cannot be read: {error.strerror or error}.",
            hint="Make it a file that you may read, or name another with --config.",
            code="config_unreadable",
        ) from error
    if len(data) > MAX_FILE_BYTES:
        raise SlipstreamError(
            f"The configuration file {path} is larger than {MAX_FILE_BYTES // 1024} KiB.",
            hint="Is it the right file? `slipstream config path` says which one is read.",
            code="config_unreadable",
        )
    text = _decode(data, path)
    _read_tables(_parse(text, path), _lines(text), path, reading)
    return True


def _decode(data: bytes, path: Path) -> str:
    try:
        # Some editors on Windows put a byte order mark first; tomllib would refuse it.
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise SlipstreamError(
            f"{path}:{line}: This line is not UTF-8.", hint="Save the file as UTF-8.", code="config_invalid"
        ) from None
    # As tomllib does, so that both count the same lines.
    return text.replace("\r\n", "\n")


def _parse(text: str, path: Path) -> Mapping[str, Any]:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        what, where = _syntax_error(str(error), text)
        raise SlipstreamError(f"{path}:{where}: {what}.", hint=HINT, code="config_invalid") from None
    except RecursionError:
        raise SlipstreamError(f"{path}: The lists are nested too deeply.", hint=HINT, code="config_invalid") from None


def _syntax_error(message: str, text: str) -> tuple[str, str]:
    """Split tomllib's ``what (at line 3, column 7)`` into what and ``3:7``."""
    match = re.fullmatch(r"(?s)(.*) \(at (?:line (\d+), column (\d+)|end of document)\)", message)
    if match is None:
        return message, "1"
    what, line, column = match.groups()
    if line is None:
        return f"{what} (at the end of the file)", str(len(text.rstrip().splitlines()) or 1)
    return what, f"{line}:{column}"


def _lines(text: str) -> Mapping[Key, int]:
    try:
        return locate(text)
    except ValueError:
        # A message without a line is better than none.
        return {}


def _read_tables(tree: Mapping[str, Any], lines: Mapping[Key, int], path: Path, reading: _Reading) -> None:
    def origin(*key: str) -> Origin:
        return Origin(OriginKind.FILE, str(path), lines.get(key, 0))

    for table, content in tree.items():
        if table not in TABLES:
            reading.refuse(origin(table), _unknown_table(table, content))
        elif not isinstance(content, Mapping):
            reading.refuse(origin(table), f"{table} is a table: write [{table}] and its settings below.")
        else:
            for key, value in content.items():
                setting = SETTINGS.get(f"{table}.{key}")
                if setting is None:
                    reading.refuse(origin(table, key), _unknown_setting(f"{table}.{key}"))
                else:
                    reading.put(setting, value, origin(table, key))
    reading.problems.sort(key=lambda problem: problem[0])


def _unknown_table(table: str, content: object) -> str:
    if isinstance(content, Mapping):
        return f"There is no table [{table}].{_did_you_mean(table, TABLES)}"
    return _unknown_setting(table)


def _unknown_setting(name: str) -> str:
    """About ``table.key``, or a key alone. A key that exists in another table was most likely meant."""
    elsewhere = [known for known, setting in SETTINGS.items() if setting.key == name.rpartition(".")[2]]
    hint = f" Did you mean {' or '.join(elsewhere)}?" if elsewhere else _did_you_mean(name, SETTINGS)
    return f"There is no setting {name}.{hint}"


def _did_you_mean(word: str, known: Collection[str]) -> str:
    import difflib

    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f" Did you mean {close[0]}?" if close else ""


# ------------------------------------------------------------------------------ environment and command line


def _read_environment(environment: Mapping[str, str], reading: _Reading) -> None:
    by_variable = {setting.variable: setting for setting in SETTINGS.values()}
    for name in sorted(environment):
        if not name.startswith(ENVIRONMENT_PREFIX) or name in RESERVED_VARIABLES:
            continue
        setting = by_variable.get(name)
        if setting is None:
            known = [*by_variable, *RESERVED_VARIABLES]
            reading.warnings.append(f"{name} is no setting and is ignored.{_did_you_mean(name, known)}")
        elif environment[name]:
            # An empty variable counts as unset: shells make it easy to have one by accident.
            reading.put(setting, parse_value(setting, environment[name]), Origin(OriginKind.ENVIRONMENT, name))


def _read_override(override: str, reading: _Reading) -> None:
    name, equals, text = override.partition("=")
    name = name.strip()
    origin, where = Origin(OriginKind.COMMAND_LINE), f"--set {override}"
    if not equals:
        reading.refuse(origin, "Write it as TABLE.KEY=VALUE, for example engine.threads=4.", where)
    elif name not in SETTINGS:
        reading.refuse(origin, _unknown_setting(name), where)
    else:
        reading.put(SETTINGS[name], parse_value(SETTINGS[name], text), origin, where)


def parse_value(setting: Setting, text: str) -> object:
    """A value that came as bare text: TOML where it is TOML, otherwise the words themselves.

    A list may also be written without its brackets and quotes: ``markdown,text``. The result is not checked yet.
    """
    text = text.strip()
    if setting.plain_type is str and text[:1] not in ('"', "'"):
        return text
    if setting.plain_type is bool:
        return {"true": True, "false": False}.get(text.lower(), text)
    if setting.plain_type is tuple and text[:1] != "[":
        return _toml_value(f"[{text}]", [item.strip() for item in text.split(",") if item.strip()])
    return _toml_value(text, text)


def _toml_value(text: str, otherwise: object) -> object:
    try:
        parsed = tomllib.loads(f"value = {text}")
    except (tomllib.TOMLDecodeError, RecursionError):
        return otherwise
    # More than one key: the text had a line break and went on after the value.
    return parsed["value"] if len(parsed) == 1 else otherwise
