"""List, fetch, check, add, recommend, make and remove models."""

import argparse
import contextlib
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from copilot import paths
from copilot.cli import models_make, models_recommend
from copilot.config.settings import Settings
from copilot.errors import SlipstreamError
from copilot.weights import disk, store
from copilot.weights import pull as pulling
from copilot.weights.progress import Meter, PullProgress, Report, Stage, amount


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The actions of ``slipstream models``."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")

    one = actions.add_parser("list", help="the models that Slipstream knows, and which are here")
    one.add_argument("--json", action="store_true", help="for programs")
    one = actions.add_parser("pull", help="fetch a model")
    one.add_argument("id", nargs="?", help="the model that completes, when left out")
    one = actions.add_parser("verify", help="read a model's file and compare its SHA-256")
    one.add_argument("id", nargs="?", help="every model that is here, when left out")
    one = actions.add_parser("path", help="print where a model's file is")
    one.add_argument("id", nargs="?", help="the model that completes, when left out")
    one = actions.add_parser("add", help="use a GGUF file or model folder of your own, or one of a hub repository")
    one.add_argument(
        "what", metavar="PATH|OWNER/NAME[@BRANCH]", help="a file or folder is used where it lies, not copied"
    )
    one.add_argument("--id", default="", help="what to call it")
    one.add_argument("--family", default="", help="its prompt format, when the guess is wrong")
    one.add_argument("--file", default="", help="which file of the repository")
    one = actions.add_parser("recommend", help="which models suit this machine, and how fast they would be")
    models_recommend.add_arguments(one)
    one = actions.add_parser("import-gguf", help="make a folder for ExLlamaV2 and V3 of a GGUF file")
    models_make.add_import(one)
    one = actions.add_parser("convert", help="quantise a folder to EXL2 (needs a CUDA GPU)")
    models_make.add_convert(one)
    one = actions.add_parser("remove", help="delete a model's file; a file that was added by its path stays")
    one.add_argument("id")


def run(args: argparse.Namespace) -> int:
    """Do one action. Returns 0, or 1 when a verified file was wrong."""
    actions: dict[str, Callable[[argparse.Namespace], int]] = {
        "list": _list,
        "pull": _pull,
        "verify": _verify,
        "path": _path,
        "add": _add,
        "remove": _remove,
        "recommend": models_recommend.run,
        "import-gguf": models_make.run_import,
        "convert": models_make.run_convert,
    }
    return actions[args.action](args)


def _settings(args: argparse.Namespace) -> Settings:
    from copilot.config.load import load

    loaded = load(args.config_file, args.overrides)
    for warning in loaded.warnings:
        _note(warning)
    return loaded.settings


def _note(text: str) -> None:
    print(f"slipstream models: {text}", file=sys.stderr)


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """A model in ``list --json``. ``path``: where its file is, or would be."""

    id: str
    state: store.State
    default: bool
    size_bytes: int
    quantization: str
    family: str
    license: str
    context_length: int
    path: str


def _list(args: argparse.Namespace) -> int:
    chosen = _settings(args).model.completion
    rows = [
        Row(
            id=of.id,
            state=store.state(of),
            default=of.id == chosen,
            size_bytes=of.size_bytes,
            quantization=of.quantization,
            family=of.family,
            license=of.license,
            context_length=of.context_length,
            path=str(store.location(of)),
        )
        for of in store.known().values()
    ]
    if args.json:
        print(msgspec.json.format(msgspec.json.encode(rows)).decode())
    else:
        wide = max(len(row.id) for row in rows)
        for row in rows:
            mark = "*" if row.default else " "
            print(f"{mark} {row.id:{wide}}  {row.state:10}  {amount(row.size_bytes):>8}  {row.license}")
        print(f"\n* completes. `slipstream models pull ID` fetches one into {paths.models_dir()}")
    for problem in store.problems().values():
        _note(problem)
    return 0


def _pull(args: argparse.Namespace) -> int:
    settings = _settings(args)
    model_id = args.id or settings.model.completion
    try:
        with _shown() as report:
            installed = pulling.pull(model_id, settings.download, report)
    except KeyboardInterrupt:
        _note(f"stopped. What came is kept: `slipstream models pull {model_id}` goes on from it.")
        raise
    print(f"{model_id} is ready: {installed.path}")
    return 0


def _verify(args: argparse.Namespace) -> int:
    here = {store.State.INSTALLED, store.State.UNVERIFIED, store.State.DAMAGED}
    chosen = [args.id] if args.id else [of.id for of in store.known().values() if store.state(of) in here]
    if not chosen:
        print("No model is here yet. `slipstream models pull` fetches one.")
    status = 0
    for model_id in chosen:
        of = store.manifest(model_id)
        try:
            with _shown() as report:
                store.verify(model_id, _reading(of.id, of.size_bytes, report))
        except SlipstreamError as error:
            if args.id:
                raise
            _note(str(error))
            status = 1
        else:
            print(f"{model_id}: right ({of.sha256})")
    return status


def _path(args: argparse.Namespace) -> int:
    print(store.find(args.id or _settings(args).model.completion).path)
    return 0


def _add(args: argparse.Namespace) -> int:
    from copilot.weights import added

    settings = _settings(args)
    wanted = added.Wanted(id=args.id, family=args.family, file=args.file)
    path = Path(args.what)
    size = disk.size_of(path) if path.exists() else 0
    with _shown() as report:
        of = added.add(args.what, wanted, settings.download, _reading(args.what, size, report))
    print(f"Added {of.id} (prompt format {of.family}, {of.quantization}, {amount(of.size_bytes)}, {of.license}).")
    if of.family == "plain":
        print("It has no fill-in-the-middle tokens that are known here, so it sees only what is before the caret.")
    if store.state(of) is not store.State.INSTALLED:
        print(f"Fetch it with `slipstream models pull {of.id}`.")
    if of.format != "gguf":
        extra = "gpu3" if of.format == "exl3" else "gpu"
        print(f"It runs on a CUDA GPU, with `pip install 'slipstream-copilot[{extra}]'` and a CUDA build of torch.")
    print(f"Use it with `slipstream --set model.completion={of.id} ...` or in the configuration file.")
    print("Run `slipstream stop` first: a host that is running keeps the model that it has.")
    return 0


def _remove(args: argparse.Namespace) -> int:
    if args.id in store.problems() and args.id not in store.known():
        gone = store.remove(args.id)
    else:
        of = store.manifest(args.id)
        with _shown() as report, pulling.locked(of, Meter(of.id, of.size_bytes, report)):
            gone = store.remove(args.id)
    for path in gone:
        print(f"removed {path}")
    if not gone:
        print(f"Nothing of {args.id} is here.")
    return 0


def _reading(name: str, size: int, report: Report) -> Callable[[int], None]:
    """Turn the bytes read of a file into reports, ten a second at most."""
    meter = Meter(name, size, report)
    meter.say(Stage.VERIFYING, f"looking at {name}")
    return meter.at


@contextlib.contextmanager
def _shown() -> Iterator[Report]:
    """Something that shows progress on stderr: a bar on a terminal, a line now and then elsewhere."""
    if not sys.stderr.isatty():
        yield _Lines().report
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=None),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=None, start=False)

        def report(progress: PullProgress) -> None:
            if not bar.tasks[0].started:
                bar.start_task(task)
            bar.update(task, description=progress.message, completed=progress.done_bytes, total=progress.total_bytes)

        yield report


class _Lines:
    """Plain lines: each new message, and each tenth of what is fetched."""

    def __init__(self) -> None:
        self._message = ""
        self._tenth = 0

    def report(self, progress: PullProgress) -> None:
        tenth = progress.done_bytes * 10 // max(progress.total_bytes, 1)
        further = progress.stage is Stage.FETCHING and tenth > self._tenth
        if progress.stage is not Stage.DONE and (progress.message != self._message or further):
            share = f" ({tenth * 10} % of {amount(progress.total_bytes)})" if progress.done_bytes else ""
            print(f"{progress.message}{share}", file=sys.stderr, flush=True)
        self._message, self._tenth = progress.message, tenth
