"""Pictures of the companion window for the documentation, drawn on whatever screen there is.

    xvfb-run -s '-screen 0 1280x1000x24' python -m benchmarks.window_pictures docs/pictures

The window, the host and the change are real; what the engine says, and the figures of the last hour, are made up.
"""

import os
import random
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

ANSWER = """The loop reads the file **twice**: once in `store.py:6` for the size, and again for its text.
Reading it once is enough:

1. keep the bytes,
2. take their length,
3. decode them.

```python
def read_json(path: Path, limit: int = 1_000_000) -> object:
    \"\"\"Parse a file of at most ``limit`` bytes.\"\"\"
    data = path.read_bytes()
    if len(data) > limit:
        raise ValueError(f"{path} is too large")  # nothing was parsed
    return json.loads(data)
```

With that `main` needs no change. See [the documentation](https://docs.python.org/3/library/json.html) for what
`json.loads` takes.
"""
FILE = """\
import json
from pathlib import Path


def read_json(path: Path) -> object:
    if path.stat().st_size > 1_000_000:
        raise ValueError
    return json.loads(path.read_text())


def write_json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value))
"""


def main() -> int:
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="ss-") as home:
        os.environ["SLIPSTREAM_HOME"] = home
        _take_all(folder, Path(home))
    return 0


def _take_all(folder: Path, home: Path) -> None:  # noqa: PLR0915 - one picture after the other
    from copilot_desktop.window import Window
    from PySide6.QtCore import QEventLoop, QTimer
    from PySide6.QtWidgets import QApplication

    from copilot import paths
    from copilot.chat.applying import applied
    from copilot.chat.reviewing import review_of
    from copilot.chat.workspace import Workspace
    from copilot.client.host import HostClient
    from copilot.config.settings import Settings
    from copilot.errors import SlipstreamError
    from copilot.text.document import Document
    from tests.desktop.hosting import HostThread
    from tests.fakes import ScriptedEngine

    project = home / "project"
    project.mkdir()
    (project / "store.py").write_text(FILE)
    app = QApplication(["slipstream"])
    app.setStyle("Fusion")
    engine = ScriptedEngine([ANSWER[at : at + 5] for at in range(0, len(ANSWER), 5)], step_seconds=0.004)

    def until(condition: Callable[[], object]) -> None:
        loop, check = QEventLoop(), QTimer()
        check.setInterval(20)
        check.timeout.connect(lambda: loop.quit() if condition() else None)
        check.start()
        loop.exec()

    def pause(milliseconds: int) -> None:
        loop = QEventLoop()
        QTimer.singleShot(milliseconds, loop.quit)
        loop.exec()

    with HostThread(engine):
        window = Window(Settings(), paths.history_file(), lambda: HostClient(spawn=False))
        window.use_folder(str(project))
        window.talk.names = False
        window.set_theme("light")
        window.show()

        def take(name: str) -> None:
            pause(250)
            window.grab().save(str(folder / f"window-{name}.png"))

        until(lambda: window._status is not None)
        take("empty")
        window.composer.attach(Workspace.of(project).file("store.py"))
        window.composer.fill("Why is read_json slow?", window.composer.attachments)
        engine.step_seconds = 0.02
        window.ask()
        until(lambda: "limit: int" in "".join(window.talk._answers[name].text for name in window.talk._answers))
        window.composer.fill("And how would I test it?", ())
        take("streaming")
        engine.step_seconds = 0.0
        until(lambda: not window.talk.busy)
        window.set_theme("dark")
        take("dark")
        engine.tokens = tuple(f"```python\n{FILE * 6}```\n".splitlines(keepends=True))
        window.composer.fill("Show me all of it.", ())
        window.ask()
        until(lambda: not window.talk.busy)
        window.set_theme("light")
        take("long-code")
        document = Document.from_text((project / "store.py").as_uri(), "python", 1, FILE)
        code = ANSWER.split("```python\n")[1].split("```", maxsplit=1)[0]
        other = "def write_json(path: Path, value: object) -> None:\n    path.write_text(json.dumps(value, indent=2))\n"
        code = f"{code}\n\n{other}"
        window.review_came("", review_of(applied(document, code), "r", "Change store.py", "store.py"))
        take("review")
        window.show_page(window.machine_page)
        until(lambda: window.machine_page.models._rows)
        window.machine_page._timer.stop()
        pause(500)
        _plot(window)
        bar = window.machine_page.verticalScrollBar()
        bar.setValue(bar.maximum())
        take("plots")
        bar.setValue(0)
        take("models")
        window.show_page(window.chat_page)
        window.new_conversation()
    window.trouble_came(
        SlipstreamError("The engine host ended the answer in the middle.", hint="Ask again.", code="host_lost")
    )
    until(window.banner.isVisible)
    take("banner")
    window.leave()


def _plot(window: object) -> None:
    from copilot_desktop.window import Window

    from copilot.serve.api import Lane, Sample, SamplesData

    assert isinstance(window, Window)
    chance = random.Random(3)
    samples = []
    for _ in range(900):
        lane = Lane.INLINE if chance.random() < 0.85 else Lane.CHAT
        middle = 140.0 if lane is Lane.INLINE else 420.0
        samples.append(
            Sample(
                at=chance.uniform(0, 3600),
                lane=lane,
                ttft_ms=chance.lognormvariate(0, 0.35) * middle,
                queue_ms=0.0,
                total_ms=0.0,
                prompt_tokens=600,
                reused_tokens=chance.randint(300, 590),
                generated_tokens=40,
                decode_ms=1100.0,
            )
        )
    page = window.machine_page
    page.show_samples(SamplesData(now=3600.0, samples=tuple(samples)))
    assert page.plots is not None
    page.plots.show_kept([(-57.5 + 5 * at, chance.uniform(62, 93)) for at in range(12)])


if __name__ == "__main__":
    sys.exit(main())
