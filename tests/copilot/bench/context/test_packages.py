"""Where packages come from."""

from pathlib import Path

import pytest

from copilot.bench.context.packages import FINAL, TUNING, copied, files_of, from_npm, installed
from copilot.errors import SlipstreamError


def test_a_package_of_this_python() -> None:
    (package,) = installed(["rich"])
    assert package.version
    assert package.folder / "console.py" in set(files_of(package.folder))


def test_what_was_tuned_on_is_not_what_is_reported() -> None:
    assert not set(TUNING) & set(FINAL)


def test_a_package_that_is_not_there() -> None:
    with pytest.raises(SlipstreamError) as caught:
        installed(["no_such_package_anywhere"])
    assert caught.value.code == "no_package"


def test_npm_packages(tmp_path: Path) -> None:
    for name in ("left", "@scope/right"):
        folder = tmp_path / "node_modules" / name
        folder.mkdir(parents=True)
        (folder / "package.json").write_text('{"version": "1.2.3"}')
    assert [str(package) for package in from_npm(tmp_path)] == ["left 1.2.3", "right 1.2.3"]


def test_a_folder_without_npm_packages(tmp_path: Path) -> None:
    with pytest.raises(SlipstreamError) as caught:
        from_npm(tmp_path)
    assert caught.value.code == "no_package"


def test_sources_only(tmp_path: Path) -> None:
    (package,) = installed(["rich"])
    for path in ("a.ts", "a.min.js", "a.d.ts", "a.txt", "_vendor/b.py", "c/d.py"):
        file = tmp_path / "source" / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("x = 1\n")
    count = copied(package._replace(name="mine", folder=tmp_path / "source"), tmp_path / "copy")
    assert count == 2
    assert sorted(path.name for path in (tmp_path / "copy/mine").rglob("*.*")) == ["a.ts", "d.py"]
