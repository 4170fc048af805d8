"""Models of the user's own: a GGUF file, a folder of safetensors (EXL2, EXL3, 16-bit), or a GGUF file in a hub
repository, turned into a manifest.

A file or folder is used where it lies, never copied or changed. Of a repository the commit and the SHA-256 are
pinned now, so that what is fetched later is what was looked at.
"""

import re
from collections.abc import Callable
from pathlib import Path

import msgspec
import tomli_w
from copilot_models import families, manifests
from copilot_models.families import Family, Kind
from copilot_models.manifests import HubFolderSource, HubSource, Manifest, PathSource

from copilot.config.settings import DownloadSettings
from copilot.errors import SlipstreamError
from copilot.weights import disk, gguf, safetensors, store
from copilot.weights.safetensors import ModelFolder

# For a model that does not say how long its context is: what even old ones have.
UNKNOWN_CONTEXT = 2048
# Stands in a manifest until the file was read.
UNHASHED = "0" * 64
# With a branch after an @, where people publish quantisations of different size.
_REPO = re.compile(
    r"([A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95})(?:@([A-Za-z0-9][A-Za-z0-9._-]{0,95}))?"
)


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What the user said about the model; empty words are guessed. ``file``: which one of a repository."""

    id: str = ""
    family: str = ""
    file: str = ""


def add(
    what: str, wanted: Wanted, settings: DownloadSettings, on_bytes: Callable[[int], None] = lambda _read: None
) -> Manifest:
    """Look at a file, a folder or a repository, and remember it. ``on_bytes`` follows the hashing of a file.

    Raises :class:`SlipstreamError` with one sentence; then nothing was remembered.
    """
    if wanted.family and wanted.family not in families.names():
        raise SlipstreamError(
            f"No model family is called {wanted.family!r}.",
            hint=f"There are {', '.join(families.names())}.",
            code="unknown_family",
        )
    path = Path(what)
    if path.exists():
        with disk.disk_errors(path):
            found = _look_at_folder(path, wanted) if path.is_dir() else _look_at_file(path, wanted)
            _check_free(found.id)
            found = msgspec.structs.replace(found, sha256=disk.sha256_of(path, on_bytes))
    elif (match := _REPO.fullmatch(what)) and not what.lower().endswith(".gguf"):
        from copilot.weights import added_hub

        found = added_hub.look(match[1], match[2] or "", wanted, settings)
        _check_free(found.id)
    else:
        raise SlipstreamError(
            f"{what} is no file, no folder and no repository.",
            hint="Give the path of a GGUF file or a model folder, or OWNER/NAME[@BRANCH] of a hub repository.",
            code="not_found",
        )
    _remember(found)
    return found


def guess_family(spellings: frozenset[str], hints: str) -> str:
    """The family whose tokens the vocabulary has: all of its FIM tokens, then most of all its tokens.

    ``hints`` (architecture, name) decide between families with the same tokens. ``plain`` when there are no FIM
    tokens.
    """
    flat = re.sub(r"[^a-z0-9]", "", hints.lower())

    def rank(family: Family) -> tuple[float, int, str]:
        share = len(spellings & set(family.controls)) / len(family.controls)
        named = [word for word in family.name.split("-") if re.sub(r"[^a-z0-9]", "", word) in flat]
        return share, len(named), family.name

    candidates = [
        family for family in map(families.load, families.names()) if _fim(family) and _fim(family) <= spellings
    ]
    return max(candidates, key=rank).name if candidates else "plain"


def _fim(family: Family) -> frozenset[str]:
    """The control tokens that the family's infilling layouts need."""
    return frozenset(
        piece.text
        for layout, template in family.layouts.items()
        for piece in template
        if piece.kind is Kind.CONTROL and layout != "prefix"
    )


def choose_family(spellings: frozenset[str], wanted: str, hints: str) -> str:
    """``wanted``, when the vocabulary has the tokens to infill with, or the guess. Raises ``wrong_family``."""
    if not wanted:
        return guess_family(spellings, hints)
    missing = sorted(_fim(families.load(wanted)) - spellings)
    if missing:
        raise SlipstreamError(
            f"The model's vocabulary has no {missing[0]}, which the prompt format {wanted} needs.",
            hint="Leave --family out to have it guessed, or give `--family plain`.",
            code="wrong_family",
        )
    return wanted


def all_spellings() -> frozenset[str]:
    return frozenset(spelling for name in families.names() for spelling in families.load(name).controls)


def _look_at_file(path: Path, wanted: Wanted) -> Manifest:
    safetensors.refuse_code_format(path)
    if path.suffix == ".safetensors":
        raise SlipstreamError(
            f"{path.name} is one file of a model.", hint="Give the folder that it is in.", code="bad_model_file"
        )
    header = gguf.check(path, all_spellings())
    model_id = wanted.id or slug(path.name.removesuffix(path.suffix))
    source = PathSource(path=_own_path(path))
    return of_header(header, source, wanted, model_id=model_id, size=path.stat().st_size, sha256=UNHASHED)


def _look_at_folder(path: Path, wanted: Wanted) -> Manifest:
    folder = safetensors.check_folder(path, all_spellings())
    model_id = wanted.id or slug(path.absolute().name)
    family = choose_family(folder.spellings, wanted.family, f"{folder.architecture} {path.absolute().name}")
    found = of_folder(folder, PathSource(path=_own_path(path)), model_id=model_id, family=family)
    return msgspec.structs.replace(found, size_bytes=disk.size_of(path))


def of_folder(folder: ModelFolder, source: HubFolderSource | PathSource, *, model_id: str, family: str) -> Manifest:
    """The manifest of a folder that was looked at; of one of the user's own the size and the hash come later."""
    files = source.files if isinstance(source, HubFolderSource) else ()
    return Manifest(
        id=model_id,
        name=model_id,
        family=family,
        license="unknown",
        quantization="F16" if folder.format == "safetensors" else f"{folder.format.upper()} {folder.bits:g} bits",
        size_bytes=sum(file.size_bytes for file in files) or 1,
        sha256=source.sha256 if isinstance(source, HubFolderSource) else UNHASHED,
        context_length=folder.context_length or UNKNOWN_CONTEXT,
        file=model_id,
        sources=(source,),
        format=folder.format,
    )


def of_header(
    header: gguf.GgufHeader, source: HubSource | PathSource, wanted: Wanted, *, model_id: str, size: int, sha256: str
) -> Manifest:
    return Manifest(
        id=model_id,
        name=header.name or model_id,
        family=choose_family(header.spellings, wanted.family, f"{header.architecture} {header.name} {model_id}"),
        license=header.license or "unknown",
        quantization=header.quantization or "unknown",
        size_bytes=size,
        sha256=sha256,
        context_length=header.context_length or UNKNOWN_CONTEXT,
        file=f"{model_id}.gguf",
        sources=(source,),
    )


def slug(name: str) -> str:
    """An id out of a name: lower case, no surprises."""
    plain = re.sub(r"[^a-z0-9._-]+", "-", name.lower())
    plain = re.sub(r"\.{2,}", ".", plain).strip("-_.")
    return plain[:100].rstrip("-_.") or "model"


def _own_path(path: Path) -> str:
    # Not resolved: a link that the user keeps pointing at the current file is to stay in use.
    text = str(path.absolute())
    if not text.isprintable():
        raise SlipstreamError(
            f"{text!a} has characters in its name that can't be written to a file.",
            hint="Rename it.",
            code="bad_path",
        )
    return text


def _check_free(model_id: str) -> None:
    if model_id in store.FOLDERS:
        raise SlipstreamError(
            f"A model can't be called {model_id}: Slipstream keeps something of its own under that name.",
            hint="Give another name with --id.",
            code="bad_id",
        )
    if model_id in store.known() or model_id in store.problems():
        raise SlipstreamError(
            f"There is already a model called {model_id}.",
            hint=f"Give another name with --id, or run `slipstream models remove {model_id}` first.",
            code="exists",
        )


def _remember(found: Manifest) -> None:
    toml = tomli_w.dumps(msgspec.to_builtins(found)).encode()
    try:
        # Read back as it will be: the patterns of the fields hold for what we write, too.
        manifests.parse(toml)
    except ValueError as error:
        raise SlipstreamError(
            f"{found.id!r} can't be described in a manifest: {error}.",
            hint="Choose a name of lower-case letters, digits, dots and dashes with --id.",
            code="bad_manifest",
        ) from error
    with disk.disk_errors(store.added_path(found.id)):
        disk.write_atomic(store.added_path(found.id), toml)
    if any(isinstance(source, PathSource) for source in found.sources):
        store.stamp(found)
