"""Where settings come from: the file's place, every value with its origin, or a commented sample file."""

import argparse
import json
import sys

from copilot import paths
from copilot.config.load import LoadedSettings, load
from copilot.config.schema import value_of


def add_arguments(parser: argparse.ArgumentParser) -> None:
    actions = parser.add_subparsers(dest="action", required=True, metavar="path | show | sample")
    actions.add_parser("path", help="print where the configuration file belongs; it need not exist")
    show = actions.add_parser("show", help="print every setting, and where its value came from")
    show.add_argument("--json", action="store_true", help="for programs")
    actions.add_parser("sample", help="print a commented configuration file with every default")


def run(args: argparse.Namespace) -> int:
    if args.action == "path":
        print(args.config_file or paths.config_file())
    elif args.action == "sample":
        from copilot.config.document import sample

        print(sample(), end="")
    else:
        loaded = load(args.config_file, args.overrides)
        for warning in loaded.warnings:
            print(f"slipstream config: {warning}", file=sys.stderr)
        print(json.dumps(as_json(loaded), indent=2) if args.json else as_text(loaded))
    return 0


def as_text(loaded: LoadedSettings) -> str:
    """One line a setting; without its comment each is TOML."""
    from copilot.config.document import toml

    assignments = {name: f"{name} = {toml(value_of(loaded.settings, name))}" for name in loaded.origins}
    width = max(len(assignment) for assignment in assignments.values())
    return "\n".join(f"{text:{width}}   # {loaded.origins[name]}" for name, text in assignments.items())


def as_json(loaded: LoadedSettings) -> dict[str, object]:
    """``{"path", "found", "warnings", "settings": {name: {"value", "origin", "name", "line"}}}``.

    ``origin`` is one of ``default``, ``file``, ``environment`` and ``command line``; ``name`` the file or variable.
    """
    return {
        "path": str(loaded.path),
        "found": loaded.found,
        "warnings": list(loaded.warnings),
        "settings": {
            name: {
                "value": value_of(loaded.settings, name),
                "origin": str(origin.kind),
                "name": origin.name,
                "line": origin.line,
            }
            for name, origin in loaded.origins.items()
        },
    }
