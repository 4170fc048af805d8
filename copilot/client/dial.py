"""How a connection to the host begins: over a Unix socket, or over TCP with TLS, through a proxy where there is one."""

import asyncio
import base64
import socket
import ssl
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias
from urllib.parse import unquote, urlsplit

from copilot.errors import SlipstreamError

CONNECT_SECONDS = 2.0
FAR_SECONDS = 10.0
"""Of a host that is not on this machine."""

_CROWDED_SECONDS = 0.005
_PROXY_HEAD_BYTES = 16_384
_PORTS = {"http": 80, "https": 443}
_HERE = frozenset({"localhost", "127.0.0.1", "::1"})

Streams: TypeAlias = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Dial: TypeAlias = Callable[[], Awaitable[Streams]]
"""Opens a connection. Raises :class:`ConnectionLostError`."""


class Loss(StrEnum):
    REFUSED = "refused"
    """Nobody is there."""
    BROKEN = "broken"
    """There was someone, who left or talks nonsense."""
    SILENT = "silent"
    UNTRUSTED = "untrusted"
    """Whoever is there can't show that it is the one that was meant."""
    PROXY = "proxy"
    """The proxy does not lead there."""


class ConnectionLostError(Exception):
    def __init__(self, loss: Loss) -> None:
        super().__init__(loss)
        self.loss = loss


def unix(address: Path) -> Dial:
    async def dial() -> Streams:
        connecting = socket.socket(socket.AF_UNIX)
        connecting.setblocking(False)
        try:
            async with asyncio.timeout(CONNECT_SECONDS):
                await _reach(connecting, str(address))
                return await asyncio.open_unix_connection(sock=connecting)
        except OSError:
            connecting.close()
            raise ConnectionLostError(Loss.REFUSED) from None
        except BaseException:
            connecting.close()
            raise

    return dial


def tcp(url: str, *, ca: str = "", proxy: str = "", insecure: bool = False) -> Dial:
    """To the host at ``url`` (``https://HOST:PORT``). ``ca``: a PEM file of authorities to trust in place of the
    system's; ``proxy``: ``http://[USER:PASSWORD@]HOST:PORT``, which is asked to connect (RFC 9110, section 9.3.6).
    ``insecure``: in clear text where the address says ``http``, also to another machine.

    Raises :class:`SlipstreamError`: ``bad_address``, ``not_encrypted``, ``bad_certificate``.
    """
    host, port, encrypted = endpoint(url, insecure=insecure)
    if proxy:
        _proxy(proxy)
    tls = _trust(ca) if encrypted else None

    async def dial() -> Streams:
        try:
            async with asyncio.timeout(FAR_SECONDS):
                if not proxy:
                    return await asyncio.open_connection(host, port, ssl=tls)
                reader, writer = await _through(proxy, f"[{host}]:{port}" if ":" in host else f"{host}:{port}")
                try:
                    if tls is not None:
                        await writer.start_tls(tls, server_hostname=host)
                except BaseException:
                    writer.transport.abort()
                    raise
                return reader, writer
        except ssl.SSLCertVerificationError:
            raise ConnectionLostError(Loss.UNTRUSTED) from None
        except ssl.SSLError:
            raise ConnectionLostError(Loss.BROKEN) from None
        except TimeoutError:
            raise ConnectionLostError(Loss.SILENT) from None
        except OSError:
            raise ConnectionLostError(Loss.REFUSED) from None

    return dial


def endpoint(url: str, *, insecure: bool = False) -> tuple[str, int, bool]:
    """Host, port, and whether it is encrypted. Raises :class:`SlipstreamError`: ``bad_address``, and ``not_encrypted``
    for ``http`` to another machine, unless ``insecure``."""
    try:
        parts = urlsplit(url)
        port = (parts.port or _PORTS[parts.scheme]) if parts.scheme in _PORTS else 0
    except ValueError:
        port = 0
    if not port or not parts.hostname or parts.path not in {"", "/"} or parts.query or parts.username:
        raise SlipstreamError(
            f"{url!r} is not the address of a host.",
            hint="Write it as https://HOST:PORT, without anything behind it.",
            code="bad_address",
        )
    if parts.scheme == "http" and not insecure and parts.hostname not in _HERE:
        raise SlipstreamError(
            f"Whoever is on the way to {url} could read the token and all code.",
            hint="Use https://, or `slipstream login --insecure-lan` where the host listens in clear text on purpose.",
            code="not_encrypted",
        )
    return parts.hostname, port, parts.scheme == "https"


def _proxy(url: str) -> tuple[str, int, str]:
    """Host, port, and the pair for its authentication. Raises :class:`SlipstreamError` ``bad_address``."""
    try:
        parts = urlsplit(url)
        port = parts.port or 80
    except ValueError:
        port = 0
    if not port or parts.scheme != "http" or not parts.hostname:
        raise SlipstreamError(
            f"{url!r} is not the address of a proxy.",
            hint="Write it as http://HOST:PORT, with USER:PASSWORD@ before the host where it wants them.",
            code="bad_address",
        )
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}" if parts.username else ""
    return parts.hostname, port, pair


def _trust(ca: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca or None)
    except (OSError, ssl.SSLError) as error:
        raise SlipstreamError(
            f"The authorities in {ca} can't be read: {error}.",
            hint="It must be a PEM file; whoever runs the host has it.",
            code="bad_certificate",
        ) from error


async def _through(proxy: str, target: str) -> Streams:
    """A tunnel to ``target``."""
    host, port, pair = _proxy(proxy)
    reader, writer = await asyncio.open_connection(host, port)
    try:
        head = f"CONNECT {target} HTTP/1.1\r\nHost: {target}\r\n"
        if pair:
            head += f"Proxy-Authorization: Basic {base64.b64encode(pair.encode()).decode()}\r\n"
        writer.write(f"{head}\r\n".encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            # By the byte: what comes behind the head is the host's.
            byte = await reader.read(1)
            answer += byte
            if not byte or len(answer) > _PROXY_HEAD_BYTES:
                raise ConnectionLostError(Loss.PROXY)
        status = answer.split(b" ", 2)
        if len(status) < 2 or not status[0].startswith(b"HTTP/1.") or not status[1].startswith(b"2"):
            raise ConnectionLostError(Loss.PROXY)
    except BaseException:
        writer.transport.abort()
        raise
    return reader, writer


async def _reach(connecting: socket.socket, address: str) -> None:
    """Not asyncio's: it takes the answer of a Unix socket with too many waiting, "again", for a connection begun."""
    while True:
        try:
            return connecting.connect(address)
        except BlockingIOError:
            await asyncio.sleep(_CROWDED_SECONDS)
