"""A small package that imports from itself."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from copilot.bench.context.packages import Package
from copilot.bench.context.workspace import Workspace

FILES = {
    "shapes.py": '''"""Shapes."""


class Square:
    def __init__(self, side: float, *, filled: bool = False) -> None:
        self.side = side

    def area_with(self, border: float) -> float:
        return (self.side + border) ** 2


def surface_of(shape: Square, scale: float) -> float:
    """The area at a scale."""
    return shape.area_with(0) * scale
''',
    "page.py": '''"""Pages."""

import os

from shop.shapes import Square, surface_of

DEFAULT_SIDE = 3


def painted(side: float) -> float:
    shape = Square(side, filled=True)
    total = surface_of(shape, 2) + surface_of(shape, 3)
    return total


def default_page() -> float:
    doubled = DEFAULT_SIDE + painted(DEFAULT_SIDE)
    return doubled
''',
    "__init__.py": "",
}


@pytest.fixture
def package(tmp_path: Path) -> Package:
    folder = tmp_path / "source" / "shop"
    folder.mkdir(parents=True)
    for path, text in FILES.items():
        (folder / path).write_text(text)
    return Package("shop", "1.0", folder)


@pytest.fixture
def workspace(package: Package, tmp_path: Path) -> Iterator[Workspace]:
    made = Workspace(package, tmp_path)
    yield made
    made.close()
