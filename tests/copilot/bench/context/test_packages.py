"""Where packages come from."""

from pathlib import Path

import pytest

from copilot.bench.context.packages import FINAL, LEAST_FILES, TUNING, copied, files_of, from_npm, installed
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


def npm(folder: Path, **files: int) -> Path:
    """A folder as `npm install` leaves it, with packages of so many source files each."""
    for name, count in {"left": files.get("left", 0), "@scope/right": files.get("right", 0)}.items():
        package = folder / "node_modules" / name
        package.mkdir(parents=True)
        (package / "package.json").write_text('{"version": "1.2.3"}')
        for at in range(count):
            (package / f"{at}.js").write_text("")
    return folder


def test_npm_packages_that_have_other_files_to_use(tmp_path: Path) -> None:
    folder = npm(tmp_path, left=LEAST_FILES - 1, right=LEAST_FILES)
    (package,) = from_npm(folder)
    assert str(package) == "@scope/right 1.2.3"
    assert copied(package, tmp_path / "copy") == LEAST_FILES
    assert (tmp_path / "copy" / "@scope" / "right" / "0.js").is_file()


def test_npm_packages_by_name(tmp_path: Path) -> None:
    folder = npm(tmp_path)
    assert [str(it) for it in from_npm(folder, ["left"])] == ["left 1.2.3"]
    with pytest.raises(SlipstreamError, match="no npm package right in"):
        from_npm(folder, ["left", "right"])
    with pytest.raises(SlipstreamError, match="--packages"):
        from_npm(folder)


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
