"""What a file defines, uses and imports, by small real sources of each language."""

import threading
from textwrap import dedent

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from copilot.syntax.outline import Import, Outline, Symbol, outline

LANGUAGES = (
    *("python", "javascript", "javascriptreact", "typescript", "typescriptreact", "go", "rust", "java", "c", "cpp"),
    *("csharp", "ruby", "shellscript"),
)


def of(language: str, text: str) -> Outline:
    found = outline(dedent(text).lstrip("\n"), language)
    assert found is not None
    return found


def brief(found: Outline) -> list[tuple[str, str, str]]:
    return [(it.name, it.kind, it.scope) for it in found.symbols]


def signature(found: Outline, name: str) -> str:
    return next(it.signature for it in found.symbols if it.name == name)


def doc(found: Outline, name: str) -> str:
    return next(it.doc for it in found.symbols if it.name == name)


def imports(found: Outline) -> list[tuple[str, tuple[tuple[str, str], ...]]]:
    return [(it.module, it.names) for it in found.imports]


def test_a_language_without_symbols_has_no_outline() -> None:
    assert outline("{}", "json") is None
    assert outline("a {}", "css") is None
    assert outline("# a", "markdown") is None


def test_python() -> None:
    found = of(
        "python",
        '''
        """A module."""

        MOST = 3
        # What is known.
        known: dict[str, int] = {
            "a": 1,
        }
        MOST = 4

        @dataclass(frozen=True)
        class Point(Base, metaclass=Meta):
            """A place.

            With two numbers.
            """

            left: int
            top: int = 0

            @property
            def far(self) -> bool:
                limit = MOST
                return self.left > limit

            async def move(
                self, by: int, *, twice: bool = False
            ) -> "Point":
                r"""
                Elsewhere.
                """
                def step(): ...

        type Pair = tuple[Point, Point]
        ''',
    )
    assert found.symbols == (
        Symbol("MOST", "constant", "", 3, 3, "MOST = 3", ""),
        Symbol("known", "variable", "", 5, 7, "known: dict[str, int] = { …", "What is known."),
        Symbol(
            "Point",
            "class",
            "",
            *(10, 31),
            "@dataclass(frozen=True)\nclass Point(Base, metaclass=Meta)",
            "A place.",
        ),
        Symbol("left", "field", "Point", 17, 17, "left: int", ""),
        Symbol("top", "field", "Point", 18, 18, "top: int = 0", ""),
        Symbol("far", "method", "Point", 20, 23, "@property\ndef far(self) -> bool", ""),
        Symbol(
            "move",
            "method",
            "Point",
            *(25, 31),
            'async def move(\n    self, by: int, *, twice: bool = False\n) -> "Point"',
            "Elsewhere.",
        ),
        Symbol("step", "function", "Point.move", 31, 31, "def step()", ""),
        Symbol("Pair", "type", "", 33, 33, "type Pair = tuple[Point, Point]", ""),
    )


def test_a_decorator_takes_one_line_and_never_the_place_of_the_header() -> None:
    cases = "\n".join(f"    ({number}, 'a long case to fill lines', 'and more of it'),\n" for number in range(20))
    found = of("python", f"@parametrize(\n{cases})\n@other\ndef test_it(a, b): ...\n")
    assert found.symbols[0].signature == "@parametrize(…)\n@other\ndef test_it(a, b)"
    assert found.symbols[0].first == 1


def test_long_signatures_and_docs_are_cut() -> None:
    names = ", ".join(f"argument_{number}" for number in range(100))
    found = of("python", f'def many({names}):\n    """{"so " * 200}"""\n')
    assert len(found.symbols[0].signature) == 400
    assert found.symbols[0].signature.endswith(" …")
    assert len(found.symbols[0].doc) <= 200


def test_the_imports_of_python() -> None:
    found = of(
        "python",
        """
        from __future__ import annotations
        import os.path, json as j
        import a.b as c
        from . import near
        from .. import (
            up as above,  # why
            other,
        )
        from ..pkg.mod import *
        if TYPE_CHECKING:
            from typing \\
                import Any
        def late():
            from .lazy import load
        """,
    )
    assert found.imports == (
        Import("__future__", (("annotations", "annotations"),), 1),
        Import("os.path", (), 2),
        Import("json", (("*", "j"),), 2),
        Import("a.b", (("*", "c"),), 3),
        Import(".", (("near", "near"),), 4),
        Import("..", (("up", "above"), ("other", "other")), 5),
        Import("..pkg.mod", (("*", "*"),), 9),
        Import("typing", (("Any", "Any"),), 11),
        Import(".lazy", (("load", "load"),), 14),
    )


def test_references_are_uses_and_neither_definitions_nor_imports() -> None:
    found = of(
        "python",
        """
        from shop import Basket
        def total(basket: Basket) -> int:
            return basket.sum(x) + total(basket) + total(basket)
        print(total(Basket()), f"{Basket!r}")
        """,
    )
    assert found.references["Basket"] == (2, 4)
    assert found.references["total"] == (3, 4)
    assert found.references["sum"] == (3,)
    assert not {"shop", "x", "def", "self"} & set(found.references)


def test_a_name_has_at_most_eight_lines() -> None:
    found = of("python", "use(it, it)\n" * 20)
    assert found.references["it"] == tuple(range(1, 9))


def test_javascript() -> None:
    found = of(
        "javascript",
        """
        import first, { second as other } from "./first.js";
        import * as all from "all";
        import "./effects";
        export * from "./again";
        export { one, two as deux } from "./some";
        const { readFile, join: glue } = require("fs");
        const path = require("path");

        /**
         * Adds two numbers.
         * @param {number} left
         */
        export const add = async (left, right) => {
          const local = 1;
          return left + right;
        };
        const LIMIT = 10;
        export default class Shop extends Base {
          static count = 0;
          handler = (event) => { this.sell(event); };
          constructor(name) { super(name); }
          get open() { return true; }
        }
        // Old style.
        exports.run = function (task) {};
        Shop.prototype.sell = function (what) {};
        module.exports = { add, stop(now) {}, wait: () => 1 };
        const tools = {
          cut(what) {},
          glue: function () {},
        };
        function* numbers() { yield* later(import("./late")); }
        """,
    )
    assert [(*it[:5], it.signature) for it in found.symbols] == [
        ("path", "variable", "", 7, 7, 'const path = require("path")'),
        ("add", "function", "", 13, 16, "export const add = async (left, right) =>"),
        ("LIMIT", "constant", "", 17, 17, "const LIMIT = 10"),
        ("Shop", "class", "", 18, 23, "export default class Shop extends Base"),
        ("count", "field", "Shop", 19, 19, "static count = 0"),
        ("handler", "method", "Shop", 20, 20, "handler = (event) =>"),
        ("constructor", "method", "Shop", 21, 21, "constructor(name)"),
        ("open", "method", "Shop", 22, 22, "get open()"),
        ("run", "function", "", 25, 25, "exports.run = function (task)"),
        ("sell", "method", "Shop", 26, 26, "Shop.prototype.sell = function (what)"),
        ("stop", "function", "", 27, 27, "stop(now)"),
        ("wait", "function", "", 27, 27, "wait: () =>"),
        ("tools", "variable", "", 28, 31, "const tools = { …"),
        ("cut", "method", "tools", 29, 29, "cut(what)"),
        ("glue", "method", "tools", 30, 30, "glue: function ()"),
        ("numbers", "function", "", 32, 32, "function* numbers()"),
    ]
    assert doc(found, "add") == "Adds two numbers."
    assert doc(found, "run") == "Old style."
    assert found.imports == (
        Import("./first.js", (("default", "first"), ("second", "other")), 1),
        Import("all", (("*", "all"),), 2),
        Import("./effects", (), 3),
        Import("./again", (("*", "*"),), 4),
        Import("./some", (("one", "one"), ("two", "deux")), 5),
        Import("fs", (("readFile", "readFile"), ("join", "glue")), 6),
        Import("path", (("*", "path"),), 7),
        Import("./late", (), 32),
    )
    assert found.references["sell"] == (20,)
    assert found.references["later"] == (32,)


def test_jsx_uses_components() -> None:
    found = of("javascriptreact", "export function Page() {\n  return <Menu title={name} />;\n}\n")
    assert brief(found) == [("Page", "function", "")]
    assert found.references["Menu"] == (2,)
    assert found.references["name"] == (2,)


def test_typescript() -> None:
    found = of(
        "typescript",
        """
        import type { Config } from "./config";
        import fs = require("fs");
        /** What can be drawn. */
        export interface Shape<T> extends Base {
          /** In pixels. */
          readonly width: number;
          draw(on: Canvas): void;
        }
        export type Side = "left" | "right";
        export enum Mode { Fast = 1, Slow }
        declare function outer(name: string): void;
        declare const VERSION: string;
        namespace Inner { export const deep = 1; }
        @Component({
          selector: "app",
        })
        export abstract class Box<T> implements Shape<T> {
          private size: number = 1;
          abstract area(): number;
          private constructor(readonly width: number) {}
        }
        export const map = <T,>(items: T[]): T[] => items;
        """,
    )
    assert [(*it[:5], it.signature) for it in found.symbols] == [
        ("Shape", "interface", "", 4, 8, "export interface Shape<T> extends Base"),
        ("width", "field", "Shape", 6, 6, "readonly width: number"),
        ("draw", "method", "Shape", 7, 7, "draw(on: Canvas): void"),
        ("Side", "type", "", 9, 9, 'export type Side = "left" | "right"'),
        ("Mode", "enum", "", 10, 10, "export enum Mode { Fast = 1, Slow }"),
        ("Fast", "constant", "Mode", 10, 10, "Fast = 1"),
        ("Slow", "constant", "Mode", 10, 10, "Slow"),
        ("outer", "function", "", 11, 11, "declare function outer(name: string): void"),
        ("VERSION", "constant", "", 12, 12, "declare const VERSION: string"),
        ("Inner", "module", "", 13, 13, "namespace Inner"),
        ("deep", "variable", "Inner", 13, 13, "export const deep = 1"),
        (
            "Box",
            "class",
            "",
            *(14, 21),
            '@Component({\n  selector: "app",\n})\nexport abstract class Box<T> implements Shape<T>',
        ),
        ("size", "field", "Box", 18, 18, "private size: number = 1"),
        ("area", "method", "Box", 19, 19, "abstract area(): number"),
        ("constructor", "method", "Box", 20, 20, "private constructor(readonly width: number)"),
        ("map", "function", "", 22, 22, "export const map = <T,>(items: T[]): T[] =>"),
    ]
    assert doc(found, "Shape") == "What can be drawn."
    assert doc(found, "width") == "In pixels."
    assert imports(found) == [("./config", (("Config", "Config"),)), ("fs", (("*", "fs"),))]
    assert found.references["Canvas"] == (7,)


def test_go() -> None:
    found = of(
        "go",
        """
        package shop

        import (
            "fmt"
            r "math/rand"
            . "strings"
            _ "embed"
        )

        // Server serves.
        // More of it.
        type Server struct {
            Addr string `json:"addr"` // where
            *Base
        }

        type Runner interface {
            Run(ctx context.Context) error
        }

        type (
            ID = string
        )

        const Most = 1

        var first, second = 1, 2

        func (s *Server) Run(ctx context.Context) error { return s.listen(ctx) }

        func New[T any](
            size int,
        ) (*Server, error) {
            const local = 1
            return &Server{Addr: "x"}, nil
        }
        """,
    )
    assert [(*it[:5], it.signature) for it in found.symbols] == [
        ("Server", "struct", "", 12, 15, "type Server struct"),
        ("Addr", "field", "Server", 13, 13, 'Addr string `json:"addr"`'),
        ("Base", "field", "Server", 14, 14, "*Base"),
        ("Runner", "interface", "", 17, 19, "type Runner interface"),
        ("Run", "method", "Runner", 18, 18, "Run(ctx context.Context) error"),
        ("ID", "type", "", 22, 22, "type ID = string"),
        ("Most", "constant", "", 25, 25, "const Most = 1"),
        ("first", "variable", "", 27, 27, "var first, second = 1, 2"),
        ("second", "variable", "", 27, 27, "var first, second = 1, 2"),
        ("Run", "method", "Server", 29, 29, "func (s *Server) Run(ctx context.Context) error"),
        ("New", "function", "", 31, 36, "func New[T any](\n    size int,\n) (*Server, error)"),
    ]
    assert doc(found, "Server") == "Server serves."
    assert imports(found) == [
        ("fmt", ()),
        ("math/rand", (("*", "r"),)),
        ("strings", (("*", "*"),)),
        ("embed", ()),
    ]
    assert found.references["Server"] == (29, 33, 35)
    assert found.references["listen"] == (29,)
    assert "shop" not in found.references


def test_rust() -> None:
    found = of(
        "rust",
        """
        use std::{io, fmt::{self, Display as Shown}};
        use crate::shop::*;
        pub use super::basket as bag;
        extern crate serde as ser;
        mod inner;

        /// A point.
        /// More of it.
        #[derive(Debug)]
        #[serde(rename = "p")]
        pub struct Point<T> where T: Copy {
            /// From the left.
            pub left: T,
        }
        struct Pair(u32, u32);
        pub enum Mode { Fast, Slow(u32) }
        pub trait Draw: Base {
            type Out;
            fn draw(&self) -> Self::Out;
        }
        impl<T> fmt::Display for Point<T> {
            fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result { self.left.show(out) }
        }
        impl Pair {
            pub const ZERO: u32 = 0;
            #[inline]
            pub async fn new() -> Self { const LOCAL: u32 = 1; Self(0, LOCAL) }
        }
        mod deep { pub fn down() {} }
        pub static NAME: &str = "a";
        type Points = Vec<Point<u32>>;
        macro_rules! square {
            ($x:expr) => { $x * $x };
        }
        """,
    )
    assert [(*it[:5], it.signature) for it in found.symbols] == [
        (
            "Point",
            "struct",
            "",
            *(9, 14),
            '#[derive(Debug)]\n#[serde(rename = "p")]\npub struct Point<T> where T: Copy',
        ),
        ("left", "field", "Point", 13, 13, "pub left: T"),
        ("Pair", "struct", "", 15, 15, "struct Pair(u32, u32)"),
        ("Mode", "enum", "", 16, 16, "pub enum Mode { Fast, Slow(u32) }"),
        ("Fast", "constant", "Mode", 16, 16, "Fast"),
        ("Slow", "constant", "Mode", 16, 16, "Slow(u32)"),
        ("Draw", "trait", "", 17, 20, "pub trait Draw: Base"),
        ("Out", "type", "Draw", 18, 18, "type Out"),
        ("draw", "method", "Draw", 19, 19, "fn draw(&self) -> Self::Out"),
        ("fmt", "method", "Point", 22, 22, "fn fmt(&self, out: &mut fmt::Formatter) -> fmt::Result"),
        ("ZERO", "constant", "Pair", 25, 25, "pub const ZERO: u32 = 0"),
        ("new", "method", "Pair", 26, 27, "#[inline]\npub async fn new() -> Self"),
        ("deep", "module", "", 29, 29, "mod deep"),
        ("down", "function", "deep", 29, 29, "pub fn down()"),
        ("NAME", "constant", "", 30, 30, 'pub static NAME: &str = "a"'),
        ("Points", "type", "", 31, 31, "type Points = Vec<Point<u32>>"),
        ("square", "macro", "", 32, 34, "macro_rules! square ($x:expr)"),
    ]
    assert doc(found, "Point") == "A point."
    assert doc(found, "left") == "From the left."
    assert imports(found) == [
        ("std", (("io", "io"),)),
        ("std::fmt", (("*", "fmt"), ("Display", "Shown"))),
        ("crate::shop", (("*", "*"),)),
        ("super", (("basket", "bag"),)),
        ("serde", (("*", "ser"),)),
        ("self::inner", ()),
    ]
    assert found.references["Point"] == (21, 31)
    assert found.references["show"] == (22,)


def test_java() -> None:
    found = of(
        "java",
        """
        package org.shop;

        import java.util.List;
        import org.shop.goods.*;
        import static org.shop.Prices.sum;

        /**
         * Sells things.
         *
         * @since 1
         */
        @Service
        public class Shop<T> extends Base implements Open {
            public static final int MOST = 3;
            private List<T> left, right;

            Shop(int size) { super(size); }

            @Override
            public <R> R sell(int what, String... to) throws SoldOut {
                int local = 1;
                return this.hand(what);
            }

            enum Mode { FAST, SLOW }
            interface Buyer { void buy(Thing it); }
            record Pair(int a, int b) {}
        }
        """,
    )
    assert [(*it[:5], it.signature) for it in found.symbols] == [
        ("Shop", "class", "", 12, 28, "@Service\npublic class Shop<T> extends Base implements Open"),
        ("MOST", "constant", "Shop", 14, 14, "public static final int MOST = 3"),
        ("left", "field", "Shop", 15, 15, "private List<T> left, right"),
        ("right", "field", "Shop", 15, 15, "private List<T> left, right"),
        ("Shop", "method", "Shop", 17, 17, "Shop(int size)"),
        (
            "sell",
            "method",
            "Shop",
            *(19, 23),
            "@Override\npublic <R> R sell(int what, String... to) throws SoldOut",
        ),
        ("Mode", "enum", "Shop", 25, 25, "enum Mode { FAST, SLOW }"),
        ("FAST", "constant", "Shop.Mode", 25, 25, "FAST"),
        ("SLOW", "constant", "Shop.Mode", 25, 25, "SLOW"),
        ("Buyer", "interface", "Shop", 26, 26, "interface Buyer"),
        ("buy", "method", "Shop.Buyer", 26, 26, "void buy(Thing it)"),
        ("Pair", "class", "Shop", 27, 27, "record Pair(int a, int b)"),
    ]
    assert doc(found, "Shop") == "Sells things."
    assert imports(found) == [
        ("java.util.List", ()),
        ("org.shop.goods", (("*", "*"),)),
        ("org.shop.Prices", (("sum", "sum"),)),
    ]
    assert found.references["hand"] == (22,)
    assert found.references["SoldOut"] == (20,)


def test_c() -> None:
    found = of(
        "c",
        """
        #ifndef SHOP_H
        #define SHOP_H
        #include "goods/list.h"
        #include <stdio.h>
        #define MOST 10
        #define SQUARE(x) ((x) * (x))

        /* A node. */
        typedef struct node {
            int value;
            struct node *next;
            void (*visit)(int);
        } Node;
        typedef struct { int left, right; } Pair;
        typedef int (*compare)(const void *, const void *);
        enum mode { FAST, SLOW = 2 };

        // Makes one.
        extern Node *node_new(int value);
        static inline int twice(int number)
        {
            int local = number;
            return add(local, local);
        }
        const char *names[] = { "a" };
        #endif
        """,
    )
    assert [(*it[:5], it.signature) for it in found.symbols] == [
        ("MOST", "macro", "", 5, 5, "#define MOST 10"),
        ("SQUARE", "macro", "", 6, 6, "#define SQUARE(x) ((x) * (x))"),
        ("Node", "type", "", 9, 13, "typedef struct node {…} Node"),
        ("node", "struct", "", 9, 13, "struct node"),
        ("value", "field", "node", 10, 10, "int value"),
        ("next", "field", "node", 11, 11, "struct node *next"),
        ("visit", "field", "node", 12, 12, "void (*visit)(int)"),
        ("Pair", "struct", "", 14, 14, "typedef struct {…} Pair"),
        ("left", "field", "Pair", 14, 14, "int left, right"),
        ("right", "field", "Pair", 14, 14, "int left, right"),
        ("compare", "type", "", 15, 15, "typedef int (*compare)(const void *, const void *)"),
        ("mode", "enum", "", 16, 16, "enum mode { FAST, SLOW = 2 }"),
        ("FAST", "constant", "mode", 16, 16, "FAST"),
        ("SLOW", "constant", "mode", 16, 16, "SLOW = 2"),
        ("node_new", "function", "", 19, 19, "extern Node *node_new(int value)"),
        ("twice", "function", "", 20, 24, "static inline int twice(int number)"),
        ("names", "variable", "", 25, 25, 'const char *names[] = { "a" }'),
    ]
    assert doc(found, "Node") == "A node."
    assert doc(found, "node_new") == "Makes one."
    assert imports(found) == [("goods/list.h", ()), ("<stdio.h>", ())]
    assert found.references["add"] == (23,)
    assert found.references["Node"] == (19,)


CPP = """
#include <vector>
namespace shop::goods {
/// A list.
template <typename T>
class List : public Base {
public:
    explicit List(int size);
    ~List();
    void add(const T &item) override { items_.push_back(item); }
    T operator+(const T &other);
    using Item = T;
private:
    std::vector<T> items_;
};
}
template <typename T>
void shop::goods::List<T>::clear(int from) const {}
using Names = List<std::string>;
constexpr int MOST = 1;
class Later;
"""


@pytest.mark.parametrize("language", ["cpp", "c"])
def test_cpp_also_in_a_header_that_is_taken_for_c(language: str) -> None:
    found = of(language, CPP)
    assert [(*it[:5], it.signature) for it in found.symbols] == [
        ("shop.goods", "module", "", 2, 15, "namespace shop::goods"),
        ("List", "class", "shop.goods", 4, 14, "template <typename T>\nclass List : public Base"),
        ("List", "method", "shop.goods.List", 7, 7, "explicit List(int size)"),
        ("~List", "method", "shop.goods.List", 8, 8, "~List()"),
        ("add", "method", "shop.goods.List", 9, 9, "void add(const T &item) override"),
        ("operator+", "method", "shop.goods.List", 10, 10, "T operator+(const T &other)"),
        ("Item", "type", "shop.goods.List", 11, 11, "using Item = T"),
        ("items_", "field", "shop.goods.List", 13, 13, "std::vector<T> items_"),
        (
            "clear",
            "method",
            "shop.goods.List",
            *(16, 17),
            "template <typename T>\nvoid shop::goods::List<T>::clear(int from) const",
        ),
        ("Names", "type", "", 18, 18, "using Names = List<std::string>"),
        ("MOST", "constant", "", 19, 19, "constexpr int MOST = 1"),
    ]
    assert doc(found, "List") == "A list."
    assert found.references["push_back"] == (9,)


def test_csharp() -> None:
    found = of(
        "csharp",
        """
        using System;
        using Short = Shop.Goods;
        namespace Shop {
            /// <summary>Sells.</summary>
            public class Seller : Base {
                public int Size { get; set; }
                private readonly string name;
                public async Task<int> Sell(int what) { return this.Hand(what); }
            }
        }
        """,
    )
    assert [(*it[:3], it.signature) for it in found.symbols] == [
        ("Shop", "module", "", "namespace Shop"),
        ("Seller", "class", "Shop", "public class Seller : Base"),
        ("Size", "field", "Shop.Seller", "public int Size"),
        ("name", "field", "Shop.Seller", "private readonly string name"),
        ("Sell", "method", "Shop.Seller", "public async Task<int> Sell(int what)"),
    ]
    assert imports(found) == [("System", ()), ("Shop.Goods", (("*", "Short"),))]
    assert found.references["Hand"] == (8,)


def test_ruby() -> None:
    found = of(
        "ruby",
        """
        require "json"
        require_relative "goods"
        module Shop
          # Sells.
          class Seller < Base
            MOST = 1
            def sell(what, to: nil)
              hand(what)
            end
          end
        end
        """,
    )
    assert [(*it[:3], it.signature) for it in found.symbols] == [
        ("Shop", "module", "", "module Shop"),
        ("Seller", "class", "Shop", "class Seller < Base"),
        ("MOST", "constant", "Shop.Seller", "MOST = 1"),
        ("sell", "method", "Shop.Seller", "def sell(what, to: nil)"),
    ]
    assert doc(found, "Seller") == "Sells."
    assert imports(found) == [("json", ()), ("./goods", ())]
    assert found.references["hand"] == (8,)


def test_shell() -> None:
    found = of("shellscript", 'source ./lib.sh\n# Builds.\nbuild() {\n  compile "$SOURCE"\n}\nSOURCE=a\nbuild\n')
    assert [(*it[:5], it.signature, it.doc) for it in found.symbols] == [
        ("build", "function", "", 3, 5, "build()", "Builds."),
        ("SOURCE", "constant", "", 6, 6, "SOURCE=a", ""),
    ]
    assert imports(found) == [("./lib.sh", ())]
    assert found.references == {"compile": (4,), "SOURCE": (4,), "build": (7,)}


def test_lines_and_names_hold_with_other_letters() -> None:
    found = of(
        "python",
        '"""Übersicht 🎉"""\n\ndef größe(maß: "Länge") -> int:\n    """Wie groß 🎉 es ist."""\n    return maß.wert\n',
    )
    assert found.symbols == (
        Symbol("größe", "function", "", 3, 5, 'def größe(maß: "Länge") -> int', "Wie groß 🎉 es ist."),
    )
    assert found.references["maß"][-1] == 5


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_in_an_empty_file(language: str) -> None:
    assert outline("", language) == Outline((), {}, ())


@pytest.mark.parametrize("typed", ["return self.", "x = os.path.join(", "if x", "for it in", "x = [1, 2"])
def test_what_is_half_typed_hides_nothing_else(typed: str) -> None:
    found = of(
        "python",
        f"""
        import os
        class Shop:
            def sell(self):
                {typed}

            def more(self) -> int:
                return os.name

        def after(): ...
        """,
    )
    assert brief(found) == [
        ("Shop", "class", ""),
        ("sell", "method", "Shop"),
        ("more", "method", "Shop"),
        ("after", "function", ""),
    ]
    assert found.imports == (Import("os", (), 1),)


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("python", "(" * 1_000_000),
        ("c", "(" * 1_000_000),
        ("python", "(" * 100_000 + ")" * 100_000),
        *((language, sign * 10_000) for language in LANGUAGES for sign in ("(", "{ ", "a => ", "f(x\n")),
    ],
)
def test_nesting_is_no_fault(language: str, text: str) -> None:
    assert outline(text, language) is not None
    # The next text is read as if nothing had been.
    found = outline("def area(radius):\n    return radius\n", "python")
    assert found is not None
    assert brief(found) == [("area", "function", "")]


def test_a_file_of_very_many_functions() -> None:
    found = outline("".join(f"def f{number}(): g()\n" for number in range(20_000)), "python")
    assert found is not None
    assert len(found.symbols) == 20_000
    assert found.symbols[-1] == Symbol("f19999", "function", "", 20_000, 20_000, "def f19999()", "")


PIECES = st.sampled_from(
    [
        *("def ", "class ", "import ", "from . ", "use a::{", "mod x;", "func (", "fn ", "impl ", "type ", "struct "),
        *("template<", "namespace ", "#define ", "#include ", "enum ", "export ", "const ", "=> ", "= ", "{", "}", "("),
        *(")", ";", "\n", ":", '"', "'", "`", "//", "/*", "*/", "#", "@", "a", "Name", "::", ".", ",", "*", "é", "\\"),
        *("require('x')", "public ", "interface ", "\0", "\r", "\ud800", "    "),
    ]
)


@given(st.sampled_from(LANGUAGES), st.lists(PIECES, max_size=40).map("".join))
@settings(deadline=None, max_examples=300)
def test_any_text_has_an_outline(language: str, text: str) -> None:
    found = outline(text, language)
    assert found is not None
    lines = text.count("\n") + 1
    for it in found.symbols:
        assert it.name
        assert 1 <= it.first <= it.last <= lines
        assert len(it.signature) <= 400 and len(it.doc) <= 200
    for at in found.references.values():
        assert 1 <= len(at) <= 8 and list(at) == sorted(set(at)) and at[0] >= 1 and at[-1] <= lines
    assert all(it.module and 1 <= it.line <= lines for it in found.imports)


def test_threads_have_parsers_of_their_own() -> None:
    text = "".join(f"def f{number}(a): return g{number}(a)\n" for number in range(500))
    alone = outline(text, "python")
    found: list[Outline | None] = []
    threads = [threading.Thread(target=lambda: found.append(outline(text, "python"))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [alone] * 4


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("python", f"from {' ' * 50_000}a{' ' * 50_000}import b\n"),
        ("python", f"def f({' ' * 100_000}\n): ...\n"),
        ("c", "\n" * 200_000 + "int f(void);\n"),
        ("javascript", f"import {{{' ' * 100_000}a }} from './b';\n"),
    ],
)
def test_room_is_no_fault(language: str, text: str) -> None:
    found = outline(text, language)
    assert found is not None
    assert len(found.symbols) + len(found.imports) == 1


# Each takes minutes where a part of it is looked at again and again.
@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("java", "import a" + "\n" * 300_000 + ".b;\nclass A {}\n"),
        ("java", "import a" + "\n" * 300_000 + "-b;\nclass A {}\n"),
        ("go", "package a\nimport (\n" + "a" * 800_000 + " \n)\ntype A int\n"),
    ],
)
def test_imports_that_are_none_take_no_time(language: str, text: str) -> None:
    found = outline(text, language)
    assert found is not None
    assert len(imports(found)) <= 1


def test_imports_of_java_over_lines() -> None:
    found = of("java", "import\n  static a . b\n  . c ;\nimport a.b\n  .*;\nimport d.E;\nclass A {}\n")
    assert imports(found) == [("a.b", (("c", "c"),)), ("a.b", (("*", "*"),)), ("d.E", ())]
