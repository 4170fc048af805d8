"""A folder of 16-bit safetensors to EXL2, by ExLlamaV2's own converter in a child process.

What its source (``exllamav2/conversion``, 0.3.2) does, and is built upon:

- ``-so`` makes it print ``[STATUS]{"stage": …, "completion": …}[/STATUS]``.
- It ends with status 0 on most of its errors: what counts is ``job_new.json``, whose ``progress`` is ``finished`` in
  the end, and that the folder is there.
- A working folder with a ``job_new.json`` is gone on with, and other options are then ignored.
- Ctrl-C makes it ask a question on its input.
- ``measurement.json`` in the working folder is there once it has measured, which is half of the work.
- What it measures it computes with the plain path of attention, which is wrong (see ``engine.exllama.exact``): hence
  ``converter``, which repairs it.
"""

import contextlib
import io
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable
from pathlib import Path

import msgspec

from copilot.engine.exllama import extension
from copilot.engine.exllama.convert.agreement import Agreement
from copilot.errors import SlipstreamError
from copilot.weights import disk, safetensors
from copilot.weights.convert.gguf_import import need_room

Report = Callable[[str, float], None]
"""Told what is being done, in words, and the share of it that is done."""

COMMAND: tuple[str, ...] = ("-m", "copilot.engine.exllama.convert.converter")
CHECK: tuple[str, ...] = ("-m", "copilot.engine.exllama.convert.agreement")
MEASUREMENT = "measurement.json"

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
_LOG = "convert.log"
_SCRATCH = (_JOB, "out_tensor", "cal_data.safetensors", "hidden_states.safetensors", "hidden_states_temp.safetensors")
"""All that the converter leaves in the working folder, but the measurement."""


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """``bits`` a weight; ``measurement``: of an earlier conversion of the same source, which takes half of the time."""

    source: Path
    out: Path
    work: Path
    bits: float
    head_bits: int = 6
    measurement: Path | None = None


def convert(wanted: Wanted, report: Report) -> Path:
    """Make ``wanted.out``. Stopped, it leaves ``wanted.work``, from which the same call goes on; done, it leaves the
    measurement and the log in it.

    Raises :class:`SlipstreamError`: ``bad_bits``, ``bad_model_file``, ``unsafe_model_file``, ``folder_in_use``,
    ``disk_full``, ``no_gpu``, ``no_engine``, ``convert_failed``, ``unsupported_model``.
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
    _need_rope(wanted.source)
    goes_on = _goes_on(wanted)
    if wanted.out.exists() and any(wanted.out.iterdir()) and not goes_on:
        raise SlipstreamError(
            f"{wanted.out} is there already.", hint="Name another with --out, or remove it.", code="folder_in_use"
        )
    environment = _environment(report)
    with disk.disk_errors(wanted.work):
        if not goes_on:
            _begin(wanted)
        log = wanted.work / _LOG
        before = log.stat().st_size if log.exists() else 0
        _run(arguments(wanted), environment, log, report)
    if _progress(wanted) != "finished" or not _is_exl2(wanted.out):
        raise _failed(log, before)
    _tidy(wanted.work)
    return wanted.out


def arguments(wanted: Wanted) -> list[str]:
    """What the converter is called with."""
    given = ["-i", str(wanted.source.absolute()), "-o", str(wanted.work.absolute()), "-cf", str(wanted.out.absolute())]
    given += ["-b", f"{wanted.bits:g}", "-hb", str(wanted.head_bits), "-so"]
    measurement = wanted.measurement
    if measurement is None and _read(wanted.work / MEASUREMENT):
        measurement = wanted.work / MEASUREMENT
    if measurement is not None and not (wanted.work / _JOB).exists():
        given += ["-m", str(measurement.absolute())]
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
    command = [sys.executable, "-P", *CHECK, str(source.absolute()), str(result.absolute())]
    report("Comparing with the source", 0.0)
    child = subprocess.run(
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        env=_environment(report),
        check=False,
    )
    last = (child.stdout.strip().splitlines() or [""])[-1]
    try:
        found = msgspec.json.decode(last, type=Agreement)
    except msgspec.DecodeError:
        why = (child.stderr.strip().splitlines() or ["it printed nothing"])[-1]
        raise SlipstreamError(
            f"The result could not be compared with its source: {why[:200]}",
            hint=f"The result is in {result}, unchecked: both models have to fit on the GPU, one after the other.",
            code="convert_failed",
        ) from None
    report("Comparing with the source", 1.0)
    return found


def _need_rope(source: Path) -> None:
    """The converter would take the usual base where it does not find the model's own."""
    described = _read(source / "config.json")
    rope = described.get("rope_parameters")
    if "rope_theta" not in described and isinstance(rope, dict):
        raise SlipstreamError(
            f"{source} has its RoPE base where ExLlamaV2 does not look for it.",
            hint=f'Add "rope_theta": {rope.get("rope_theta")} to its config.json, beside "rope_parameters".',
            code="unsupported_model",
        )


def _weights(source: Path) -> list[list[object]]:
    """By which other weights in the same place are noticed."""
    found = sorted(source.glob("*.safetensors"))
    return [[file.name, file.stat().st_size, file.stat().st_mtime_ns] for file in found]


def _ours(wanted: Wanted) -> dict[str, object]:
    """What the converter would not notice when it goes on: it keeps to what it began with."""
    return {
        "source": str(wanted.source.absolute()),
        "weights": _weights(wanted.source),
        "out": str(wanted.out.absolute()),
        "bits": wanted.bits,
        "head_bits": wanted.head_bits,
    }


def _goes_on(wanted: Wanted) -> bool:
    """Whether the working folder holds a part of this very conversion."""
    if not (wanted.work / _JOB).exists():
        return False
    if _read(wanted.work / _OURS) != _ours(wanted):
        raise SlipstreamError(
            f"{wanted.work} is of another conversion.",
            hint="Name another folder with --work, or remove that one.",
            code="folder_in_use",
        )
    # One that is done has a result that is gone; one that can't be read was killed while it was being written.
    return _progress(wanted) not in {"", "finished"}


def _begin(wanted: Wanted) -> None:
    before, ours = _read(wanted.work / _OURS), _ours(wanted)
    if not before and wanted.work.exists() and any(wanted.work.iterdir()):
        raise SlipstreamError(
            f"{wanted.work} holds something else.",
            hint="Name a folder that is empty, or not there, with --work.",
            code="folder_in_use",
        )
    need_room(wanted.work, int(disk.size_of(wanted.source) * _WORK_SHARE))
    wanted.work.mkdir(parents=True, exist_ok=True)
    (wanted.work / _JOB).unlink(missing_ok=True)
    measured = wanted.work / MEASUREMENT
    same = (before.get("source"), before.get("weights")) == (ours["source"], ours["weights"])
    asked_for = wanted.measurement is not None and wanted.measurement.absolute() == measured.absolute()
    if measured.exists() and not same and not asked_for:
        # Of other weights: not to be used by itself, and hours of work.
        measured.replace(measured.with_name("measurement-of-others.json"))
    (wanted.work / _OURS).write_bytes(msgspec.json.encode(ours))
    wanted.out.parent.mkdir(parents=True, exist_ok=True)


def _tidy(work: Path) -> None:
    """What is left is as large as the source; the measurement serves another size, the log whoever wonders."""
    for path in map(work.joinpath, _SCRATCH):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)


def _run(given: list[str], environment: dict[str, str], log: Path, report: Report) -> None:
    """To the converter's end, with its output in ``log``. Interrupted, it is ended as well."""
    child = subprocess.Popen(
        [sys.executable, "-P", *COMMAND, *given],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        env=environment,
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
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, signal.SIGKILL)
            child.wait()


def _environment(report: Report) -> dict[str, str]:
    """With the library's compiled part, which it would otherwise compile again, elsewhere."""
    folder = extension.ensure("exllamav2", lambda what, share: report(what, share or 0.0), threading.Event())
    path = os.pathsep.join(part for part in (folder, os.environ.get("PYTHONPATH", "")) if part)
    return {**os.environ, **({"PYTHONPATH": path} if path else {}), "PYTHONUNBUFFERED": "1"}


def _read(file: Path) -> dict[str, object]:
    try:
        found = json.loads(file.read_bytes())
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _progress(wanted: Wanted) -> str:
    """How far the converter is, in its own words."""
    return str(_read(wanted.work / _JOB).get("progress", ""))


def _is_exl2(folder: Path) -> bool:
    try:
        return safetensors.check_folder(folder).format == "exl2"
    except (OSError, SlipstreamError):
        return False


def _failed(log: Path, start: int) -> SlipstreamError:
    """Why, from what it wrote after the first ``start`` bytes, which are of earlier attempts."""
    try:
        with log.open("rb") as kept:
            kept.seek(start)
            file = io.TextIOWrapper(kept, encoding="utf-8", errors="replace")
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
