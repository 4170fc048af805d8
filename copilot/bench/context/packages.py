"""The packages that places are taken from: those of this very environment, and npm packages in a folder.

Nothing of them is shipped: what is measured is named by package and version, and found again by the seed.
"""

import shutil
import sysconfig
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from copilot.errors import SlipstreamError

TUNING = (
    *("rich", "starlette", "urllib3", "tomlkit", "fsspec", "cattrs"),
    *("httpx", "pygls", "hypothesis", "uvicorn", "anyio", "markdown_it", "huggingface_hub", "watchdog"),
)
"""Scores, formats and the sampling of places were chosen on these."""

FINAL = ("_pytest", "hatchling", "httpcore", "click", "requests", "pathspec", "packaging", "filelock")
"""Figures are given for these, and nothing was chosen on them."""

LEAST_FILES = 10
"""An npm package with fewer is not taken unless it is named: many are one file, and have no other file to use."""

_LEFT_OUT = {"__pycache__", "node_modules", "_vendor", "vendor", "dist", "min", ".git"}
_SUFFIXES = {".py", ".js", ".jsx", ".mjs", ".cjs", ".ts", ".tsx"}


class Package(NamedTuple):
    name: str
    version: str
    folder: Path

    def __str__(self) -> str:
        return f"{self.name} {self.version}".rstrip()


def installed(names: Sequence[str]) -> list[Package]:
    """Packages of this Python. Raises :class:`SlipstreamError` with code ``no_package``."""
    site = Path(sysconfig.get_paths()["purelib"])
    versions = {}
    for distribution in metadata.distributions(path=[str(site)]):
        versions[distribution.metadata["Name"].lower().replace("-", "_")] = distribution.version
    found = []
    for name in names:
        folder = site / name
        if not folder.is_dir():
            raise SlipstreamError(
                f"There is no package {name} in {site}.",
                hint="Name packages that are installed there, by the names of their folders.",
                code="no_package",
            )
        version = versions.get(name.lower(), versions.get(f"{name}_py".lower(), ""))
        found.append(Package(name, version, folder))
    return found


def from_npm(folder: Path, names: Sequence[str] = ()) -> list[Package]:
    """The packages ``names`` in ``folder/node_modules``, or in ``folder`` itself; without names those of at least
    ``LEAST_FILES`` files. Raises ``no_package``."""
    modules = folder / "node_modules" if (folder / "node_modules").is_dir() else folder
    manifests = [*sorted(modules.glob("*/package.json")), *sorted(modules.glob("@*/*/package.json"))]
    found = {
        (name := it.parent.relative_to(modules).as_posix()): Package(name, _version(it), it.parent) for it in manifests
    }
    missing = [name for name in names if name not in found]
    if missing or not found:
        raise SlipstreamError(
            f"There is no npm package {missing[0]} in {modules}."
            if missing
            else f"There are no npm packages in {folder}.",
            hint="Name the folder where `npm install` was run, and packages as they are imported.",
            code="no_package",
        )
    if names:
        return [found[name] for name in names]
    chosen = [it for it in found.values() if sum(1 for _ in files_of(it.folder)) >= LEAST_FILES]
    if not chosen:
        raise SlipstreamError(
            f"No npm package in {folder} has {LEAST_FILES} source files.",
            hint="Name the packages with --packages.",
            code="no_package",
        )
    return chosen


def _version(manifest: Path) -> str:
    import msgspec

    try:
        return str(msgspec.json.decode(manifest.read_bytes()).get("version", ""))
    except (OSError, msgspec.DecodeError, AttributeError):
        return ""


def files_of(folder: Path) -> Iterator[Path]:
    """Its source files, but what was made by programs or belongs to others."""
    for path in sorted(folder.rglob("*")):
        relative = path.relative_to(folder)
        made = _LEFT_OUT & set(relative.parts) or path.name.endswith((".min.js", ".d.ts"))
        if path.suffix in _SUFFIXES and not made and path.is_file():
            yield path


def copied(package: Package, root: Path) -> int:
    """Copy its source files to ``root/name``; how many there are."""
    count = 0
    for path in files_of(package.folder):
        target = root / package.name / path.relative_to(package.folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, target)
        count += 1
    return count
