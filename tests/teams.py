"""A shared host for tests: in this process, with a scripted engine, on a real port with real TLS."""

import contextlib
import ssl
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import httpx
import msgspec
import trustme

from copilot.config.settings import Settings
from copilot.engine.protocol import Engine
from copilot.serve.callers import Scope
from copilot.serve.ports import team_port
from copilot.serve.recording import Recorder
from copilot.serve.users import Users
from tests.hosts import GUARD_SECONDS, Running, running, settings

if TYPE_CHECKING:
    from copilot.serve.metrics import Metrics


class Authority(NamedTuple):
    """Files in PEM: ``certificate`` and ``key`` are a host's, ``ca`` is what its clients trust."""

    certificate: Path
    key: Path
    ca: Path


class Team(NamedTuple):
    running: Running
    users: Users
    url: str
    ca: Path

    def token(self, name: str, *scopes: Scope) -> str:
        """Of a new user."""
        return self.users.add(name, scopes or (Scope.COMPLETE, Scope.CHAT))

    def http(self, token: str = "", **headers: str) -> httpx.AsyncClient:
        given = {"Authorization": f"Bearer {token}"} if token else {}
        verify = ssl.create_default_context(cafile=str(self.ca))
        return httpx.AsyncClient(base_url=self.url, verify=verify, headers=given | headers, timeout=GUARD_SECONDS)


def authority(folder: Path, *names: str) -> Authority:
    """A new one, and a certificate of it for ``names``."""
    ca = trustme.CA()
    issued = ca.issue_cert(*(names or ("localhost", "127.0.0.1")))
    found = Authority(folder / "host.pem", folder / "host.key", folder / "ca.pem")
    issued.private_key_pem.write_to_path(found.key)
    found.certificate.write_bytes(b"".join(blob.bytes() for blob in issued.cert_chain_pems))
    ca.cert_pem.write_to_path(found.ca)
    return found


@contextlib.asynccontextmanager
async def team(
    engine: Engine,
    folder: Path,
    *,
    options: Settings | None = None,
    metrics: "Metrics | None" = None,
    recorder: Recorder | None = None,
) -> AsyncIterator[Team]:
    """With one user, ``first``, so that it may open its port."""
    pem = authority(folder)
    users = Users()
    users.add("first", (Scope.COMPLETE,))
    options = options or settings()
    where = msgspec.structs.replace(
        options.team, listen="127.0.0.1:0", certificate=str(pem.certificate), key=str(pem.key)
    )
    options = msgspec.structs.replace(options, team=where)
    refused = recorder.login_refused if recorder is not None else lambda *_: None
    port = team_port(where, users, refused=refused)
    url = f"https://localhost:{port.listener.getsockname()[1]}"
    async with running(engine, options=options, ports=(port,), metrics=metrics, recorder=recorder) as host:
        yield Team(host, users, url, pem.ca)
