"""A new user's first minutes: the README followed from an empty clone, and the wheel outside the repository."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import venv
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def run(command: list[str], cwd: Path, timeout: float = 900) -> subprocess.CompletedProcess[str]:
    """Run as a user would, outside this test's environment; the output is shown when it fails."""
    environment = {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}
    done = subprocess.run(
        command,
        cwd=cwd,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=timeout,
        check=False,
    )
    sys.stdout.write(done.stdout)
    return done


@pytest.fixture
def clone(tmp_path: Path) -> Iterator[Path]:
    """The files git tracks or would track, without what was built or installed here."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    target = tmp_path / "clone"
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (target / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, target / name)
    yield target
    shutil.rmtree(target, ignore_errors=True)


def test_readme_names_its_two_commands_first() -> None:
    blocks = re.findall(r"```sh\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert [block.strip() for block in blocks[:2]] == ["make try", "make test"]


@pytest.mark.model
@pytest.mark.timeout(1200)
def test_make_try_works_from_an_empty_clone(clone: Path, coder_model: Path) -> None:
    done = run(["make", "try"], clone)
    try:
        assert done.returncode == 0
        assert (clone / ".venv/bin/slipstream").exists()
        assert "TTFT" in done.stdout
    finally:
        run([str(clone / ".venv/bin/slipstream"), "stop"], clone, 60)


@pytest.mark.model
@pytest.mark.timeout(1200)
def test_the_wheel_works_outside_the_repository(clone: Path, tmp_path: Path, coder_model: Path) -> None:
    dist = tmp_path / "dist"
    assert run([sys.executable, "-m", "build", "--outdir", str(dist), str(clone)], tmp_path).returncode == 0
    [wheel] = dist.glob("*.whl")
    [sdist] = dist.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        assert not [name for name in archive.getnames() if "/tests/" in name]
    venv.create(tmp_path / "env", with_pip=True)
    python = str(tmp_path / "env/bin/python")
    slipstream = str(tmp_path / "env/bin/slipstream")
    constraints = str(ROOT / "constraints.txt")
    assert run([python, "-m", "pip", "install", "-q", "-c", constraints, f"{wheel}[cpu]"], tmp_path).returncode == 0

    assert run([slipstream, "doctor"], tmp_path).returncode == 0
    source = tmp_path / "fib.py"
    source.write_text("def fib(n):\n    if n < 2:\n        return n\n    return \n\n\nprint(fib(10))\n")
    try:
        done = run([slipstream, "complete", f"{source}:4:12"], tmp_path)
        assert done.returncode == 0
        assert "fib(n" in done.stdout
    finally:
        run([slipstream, "stop"], tmp_path, 60)
