"""Which files an import means: in small workspaces, and in real packages as Python's own finders say it."""

import json
import sys
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import cache
from importlib.machinery import SOURCE_SUFFIXES, FileFinder, SourceFileLoader
from importlib.util import resolve_name
from pathlib import Path

import pytest
import rich

from copilot.index.imports import Files, resolve
from copilot.syntax.outline import Import, outline


class Folder:
    """A workspace in memory."""

    def __init__(self, texts: Mapping[str, str]) -> None:
        self._texts = texts
        self._below = defaultdict(list)
        self._named = defaultdict(list)
        for path in texts:
            folder, _, name = path.rpartition("/")
            self._below[folder].append(path)
            self._named[name].append(path)

    def has(self, path: str) -> bool:
        return path in self._texts

    def below(self, folder: str) -> Sequence[str]:
        return self._below.get(folder, [])

    def ending(self, tail: str) -> Sequence[str]:
        named = self._named.get(tail.rpartition("/")[2], ())
        return [path for path in named if path == tail or path.endswith(f"/{tail}")]

    def text(self, path: str) -> str | None:
        return self._texts.get(path)


def workspace(*paths: str, **texts: str) -> Files:
    """``texts``: by name, with "__" for "/" and "_DOT_" for "."."""
    named = {name.replace("__", "/").replace("_DOT_", "."): text for name, text in texts.items()}
    return Folder(dict.fromkeys(paths, "") | named)


def found(language: str, importer: str, statement: str, files: Files) -> tuple[str, ...]:
    """All that the imports in ``statement`` mean."""
    read = outline(statement, language)
    assert read is not None and read.imports
    return tuple(path for it in read.imports for path in resolve(it, importer, language, files))


PYTHON = workspace(
    *("shop/__init__.py", "shop/basket.py", "shop/goods/__init__.py", "shop/goods/item.py", "shop/goods/_kind.pyi"),
    *("shop/types.py", "tests/test_basket.py", "tests/helpers.py", "src/engine/__init__.py", "src/engine/run.py"),
    *("packages/one/src/one/__init__.py", "packages/one/src/one/core.py", "packages/two/src/two/main.py"),
    *("spaces/plugin/tool.py", "setup.py", "vendored/__init__.py", "vendored/requests/__init__.py"),
)


@pytest.mark.parametrize(
    ("importer", "statement", "expected"),
    [
        ("tests/test_basket.py", "import shop", ["shop/__init__.py"]),
        ("tests/test_basket.py", "import shop.basket as b", ["shop/basket.py"]),
        ("tests/test_basket.py", "from shop.goods import Thing", ["shop/goods/__init__.py"]),
        (
            "tests/test_basket.py",
            "from shop.goods import item, Thing",
            ["shop/goods/item.py", "shop/goods/__init__.py"],
        ),
        ("tests/test_basket.py", "from shop.basket import *", ["shop/basket.py"]),
        ("tests/test_basket.py", "import helpers", ["tests/helpers.py"]),
        ("shop/goods/item.py", "from . import Thing", ["shop/goods/__init__.py"]),
        ("shop/goods/item.py", "from ._kind import Kind", ["shop/goods/_kind.pyi"]),
        ("shop/goods/item.py", "from .. import basket", ["shop/basket.py", "shop/__init__.py"]),
        ("shop/goods/__init__.py", "from .item import Item", ["shop/goods/item.py"]),
        ("shop/__init__.py", "from .goods.item import Item", ["shop/goods/item.py"]),
        ("shop/basket.py", "from ... import beyond", []),
        ("setup.py", "from engine.run import go", ["src/engine/run.py"]),
        ("src/engine/run.py", "import engine", ["src/engine/__init__.py"]),
        (
            "packages/two/src/two/main.py",
            "from one import core",
            ["packages/one/src/one/core.py", "packages/one/src/one/__init__.py"],
        ),
        ("setup.py", "from plugin import tool", ["spaces/plugin/tool.py"]),
        # Not what stands in the workspace under the same name, and what stands in no one's path.
        ("shop/basket.py", "import types", []),
        ("shop/basket.py", "import os.path", []),
        ("shop/basket.py", "import requests", []),
        ("shop/basket.py", "import basket", []),
        ("shop/basket.py", "from numpy import array", []),
    ],
)
def test_python(importer: str, statement: str, expected: list[str]) -> None:
    assert list(found("python", importer, statement, PYTHON)) == expected


def test_python_prefers_the_package_that_the_importer_is_in() -> None:
    files = workspace("core/__init__.py", "a/core/__init__.py", "a/core/run.py", "a/core/tools.py", "core/tools.py")
    assert found("python", "a/core/run.py", "import core.tools", files) == ("a/core/tools.py",)
    assert found("python", "main.py", "import core.tools", files) == ("core/tools.py",)


def in_packages(root: Path) -> Folder:
    paths = [path.relative_to(root).as_posix() for path in root.rglob("*") if path.suffix in {".py", ".pyi"}]
    return Folder(dict.fromkeys(paths, ""))


@cache
def finder(folder: str) -> FileFinder:
    return FileFinder(folder, (SourceFileLoader, SOURCE_SUFFIXES))


def origin(module: str, root: Path) -> str | None:
    """The file that Python's own finders lead to, without running any of it."""
    if module.partition(".")[0] in sys.stdlib_module_names:
        return None
    folder, file = str(root), None
    for part in module.split("."):
        spec = finder(folder).find_spec(part) if folder else None
        if spec is None:
            return None
        file = spec.origin if spec.loader is not None else None
        folder = next(iter(spec.submodule_search_locations or ()), "")
    return Path(file).relative_to(root).as_posix() if file is not None else None


@pytest.mark.parametrize("package", ["starlette", "rich", "pygls", "hypothesis"])
def test_python_agrees_with_its_own_finders_on_a_real_package(package: str) -> None:
    root = Path(rich.__file__).parents[1]
    files = in_packages(root)
    seen = 0
    for path in sorted((root / package).rglob("*.py")):
        importer = path.relative_to(root).as_posix()
        parts = list(path.relative_to(root).with_suffix("").parts)
        read = outline(path.read_text("utf-8"), "python")
        assert read is not None
        for it in read.imports:
            module = resolve_name(it.module, ".".join(parts[:-1])) if it.module.startswith(".") else it.module
            names = [f"{module}.{name}" for name, _here in it.names if name != "*"]
            expected = dict.fromkeys(origin(name, root) for name in [*names, module])
            said = resolve(it, importer, "python", files)
            assert [path for path in said if path.endswith(".py")] == [
                path for path in expected if path not in {None, importer}
            ], (importer, it)
            seen += bool(said)
    assert seen > 50


SCRIPTS = workspace(
    *("src/app.ts", "src/util.ts", "src/view.tsx", "src/parts/index.ts", "src/data.json", "src/types.d.ts"),
    *(
        "src/old.js",
        "lib/shared/names.ts",
        "web/main.js",
        "web/tool.mjs",
        "web/list/index.js",
        "packages/ui/src/index.ts",
    ),
    *("packages/ui/src/button.tsx", "web/src/deep.js"),
    tsconfig_DOT_json="""{
      // As in the wild.
      "extends": "./base.json",
      "compilerOptions": {"baseUrl": ".", "paths": {"@shared/*": ["lib/shared/*"], "@app": ["src/app"],}},
    }""",
    base_DOT_json='{"compilerOptions": {"baseUrl": "elsewhere"}}',
    packages__ui__package_DOT_json=json.dumps({"name": "@acme/ui", "main": "dist/index.js"}),
    pack__package_DOT_json=json.dumps({"name": "pack", "main": "./lib/start"}),
    pack__lib__start_DOT_js="",
)


@pytest.mark.parametrize(
    ("importer", "statement", "expected"),
    [
        ("src/app.ts", 'import { a } from "./util"', ["src/util.ts"]),
        ("src/app.ts", 'import { a } from "./util.js"', ["src/util.ts"]),
        ("src/app.ts", 'import V from "./view"', ["src/view.tsx"]),
        ("src/app.ts", 'import { p } from "./parts"', ["src/parts/index.ts"]),
        ("src/app.ts", 'import data from "./data.json"', ["src/data.json"]),
        ("src/app.ts", 'import type { T } from "./types"', ["src/types.d.ts"]),
        ("src/app.ts", 'const old = require("./old")', ["src/old.js"]),
        ("src/parts/index.ts", 'import { a } from ".."', []),
        ("src/parts/index.ts", 'export * from "../util"', ["src/util.ts"]),
        ("src/app.ts", 'import { n } from "@shared/names"', ["lib/shared/names.ts"]),
        ("src/util.ts", 'import app from "@app"', ["src/app.ts"]),
        ("src/util.ts", 'import { n } from "lib/shared/names"', ["lib/shared/names.ts"]),
        ("src/util.ts", 'import { B } from "@acme/ui"', ["packages/ui/src/index.ts"]),
        ("src/util.ts", 'import { B } from "@acme/ui/button"', ["packages/ui/src/button.tsx"]),
        ("web/main.js", 'import("./tool.mjs")', ["web/tool.mjs"]),
        ("web/main.js", 'import list from "./list/"', ["web/list/index.js"]),
        ("web/main.js", 'import d from "@/deep"', ["web/src/deep.js"]),
        ("web/main.js", 'require("../pack")', ["pack/lib/start.js"]),
        ("web/main.js", 'import react from "react"', []),
        ("web/main.js", 'import fs from "node:fs"', []),
        ("web/main.js", 'import x from "../../beyond"', []),
    ],
)
def test_javascript_and_typescript(importer: str, statement: str, expected: list[str]) -> None:
    language = "typescript" if importer.endswith(".ts") else "javascript"
    assert list(found(language, importer, statement, SCRIPTS)) == expected


GO = workspace(
    *("cmd/shop/main.go", "goods/doc.go", "goods/item.go", "goods/goods.go", "goods/item_test.go", "shop.go"),
    *("tools/check/check.go", "vendor/github.com/other/lib/lib.go"),
    go_DOT_mod="module example.com/shop\n\ngo 1.22\n",
    tools__go_DOT_mod="module example.com/shop/tools\n",
)


@pytest.mark.parametrize(
    ("importer", "module", "expected"),
    [
        ("cmd/shop/main.go", "example.com/shop/goods", ["goods/goods.go", "goods/item.go", "goods/doc.go"]),
        ("cmd/shop/main.go", "example.com/shop", ["shop.go"]),
        ("tools/check/check.go", "example.com/shop/goods", ["goods/goods.go", "goods/item.go", "goods/doc.go"]),
        ("cmd/shop/main.go", "example.com/shopping/goods", []),
        ("cmd/shop/main.go", "github.com/other/lib", ["vendor/github.com/other/lib/lib.go"]),
        ("cmd/shop/main.go", "fmt", []),
    ],
)
def test_go(importer: str, module: str, expected: list[str]) -> None:
    assert list(found("go", importer, f'package p\n\nimport "{module}"\n', GO)) == expected


RUST = workspace(
    *("src/lib.rs", "src/goods.rs", "src/goods/item.rs", "src/net/mod.rs", "src/net/tcp.rs", "tests/buy.rs"),
    *("src/bin/tool.rs", "helper/src/lib.rs", "helper/src/deep.rs", "member/src/lib.rs"),
    Cargo_DOT_toml=(
        '[workspace]\nmembers = ["helper", "member"]\n[package]\nname = "my-shop"\n'
        '[dependencies]\nhelp = { path = "helper", package = "helper" }\n'
    ),
    helper__Cargo_DOT_toml='[package]\nname = "helper"\n[dependencies]\nmember = { workspace = true }\n',
    member__Cargo_DOT_toml='[package]\nname = "member"\n',
)


@pytest.mark.parametrize(
    ("importer", "statement", "expected"),
    [
        ("src/lib.rs", "mod goods;", ["src/goods.rs"]),
        ("src/lib.rs", "mod net;", ["src/net/mod.rs"]),
        ("src/goods.rs", "mod item;", ["src/goods/item.rs"]),
        ("src/net/mod.rs", "mod tcp;", ["src/net/tcp.rs"]),
        ("src/net/tcp.rs", "use crate::goods::item::Item;", ["src/goods/item.rs"]),
        (
            "src/net/tcp.rs",
            "use crate::{goods::{self, item}, Shop};",
            ["src/goods.rs", "src/goods/item.rs", "src/lib.rs"],
        ),
        ("src/net/tcp.rs", "use super::Socket;", ["src/net/mod.rs"]),
        ("src/goods/item.rs", "use super::super::net::tcp::*;", ["src/net/tcp.rs"]),
        ("src/goods.rs", "use self::item::Item;", ["src/goods/item.rs"]),
        ("src/lib.rs", "use goods::Goods;", ["src/goods.rs"]),
        ("tests/buy.rs", "use my_shop::goods::Goods;", ["src/goods.rs"]),
        ("src/bin/tool.rs", "use my_shop::Shop;", ["src/lib.rs"]),
        ("src/lib.rs", "use help::deep::Thing;", ["helper/src/deep.rs"]),
        ("helper/src/lib.rs", "use member::Member;", ["member/src/lib.rs"]),
        ("src/lib.rs", "use std::net::TcpStream;", []),
        ("src/lib.rs", "use serde::Serialize;", []),
    ],
)
def test_rust(importer: str, statement: str, expected: list[str]) -> None:
    assert list(found("rust", importer, statement, RUST)) == expected


JAVA = workspace(
    *("app/src/main/java/org/shop/Shop.java", "app/src/main/java/org/shop/goods/Item.java"),
    *("app/src/main/java/org/shop/goods/Kind.java", "app/src/test/java/org/shop/ShopTest.java"),
    "other/src/main/java/org/shop/goods/Item.java",
)


@pytest.mark.parametrize(
    ("importer", "statement", "expected"),
    [
        ("Shop", "import org.shop.goods.Kind;", ["goods/Kind.java"]),
        ("Shop", "import org.shop.goods.Kind.Inner;", ["goods/Kind.java"]),
        ("Shop", "import static org.shop.goods.Kind.of;", ["goods/Kind.java"]),
        ("Shop", "import static org.shop.goods.Kind.*;", ["goods/Kind.java"]),
        ("Shop", "import org.shop.goods.*;", ["goods/Item.java", "goods/Kind.java"]),
        ("Shop", "import java.util.List;", []),
        ("Shop", "import com.other.Thing;", []),
    ],
)
def test_java(importer: str, statement: str, expected: list[str]) -> None:
    base = "app/src/main/java/org/shop"
    assert list(found("java", f"{base}/{importer}.java", statement, JAVA)) == [f"{base}/{it}" for it in expected]


def test_java_takes_the_nearest_of_two_and_finds_what_is_tested() -> None:
    importer = "app/src/test/java/org/shop/ShopTest.java"
    assert found("java", importer, "import org.shop.goods.Item;", JAVA) == (
        "app/src/main/java/org/shop/goods/Item.java",
        "other/src/main/java/org/shop/goods/Item.java",
    )
    assert found("java", importer, "import org.shop.goods.*;", JAVA) == (
        "app/src/main/java/org/shop/goods/Item.java",
        "app/src/main/java/org/shop/goods/Kind.java",
    )


C = workspace(
    *("src/shop.c", "src/shop.h", "src/goods/item.h", "include/api/api.h", "third/list.h", "src/goods/list.h"),
    *("compat/stdio.h", "tests/run.cpp"),
)


@pytest.mark.parametrize(
    ("importer", "statement", "expected"),
    [
        ("src/shop.c", '#include "shop.h"', ["src/shop.h"]),
        ("src/shop.c", '#include "goods/item.h"', ["src/goods/item.h"]),
        ("src/goods/item.h", '#include "../shop.h"', ["src/shop.h"]),
        ("src/shop.c", "#include <api/api.h>", ["include/api/api.h"]),
        ("tests/run.cpp", '#include "src/shop.h"', ["src/shop.h"]),
        ("tests/run.cpp", '#include "shop.h"', ["src/shop.h"]),
        ("src/shop.c", '#include "list.h"', ["src/goods/list.h", "third/list.h"]),
        ("src/shop.c", "#include <stdio.h>", []),
        ("src/shop.c", "#include <vector>", []),
        ("src/shop.c", '#include "nowhere.h"', []),
    ],
)
def test_c(importer: str, statement: str, expected: list[str]) -> None:
    assert list(found("c", importer, f"{statement}\n", C)) == expected


def test_ruby_and_shell() -> None:
    files = workspace("lib/shop.rb", "lib/shop/item.rb", "bin/run.sh", "bin/lib.sh")
    assert found("ruby", "lib/shop.rb", 'require_relative "shop/item"', files) == ("lib/shop/item.rb",)
    assert found("ruby", "test/shop_test.rb", 'require "shop"', files) == ("lib/shop.rb",)
    assert found("shellscript", "bin/run.sh", "source ./lib.sh\n", files) == ("bin/lib.sh",)


def test_a_language_that_is_not_resolved_leads_nowhere() -> None:
    assert resolve(Import("System", (), 1), "a.cs", "csharp", workspace("System.cs")) == ()
    assert resolve(Import("", (), 1), "a.py", "python", workspace("a.py")) == ()


@pytest.mark.parametrize("text", ["", "{", "[1]", '{"compilerOptions": 3, "extends": 4}', "[" * 100_000, "name = "])
def test_broken_settings_are_no_settings(text: str) -> None:
    files = workspace(
        *("src/app.ts", "src/lib.rs", "src/main.go"),
        tsconfig_DOT_json=text,
        Cargo_DOT_toml=text,
        go_DOT_mod=text,
        ui__package_DOT_json=text,
    )
    assert found("typescript", "src/app.ts", 'import x from "ui"', files) == ()
    assert found("rust", "src/lib.rs", "use other::x;", files) == ()
    assert found("go", "src/main.go", 'package p\nimport "a.b/c"', files) == ()


def test_a_go_mod_of_nothing_but_lines() -> None:
    texts = {"go.mod": "\n" * 500_000 + "module a.b/c\n", "d/e.go": ""}
    assert found("go", "m.go", 'package a\nimport "a.b/c/d"\n', Folder(texts)) == ("d/e.go",)


@pytest.mark.parametrize(
    "text", ['"' + '\\"' * 300_000 + "\n", '{"a":\n"' + ('\\"' * 2_000 + "\\\n") * 200, "/*" * 400_000]
)
def test_a_configuration_that_is_none(text: str) -> None:
    texts = {"tsconfig.json": text, "a.ts": "", "b.ts": ""}
    assert found("typescript", "a.ts", 'import "./b"; import "c"\n', Folder(texts)) == ("b.ts",)
