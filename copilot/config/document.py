"""The settings for people: the sample file, and ``docs/configuration.md``. Both are made from the settings themselves.

``python -m copilot.config.document > docs/configuration.md`` writes the page anew.
"""

import sys
import textwrap
from collections.abc import Iterator

from copilot.config.load import RESERVED_VARIABLES
from copilot.config.schema import SETTINGS, TABLES, Setting

_SAMPLE_HEAD = """\
# Settings of Slipstream. Every setting is listed with its default; take the "#" away from the ones you change.
# `slipstream config path` says where this file belongs, `slipstream config show` where each value came from.
"""

_PAGE_HEAD = """\
# Configuration

<!-- Made by `python -m copilot.config.document > docs/configuration.md`; change the settings or that module. -->

Slipstream needs no configuration. What you do set is read from four places, each above the one before:

1. the defaults below;
2. one TOML file: `slipstream config path` prints where it belongs, `--config FILE` or the environment variable
   `SLIPSTREAM_CONFIG` names another;
3. environment variables, `SLIPSTREAM_<TABLE>_<KEY>`, for example `SLIPSTREAM_ENGINE_THREADS=4`; an empty one counts
   as not set;
4. the command line: `slipstream --set engine.threads=4 COMMAND`, as often as needed. Values are written as in TOML;
   text needs no quotes, and a list may be written `markdown,text`.

```console
$ slipstream config path                # where the file belongs
$ slipstream config sample              # a commented file with every default
$ slipstream config show                # every setting, and where its value came from
$ slipstream config show --json         # the same for programs
```

A setting that does not exist, a wrong type or a number out of range is an error that names the file and the line, all
of them at once. An unknown `SLIPSTREAM_` variable is ignored with a warning.
The engine host reads the settings when it starts: `slipstream stop` makes it start anew with the next completion.
"""

_VARIABLES = {
    "SLIPSTREAM_HOME": "Keeps everything of Slipstream (settings, models, logs, sockets) below this one folder.",
    "SLIPSTREAM_CONFIG": "The configuration file to read instead of the usual one.",
    "SLIPSTREAM_MODELS_DIR": "The folder of the model files, which are large and often shared.",
}


def toml(value: object) -> str:
    """A value as TOML writes it, on one line."""
    import tomli_w

    if isinstance(value, tuple):
        return f"[{', '.join(toml(item) for item in value)}]"
    return tomli_w.dumps({"value": value}).removeprefix("value = ").rstrip("\n")


def sample() -> str:
    """A TOML file that sets nothing; without the ``#`` of its ``#key = value`` lines it sets every default."""
    return "\n".join(_sample_lines()).rstrip("\n") + "\n"


def _sample_lines() -> Iterator[str]:
    yield _SAMPLE_HEAD
    for table, about in TABLES.items():
        yield f"# {about}"
        yield f"[{table}]"
        for setting in _settings_of(table):
            yield ""
            yield from textwrap.wrap(
                f"{setting.description} Takes {setting.accepts}.", 100, initial_indent="# ", subsequent_indent="# "
            )
            yield f"#{setting.key} = {toml(setting.default)}"
        yield "\n"


def reference() -> str:
    """The page ``docs/configuration.md``."""
    return "\n".join(_page_lines())


def _page_lines() -> Iterator[str]:
    yield _PAGE_HEAD
    for table, about in TABLES.items():
        yield f"## `[{table}]`\n"
        yield f"{about}\n"
        yield "| key | default | takes | |"
        yield "|---|---|---|---|"
        for setting in _settings_of(table):
            cells = f"`{setting.key}`", f"`{toml(setting.default)}`", setting.accepts, setting.description
            yield f"| {' | '.join(cell.replace('|', '&#124;') for cell in cells)} |"
        yield ""
    yield "## Other environment variables\n"
    yield "| variable | |"
    yield "|---|---|"
    for variable in sorted(RESERVED_VARIABLES):
        yield f"| `{variable}` | {_VARIABLES[variable]} |"
    yield ""


def _settings_of(table: str) -> list[Setting]:
    return [setting for setting in SETTINGS.values() if setting.table == table]


if __name__ == "__main__":
    sys.stdout.write(reference())
