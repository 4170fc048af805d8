"""What was installed: Python, Slipstream itself, the command that editors start, the configuration file."""

import importlib.metadata
import platform
import shutil
import sys
import sysconfig
from pathlib import Path

import copilot
from copilot.config.load import LoadedSettings
from copilot.doctor.finding import Finding, Verdict

DISTRIBUTION = "slipstream-copilot"


def python() -> Finding:
    return judge_python(sys.version_info[:2], platform.python_implementation())


def judge_python(version: tuple[int, int], implementation: str) -> Finding:
    """``version`` is (major, minor)."""
    detail = f"{implementation} {platform.python_version()} at {sys.executable}"
    good = (3, 11) <= version <= (3, 13) and implementation == "CPython"
    return Finding(
        id="python",
        title="Python",
        verdict=Verdict.OK if good else Verdict.FAIL,
        detail=detail,
        next_step="" if good else "Install Slipstream with CPython 3.11, 3.12 or 3.13.",
    )


def package() -> Finding:
    """Other projects install a package named ``copilot`` too; together in one environment they overwrite each other."""
    owners = set(importlib.metadata.packages_distributions().get("copilot", ()))
    others = sorted(owners - {DISTRIBUTION})
    detail = f"{DISTRIBUTION} {copilot.__version__} at {Path(copilot.__file__).parent}"
    if others:
        return Finding(
            id="package",
            title="Slipstream",
            verdict=Verdict.WARN,
            detail=f"{detail}; {', '.join(others)} also installs a package named copilot",
            next_step="Install Slipstream into an environment of its own, for example with pipx or `uv tool install`.",
        )
    return Finding(id="package", title="Slipstream", verdict=Verdict.OK, detail=detail)


def command() -> Finding:
    """What editors are told to start."""
    own = Path(sysconfig.get_path("scripts")) / "slipstream"
    return judge_command(shutil.which("slipstream"), own)


def judge_command(on_path: str | None, own: Path) -> Finding:
    """``on_path``: the ``slipstream`` that an editor finds by name; ``own``: the one of this installation."""
    whole = f"Put {own.parent} on PATH, or tell your editor the whole path: {own}"
    if on_path is not None and (not own.exists() or own.samefile(on_path)):
        verdict, detail, next_step = Verdict.OK, f"{on_path} lsp", ""
    elif on_path is not None:
        verdict, detail, next_step = Verdict.WARN, f"PATH leads to another slipstream: {on_path}", whole
    elif own.exists():
        verdict, detail, next_step = Verdict.WARN, f"{own} lsp; it is not on PATH", whole
    else:
        verdict, detail = Verdict.WARN, "There is no command slipstream on PATH"
        next_step = f"Tell your editor to start: {sys.executable} -m copilot lsp"
    return Finding(id="command", title="Command", verdict=verdict, detail=detail, next_step=next_step)


def config(loaded: LoadedSettings) -> Finding:
    """About settings that could be read; those that could not have raised before."""
    detail = f"{loaded.path}" if loaded.found else f"No file {loaded.path}; the defaults are used"
    changed = [name for name, origin in loaded.origins.items() if origin.kind != "default"]
    if changed:
        detail += f"; set: {', '.join(changed)}"
    return Finding(
        id="config",
        title="Settings",
        verdict=Verdict.WARN if loaded.warnings else Verdict.OK,
        detail=" ".join([f"{detail}.", *loaded.warnings]) if loaded.warnings else detail,
        next_step="Correct or unset the variable." if loaded.warnings else "",
    )
