"""The engine host and the private folder of its socket."""

import asyncio
import os
import socket
import stat
from pathlib import Path

import copilot
from copilot.doctor.finding import Finding, Verdict
from copilot.serve import claim
from copilot.serve.api import HostState, HostStatus

# What ``copilot.serve.claim`` allows: sun_path of macOS, without its final NUL.
_SOCKET_PATH_BYTES = 103


def runtime_folder(folder: Path, host_socket: Path) -> Finding:
    """The folder must be ours alone: who can replace the socket reads everything we type."""
    verdict, detail, next_step = Verdict.OK, f"{folder} is private", ""
    move = "Set SLIPSTREAM_HOME to a folder"
    if len(os.fsencode(host_socket)) > _SOCKET_PATH_BYTES:
        verdict, detail = Verdict.FAIL, f"The path {host_socket} is too long for a socket"
        next_step = f"{move} with a shorter path."
    else:
        try:
            info = folder.lstat()
        except FileNotFoundError:
            detail = f"{folder} will be created"
        else:
            if not stat.S_ISDIR(info.st_mode) or info.st_uid != os.getuid():
                verdict, detail = Verdict.FAIL, f"{folder} is not a folder of yours"
                next_step = f"Remove it, or: {move} that only you can write."
            elif stat.S_IMODE(info.st_mode) & 0o077:
                verdict, detail = Verdict.WARN, f"Others may enter {folder}"
                next_step = f"Run: chmod 700 {folder}"
    return Finding(id="runtime", title="Sockets", verdict=verdict, detail=detail, next_step=next_step)


def ask_host(timeout: float = 10.0) -> HostStatus | None:
    """What the host says of itself; None when none answers. Never starts one."""
    from copilot.client.host import HostClient

    async def ask() -> HostStatus | None:
        client = HostClient()
        try:
            return await asyncio.wait_for(client.status(), timeout)
        finally:
            await client.aclose()

    try:
        return asyncio.run(ask())
    except TimeoutError:
        return None


def host(status: HostStatus | None, host_socket: Path) -> Finding:
    if status is None:
        return _silent(host_socket)
    restart = "Run `slipstream stop`; it starts anew with the next completion."
    about = f"Running (process {status.pid}, version {status.version})"
    if status.state is HostState.FAILED:
        error = status.error
        detail = f"{about}, but it could not load a model: {error.message if error else status.detail}"
        return _host(Verdict.FAIL, detail, f"{error.hint} {restart}".strip() if error else restart)
    if status.version != copilot.__version__:
        return _host(Verdict.WARN, f"{about}; this is version {copilot.__version__}", restart)
    if status.state is HostState.STARTING:
        return _host(Verdict.OK, f"{about}, not ready yet: {status.detail or 'starting'}")
    return _host(Verdict.OK, f"{about}, {status.model} on {status.backend} is ready")


def _silent(host_socket: Path) -> Finding:
    holder = claim.holder()
    if holder is not None:
        detail = f"Process {holder} is the host but does not answer"
        return _host(Verdict.WARN, detail, "If it stays so: run `slipstream stop`.")
    try:
        is_socket = stat.S_ISSOCK(host_socket.lstat().st_mode)
    except FileNotFoundError:
        return _host(Verdict.OK, "Not running; it starts with the first completion")
    if not is_socket:
        return _host(Verdict.FAIL, f"{host_socket} is in the way: it is not a socket", f"Remove {host_socket}.")
    if _listens(host_socket):
        detail = f"Something else listens on {host_socket}"
        return _host(Verdict.FAIL, detail, f"End that program, or remove {host_socket}.")
    return _host(Verdict.OK, f"Not running; the stale socket {host_socket} will be replaced by the next start")


def _listens(host_socket: Path) -> bool:
    """Whether anything takes connections there, host or not."""
    with socket.socket(socket.AF_UNIX) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(host_socket))
        except OSError:
            return False
    return True


def _host(verdict: Verdict, detail: str, next_step: str = "") -> Finding:
    return Finding(id="host", title="Engine host", verdict=verdict, detail=detail, next_step=next_step)
