"""How soon a question that is asked in an editor is in the companion window.

    python -m benchmarks.window_letters [--rounds 40]

A real language server, a real host whose engine answers at once, and the window's connection; all in one run, each in a
process or thread of its own. Goal: 100 ms from the command's leaving the editor until the window has the question.
"""

import argparse
import os
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from functools import partial


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=40)
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="ss-") as home:
        os.environ["SLIPSTREAM_HOME"] = home
        _measure(args.rounds)
    return 0


def _measure(rounds: int) -> None:
    from copilot_desktop.events import PeersSeen
    from copilot_desktop.wire import Wire

    from copilot.chat.exchange import Asked, Ended, Wrote
    from copilot.client.host import HostClient
    from tests.desktop.hosting import HostThread
    from tests.fakes import ScriptedEngine
    from tests.lsp.jrpc import Client

    came = threading.Event()
    times: dict[str, list[float]] = {"question": [], "first text": []}
    with HostThread(ScriptedEngine(("It adds ", "numbers."))), Client() as client:
        wire = Wire(lambda: HostClient(spawn=False), came.set)
        wire.start()
        client.initialize()
        client.open("file:///a.py", "def add(a, b):\n    return a + b\n")
        _until(wire, came, lambda event: isinstance(event, PeersSeen) and bool(event.editors))
        place = {"start": {"line": 0, "character": 4}, "end": {"line": 0, "character": 4}}
        argument = {"uri": "file:///a.py", "range": place}
        for number in range(rounds + 3):
            begun = time.perf_counter()
            request = client.send(
                "workspace/executeCommand", {"command": "slipstream.ask.explain", "arguments": [argument]}
            )
            for kind, name in ((Asked, "question"), (Wrote, "first text"), (Ended, "")):
                _until(wire, came, partial(_is_letter, kind))
                # The first ones load what the later ones use.
                if name and number >= 3:
                    times[name].append(1000 * (time.perf_counter() - begun))
            client.wait(request)
        wire.close()
    for name, values in times.items():
        ordered = sorted(values)
        print(
            f"{name}: p50 {statistics.median(ordered):.1f} ms, p90 {ordered[int(0.9 * len(ordered))]:.1f} ms, "
            f"worst {ordered[-1]:.1f} ms of {len(ordered)}"
        )


def _is_letter(kind: type, event: object) -> bool:
    from copilot_desktop.events import LetterCame

    return isinstance(event, LetterCame) and isinstance(event.letter, kind)


_left: list[object] = []


def _until(wire: "object", came: threading.Event, wanted: "object") -> None:
    """Read events until one is wanted; those behind it stay for the next call."""
    from copilot_desktop.wire import Wire

    assert isinstance(wire, Wire)
    assert callable(wanted)
    while True:
        while _left:
            if wanted(_left.pop(0)):
                return
        came.wait(10)
        came.clear()
        _left.extend(wire.take())


if __name__ == "__main__":
    sys.exit(main())
