"""What a check says. Values only, and the one rule that keeps a broken check from breaking the others."""

from collections.abc import Callable
from enum import StrEnum

import msgspec

from copilot.errors import SlipstreamError


class Verdict(StrEnum):
    OK = "ok"
    WARN = "warn"
    """Completions come, but worse or later than they could; or something could not be found out."""
    FAIL = "fail"
    """No completion can come before this is put right."""


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One answer of the doctor.

    ``id`` is a stable word for programs. ``next_step`` tells what to do, and is empty when nothing is to be done.
    """

    id: str
    title: str
    verdict: Verdict
    detail: str
    next_step: str = ""


def isolated(id_: str, title: str, check: Callable[[], Finding | None]) -> Finding | None:
    """Run a check; whatever it raises becomes its finding."""
    try:
        return check()
    except SlipstreamError as error:
        return Finding(id=id_, title=title, verdict=Verdict.FAIL, detail=error.message, next_step=error.hint)
    except ImportError as error:
        return Finding(
            id=id_,
            title=title,
            verdict=Verdict.FAIL,
            detail=f"A part of the installation is missing: {error}",
            next_step="Install Slipstream again: pip install --force-reinstall 'slipstream-copilot[cpu]'",
        )
    except Exception as error:
        return Finding(
            id=id_,
            title=title,
            verdict=Verdict.WARN,
            detail=f"This could not be checked: {type(error).__name__}: {error}",
            next_step="Please report this as a bug of `slipstream doctor`.",
        )
