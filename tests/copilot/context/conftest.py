"""Indexed folders for tests of retrieval."""

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.copilot.context.tree import Tree

Plant: TypeAlias = Callable[[Mapping[str, str]], Tree]


@pytest.fixture
def plant(tmp_path: Path) -> Iterator[Plant]:
    """Makes an indexed folder of files."""
    made: list[Tree] = []

    def make(files: Mapping[str, str]) -> Tree:
        made.append(Tree(tmp_path, files))
        return made[-1]

    yield make
    for tree in made:
        tree.close()
