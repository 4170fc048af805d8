"""What a file is besides text that people wrote: told by its name and its bytes. No I/O."""

import re
from enum import StrEnum

LARGEST = 1_000_000
LONGEST_LINE = 5_000
_NUL_WITHIN = 8 * 1024
_HEADER_BYTES, _HEADER_LINES = 4 * 1024, 40


class Kind(StrEnum):
    """Why a file is not text that people wrote."""

    BINARY = "binary"
    HUGE = "huge"
    MINIFIED = "minified"
    GENERATED = "generated"
    NO_TEXT = "no text"


# Lower-case names of what tools write.
_GENERATED_NAMES = re.compile(
    r"""
    # lock files
    package-lock\.json | npm-shrinkwrap\.json | yarn\.lock | pnpm-lock\.ya?ml | bun\.lockb? | deno\.lock
  | poetry\.lock | pdm\.lock | uv\.lock | pipfile\.lock | pixi\.lock | conda-lock\.ya?ml
  | cargo\.lock | go\.sum | go\.work\.sum | gopkg\.lock | glide\.lock | composer\.lock | gemfile\.lock | podfile\.lock
  | cartfile\.resolved | package\.resolved | pubspec\.lock | mix\.lock | rebar\.lock | flake\.lock | gradle\.lockfile
  | packages\.lock\.json | paket\.lock | \.terraform\.lock\.hcl | chart\.lock | module\.bazel\.lock | conan\.lock
    # bundles and maps
  | .*[.-]min\.(?:js|mjs|cjs|css) | .*\.(?:js|mjs|cjs|css|d\.ts)\.map | .*\.map | .*\.bundle\.js | .*\.chunk\.(?:js|css)
    # what compilers of interfaces write
  | .*_pb2(?:_grpc)?\.pyi? | .*\.pb\.(?:go|cc|h|c|swift|rs) | .*\.pb\.(?:gw|validate)\.go | .*_pb\.(?:js|d\.ts|ts|rb)
  | .*_grpc_pb\.(?:js|d\.ts) | .*\.(?:g|freezed|gr|mocks|pb|pbenum|pbjson|pbserver|chopper)\.dart
  | .*\.(?:designer|g|g\.i|generated)\.(?:cs|vb) | zz_generated.*\.go
  | .*[._](?:generated|gen)\.(?:go|ts|tsx|js|py|rs|java|h|cc)
  | bindata\.go | moc_.*\.cpp | qrc_.*\.(?:cpp|py) | (?:lex\.yy|.*\.tab)\.[ch]
    """,
    re.VERBOSE,
)
_COMMENT = re.compile(r"\s*(?://|/\*|\*|#|--|;|%|<!--|<\?|\(\*|\{-|\"\"\"|'''|REM\b|@?rem\b|'|\"use |dnl\b|$)")
_MARKER = re.compile(
    r"""
    \bDO\ NOT\ (?:EDIT|MODIFY|CHANGE)\b | (?<![\w.])@(?:partially-)?generated\b(?!\s*=)
  | \bCode\ generated\ (?:by|from)\b
  | (?i:\b(?:auto[- ]?generated|automatically\ generated|generated\ automatically|machine[- ]generated)\b)
  | (?i:\b(?:this|the)\ (?:file|code|module|source)\ (?:is|was|has\ been)\ (?:auto[- ]?)?generated\b)
  | (?i:\bgenerated\b.{0,60}\bdo\ not\ (?:edit|modify|change)\b) | (?i:<auto-?generated)
  | ^\W{0,4}Generated\ by\ the\ (?:protocol|gRPC)
    """,
    re.VERBOSE | re.MULTILINE,
)


def kind_of(path: str, data: bytes) -> Kind | None:
    """None for text that people wrote, an empty file among it. ``data`` is the whole file at ``path`` (posix)."""
    if len(data) > LARGEST:
        return Kind.HUGE
    if data.startswith((b"\xff\xfe", b"\xfe\xff")):
        return Kind.NO_TEXT
    if data.find(b"\0", 0, _NUL_WITHIN) >= 0:
        return Kind.BINARY
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return Kind.NO_TEXT
    name = path.rpartition("/")[2].lower()
    if _GENERATED_NAMES.fullmatch(name) or _says_generated(text):
        return Kind.GENERATED
    if _has_long_line(text):
        return Kind.MINIFIED
    return None


def _says_generated(text: str) -> bool:
    """Whether the comments that the file begins with say so; what stands in code may be a generator's own text."""
    head = text[:_HEADER_BYTES].removeprefix("\ufeff")
    if not _MARKER.search(head):
        return False
    within = ""
    for line in head.splitlines()[:_HEADER_LINES]:
        if not within and not _COMMENT.match(line):
            return False
        if _MARKER.search(line):
            return True
        within = _still_within(line.strip(), within)
    return False


def _still_within(line: str, within: str) -> str:
    """What ends the block comment that is open after ``line``, "" for none."""
    if within:
        return "" if within in line else within
    for begin, end in (("/*", "*/"), ("<!--", "-->"), ("(*", "*)"), ("{-", "-}"), ('"""', '"""'), ("'''", "'''")):
        if line.startswith(begin) and end not in line[len(begin) :]:
            return end
    return ""


def _has_long_line(text: str) -> bool:
    return len(text) > LONGEST_LINE and any(len(line) > LONGEST_LINE for line in text.splitlines())
