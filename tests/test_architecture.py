"""The shape of the house: who may import whom, what a process loads, what the wheel holds."""

import ast
import subprocess
import sys
import tomllib
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGES = {
    "copilot": ROOT / "copilot",
    "copilot_lsp": ROOT / "lsp" / "copilot_lsp",
    "copilot_desktop": ROOT / "desktop" / "copilot_desktop",
    "copilot_models": ROOT / "models" / "copilot_models",
}

# Each part of copilot may import itself and those before it.
ORDER = [
    "errors",
    "paths",
    "config",
    "text",
    "syntax",
    "safety",
    "audit",
    "index",
    "context",
    "weights",
    "engine",
    "serve",
    "client",
    "completion",
    "chat",
    "doctor",
    "bench",
    "cli",
    "__main__",
]

# Where an import of the name, or of anything below it, is a mistake; the longest match decides, "+" allows.
FORBIDDEN = {
    "copilot": ["copilot_lsp", "copilot_desktop", "pygls", "lsprotocol", "PySide6"],
    "copilot_lsp": [
        "copilot_desktop",
        "copilot.serve",
        "+copilot.serve.api",
        "copilot.cli",
        "starlette",
        "uvicorn",
        "xllamacpp",
        "rich",
        "PySide6",
        "torch",
    ],
    "copilot_desktop": ["copilot_lsp", "pygls", "lsprotocol", "xllamacpp", "torch"],
    "copilot_models": ["copilot", "copilot_lsp", "copilot_desktop", "pygls", "lsprotocol", "PySide6"],
}


def imported(source: str, module: str, *, is_package: bool = False) -> Iterator[str]:
    """Every module that ``source`` imports, at the top or inside a function; names that it takes from one too."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            # One level up from a module is its package, which is where a package already stands.
            parents = module.split(".")[: -node.level or None] if not is_package else module.split(".")
            if is_package and node.level > 1:
                parents = parents[: 1 - node.level]
            base = ".".join(parents) if node.level else ""
            origin = ".".join(filter(None, [base, node.module]))
            yield from (f"{origin}.{alias.name}" for alias in node.names)


def within(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def forbidden(names: Iterable[str], rules: Sequence[str]) -> list[str]:
    """Those of ``names`` that the longest rule about them does not allow."""
    found = []
    for name in names:
        matching = [rule for rule in rules if within(name, rule.removeprefix("+"))]
        if matching and not max(matching, key=lambda rule: len(rule.removeprefix("+"))).startswith("+"):
            found.append(name)
    return found


def upward(module: str, names: Iterable[str]) -> list[str]:
    """Those of ``names`` that stand after ``module`` in the order of copilot."""
    own = ORDER.index(module.split(".")[1])
    parts = {name: name.split(".")[1] for name in names if name.startswith("copilot.")}
    # A name that is no part of copilot is a value of the package itself, such as its version.
    return [name for name, part in parts.items() if part in ORDER and ORDER.index(part) > own]


def modules(package: str) -> list[tuple[str, Path]]:
    folder = PACKAGES[package]
    found = []
    for path in sorted(folder.rglob("*.py")):
        parts = path.relative_to(folder).with_suffix("").parts
        found.append((".".join([package, *parts]).removesuffix(".__init__"), path))
    return found


def imports_of(module: str, path: Path) -> list[str]:
    return list(imported(path.read_text(encoding="utf-8"), module, is_package=path.name == "__init__.py"))


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("import copilot.serve.app as app", ["copilot.serve.app"]),
        ("from copilot import paths, errors", ["copilot.paths", "copilot.errors"]),
        ("def f():\n    from copilot.serve.api import Lane", ["copilot.serve.api.Lane"]),
        ("from . import b", ["copilot.text.b"]),
        ("from .b import c", ["copilot.text.b.c"]),
        ("from ..serve import app", ["copilot.serve.app"]),
    ],
)
def test_imports_are_seen(source: str, names: list[str]) -> None:
    assert list(imported(source, "copilot.text.store")) == names


def test_relative_imports_of_a_package_are_seen() -> None:
    assert list(imported("from . import b\nfrom ..serve import app", "copilot.text", is_package=True)) == [
        "copilot.text.b",
        "copilot.serve.app",
    ]


def test_rules_catch_what_they_are_for() -> None:
    names = ["copilot.serve.api.Lane", "copilot.serve.app", "copilot.serve", "copilot.client.host", "starlettes"]
    assert forbidden(names, FORBIDDEN["copilot_lsp"]) == ["copilot.serve.app", "copilot.serve"]
    assert forbidden(["pygls.server", "PySide6.QtCore"], FORBIDDEN["copilot"]) == ["pygls.server", "PySide6.QtCore"]
    assert forbidden(["copilot_models.families", "copilot.x"], FORBIDDEN["copilot_models"]) == ["copilot.x"]
    assert upward("copilot.text.store", ["copilot.config.load", "copilot.serve.api", "copilot.__version__", "os"]) == [
        "copilot.serve.api"
    ]


def test_every_part_of_copilot_has_a_place() -> None:
    assert {module.split(".")[1] for module, _ in modules("copilot") if module != "copilot"} <= set(ORDER)


def test_copilot_imports_only_downwards() -> None:
    found = {module: upward(module, imports_of(module, path)) for module, path in modules("copilot") if "." in module}
    assert {module: names for module, names in found.items() if names} == {}


def test_the_package_itself_imports_nothing() -> None:
    """Importing any part runs it first."""
    assert imports_of("copilot", ROOT / "copilot" / "__init__.py") == []


@pytest.mark.parametrize("package", PACKAGES)
def test_packages_keep_to_themselves(package: str) -> None:
    found = {module: forbidden(imports_of(module, path), FORBIDDEN[package]) for module, path in modules(package)}
    assert {module: names for module, names in found.items() if names} == {}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        (
            "copilot_lsp.main",
            ["rich", "starlette", "uvicorn", "xllamacpp", "PySide6", "torch", "psutil", "filelock", "tree_sitter"],
        ),
        ("copilot.client.host", ["rich", "starlette", "uvicorn", "xllamacpp", "httpx", "pygls"]),
        ("copilot.engine.worker", ["rich", "starlette", "uvicorn", "httpx", "pygls", "torch", "copilot.serve"]),
        ("copilot.serve.host", ["rich", "httpx", "xllamacpp", "pygls", "PySide6", "torch"]),
        (
            "copilot_desktop.window",
            ["rich", "starlette", "uvicorn", "httpx", "pygls", "xllamacpp", "pyqtgraph", "numpy", "tree_sitter"],
        ),
        ("copilot.cli", ["rich", "msgspec", "starlette", "httpx", "pygls", "copilot.config"]),
    ],
)
def test_a_process_loads_no_more_than_it_needs(module: str, heavy: list[str]) -> None:
    program = f"import sys, importlib; importlib.import_module({module!r}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 0, done.stderr
    loaded = done.stdout.split()
    assert [name for name in heavy if name in loaded] == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """The names in the wheel, built as for a release but with the build backend of this environment."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=240)
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = folder.glob("*.whl")
    return zipfile.ZipFile(file).namelist()


def test_the_wheel_holds_the_four_packages_and_nothing_else(wheel: list[str]) -> None:
    tops = {name.split("/")[0] for name in wheel}
    metadata = {top for top in tops if top.endswith(".dist-info")}
    assert len(metadata) == 1
    assert tops - metadata == set(PACKAGES)


def test_the_wheel_holds_every_module_and_data_file(wheel: list[str]) -> None:
    for package, folder in PACKAGES.items():
        files = [path for path in folder.rglob("*") if path.is_file() and "__pycache__" not in path.parts]
        expected = {f"{package}/{path.relative_to(folder).as_posix()}" for path in files}
        assert f"{package}/py.typed" in expected
        assert {name for name in wheel if name.startswith(f"{package}/")} == expected
    assert any(name.endswith(".toml") for name in wheel if name.startswith("copilot_models/manifests/"))
    assert any(name.endswith(".toml") for name in wheel if name.startswith("copilot_models/families/"))


def test_every_package_is_named_in_the_project_file() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    packages = project["tool"]["hatch"]["build"]["targets"]["wheel"]["packages"]
    assert packages == [str(folder.relative_to(ROOT)) for folder in PACKAGES.values()]
    assert project["project"]["scripts"] == {
        "slipstream": "copilot.cli:main",
        "slipstream-language-server": "copilot.cli.language_server:main",
    }
