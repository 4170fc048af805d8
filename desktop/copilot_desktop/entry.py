"""The entry in the desktop's menu: a ``.desktop`` file (freedesktop.org, Desktop Entry 1.5) and its icon."""

import os
import shutil
import sys
from pathlib import Path

ICON = Path(__file__).with_name("slipstream.svg")
_NAME = "slipstream"


def install() -> Path:
    """Write both for this user; returns the entry. Raises ``OSError``."""
    data = Path(os.environ.get("XDG_DATA_HOME") or Path.home() / ".local" / "share")
    icon = data / "icons" / "hicolor" / "scalable" / "apps" / f"{_NAME}.svg"
    icon.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(ICON, icon)
    file = data / "applications" / f"{_NAME}.desktop"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(entry(command()), encoding="utf-8")
    return file


def entry(command: list[str]) -> str:
    return "\n".join(
        [
            "[Desktop Entry]",
            "Type=Application",
            "Name=Slipstream",
            "GenericName=Coding copilot",
            "Comment=Chat about your code with a model on this machine",
            f"Exec={' '.join(map(_quoted, command))}",
            f"Icon={_NAME}",
            "Terminal=false",
            "Categories=Development;",
            "StartupWMClass=slipstream",
            "",
        ]
    )


def command() -> list[str]:
    """What starts the window: the command that is installed beside this Python, or this Python itself."""
    beside = Path(sys.executable).with_name("slipstream")
    return [str(beside), "desktop"] if beside.exists() else [sys.executable, "-P", "-m", "copilot", "desktop"]


def _quoted(word: str) -> str:
    """As the specification wants arguments of ``Exec``."""
    safe = word.replace("%", "%%")
    if not any(char in safe for char in " \t\n\"'\\><~|&;$*?#()`"):
        return safe
    for char in '\\"`$':
        safe = safe.replace(char, f"\\{char}")
    return '"' + safe.replace("\\", "\\\\") + '"'
