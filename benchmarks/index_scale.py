"""A large workspace from nothing: how long the walk and the index take, how much memory, how soon a change shows.

    python -m benchmarks.index_scale [--files 100000] [--tree DIR]

The tree is generated from a seed: Python, TypeScript and Go, about 600 bytes a file, ten files a folder. ``--tree``
measures a copy of real code instead. The goals: first walk at most 3 s, index at most 120 s on two processors, 400 MB
for all processes together; a save shows within 200 ms, a change from outside within 1 s; queries at most 2 ms.
"""

import argparse
import contextlib
import json
import os
import random
import shutil
import statistics
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import psutil

from copilot import paths
from copilot.index.handle import command, environment
from copilot.index.reader import Reader
from copilot.index.store import stored_bytes
from copilot.safety.gate import Gate

SEED = 7
FOLDER_FILES = 10
CHANGES = 50
QUERIES = 300
GIVE_UP_SECONDS = 900.0

_WORDS = """
    account address archive balance batch branch buffer cache channel client command config counter
    customer cursor delivery device digest driver engine entry event field filter folder frame handler
    header image index inventory invoice job journal key label layer ledger limit link list lock market
    matrix member message meter model module network node notice number object offer option order owner
    packet page parser part payment permit place plan player point policy price process product profile
    project query queue range rate reader record region report request result role route rule sample
    schedule schema score section server session setting shape signal size slot source stage state stock
    storage stream student style supplier table target task team ticket timer token topic trace track
    transfer tree unit update user value vendor version view visitor wallet window worker writer zone
"""
WORDS = tuple(_WORDS.split())


def python(rng: random.Random, stem: str, other: str) -> str:
    a, b, c = rng.sample(WORDS, 3)
    return f'''"""Keeps the {a} of a {b}."""

from ..{other.rpartition("/")[0].replace("/", ".")} import {a}_{b}

LARGEST_{a.upper()} = {rng.randrange(10_000)}


class {stem.title().replace("_", "")}{c.title()}:
    """One {c}, with its {a}."""

    def __init__(self, {a}: int, {b}: str) -> None:
        self.{a} = {a}
        self.{b} = {b}

    def {c}_of_{b}(self, limit: int) -> list[int]:
        """Those {c}s that fit."""
        return [{a}_{b}(it) for it in range(limit) if it < self.{a}]


def make_{stem}_{a}({b}: str) -> int:
    return len({b}) + LARGEST_{a.upper()}
'''


def typescript(rng: random.Random, stem: str, other: str) -> str:
    a, b, c = (it.title() for it in rng.sample(WORDS, 3))
    return f"""import {{ load{a}{b} }} from "../{other}";

export interface {a}{c} {{
  {b.lower()}: string;
  {c.lower()}Count: number;
}}

/** The {a.lower()} of each {b.lower()}. */
export class {stem.title().replace("_", "")}{a} {{
  private readonly {b.lower()}s: Map<string, {a}{c}> = new Map();

  find{b}(name: string): {a}{c} | undefined {{
    return this.{b.lower()}s.get(name) ?? load{a}{b}(name);
  }}

  add{c}(entry: {a}{c}): void {{
    this.{b.lower()}s.set(entry.{b.lower()}, entry);
  }}
}}
"""


def go(rng: random.Random, stem: str, other: str) -> str:
    a, b, c = (it.title() for it in rng.sample(WORDS, 3))
    return f"""package {stem.partition("_")[0]}

import "example.com/big/{other}"

// {a}{b} holds what a {c.lower()} needs.
type {a}{b} struct {{
	{c} string
	Limit int
}}

// New{a}{b} makes one of {stem}.
func New{a}{b}({c.lower()} string) *{a}{b} {{
	return &{a}{b}{{{c}: {c.lower()}, Limit: {rng.randrange(1000)}}}
}}

func (it *{a}{b}) Fits{c}(count int) bool {{
	return count < it.Limit && it.{c} != ""
}}
"""


def generate(root: Path, files: int) -> None:
    rng = random.Random(SEED)
    makers = ((python, "py"), (typescript, "ts"), (go, "go"))
    made: list[str] = ["first/file"]
    for number in range(0, files, FOLDER_FILES):
        folder = "/".join(rng.choice(WORDS) for _ in range(rng.randint(1, 3))) + f"/{rng.choice(WORDS)}{number}"
        (root / folder).mkdir(parents=True, exist_ok=True)
        for at in range(min(FOLDER_FILES, files - number)):
            make, suffix = rng.choice(makers)
            stem = f"{rng.choice(WORDS)}_{rng.choice(WORDS)}_{at}"
            (root / folder / f"{stem}.{suffix}").write_text(make(rng, stem, rng.choice(made)), encoding="utf-8")
            made[rng.randrange(len(made)) :] = [f"{folder}/{stem}"] if len(made) > 500 else [*made, f"{folder}/{stem}"]
    (root / ".gitignore").write_text("node_modules/\n*.log\n", encoding="utf-8")


class Memory(threading.Thread):
    """The most that a process and its children took together (PSS: shared pages count once), and processor time."""

    def __init__(self, process: int) -> None:
        super().__init__(daemon=True)
        self.most = 0
        self.seconds = 0.0
        self._seconds: dict[int, float] = {}
        self.most_resident = 0
        self._process = psutil.Process(process)

    def run(self) -> None:
        with contextlib.suppress(psutil.Error):
            while True:
                shared = resident = 0
                for it in [self._process, *self._process.children(recursive=True)]:
                    with contextlib.suppress(psutil.Error):
                        info, times = it.memory_full_info(), it.cpu_times()
                        self._seconds[it.pid] = times.user + times.system
                        shared, resident = shared + info.pss, resident + info.rss
                self.most, self.most_resident = max(self.most, shared), max(self.most_resident, resident)
                self.seconds = sum(self._seconds.values())
                time.sleep(0.25)


@contextlib.contextmanager
def indexing(root: Path) -> "Iterator[subprocess.Popen[str]]":
    process = subprocess.Popen(
        command(root, ()),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd="/",
        env=environment(os.environ),
    )
    try:
        yield process
    finally:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.close()
        process.wait(60)
        process.stdout.close()


def until_ready(process: "subprocess.Popen[str]") -> dict[str, object]:
    assert process.stdout is not None
    for line in process.stdout:
        status: dict[str, object] = json.loads(line)
        if status["state"] in {"ready", "polling"}:
            return status
        if status["state"] == "failed":
            break
    raise SystemExit("the index failed")


def waited(condition: Callable[[], bool]) -> float:
    began = time.perf_counter()
    while not condition():
        if time.perf_counter() - began > GIVE_UP_SECONDS:
            raise SystemExit("a change never showed")
        time.sleep(0.001)
    return time.perf_counter() - began


def percentiles(seconds: Sequence[float]) -> str:
    ordered = sorted(seconds)
    p99 = ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]
    return (
        f"p50 {statistics.median(ordered) * 1e3:8.2f} ms   p99 {p99 * 1e3:8.2f} ms   most {ordered[-1] * 1e3:8.2f} ms"
    )


def changes(root: Path, process: "subprocess.Popen[str]", files: Sequence[str], *, saves: bool) -> list[float]:
    """From the end of a write until a reader finds what was written."""
    assert process.stdin is not None
    reader = Reader.of(root)
    found = []
    rng = random.Random(SEED)
    for number, path in enumerate(rng.sample(list(files), CHANGES)):
        name = f"Changed{'Save' if saves else 'Outside'}{number}"
        with (root / path).open("a", encoding="utf-8") as file:
            file.write(f"\nclass {name}:\n    pass\n")
        if saves:
            process.stdin.write(f"saved {path}\n")
            process.stdin.flush()
        found.append(waited(lambda name=name: bool(reader.definitions(name))))  # type: ignore[misc]
        time.sleep(0.05)
    reader.close()
    return found


def queries(root: Path) -> Iterator[tuple[str, list[float], list[float]]]:
    """Each kind with its times and its processor times, which other programs of a busy machine do not lengthen."""
    rng = random.Random(SEED)
    reader = Reader.of(root)
    files = reader.paths(".", 1_000_000)
    # As they occur: the common ones often.
    names = [it.name for path in rng.sample(files, min(QUERIES, len(files))) for it in reader.symbols_of(path)]
    names = rng.sample(names, min(QUERIES, len(names)))
    kinds: dict[str, Callable[[str], object]] = {
        "definitions": reader.definitions,
        "references": reader.references,
        "search, 1 word": lambda name: reader.search([name]),
        "search, 8 words": lambda name: reader.search([name, *rng.sample(names, 7)]),
        "search, one language": lambda name: reader.search([name, *rng.sample(names, 3)], language="python"),
        "named": lambda name: reader.named(name[: max(3, len(name) // 2)]),
        "paths": lambda name: reader.paths(name[:5]),
    }
    for kind, ask in kinds.items():
        times, own = [], []
        for name in names:
            began, began_own = time.perf_counter(), time.thread_time()
            ask(name)
            times.append(time.perf_counter() - began)
            own.append(time.thread_time() - began_own)
        yield kind, times, own
    began, began_own = time.perf_counter(), time.thread_time()
    count = sum(1 for _ in reader.edges())
    yield f"all {count} edges", [time.perf_counter() - began], [time.thread_time() - began_own]
    reader.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=100_000)
    parser.add_argument("--tree", type=Path, help="a folder of real code; it is copied")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="index-scale-") as place:
        os.environ["SLIPSTREAM_HOME"] = str(Path(place) / "home")
        root = Path(place) / "workspace"
        root.mkdir()
        if args.tree:
            shutil.copytree(args.tree, root, dirs_exist_ok=True, symlinks=True)
        else:
            generate(root, args.files)
        measure(root)


def measure(root: Path) -> None:
    began = time.perf_counter()
    found = [it.path for it in Gate(root).walk()]
    print(f"first walk          {time.perf_counter() - began:8.2f} s for {len(found)} files", flush=True)
    began = time.perf_counter()
    with indexing(root) as process:
        memory = Memory(process.pid)
        memory.start()
        until_ready(process)
        seconds = time.perf_counter() - began
        reader = Reader.of(root)
        counts = reader.counts()
        reader.close()
        print(f"full index          {seconds:8.2f} s, {counts.files} files, {counts.symbols} symbols", flush=True)
        print(f"processor time      {memory.seconds:8.2f} s, all processes")
        time.sleep(10.0)
        megabytes = stored_bytes(paths.index_dir(root)) / 1e6
        print(f"memory, all         {memory.most / 1e6:8.0f} MB PSS, {memory.most_resident / 1e6:.0f} MB RSS, at most")
        print(f"index on the disk   {megabytes:8.1f} MB", flush=True)
        code = [it for it in found if it.endswith((".py", ".pyi"))]
        print(f"after a save        {percentiles(changes(root, process, code, saves=True))}")
        print(f"change from outside {percentiles(changes(root, process, code, saves=False))}", flush=True)
    for kind, times, own in queries(root):
        print(f"{kind:21} {percentiles(times)}\n{'  processor time':21} {percentiles(own)}")
    began = time.perf_counter()
    with indexing(root) as process:
        until_ready(process)
        print(f"started again       {time.perf_counter() - began:8.2f} s until it is ready")


if __name__ == "__main__":
    main()
