"""Editors and windows of one user, who find each other here. The host carries their letters and reads none; of a shared
host each user sees their own only.

Each peer is a connection that stays open. What it is sent waits in a bounded queue: one that stops reading loses its
connection, not a letter out of the middle.
"""

import asyncio
import secrets
from collections import deque

import msgspec

from copilot.errors import SlipstreamError
from copilot.serve.api import LetterData, Peer, PeerBody, PeersData

MOST_PEERS = 64
MOST_WAITING_BYTES = 16 * 1024 * 1024

Post = PeersData | LetterData


class Mailbox:
    """What waits for one peer, in order. ``tenant``: whose it is."""

    def __init__(self, peer: Peer, tenant: str) -> None:
        self.peer = peer
        self.tenant = tenant
        self.closed = False
        self._waiting: deque[Post] = deque()
        self._bytes = 0
        self._came = asyncio.Event()

    def put(self, post: Post) -> None:
        """Closes the mailbox where its reader has fallen too far behind."""
        if self.closed:
            return
        if isinstance(post, PeersData):
            # Only the newest list is of interest, and it must not come before letters of those who are on it.
            self._waiting = deque(it for it in self._waiting if not isinstance(it, PeersData))
        else:
            self._bytes += len(bytes(post.body))
        self._waiting.append(post)
        if self._bytes > MOST_WAITING_BYTES:
            self.close()
        self._came.set()

    def close(self) -> None:
        self.closed = True
        self._came.set()

    async def take(self, seconds: float) -> list[Post]:
        """All that waits; empty when nothing came within ``seconds``, or when it is closed."""
        if not self._waiting and not self.closed:
            self._came.clear()
            try:
                async with asyncio.timeout(seconds):
                    await self._came.wait()
            except TimeoutError:
                return []
        taken = list(self._waiting)
        self._waiting.clear()
        self._bytes = 0
        return taken


class Relay:
    def __init__(self) -> None:
        self._boxes: dict[str, Mailbox] = {}
        self._closed = False

    def join(self, body: PeerBody, tenant: str = "") -> Mailbox:
        """Raises :class:`SlipstreamError` ``busy`` where there are too many."""
        if self._closed or len(self._of(tenant)) >= MOST_PEERS:
            raise SlipstreamError(
                "Too many editors and windows are connected.", hint="Close some.", code="busy", retryable=True
            )
        peer = Peer(id=secrets.token_hex(16), role=body.role, name=body.name, workspace=body.workspace)
        box = Mailbox(peer, tenant)
        self._boxes[peer.id] = box
        self._tell(tenant)
        return box

    def leave(self, box: Mailbox) -> None:
        box.close()
        if self._boxes.pop(box.peer.id, None) is not None:
            self._tell(box.tenant)

    def send(self, tenant: str, sender: str, to: str, body: msgspec.Raw) -> None:
        """Raises :class:`SlipstreamError` ``unknown_peer`` where one of the two is not here (any more), or is not the
        tenant's."""
        theirs = {box.peer.id: box for box in self._of(tenant)}
        box = theirs.get(to)
        if box is None or box.closed or sender not in theirs:
            raise SlipstreamError("This editor or window is not connected (any more).", code="unknown_peer")
        box.put(LetterData(sender=sender, body=body))

    def close(self) -> None:
        """Everyone's connection ends."""
        self._closed = True
        for box in self._boxes.values():
            box.close()

    def _of(self, tenant: str) -> list[Mailbox]:
        return [box for box in self._boxes.values() if box.tenant == tenant]

    def _tell(self, tenant: str) -> None:
        boxes = self._of(tenant)
        peers = tuple(box.peer for box in boxes)
        for box in boxes:
            box.put(PeersData(you=box.peer.id, peers=peers))
