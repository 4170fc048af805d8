"""From the first message to the end of the process."""

import asyncio
import contextlib
import os
import threading

from copilot_lsp.parent import ParentWatch
from copilot_lsp.protocol import Life
from copilot_lsp.server import Server
from copilot_lsp.transport import Inbox, Outbox

# Closing connections and writing the last answers may take so long; then the process ends whatever it is doing.
_CLOSE_SECONDS = 1.0
_GRACE_SECONDS = 3.0


async def serve(server: Server, reader: int, writer: int) -> int:
    """Run ``server`` on two descriptors until the client leaves, by whatever way; returns the exit status."""
    loop = asyncio.get_running_loop()
    over: asyncio.Future[int] = loop.create_future()

    def leave(status: int) -> None:
        if not over.done():
            over.set_result(status)

    def leave_soon(status: int) -> None:
        """From any thread, and even if the loop never comes round to it."""
        last_resort = threading.Timer(_GRACE_SECONDS, os._exit, (status,))
        last_resort.daemon = True
        last_resort.start()
        with contextlib.suppress(RuntimeError):  # the loop has closed
            loop.call_soon_threadsafe(leave, status)

    protocol = server.protocol
    outbox = Outbox(writer, lost=lambda reason: leave_soon(1))
    inbox = Inbox(reader, loop, protocol.receive, ended=lambda: leave_soon(0 if protocol.life is Life.SHUT_DOWN else 1))
    watch = ParentWatch(gone=lambda: leave_soon(1))
    protocol.send_bytes = lambda data, droppable: outbox.put(data, droppable=droppable)
    protocol.leave = leave_soon
    server.watch_editor = watch.watch
    outbox.start()
    inbox.start()
    watch.start()
    try:
        return await over
    finally:
        watch.stop()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(server.close(), _CLOSE_SECONDS)
        outbox.finish(_CLOSE_SECONDS)
