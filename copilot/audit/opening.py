"""The bus that the settings ask for."""

import logging
from collections.abc import Callable
from pathlib import Path

from copilot import paths
from copilot.audit.bus import Bus
from copilot.audit.jsonl import JsonlSink
from copilot.audit.nats import NatsSink
from copilot.config.settings import AuditSettings

log = logging.getLogger(__name__)

KEEP_DAYS = 14.0
KEEP_DAYS_SHARED = 30.0


def days_kept(settings: AuditSettings, *, shared: bool) -> float:
    return settings.keep_days or (KEEP_DAYS_SHARED if shared else KEEP_DAYS)


def files_of(settings: AuditSettings, *, shared: bool, folder: Path | None = None) -> JsonlSink:
    """The files, in ``folder`` or where they belong. Nothing is opened yet."""
    days = days_kept(settings, shared=shared)
    return JsonlSink(folder or paths.audit_dir(), keep_days=days, keep_bytes=settings.keep_bytes)


def bus_for(
    settings: AuditSettings,
    *,
    shared: bool,
    folder: Path | None = None,
    notice: Callable[[str], None] = log.warning,
) -> Bus:
    """``shared``: the host serves more than one user. Switched off, it is a bus that takes nothing.

    The files are what ``audit.required`` is about; NATS holds a copy, and what it misses is in the files.
    """
    if not settings.enabled:
        return Bus()
    files = files_of(settings, shared=shared, folder=folder)
    copies = [NatsSink(settings.nats, keep_days=days_kept(settings, shared=shared))] if settings.nats else []
    if settings.required:
        return Bus(required=[files], optional=copies, content=settings.content, notice=notice)
    return Bus(optional=[files, *copies], content=settings.content, notice=notice)
