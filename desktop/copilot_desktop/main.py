"""The companion window: chat about your code, look at changes before they are made, see what the model is doing.

It connects to the engine host that editors use; a question starts one where there is none.
"""

import argparse
import os
import signal
import sys
from pathlib import Path

from copilot.errors import SlipstreamError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("folder", nargs="?", metavar="FOLDER", help="the workspace whose files @ means")
    parser.add_argument(
        "--install", action="store_true", help="put it into the desktop's menu, for this user, and do nothing else"
    )


def run(args: argparse.Namespace) -> int:
    if args.install:
        from copilot_desktop.entry import install

        sys.stdout.write(f"{install()}\n")
        return 0
    folder = Path(args.folder).resolve() if args.folder else None
    if folder is not None and not folder.is_dir():
        raise SlipstreamError(f"{args.folder} is no folder.", hint="Name the folder of your project.", code="no_folder")
    _check_screen()
    try:
        from PySide6.QtCore import QTimer
        from PySide6.QtWidgets import QApplication
    except ImportError as error:
        raise SlipstreamError(
            f"The companion window needs PySide6, and it cannot be loaded ({error}).",
            hint="pip install 'slipstream-copilot[desktop]'; on Debian also: apt install libegl1 libxkbcommon0",
            code="no_pyside",
        ) from error
    from copilot.config.load import as_options, load

    settings = load(args.config_file, args.overrides).settings
    app = QApplication(["slipstream"])
    app.setApplicationName("Slipstream")
    app.setDesktopFileName("slipstream")
    app.setStyle("Fusion")
    from copilot_desktop.single import Door, shown_elsewhere

    if shown_elsewhere():
        return 0
    from copilot import paths
    from copilot.client.host import HostClient
    from copilot.client.login import current
    from copilot_desktop.window import Window

    options, login = as_options(args.config_file, args.overrides), current()
    window = Window(settings, paths.history_file(), lambda: HostClient(host_options=options, login=login))
    if folder is not None:
        window.use_folder(str(folder))
    # Python looks after signals whenever one of the window's timers fires.
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda _number, _frame: window.leave())
    door = Door(window.come_to_front)
    door.open()
    window.closed.connect(app.quit)
    if not window.gone:
        window.show()
        window.composer.edit.setFocus()
    # A signal may have come before there was a loop to end.
    QTimer.singleShot(0, lambda: app.quit() if window.gone else None)
    app.setQuitOnLastWindowClosed(False)
    status = int(app.exec())
    door.close()
    return status


def _check_screen() -> None:
    """Without a screen Qt ends the process instead of saying so."""
    if not sys.platform.startswith("linux") or os.environ.get("QT_QPA_PLATFORM"):
        return
    if not os.environ.get("DISPLAY") and not os.environ.get("WAYLAND_DISPLAY"):
        raise SlipstreamError(
            "There is no screen to show a window on.",
            hint="Start it in a desktop session (neither DISPLAY nor WAYLAND_DISPLAY is set).",
            code="no_screen",
        )
    if not os.environ.get("WAYLAND_DISPLAY"):
        import ctypes

        try:
            ctypes.CDLL("libxcb-cursor.so.0")
        except OSError:
            raise SlipstreamError(
                "Qt needs the library libxcb-cursor, which is not installed.",
                hint="On Debian and Ubuntu: apt install libxcb-cursor0",
                code="no_xcb_cursor",
            ) from None
