"""The host's log when nobody watches its terminal: a file of bounded size, never with document text."""

import logging
import os
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path

from copilot import paths

MAX_BYTES = 1_000_000
FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


def log_file() -> Path:
    return paths.log_dir() / "host.log"


class _WithStandardStreams(RotatingFileHandler):
    """Takes stdout and stderr along to each new file, so that a crash is told where the rest is told."""

    def _open(self) -> TextIOWrapper:
        stream = super()._open()
        for descriptor in (1, 2):
            os.dup2(stream.fileno(), descriptor)
        return stream


def to_file() -> None:
    """Log to :func:`log_file`, which others on this machine cannot read."""
    path = paths.make_private_dir(paths.log_dir()) / log_file().name
    _configure(_WithStandardStreams(path, maxBytes=MAX_BYTES, backupCount=2, encoding="utf-8"))


def to_terminal() -> None:
    """Log to stderr."""
    _configure(logging.StreamHandler())


def _configure(handler: logging.Handler) -> None:
    logging.basicConfig(level=logging.INFO, format=FORMAT, handlers=[handler])
