"""``slipstream index``: how far it is, built anew, asked."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from copilot import paths
from copilot.cli import main
from copilot.index.schema import MARKER
from tests.copilot.index.indexing import indexing, write

FILES = {
    "shop/cart.py": 'class Cart:\n    """What is bought."""\n\n    def total_price(self, tax):\n        return tax\n',
    "shop/prices.py": "from .cart import Cart\n\n\ndef net_price(\n    item: int,\n) -> int:\n    return item\n",
    "logo.bin": "\0\1",
}
Said = Callable[..., tuple[int, str, str]]


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    write(tmp_path / "ws", FILES)
    monkeypatch.chdir(tmp_path / "ws")
    return tmp_path / "ws"


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    def run(*args: str) -> tuple[int, str, str]:
        status = main(["index", *args])
        captured = capsys.readouterr()
        return status, captured.out, captured.err

    return run


def test_nothing_is_known_yet(root: Path, said: Said) -> None:
    status, out, _ = said("status")
    assert (status, out.splitlines()[0]) == (1, f"There is no index of {root}.")
    assert "slipstream index rebuild" in out
    assert json.loads(said("status", "--json")[1])["state"] == "none"
    status, _, err = said("query", "Cart")
    assert (status, err.splitlines()[0]) == (1, f"slipstream index: There is no index of {root}.")
    assert not paths.index_dir(root).exists()


def test_it_is_built_and_asked(root: Path, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    assert said("rebuild") == (0, f"2 files and 3 symbols of {root} are in the index.\n", "")
    status, out, _ = said("status")
    lines = out.splitlines()
    assert (status, lines[0]) == (0, f"The index of {root} is not being kept: no editor is open there.")
    assert lines[1].startswith(f"  place     {paths.index_dir(root)}, ")
    assert lines[2:4] == [
        "  files     2, symbols 3",
        "  left out  1 (1 binary); ignored and excluded ones are not counted",
    ]
    assert lines[4].startswith("  changed   ")
    figures = json.loads(said("status", "--json", str(root))[1])
    assert (figures["state"], figures["complete"], figures["left_out"]) == ("idle", True, {"binary": 1})

    assert said("query", "price") == (
        0,
        "shop/prices.py:4  def net_price( item: int, ) -> int\nshop/cart.py:4  def total_price(self, tax)\n",
        "",
    )
    assert said("query", "price", "cart", "--symbol")[1] == "shop/cart.py:4  def total_price(self, tax)\n"
    assert said("query", "--path", "PRICES")[1] == "shop/prices.py\n"
    assert said("query", "--text", "bought")[1] == 'shop/cart.py:2  """What is bought."""\n'
    assert said("query", "bought")[1] == 'shop/cart.py:2  """What is bought."""\n'
    assert len(said("query", "price", "--limit", "1")[1].splitlines()) == 1
    status, out, err = said("query", "nowhere_at_all")
    assert (status, out, err) == (1, "", f"slipstream index: Nothing in {root} fits nowhere_at_all.\n")

    monkeypatch.chdir(root / "shop")
    assert said("query", "net_price")[1].startswith("shop/prices.py:4")
    assert said("query", "net_price", "--dir", str(root))[0] == 0
    assert said("query", "net_price", "--dir", ".")[0] == 1


def test_the_users_patterns_hold_here_too(root: Path, said: Said) -> None:
    assert said("rebuild", "--set", 'context.exclude=["prices.py"]')[1].startswith("1 files")


def test_one_that_runs_is_asked_to_rebuild(root: Path, said: Said) -> None:
    with indexing(root) as indexer:
        indexer.until("ready")
        assert said("rebuild", str(root))[1] == f"2 files and 3 symbols of {root} are in the index.\n"
        assert said("status")[1].splitlines()[0] == f"The index of {root} is ready, and follows every change."
        assert json.loads(said("status", "--json")[1])["state"] == "ready"
        assert indexer.process.poll() is None


def test_a_folder_that_is_not_there(root: Path, said: Said) -> None:
    status, _, err = said("rebuild", "never")
    assert (status, err.splitlines()[0]) == (1, f"slipstream index: {root / 'never'} is no folder.")
    assert said("status", "never")[0] == 1


@pytest.mark.parametrize("limit", ["0", "-1", "x", "10001"])
def test_a_limit_out_of_range(root: Path, said: Said, limit: str) -> None:
    with pytest.raises(SystemExit, match="2"):
        said("query", "x", "--limit", limit)


def test_what_a_repository_holds_cannot_steer_the_terminal(root: Path, said: Said) -> None:
    write(root, {"shop/evil.py": "def evil(a='\x1b]0;x\x07\u202e\x9b2J'):\n    pass  # evil_word \x1b[2J\r \u2066\n"})
    assert said("rebuild")[0] == 0
    for args in (("evil",), ("--text", "evil_word")):
        status, out, _ = said("query", *args)
        assert status == 0
        assert "⟨U+001B⟩" in out
        assert not set(out) & set("\x1b\x07\x9b\r\u202e\u2066")


def test_words_that_are_no_text(root: Path, said: Said) -> None:
    assert said("rebuild")[0] == 0
    for kind in ((), ("--symbol",), ("--text",), ("--path",)):
        for word in ("\udcffx", "\ud800", '"', "\0", ""):
            status, out, err = said("query", *kind, word)
            assert (status, out) == (1, "")
            assert "Nothing in" in err
    assert not (paths.index_dir(root) / MARKER).exists()
    assert said("query", "--text", 'total_price"x')[1].startswith("shop/cart.py:")
    assert said("query", "--text", "self.tax, [total_price]")[1].startswith("shop/cart.py:")


def test_no_index_of_the_home_folder(root: Path, said: Said, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(root))
    for folder in (root, root.parent):
        status, out, err = said("rebuild", str(folder))
        assert (status, out) == (1, "")
        assert f"keeps no index of {folder}: it holds far more" in err
        assert not paths.index_dir(folder).exists()
    # Nor is one looked for above a project.
    paths.make_private_dir(paths.index_dir(root))
    monkeypatch.chdir(root / "shop")
    assert said("status")[1].startswith(f"There is no index of {root / 'shop'}.")
