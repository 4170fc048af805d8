"""Where others on the network reach a shared host: the port, its TLS, and the rules for opening one."""

import ipaddress
import socket
import ssl
from collections.abc import Collection
from typing import NamedTuple

from copilot.config.settings import TeamSettings
from copilot.errors import SlipstreamError
from copilot.serve.doors import Door, Refused, TeamDoor
from copilot.serve.users import Users

_BACKLOG = 1024


class Port(NamedTuple):
    """``listener``: a socket that listens. ``tls`` None: in clear text."""

    listener: socket.socket
    door: Door
    tls: ssl.SSLContext | None = None


class Address(NamedTuple):
    host: str
    port: int

    @property
    def is_local(self) -> bool:
        """Only this machine reaches it."""
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return self.host == "localhost"


def parsed(text: str) -> Address:
    """``ADDRESS:PORT``, of IPv6 ``[ADDRESS]:PORT``. Raises :class:`SlipstreamError` ``bad_address``."""
    host, _, port = text.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65_535:
        raise SlipstreamError(
            f"{text!r} is no address to listen on.",
            hint="Write it as 0.0.0.0:8443, or [::]:8443 for IPv6 too.",
            code="bad_address",
        )
    return Address(host.removeprefix("[").removesuffix("]"), int(port))


def team_port(
    settings: TeamSettings, users: Users, *, insecure: bool = False, refused: Refused = lambda *_: None
) -> Port:
    """Open the port of a shared host. ``insecure``: in clear text where no certificate is given, on any address.
    ``refused``: see :class:`~copilot.serve.doors.TeamDoor`.

    Raises :class:`SlipstreamError`: ``no_users``, ``no_certificate``, ``bad_certificate``, ``bad_address``,
    ``port_taken``.
    """
    address = parsed(settings.listen)
    if not users.all():
        raise SlipstreamError(
            "A shared host lets in nobody without a token, and there is none yet.",
            hint="`slipstream users add NAME` makes one.",
            code="no_users",
        )
    tls = _tls(settings)
    if tls is None and not address.is_local and not insecure:
        raise SlipstreamError(
            f"{settings.listen} can be reached by others, and without a certificate they could read along.",
            hint="Set team.certificate and team.key (docs/team.md makes them with one command), or listen on "
            "127.0.0.1. --insecure-lan does it in clear text.",
            code="no_certificate",
        )
    listener = _listening(address)
    return Port(listener, TeamDoor(users, _names(address, settings.names), refused), tls)


def _names(address: Address, names: Collection[str]) -> set[str]:
    """What clients may call the host: what is set, the machine's own name, and the address unless it means all."""
    found = {*names, socket.gethostname(), socket.getfqdn()}
    means_all = address.host in {"0.0.0.0", "::"}  # noqa: S104 - nothing is bound here
    return found if means_all else {*found, address.host}


def _tls(settings: TeamSettings) -> ssl.SSLContext | None:
    if not settings.certificate:
        return None
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    try:
        context.load_cert_chain(settings.certificate, settings.key or None)
    except (OSError, ssl.SSLError) as error:
        raise SlipstreamError(
            f"The certificate {settings.certificate} or its key can't be used: {error}.",
            hint="team.certificate and team.key name two PEM files that belong together; the key has no passphrase.",
            code="bad_certificate",
        ) from error
    return context


def _listening(address: Address) -> socket.socket:
    try:
        family, kind, _, _, where = socket.getaddrinfo(
            address.host, address.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind)
    except OSError as error:
        raise _not_opened(address, error) from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        # Connections inherit it. Without, a small answer waits 40 ms for the other side's delayed acknowledgement.
        listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        listener.bind(where)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        raise _not_opened(address, error) from error
    return listener


def _not_opened(address: Address, error: OSError) -> SlipstreamError:
    return SlipstreamError(
        f"Can't listen on {address.host} port {address.port}: {error.strerror or error}.",
        hint="Choose another with team.listen or --listen.",
        code="port_taken",
    )
