"""How long retrieval takes in a workspace of many files: copies of the packages that are installed here."""

import contextlib
import shutil
import sysconfig
import time
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import NamedTuple

from copilot.bench.context.packages import files_of
from copilot.bench.engine.measure import percentile
from copilot.context.candidates import Buffer, Question, Region
from copilot.context.retrieval import Retriever
from copilot.index.parsed import Task, language_at
from copilot.index.reader import Reader
from copilot.index.store import Store
from copilot.index.worker import looked_at
from copilot.safety.gate import Gate, Refused

PLACES, KEYS = 120, 8
"""Places that are asked about, and keys that are typed at each."""

_BUFFERS, _REGIONS = 5, 6
_LONGEST, _SHORTEST = 120_000, 30


class Times(NamedTuple):
    """Milliseconds of each question. ``first``: at a place; ``whole``: the same until nothing is left to read, as the
    language server waits for it in a thread; ``typing``: of each key after it."""

    first: list[float]
    whole: list[float]
    typing: list[float]


def measured(folder: Path, files: int, seed: int = 0) -> Iterator[str]:
    """Makes everything in ``folder``; lines for people."""
    root = (folder / "files").resolve()
    root.mkdir()
    count = filled(root, files)
    yield f"{count:,} files, copies of packages in {sysconfig.get_paths()['purelib']}"
    index = folder / "index"
    index.mkdir()
    gate = Gate(root)
    store = Store(index, root)
    started = time.monotonic()
    paths = [found.path for found in gate.walk()]
    yield f"walk: {time.monotonic() - started:.2f} s"
    started = time.monotonic()
    for at, path in enumerate(paths):
        store.write(looked_at(gate, Task(path)))
        if at % 500 == 499:
            store.commit()
    store.commit()
    store.tidy()
    store.close()
    size = sum(it.stat().st_size for it in index.iterdir())
    yield f"index, one process: {time.monotonic() - started:.1f} s, {size / 1e6:.0f} MB"
    reader = Reader(root, index, gate)
    times = timed(Retriever(reader, gate), gate, paths, seed)
    reader.close()
    names = ("first at a place", "first at a place, all that it reads", "while typing")
    for name, values in zip(names, times, strict=True):
        row = ", ".join(f"p{share * 100:g} {percentile(values, share):.1f} ms" for share in (0.5, 0.9, 0.99))
        yield f"retrieval, {name}: {row} ({len(values)} questions)"


def filled(root: Path, files: int) -> int:
    """Copy packages to folders of ``root`` until there are so many files; how many there are."""
    site = Path(sysconfig.get_paths()["purelib"])
    sources = [path for path in files_of(site) if path.stat().st_size < 1_000_000]
    count = 0
    while count < files:
        copy = root / f"copy{count // max(1, len(sources))}"
        for path in sources[: files - count]:
            target = copy / path.relative_to(site)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target)
            count += 1
    return count


def timed(retriever: Retriever, gate: Gate, paths: list[str], seed: int) -> Times:
    """Someone goes from place to place, with a few documents open and a few edits behind, and types at each."""
    rng = Random(seed)  # noqa: S311 - no secret
    sources = [path for path in paths if language_at(path) == "python"]
    rng.shuffle(sources)
    texts = _readable(gate, sources)
    buffers = tuple(Buffer(path, "python", text) for path, text in islice(texts, _BUFFERS))
    regions = tuple(Region(path, 1, 20, at, True) for at, path in enumerate(rng.sample(sources, _REGIONS)))
    times = Times([], [], [])
    for path, text in islice(texts, PLACES):
        lines = text.split("\n")
        line = rng.randrange(10, len(lines))
        for key in range(KEYS):
            typed = lines[line][: min(len(lines[line]), key + len(lines[line]) // 2)]
            now = "\n".join([*lines[:line], typed, *lines[line + 1 :]])
            question = Question(path, "python", now, line, len(typed), buffers, regions, (), 10.0)
            started = time.perf_counter()
            retriever.candidates(question)
            (times.typing if key else times.first).append((time.perf_counter() - started) * 1000)
            if not key:
                if retriever.unfinished:
                    retriever.complete(question)
                times.whole.append((time.perf_counter() - started) * 1000)
    return times


def _readable(gate: Gate, paths: Iterable[str]) -> Iterator[tuple[str, str]]:
    """Path and text of those that people wrote, neither very short nor very long."""
    for path in paths:
        with contextlib.suppress(Refused):
            text = gate.read(path).text
            if text.count("\n") >= _SHORTEST and len(text) <= _LONGEST:
                yield path, text
