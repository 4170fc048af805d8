"""A folder of 16-bit safetensors to EXL2, by ExLlamaV2's own converter in a child process.

What its source (``exllamav2/conversion``, 0.3.2) does, and is built upon:

- ``-so`` makes it print ``[STATUS]{"stage": …, "completion": …}[/STATUS]``.
- It ends with status 0 on most of its errors: what counts is ``job_new.json``, whose ``progress`` is ``finished`` in
  the end, and that the folder is there.
- A working folder with a ``job_new.json`` is gone on with, and other options are then ignored.
- Ctrl-C makes it ask a question on its input.
- Without flash-attn it would compute what it measures through torch's attention, which in this version lacks the causal
  mask: ``EXLLAMA_NO_SDPA`` takes the path that is right.
"""

import json
import os
import re
import subprocess
import sys
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from copilot.errors import SlipstreamError
from copilot.weights import disk, safetensors
from copilot.weights.convert.agreement import Agreement
from copilot.weights.convert.gguf_import import need_room

Report = Callable[[str, float], None]
"""Told what is being done, in words, and the share of it that is done."""

COMMAND: tuple[str, ...] = ("-m", "exllamav2.conversion.convert_exl2")
CHECK: tuple[str, ...] = ("-m", "copilot.weights.convert.agreement")

_STATUS = re.compile(r"\[STATUS\](.*?)\[/STATUS\]")
_KEPT_LINES = 40
# Of the source's size: quantised tensors of every layer, calibration states of 100 samples, and the result.
_WORK_SHARE = 1.5
_JOB = "job_new.json"

_INSTALL = "It needs a CUDA GPU, a CUDA build of torch and `pip install 'slipstream-copilot[gpu]'`."
_KNOWN = (
    ("No module named", "a package that it needs is not installed", _INSTALL),
    ("does not support CUDA", "the torch that is installed is a build without CUDA", _INSTALL),
    (
        "CUDA_HOME environment variable",
        "ExLlamaV2's compiled part is missing, and no CUDA compiler was found",
        _INSTALL,
    ),
    ("No CUDA GPUs are available", "there is no CUDA GPU that torch can use", _INSTALL),
    ("out of memory", "the GPU's memory was full", "Close what else uses the GPU, then run the same again."),
    ("No space left", "the disk is full", "Free some space, then run the same again: it goes on from there."),
)
_OURS = "slipstream.json"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """``bits`` a weight; ``measurement``: of an earlier conversion of the same source, which takes half of the time."""

    source: Path
    out: Path
    work: Path
    bits: float
    head_bits: int = 6
    measurement: Path | None = None


def convert(wanted: Wanted, report: Report) -> Path:
    """Make ``wanted.out``. Stopped, it leaves ``wanted.work``, from which the same call goes on.

    Raises :class:`SlipstreamError`: ``bad_bits``, ``bad_model_file``, ``unsafe_model_file``, ``folder_in_use``,
    ``disk_full``, ``no_gpu``, ``no_engine``, ``convert_failed``.
    """
    if not 2 <= wanted.bits <= 8:
        raise SlipstreamError("--bpw must be between 2 and 8.", hint="4.0 is usual for code.", code="bad_bits")
    found = safetensors.check_folder(wanted.source)
    if found.format != "safetensors":
        raise SlipstreamError(
            f"{wanted.source} is quantised already ({found.format.upper()}).",
            hint="Give the folder with the 16-bit weights, as its publisher or `import-gguf` made it.",
            code="bad_model_file",
        )
    if wanted.out.exists() and any(wanted.out.iterdir()):
        raise SlipstreamError(
            f"{wanted.out} is there already.", hint="Name another with --out, or remove it.", code="folder_in_use"
        )
    with disk.disk_errors(wanted.work):
        _begin_or_go_on(wanted)
        _run(arguments(wanted), wanted.work / "convert.log", report)
    if not _finished(wanted):
        raise _failed(wanted)
    return wanted.out


def arguments(wanted: Wanted) -> list[str]:
    """What the converter is called with."""
    given = ["-i", str(wanted.source.absolute()), "-o", str(wanted.work.absolute()), "-cf", str(wanted.out.absolute())]
    given += ["-b", f"{wanted.bits:g}", "-hb", str(wanted.head_bits), "-so"]
    if wanted.measurement is not None and not (wanted.work / _JOB).exists():
        given += ["-m", str(wanted.measurement.absolute())]
    return given


def progress(line: str) -> tuple[str, float] | None:
    """What a line of the converter's output says about how far it is: the stage, and the share of it."""
    match = _STATUS.search(line)
    if match is None:
        return None
    try:
        status = json.loads(match[1])
        return str(status["stage"]), min(1.0, max(0.0, float(status["completion"])))
    except (ValueError, KeyError, TypeError):
        return None


def agreement(source: Path, result: Path, report: Report) -> Agreement:
    """How often the result would say what the source says. Raises :class:`SlipstreamError` ``convert_failed``."""
    command = [sys.executable, *CHECK, str(source.absolute()), str(result.absolute())]
    report("Comparing with the source", 0.0)
    child = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=_environment(),
        check=False,
    )
    last = (child.stdout.strip().splitlines() or [""])[-1]
    try:
        found = msgspec.json.decode(last, type=Agreement)
    except msgspec.DecodeError:
        why = (child.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise SlipstreamError(
            f"The result could not be compared with its source: {why[:200]}",
            hint="The result is there; compare it again with less else on the GPU, or leave it with --no-check.",
            code="convert_failed",
        ) from None
    report("Comparing with the source", 1.0)
    return found


def _begin_or_go_on(wanted: Wanted) -> None:
    """The working folder: new, or of the same conversion. The converter itself would go on with another's."""
    ours = {"source": str(wanted.source.absolute()), "bits": wanted.bits, "head_bits": wanted.head_bits}
    note = wanted.work / _OURS
    if (wanted.work / _JOB).exists():
        before = json.loads(note.read_bytes()) if note.exists() else None
        if before != ours:
            raise SlipstreamError(
                f"{wanted.work} is of another conversion.",
                hint="Name another folder with --work, or remove that one.",
                code="folder_in_use",
            )
        return
    need_room(wanted.work, int(disk.size_of(wanted.source) * _WORK_SHARE))
    wanted.work.mkdir(parents=True, exist_ok=True)
    note.write_bytes(msgspec.json.encode(ours))
    wanted.out.parent.mkdir(parents=True, exist_ok=True)


def _run(given: list[str], log: Path, report: Report) -> None:
    """To the converter's end, with its output in ``log``. Interrupted, it is ended as well."""
    child = subprocess.Popen(
        [sys.executable, *COMMAND, *given],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=_environment(),
        # Ctrl-C is for us: it would ask whether it is meant.
        start_new_session=True,
    )
    assert child.stdout is not None
    try:
        with log.open("a", encoding="utf-8") as kept, child.stdout as output:
            for line in output:
                if (now := progress(line)) is not None:
                    report(*now)
                else:
                    kept.write(line)
        child.wait()
    finally:
        if child.poll() is None:
            child.kill()
            child.wait()


def _environment() -> dict[str, str]:
    return {**os.environ, "EXLLAMA_NO_SDPA": "1", "PYTHONUNBUFFERED": "1"}


def _finished(wanted: Wanted) -> bool:
    try:
        state = json.loads((wanted.work / _JOB).read_bytes())["progress"]
        return bool(state == "finished") and safetensors.check_folder(wanted.out).format == "exl2"
    except (OSError, ValueError, KeyError, TypeError, SlipstreamError):
        return False


def _failed(wanted: Wanted) -> SlipstreamError:
    log = wanted.work / "convert.log"
    try:
        with log.open(encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in deque(file, _KEPT_LINES) if line.strip()]
    except OSError:
        lines = []
    text = "\n".join(lines)
    for mark, why, hint in _KNOWN:
        if mark in text:
            return SlipstreamError(f"The conversion failed: {why}.", hint=hint, code="convert_failed")
    last = next((line for line in reversed(lines) if "rror" in line), (lines or ["it printed nothing"])[-1])
    return SlipstreamError(
        f"The conversion failed: {last[:200]}",
        hint=f"Its whole output is in {log}. The same command goes on from where it was.",
        code="convert_failed",
    )
