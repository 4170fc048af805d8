"""How long a map of a folder, and a search through it for a question, take.

    python -m benchmarks.chat_context FOLDER [QUESTION ...]

The folder is indexed first, in this process and outside the user's own cache.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

_TURNS = 5
_QUESTIONS = ("How are errors reported?", "Where is the configuration read?", "What does the cache keep?")


def main() -> int:
    root = Path(sys.argv[1]).resolve()
    with tempfile.TemporaryDirectory(prefix="ss-") as home:
        os.environ["SLIPSTREAM_HOME"] = home
        _measure(root, sys.argv[2:] or _QUESTIONS)
    return 0


def _measure(root: Path, questions: "list[str] | tuple[str, ...]") -> None:
    from copilot import paths
    from copilot.chat.retrieval import codebase, map_of
    from copilot.chat.workspace import Workspace
    from tests.copilot.chat.indexed import index

    paths.index_dir(root).parent.mkdir(parents=True)
    begun = time.perf_counter()
    index(root)
    print(f"indexed in {time.perf_counter() - begun:.1f} s")
    workspace = Workspace.of(root)
    assert workspace.index is not None
    print(f"{len(workspace.files('e'))} files with an e, {sum(1 for _ in workspace.index.edges())} edges")
    print(f"map: {_took(lambda: map_of(workspace))}")
    for question in questions:
        print(f"{question} {_took(lambda question=question: codebase(question, workspace))}")  # type: ignore[misc]
    workspace.close()


def _took(work: Callable[[], object]) -> str:
    wall, cpu = [], []
    for _ in range(_TURNS):
        begun, used = time.perf_counter(), time.process_time()
        work()
        wall.append(time.perf_counter() - begun)
        cpu.append(time.process_time() - used)
    return f"{statistics.median(wall) * 1000:.0f} ms, of them {statistics.median(cpu) * 1000:.0f} ms on the processor"


if __name__ == "__main__":
    raise SystemExit(main())
