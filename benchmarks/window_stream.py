"""What the companion window costs while answers stream into it, and what a long history takes to open.

    python -m benchmarks.window_stream [--answers 10] [--rate 200] [--characters 20000]

A real window (Qt's offscreen platform, unless QT_QPA_PLATFORM says otherwise) beside a real host whose engine writes a
made-up answer of prose, lists and code at a fixed rate. The host runs in a process of its own. Busy is the share of
its time that the window's own thread computes; a stall is how much later than asked a timer of 5 ms fires, so a busy
machine adds to it. Goals: 10 % busy, 50 ms for the worst stall, flat over the answers, 300 ms for a history of 10,000
messages, 250 MB.
"""

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence

_PARAGRAPH = (
    "The parser reads one line after the other and keeps **what is open** in a small stack; `close()` gives back what "
    "is left of it. A line that may still become a fence is held back, so that nothing flashes on the screen.\n\n"
)
_LIST = "".join(f"{at}. Step {at} through `module_{at}.py`, and why it comes here\n" for at in range(1, 7))
_CODE = "".join(
    f"def step_{at}(values: list[int], limit: int = {at}) -> int:\n"
    f'    """Add what is below the limit."""\n'
    f"    return sum(value for value in values if value < limit)\n\n\n"
    for at in range(8)
)


def answer(characters: int) -> str:
    """Made up, of about the mix that answers about code have."""
    part = f"{_PARAGRAPH * 2}{_LIST}\n```python\n{_CODE}```\n\n{_PARAGRAPH}"
    return (part * (1 + characters // len(part)))[:characters]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--answers", type=int, default=2)
    parser.add_argument("--rate", type=float, default=200.0, help="tokens of four characters a second")
    parser.add_argument("--characters", type=int, default=20_000)
    parser.add_argument("--messages", type=int, default=10_000, help="in the long history")
    parser.add_argument("--host", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args(argv)
    if args.host:
        asyncio.run(_host(args))
        return 0
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory(prefix="ss-") as home:
        os.environ["SLIPSTREAM_HOME"] = home
        given = ["--rate", str(args.rate), "--characters", str(args.characters), "--host"]
        with subprocess.Popen([sys.executable, "-m", "benchmarks.window_stream", *given]) as host:
            try:
                return _window(args)
            finally:
                host.terminate()


async def _host(args: argparse.Namespace) -> None:
    from copilot.engine.protocol import ModelInfo
    from tests.fakes import ScriptedEngine
    from tests.hosts import running

    text = answer(args.characters)
    tokens = [text[at : at + 4] for at in range(0, len(text), 4)]
    engine = ScriptedEngine(tokens)
    engine.model = ModelInfo(id="scripted", family="plain", context_length=32_768)
    step = 1 / args.rate
    due = 0.0

    async def paced(call: object, hold: object) -> None:
        # To a clock of its own: sleeping for each token would add up the sleeps' lateness.
        nonlocal due
        now = time.monotonic()
        due = now if due < now - 1 else due + step
        if due > now:
            await asyncio.sleep(due - now)

    engine._step = paced  # type: ignore[method-assign]
    async with running(engine):
        await asyncio.Event().wait()


def _window(args: argparse.Namespace) -> int:  # noqa: PLR0915 - one run from top to bottom
    import psutil
    from copilot_desktop.window import Window
    from PySide6.QtCore import QEventLoop, QTimer
    from PySide6.QtWidgets import QApplication

    from copilot import paths
    from copilot.client.host import HostClient
    from copilot.config.settings import Settings

    begun = time.perf_counter()
    app = QApplication(["slipstream"])
    app.setStyle("Fusion")
    window = Window(Settings(), paths.history_file(), lambda: HostClient(spawn=False))
    window.show()
    app.processEvents()
    print(f"window on screen {1000 * (time.perf_counter() - begun):.0f} ms after its imports")
    window.talk.answer_tokens = 8_192
    window.talk.names = False
    stalls: list[float] = []
    last = time.perf_counter()

    def beat() -> None:
        nonlocal last
        now = time.perf_counter()
        stalls.append(now - last - 0.005)
        last = now

    timer = QTimer()
    timer.setInterval(5)
    timer.timeout.connect(beat)

    def until(condition: "object") -> None:
        assert callable(condition)
        loop = QEventLoop()
        check = QTimer()
        check.setInterval(20)
        check.timeout.connect(lambda: loop.quit() if condition() else None)
        check.start()
        loop.exec()

    until(lambda: window._status is not None)
    process = psutil.Process()
    wall, cpu = time.perf_counter(), time.thread_time()
    timer.start()
    until(lambda: time.perf_counter() - wall > 3)
    timer.stop()
    print(f"measuring alone: busy {(time.thread_time() - cpu) / (time.perf_counter() - wall):.1%}")
    rows = []
    for number in range(args.answers):
        stalls.clear()
        wall, cpu, last = time.perf_counter(), time.thread_time(), time.perf_counter()
        timer.start()
        window.composer.fill(f"Question {number}", ())
        window.ask()
        until(lambda: not window.talk.busy)
        timer.stop()
        wall, cpu = time.perf_counter() - wall, time.thread_time() - cpu
        length = len(window.talk.thread.branch()[-1].text)
        rows.append((cpu / wall, max(stalls)))
        memory = process.memory_info().rss / 1e6
        print(
            f"answer {number + 1}: {length} characters in {wall:.1f} s, busy {cpu / wall:.1%}, worst stall "
            f"{1000 * max(stalls):.0f} ms, p99 {1000 * statistics.quantiles(stalls, n=100)[-1]:.1f} ms, {memory:.0f} MB"
        )
    print(f"last to first answer, busy: {rows[-1][0] / rows[0][0]:.2f}")
    _open_long(window, app, args.messages)
    print(json.dumps({"peak_mb": round(process.memory_info().rss / 1e6), "busy": [round(it, 4) for it, _ in rows]}))
    window.leave()
    return 0


def _open_long(window: "object", app: "object", count: int) -> None:
    from copilot_desktop.window import Window

    assert isinstance(window, Window)
    history, parent = window.talk.history, None
    number = history.start("", "long")
    history._database.execute("BEGIN")
    for at in range(count):
        role = "user" if at % 2 == 0 else "assistant"
        parent = history.add(number, parent, role, f"Message {at}. {_PARAGRAPH}").id
    history._database.execute("COMMIT")
    times = []
    for _ in range(5):
        window.new_conversation()
        app.processEvents()  # type: ignore[attr-defined]
        begun = time.perf_counter()
        window.open_conversation(number)
        app.processEvents()  # type: ignore[attr-defined]
        times.append(time.perf_counter() - begun)
    print(f"history of {count} messages opens in {1000 * statistics.median(times):.0f} ms (median of 5)")
    begun = time.perf_counter()
    found = len(history.entries("held back"))
    print(f"search in it: {1000 * (time.perf_counter() - begun):.0f} ms, {found} conversations")


if __name__ == "__main__":
    sys.exit(main())
