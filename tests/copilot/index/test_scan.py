"""A walk against what the index knows: what is new or other, and what is gone."""

import os
from pathlib import Path

from copilot import paths
from copilot.index.parsed import Parsed
from copilot.index.scan import Scan
from copilot.index.store import Store
from copilot.safety.gate import Gate
from tests.copilot.index.indexing import write


def test_only_what_is_new_or_other_is_a_task(tmp_path: Path) -> None:
    root = tmp_path / "ws"
    write(
        root, {"same.py": "s\n", "other.py": "o\n", "new.py": "n\n", ".gitignore": "ignored.py\n", "ignored.py": "i\n"}
    )
    store = Store(paths.make_private_dir(paths.index_dir(root)), root)
    for name in ("same.py", "other.py", ".gitignore", "ignored.py", "gone.py"):
        info = (root / name).stat() if (root / name).exists() else (root / "same.py").stat()
        store.write(Parsed(name, size=info.st_size, mtime_ns=info.st_mtime_ns, digest=name.encode()))
    os.utime(root / "other.py", ns=(5, 5))
    scan = Scan(Gate(root), store)
    tasks = {it.path: it for it in scan.step(60.0)}
    assert scan.over
    assert scan.found == 4
    assert set(tasks) == {"other.py", "new.py"}
    assert (tasks["other.py"].digest, tasks["other.py"].mtime_ns, tasks["new.py"].digest) == (b"other.py", 5, b"")
    assert sorted(scan.gone) == ["gone.py", "ignored.py"]
    store.close()


def test_a_walk_can_be_taken_in_steps(tmp_path: Path) -> None:
    root = tmp_path / "ws"
    write(root, {f"m{number}.py": "m\n" for number in range(50)})
    store = Store(paths.make_private_dir(paths.index_dir(root)), root)
    scan = Scan(Gate(root), store)
    found: list[str] = []
    steps = 0
    while not scan.over:
        found += [it.path for it in scan.step(0.0)]
        steps += 1
    assert sorted(found) == sorted(f"m{number}.py" for number in range(50))
    assert steps > 10
    store.close()
