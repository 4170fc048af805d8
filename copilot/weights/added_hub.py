"""A model in a hub repository, looked at before it is fetched: a GGUF file, or all files of an EXL2 or EXL3 folder.

The commit and the SHA-256 of every file are pinned now, so that what is fetched later is what was looked at.
"""

import hashlib
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

import msgspec
from copilot_models.manifests import FolderFile, HubFolderSource, HubSource, Manifest

from copilot.config.settings import DownloadSettings
from copilot.errors import SlipstreamError
from copilot.weights import added, gguf, safetensors
from copilot.weights.added import Wanted

_PART_OF_MANY = re.compile(r"-\d{5}-of-\d{5}\.gguf$", re.IGNORECASE)

# Of a folder, besides its weights; whatever else lies in the repository is not fetched.
_DESCRIPTIONS = frozenset(
    {
        *("config.json", "generation_config.json", "tokenizer.json", "tokenizer_config.json", "added_tokens.json"),
        *("special_tokens_map.json", "model.safetensors.index.json"),
    }
)
_MAX_DESCRIPTION = 64 << 20


_SomeSource = TypeVar("_SomeSource", HubSource, HubFolderSource)


class _Lfs(msgspec.Struct):
    sha256: str = ""
    size: int = 0


class _Sibling(msgspec.Struct):
    rfilename: str
    lfs: _Lfs | None = None
    size: int = 0


class _Repository(msgspec.Struct):
    """What we read of the hub's answer about a repository."""

    sha: str
    siblings: list[_Sibling]
    tags: list[str] = []


def look(repo: str, branch: str, wanted: Wanted, settings: DownloadSettings) -> Manifest:
    """Describe a GGUF file of the repository, or the folder that it is. Raises :class:`SlipstreamError`."""
    from copilot.weights import hub

    try:
        at = f"/revision/{branch}" if branch else ""
        raw = hub.read_json(f"models/{repo}{at}?blobs=true", f"{repo}@{branch}" if branch else repo, settings)
        answer = msgspec.json.decode(raw, type=_Repository)
    except msgspec.MsgspecError as error:
        raise SlipstreamError(
            f"The hub's answer about {repo} can't be understood.",
            hint="Check download.hub in the configuration.",
            code="source_failed",
        ) from error
    licenses = [tag.removeprefix("license:") for tag in answer.tags if tag.startswith("license:")]
    names = {sibling.rfilename for sibling in answer.siblings}
    if not wanted.file and "config.json" in names and not any(name.lower().endswith(".gguf") for name in names):
        found = _folder(repo, branch, answer, wanted, settings)
    else:
        found = _file(repo, answer, wanted, settings)
    return msgspec.structs.replace(found, license=licenses[0] if licenses else found.license)


def _file(repo: str, answer: _Repository, wanted: Wanted, settings: DownloadSettings) -> Manifest:
    chosen = _choose(repo, answer.siblings, wanted.file)
    assert chosen.lfs is not None
    source = _checked(HubSource(repo=repo, revision=answer.sha, file=chosen.rfilename))
    header = _header_of(source, chosen.lfs.size, settings)
    # The id becomes a file name here, so it is made of what the user typed and of known words only.
    words = sorted(gguf.QUANTIZATIONS, key=len, reverse=True)
    quantization = next((word for word in words if word.lower() in chosen.rfilename.lower()), header.quantization)
    name = re.sub(r"[-_.]gguf$", "", repo.split("/")[1], flags=re.IGNORECASE)
    model_id = wanted.id or added.slug(f"{name}-{quantization}" if quantization else name)
    found = added.of_header(header, source, wanted, model_id=model_id, size=chosen.lfs.size, sha256=chosen.lfs.sha256)
    return msgspec.structs.replace(found, quantization=quantization or found.quantization)


def _folder(repo: str, branch: str, answer: _Repository, wanted: Wanted, settings: DownloadSettings) -> Manifest:
    for sibling in answer.siblings:
        safetensors.refuse_code_format(Path(sibling.rfilename))
    files: list[FolderFile] = []
    with tempfile.TemporaryDirectory(prefix="slipstream-") as temporary:
        # What is wrong with it is said by its folder's name.
        kept = Path(temporary, repo.split("/")[1])
        kept.mkdir()
        for sibling in answer.siblings:
            if sibling.rfilename in _DESCRIPTIONS:
                files.append(_described(repo, answer.sha, sibling, kept, settings))
            elif sibling.rfilename.endswith(".safetensors") and "/" not in sibling.rfilename and sibling.lfs:
                files.append(FolderFile(name=sibling.rfilename, size_bytes=sibling.lfs.size, sha256=sibling.lfs.sha256))
        described = safetensors.look(kept, added.all_spellings())
    source = _checked(HubFolderSource(repo=repo, revision=answer.sha, files=tuple(files)))
    if not any(file.name.endswith(".safetensors") for file in source.files) or not any(
        file.name == "tokenizer.json" for file in source.files
    ):
        raise SlipstreamError(
            f"{repo} lacks weights as safetensors or a tokenizer.json.",
            hint=f"Name a branch that has them: {repo}@BRANCH." if not branch else "Choose another repository.",
            code="not_found",
        )
    model_id = wanted.id or added.slug(f"{repo.split('/')[1]}-{branch}" if branch else repo.split("/")[1])
    family = added.choose_family(described.spellings, wanted.family, f"{described.architecture} {model_id}")
    return added.of_folder(described, source, model_id=model_id, family=family)


def _described(repo: str, revision: str, sibling: _Sibling, kept: Path, settings: DownloadSettings) -> FolderFile:
    """A small file, fetched now: what the model is stands in it, and the hub has no SHA-256 of most of them."""
    from copilot.weights import hub

    size = sibling.lfs.size if sibling.lfs else sibling.size
    if not 0 < size <= _MAX_DESCRIPTION:
        raise SlipstreamError(
            f"{repo} says that its {sibling.rfilename} has {size} bytes.",
            hint="Choose another repository.",
            code="source_failed",
        )
    source = _checked(HubSource(repo=repo, revision=revision, file=sibling.rfilename))
    content = hub.read_start(source, size, settings)
    digest = hashlib.sha256(content).hexdigest()
    if len(content) != size or (sibling.lfs and sibling.lfs.sha256 != digest):
        raise SlipstreamError(
            f"The hub gave another {sibling.rfilename} than it says that {repo} has.",
            hint="Try again.",
            code="wrong_hash",
            retryable=True,
        )
    (kept / sibling.rfilename).write_bytes(content)
    return FolderFile(name=sibling.rfilename, size_bytes=size, sha256=digest)


def _checked(source: _SomeSource) -> _SomeSource:
    """Held to the patterns of its fields, which values that are made here are not by themselves."""
    try:
        return msgspec.convert(msgspec.to_builtins(source), type(source))
    except msgspec.ValidationError as error:
        raise SlipstreamError(
            f"The hub names a file or commit of {source.repo} in an unusable way.",
            hint="Choose another file with --file, or another repository.",
            code="source_failed",
        ) from error


def _choose(repo: str, siblings: Sequence[_Sibling], file: str) -> _Sibling:
    usable = [
        sibling
        for sibling in siblings
        if sibling.lfs is not None
        and sibling.rfilename.lower().endswith(".gguf")
        and "mmproj" not in sibling.rfilename.lower()
        and not _PART_OF_MANY.search(sibling.rfilename)
    ]
    if file:
        usable = [sibling for sibling in usable if file in {sibling.rfilename, Path(sibling.rfilename).name}]
    elif len(usable) > 1:
        usable = [sibling for sibling in usable if "q4_k_m" in sibling.rfilename.lower()] or usable
    if len(usable) == 1:
        return usable[0]
    names = sorted("".join(char for char in sibling.rfilename if char.isprintable())[:100] for sibling in siblings)
    ggufs = [name for name in names if name.lower().endswith(".gguf")]
    if not ggufs:
        raise SlipstreamError(
            f"{repo} holds no GGUF file.",
            hint="Of EXL2 and EXL3 models a branch may have to be named: OWNER/NAME@BRANCH.",
            code="not_found",
        )
    raise SlipstreamError(
        f"{repo} has no single-file GGUF called {file}." if file else f"{repo} has several GGUF files.",
        hint=f"Choose with --file: {', '.join(ggufs[:12])}{', …' if len(ggufs) > 12 else ''}.",
        code="ambiguous_file",
    )


def _header_of(source: HubSource, size: int, settings: DownloadSettings) -> gguf.GgufHeader:
    """Read as much of the file as its header takes, so that a useless one is refused before gigabytes come."""
    from copilot.weights import hub

    length = 8 << 20
    while True:
        header = gguf.check_start(hub.read_start(source, length, settings), size, added.all_spellings())
        if header is not None:
            return header
        if length >= min(size, gguf.MAX_HEADER):
            raise SlipstreamError(
                f"The hub gave only a part of {source.file}.", hint="Try again.", code="connection_lost", retryable=True
            )
        length *= 4
