"""Files from a Hugging Face hub, or a mirror of one, over HTTP.

Nothing the hub says decides where bytes are written. A redirect to an address or a name that is plainly of this
machine or its network is refused; names are not looked up, so a public name that leads there is not noticed.
"""

import contextlib
import ipaddress
import os
import queue
import re
import threading
import time
from collections.abc import Generator
from urllib.parse import quote, urljoin, urlsplit

import httpx
import msgspec
from copilot_models.manifests import HubSource

from copilot import __version__
from copilot.config.settings import DownloadSettings
from copilot.errors import SlipstreamError
from copilot.weights.partial import PartialFile
from copilot.weights.progress import Meter, SourceFailed, Stage, amount, cancelled

IDLE_SECONDS = 30.0
MAX_REDIRECTS = 5
MAX_JSON = 16 << 20
# An attempt that brought less than this counts as one without progress; so many of those in a row end it.
PROGRESS_BYTES = 64 << 10
ATTEMPTS = 4
BACKOFF_SECONDS = 0.5
_LOOPBACK = {"127.0.0.1", "::1", "localhost"}
_LOCAL_SUFFIXES = (".localhost", ".local", ".internal", ".lan", ".home.arpa")


def fetch(source: HubSource, part: PartialFile, settings: DownloadSettings, meter: Meter) -> None:
    """Append to ``part`` what it lacks, in as many requests as the connection needs.

    Raises :class:`SourceFailed` with one sentence; at once when the hub does not answer within
    ``settings.connect_seconds``.
    """
    url = _url(source, settings)
    idle_attempts = 0
    while part.offset < part.size:
        before = part.offset
        try:
            _attempt(url, f"{source.repo}/{source.file}", part, settings, meter)
        except _CutError as error:
            idle_attempts = 0 if part.offset - before >= PROGRESS_BYTES else idle_attempts + 1
            if idle_attempts >= ATTEMPTS:
                raise SourceFailed(
                    f"The connection to the hub broke after {amount(part.offset)} of {amount(part.size)}.",
                    hint="Run the same again: it goes on from there.",
                    code="connection_lost",
                    retryable=True,
                ) from error
            meter.say(Stage.HUB, "the connection broke, asking the hub again")
            if idle_attempts:
                meter.cancel.wait(BACKOFF_SECONDS * 2 ** (idle_attempts - 1))


def read_json(path: str, what: str, settings: DownloadSettings) -> bytes:
    """Get a document of the hub's API about ``what``. Raises :class:`SourceFailed`."""
    return _read_start(f"{_base(settings)}/api/{path}", what, {}, MAX_JSON, settings)


def read_start(source: HubSource, length: int, settings: DownloadSettings) -> bytes:
    """Get the first ``length`` bytes of a file, or all of it when it is shorter. Raises :class:`SourceFailed`."""
    return _read_start(_url(source, settings), source.file, {"Range": f"bytes=0-{length - 1}"}, length, settings)


def _read_start(url: str, what: str, headers: dict[str, str], length: int, settings: DownloadSettings) -> bytes:
    body = bytearray()
    try:
        with contextlib.closing(_answer(url, headers, settings, threading.Event())) as items:
            for item in items:
                if isinstance(item, bytes):
                    body += item
                elif item.status not in {200, 206}:
                    raise _refused(item.status, what)
                if len(body) >= length:
                    break
    except _CutError as error:
        raise SourceFailed("The connection to the hub broke.", code="connection_lost", retryable=True) from error
    return bytes(body[:length])


def _url(source: HubSource, settings: DownloadSettings) -> str:
    return f"{_base(settings)}/{source.repo}/resolve/{source.revision}/{quote(source.file)}"


class _CutError(Exception):
    """The hub answered, and then the connection broke or went silent."""


class _Head(msgspec.Struct, frozen=True):
    """The start of the last answer. ``identity`` tells whether two answers are of the same file."""

    status: int
    content_range: str
    content_length: int | None
    encoded: bool
    identity: str
    linked_sha256: str


def _attempt(url: str, what: str, part: PartialFile, settings: DownloadSettings, meter: Meter) -> None:
    """One request, from where ``part`` ends."""
    start = part.offset
    headers = {"Range": f"bytes={start}-"} if start else {}
    with contextlib.closing(_answer(url, headers, settings, meter.cancel)) as items:
        head = next(items)
        assert isinstance(head, _Head)
        if not _accept(head, part, what):
            return
        meter.say(Stage.FETCHING, "fetching from the hub")
        for block in items:
            assert isinstance(block, bytes)
            part.append(block)
            meter.at(part.offset)
    if part.offset < part.size:
        raise _CutError


def _accept(head: _Head, part: PartialFile, what: str) -> bool:
    """Make ``part`` ready for the body. False: start over with a new request, from the first byte."""
    resuming = part.offset > 0
    if head.encoded:
        raise SourceFailed("The hub sent the file compressed, which was not asked for.", code="source_failed")
    if head.linked_sha256 and head.linked_sha256 != part.sha256:
        raise SourceFailed("The hub has another file under this name.", code="wrong_hash")
    if head.status == 206 and resuming:
        expected = f"bytes {part.offset}-{part.size - 1}/{part.size}"
        same = not part.tag or part.tag == head.identity
        if head.content_range == expected and same and head.content_length in {None, part.size - part.offset}:
            part.set_tag(head.identity)
            return True
        part.restart()
        return False
    if head.status == 416 and resuming:
        part.restart()
        return False
    if head.status != 200:
        raise _refused(head.status, what)
    if head.content_length not in {None, part.size}:
        raise SourceFailed(f"The hub's file has {head.content_length} bytes, not {part.size}.", code="wrong_size")
    part.restart(head.identity)
    return True


def _refused(status: int, what: str) -> SourceFailed:
    shown = "".join(char for char in what if char.isprintable())[:200]
    if status in {401, 403}:
        return SourceFailed(
            f"The hub does not give {shown} without a login.",
            hint="Check the name; accept the model's terms on its page, then set HF_TOKEN to a token of yours.",
            code="forbidden",
        )
    if status == 404:
        return SourceFailed(f"The hub has no {shown}.", hint="Check the name.", code="not_found")
    busy = status == 429 or status >= 500
    return SourceFailed(
        f"The hub answered with HTTP status {status}.", hint="Try again later.", code="source_failed", retryable=busy
    )


def _base(settings: DownloadSettings) -> str:
    base = settings.hub.rstrip("/")
    parts = urlsplit(base)
    plain = parts.scheme == "http" and parts.hostname in _LOOPBACK
    if (parts.scheme != "https" and not plain) or not parts.hostname:
        raise SlipstreamError(
            f"download.hub is {settings.hub!r}, which is not an https address.",
            hint="Correct it in the configuration file.",
            code="bad_setting",
        )
    return base


def _redirected(url: str, target: str, hub: str) -> str:
    """The address a redirect leads to, when it may: the hub's own host, or an https one that is not plainly local."""
    try:
        new = urljoin(url, target)
        parts, home = urlsplit(new), urlsplit(hub)
        same_host = (parts.scheme, parts.hostname, parts.port) == (home.scheme, home.hostname, home.port)
    except ValueError as error:
        raise SourceFailed("The hub redirects to no valid address.", code="bad_redirect") from error
    host = parts.hostname or ""
    if same_host or (parts.scheme == "https" and not _local(host)):
        return new
    raise SourceFailed(
        f"The hub redirects to {parts.scheme}://{host}, which is not a public https address.",
        hint="A proxy or a login page may be in between.",
        code="bad_redirect",
    )


def _local(host: str) -> bool:
    """Whether ``host`` says by itself that it is here, or is written as no public one needs to be."""
    # The root's dot; with it a name means the same.
    host = host.rstrip(".")
    with contextlib.suppress(ValueError):
        return not ipaddress.ip_address(host).is_global
    # What ends in a number is an address to a resolver, in one of the short, octal or hexadecimal spellings.
    last = host.rpartition(".")[2]
    if not host.isascii() or last.isdigit() or last.startswith("0x"):
        return True
    return "." not in host or host.endswith(_LOCAL_SUFFIXES)


def _exchange(url: str, headers: dict[str, str], settings: DownloadSettings) -> Generator[_Head | bytes | None]:
    """The whole exchange, in a thread of its own: ``None`` for each sign of life, the head, the body."""
    hub = _base(settings)
    timeout = httpx.Timeout(IDLE_SECONDS, connect=settings.connect_seconds)
    token = os.environ.get("HF_TOKEN", "").strip()
    linked = ""
    with httpx.Client(timeout=timeout, follow_redirects=False) as client:
        for _ in range(MAX_REDIRECTS + 1):
            sent = {"User-Agent": f"slipstream/{__version__}", "Accept-Encoding": "identity", **headers}
            # The token is the hub's: the storage it redirects to gets none.
            if token and urlsplit(url).netloc == urlsplit(hub).netloc:
                sent["Authorization"] = f"Bearer {token}"
            with client.stream("GET", url, headers=sent) as response:
                yield None
                found = response.headers.get("x-linked-etag", "").strip('"').lower()
                linked = found if re.fullmatch(r"[0-9a-f]{64}", found) else linked
                if response.is_redirect:
                    url = _redirected(url, response.headers.get("location", ""), hub)
                    continue
                length = response.headers.get("content-length", "")
                yield _Head(
                    status=response.status_code,
                    content_range=response.headers.get("content-range", ""),
                    content_length=int(length) if re.fullmatch(r"[0-9]{1,19}", length) else None,
                    encoded=response.headers.get("content-encoding", "identity") != "identity",
                    identity=linked or response.headers.get("etag", ""),
                    linked_sha256=linked,
                )
                # As it comes: gathering larger blocks would lose what was gathered when the connection breaks.
                yield from response.iter_raw()
                return
    raise SourceFailed("The hub redirects without end.", code="bad_redirect")


_END = object()


def _answer(
    url: str, headers: dict[str, str], settings: DownloadSettings, cancel: threading.Event
) -> Generator[_Head | bytes]:
    """The head, then the body in blocks.

    :func:`_exchange` runs in a thread, so that a slow name server or a silent peer can't hold the caller: it leaves
    when time is up, or when ``cancel`` is set.
    """
    items: queue.Queue[object] = queue.Queue(maxsize=4)
    left = threading.Event()

    def put(item: object) -> None:
        while not left.is_set():
            with contextlib.suppress(queue.Full):
                items.put(item, timeout=0.2)
                return

    def work() -> None:
        try:
            with contextlib.closing(_exchange(url, headers, settings)) as exchange:
                for item in exchange:
                    put(item)
                    if left.is_set():
                        return
            put(_END)
        except Exception as error:
            put(error)

    threading.Thread(target=work, name="hub-download", daemon=True).start()
    reached = False
    try:
        while True:
            try:
                item = _wait(items, IDLE_SECONDS if reached else settings.connect_seconds, cancel)
            except TimeoutError as error:
                item = error
            if item is _END:
                return
            if isinstance(item, SlipstreamError):
                raise item
            if isinstance(item, Exception):
                raise (_CutError() if reached else _unreachable(url, item, settings)) from item
            reached = True
            if isinstance(item, _Head | bytes):
                yield item
    finally:
        left.set()


def _wait(items: queue.Queue[object], seconds: float, cancel: threading.Event) -> object:
    deadline = time.monotonic() + seconds
    while True:
        if cancel.is_set():
            raise cancelled()
        try:
            return items.get(timeout=max(0.0, min(0.1, deadline - time.monotonic())))
        except queue.Empty:
            if time.monotonic() >= deadline:
                raise TimeoutError from None


def _unreachable(url: str, error: Exception, settings: DownloadSettings) -> SourceFailed:
    slow = isinstance(error, TimeoutError | httpx.TimeoutException)
    how = f"did not answer within {settings.connect_seconds:g} s" if slow else "can't be reached"
    return SourceFailed(
        f"The hub ({urlsplit(url).hostname}) {how}.", hint="Check the network.", code="no_network", retryable=True
    )
