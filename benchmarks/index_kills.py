"""Kills the process that writes an index at random moments, and looks at what is left each time.

    python -m benchmarks.index_kills [--kills 200] [--seed 7]

While it writes, files are written, renamed and removed. After each ``kill -9``: SQLite's and FTS5's own integrity
checks, and the generation has not gone back. At the end the index holds what a new one of the same files would.
"""

import argparse
import contextlib
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import tempfile
import threading
import time
from pathlib import Path

from copilot import paths
from copilot.index.handle import command, environment
from copilot.index.reader import Reader
from copilot.index.schema import DATABASE

FILES = 400
GIVE_UP_SECONDS = 300.0
_CHECKED = ("chunk_words", "name_text", "file_path")


class FaultError(Exception):
    """What a kill left behind is not as it should be."""


class Changing(threading.Thread):
    """Someone who works in the tree all the time."""

    def __init__(self, root: Path, seed: int, files: int) -> None:
        super().__init__(daemon=True)
        self._root, self._rng, self._stop_now = root, random.Random(seed), threading.Event()
        self._in_folder = files // 20

    def run(self) -> None:
        rng, number = self._rng, 0
        while not self._stop_now.wait(0.002):
            number += 1
            path = self._root / f"p{rng.randrange(20)}" / f"m{rng.randrange(self._in_folder)}.py"
            match rng.randrange(10):
                case 0:
                    path.unlink(missing_ok=True)
                case 1:
                    with contextlib.suppress(OSError):
                        path.rename(path.with_name(f"m{rng.randrange(self._in_folder)}.py"))
                case 2:
                    with contextlib.suppress(OSError):
                        path.parent.rename(self._root / f"p{rng.randrange(20)}")
                case _:
                    path.parent.mkdir(exist_ok=True)
                    path.write_text(source(rng, number), encoding="utf-8")

    def stop(self) -> None:
        self._stop_now.set()
        self.join()


def source(rng: random.Random, number: int) -> str:
    lines = []
    for at in range(rng.randrange(1, 12)):
        lines += [
            f"def function_{number}_{at}(value):",
            f'    """Number {at}."""',
            f"    return helper_{at}(value)",
            "",
        ]
    return "\n".join(lines)


def killed(root: Path, kills: int, seed: int, files: int = FILES) -> dict[str, int]:
    """Kill so often, in a tree of so many files; raises :class:`FaultError`. How many kills met what."""
    rng = random.Random(seed)
    folder = paths.index_dir(root)
    changing = Changing(root, seed, files)
    for at in range(files):
        path = root / f"p{at % 20}" / f"m{at // 20}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source(rng, at), encoding="utf-8")
    changing.start()
    met = {"no index yet": 0, "in a scan": 0, "after a scan": 0}
    generation = 0
    try:
        for number in range(kills):
            if number % 20 == 19:
                # From nothing again.
                shutil.rmtree(folder)
            process = started(root)
            if rng.random() < 0.4:
                until_ready(root)
            time.sleep(rng.uniform(0.0, 0.5) if rng.random() < 0.5 else rng.uniform(0.5, 2.5))
            os.kill(process.pid, signal.SIGKILL)
            process.wait()
            assert process.stdin is not None
            process.stdin.close()
            now, phase = checked(folder)
            if now < generation and now:
                raise FaultError(f"kill {number}: generation {now} after {generation}")
            generation = max(generation, now)
            met["no index yet" if not now else "after a scan" if phase == "ready" else "in a scan"] += 1
    finally:
        changing.stop()
    compared(root)
    return met


def started(root: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        command(root, ()), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, cwd="/", env=environment(os.environ)
    )


def until_ready(root: Path) -> None:
    """Until a scan got through; then only changes are written."""
    reader = Reader.of(root)
    end = time.monotonic() + GIVE_UP_SECONDS
    # Of before, perhaps: the next scan begins within this time.
    time.sleep(0.5)
    while reader.meta("phase") != "ready":
        if time.monotonic() > end:
            raise FaultError("the index never became ready")
        time.sleep(0.05)
    reader.close()


def checked(folder: Path) -> tuple[int, str]:
    """Generation and phase of a sound index, zero where there is none; raises :class:`FaultError`."""
    if (folder / f"{DATABASE}.corrupt").exists():
        raise FaultError("an index was put aside as damaged")
    if not (folder / DATABASE).exists():
        return 0, ""
    with contextlib.closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as database:
        said = database.execute("PRAGMA integrity_check").fetchall()
        if said != [("ok",)]:
            raise FaultError(f"SQLite says {said[:5]}")
        if not database.execute("PRAGMA user_version").fetchone()[0]:
            return 0, ""
        for table in _CHECKED:
            try:
                database.execute(f"INSERT INTO {table} ({table}) VALUES ('integrity-check')")
            except sqlite3.DatabaseError as error:
                raise FaultError(f"FTS5 says of {table}: {error}") from error
        meta = dict(database.execute("SELECT key, value FROM meta"))
    return int(meta["generation"]), str(meta["phase"])


def compared(root: Path) -> None:
    """The index that went through all that, against a new one."""
    old = contents(root)
    shutil.rmtree(paths.index_dir(root))
    new = contents(root)
    if old != new:
        raise FaultError(f"the index differs from a new one in {list(old ^ new)[:5]}")


def contents(root: Path) -> set[tuple[object, ...]]:
    """Everything that readers can see, once the index is ready."""
    process = started(root)
    reader = Reader.of(root)
    end = time.monotonic() + GIVE_UP_SECONDS
    settled = 0
    generation = -1
    while settled < 20:
        if time.monotonic() > end:
            raise FaultError("the index never became ready")
        time.sleep(0.1)
        ready = reader.meta("phase") == "ready" and reader.generation == generation
        generation = reader.generation
        settled = settled + 1 if ready else 0
    found: set[tuple[object, ...]] = set()
    for path in [str(it.relative_to(root)) for it in root.rglob("*.py")]:
        file = reader.file(path)
        found.add((path, file and (file.digest, file.size, file.mtime_ns, file.lines)))
        found |= {(path, *it) for it in reader.symbols_of(path)}
        for symbol in reader.symbols_of(path):
            hits = reader.search([symbol.name], 1_000)
            found |= {("hit", symbol.name, it.path, it.first, it.last) for it in hits}
            found |= {("named", symbol.name, it.path, it.first) for it in reader.named(symbol.name, 1_000)}
    found |= {("used", f"helper_{at}", *it) for at in range(12) for it in reader.references(f"helper_{at}", 10_000)}
    found |= {("path", it) for it in reader.paths(".py", 10_000)}
    found |= {("edge", *it) for it in reader.edges()}
    reader.close()
    assert process.stdin is not None
    process.stdin.close()
    process.wait()
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="index-kills-") as place:
        os.environ["SLIPSTREAM_HOME"] = str(Path(place) / "home")
        root = Path(place) / "workspace"
        root.mkdir()
        met = killed(root, args.kills, args.seed)
    print(f"{args.kills} kills, no fault: {', '.join(f'{count} {what}' for what, count in met.items())}")


if __name__ == "__main__":
    main()
