"""The file that is asked about is nowhere meanwhile."""

import pytest

from copilot.bench.context.workspace import Workspace
from copilot.safety.gate import Refused


def test_a_package_is_indexed_under_its_own_name(workspace: Workspace) -> None:
    assert workspace.paths == ("shop/__init__.py", "shop/page.py", "shop/shapes.py")
    assert [row.path for row in workspace.reader.definitions("surface_of")] == ["shop/shapes.py"]


def test_a_file_is_neither_on_disk_nor_in_the_index_while_it_is_asked_about(workspace: Workspace) -> None:
    with workspace.without("shop/page.py") as text:
        assert "default_page" in text
        assert not (workspace.root / "shop/page.py").exists()
        assert workspace.reader.definitions("default_page") == []
        assert [row.path for row in workspace.reader.references("surface_of")] == []
        assert [hit.path for hit in workspace.reader.search(["default_page"])] == []
        with pytest.raises(Refused):
            workspace.gate.read("shop/page.py")
    assert (workspace.root / "shop/page.py").read_text() == text
    assert [row.path for row in workspace.reader.definitions("default_page")] == ["shop/page.py"]


def test_it_is_there_again_after_an_error(workspace: Workspace) -> None:
    with pytest.raises(ZeroDivisionError), workspace.without("shop/page.py"):
        raise ZeroDivisionError
    assert workspace.reader.definitions("default_page")
