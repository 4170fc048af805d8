"""Pages of a KV cache belong to whoever's prompt they hold: nobody else's job finds any of them.

Both libraries find what was computed before in two ways: whole pages by a hash of their tokens, chained from the
beginning of the prompt, and a page that is the same in part by looking through all pages. Here each owner's chain
begins with a hash of the owner's own, and a job looks through its owner's pages only. The local user's begins with
nothing, as the libraries have it.

``generator/dynamic.py`` of ExLlamaV2 0.3.2 and ``generator/job.py``, ``generator/pagetable.py`` of ExLlamaV3 1.6 are
what this is written against. All of it runs in the job loop's one thread.
"""

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

_OWNER = "slipstream_owner"
"""Attribute of a page."""


class Owners:
    """``modules``: those with the function that hashes a page, ``name`` there. ``holder``: what has ``all_pages``."""

    def __init__(self, modules: Sequence[Any], name: str, holder: Any) -> None:
        self._holder = holder
        self._root: bytes | None = None
        """Where the chain of the job begins that is at work."""
        own = getattr(modules[0], name)

        def salted(tensor: Any, prev_hash: bytes | None) -> Any:
            return own(tensor, self._root if prev_hash is None else prev_hash)

        for module in modules:
            setattr(module, name, salted)

    def keep_apart(self, handle: Any, owner: str) -> None:
        """Of the library's job ``handle``, before it is queued."""
        root = hashlib.blake2b(owner.encode(), digest_size=16).digest() if owner else None
        handle.prepare_for_queue = self._rooted(root, handle.prepare_for_queue)
        handle.prefill = self._rooted(root, self._among_own(handle, owner, handle.prefill))
        handle.receive_sample = self._rooted(root, self._marking(handle, owner, handle.receive_sample))

    def _rooted(self, root: bytes | None, method: Callable[..., Any]) -> Callable[..., Any]:
        def rooted(*args: Any, **options: Any) -> Any:
            before, self._root = self._root, root
            try:
                return method(*args, **options)
            finally:
                self._root = before

        return rooted

    def _among_own(self, handle: Any, owner: str, method: Callable[..., Any]) -> Callable[..., Any]:
        """While it looks for pages that are the same in part, there are its owner's only."""

        def among_own(*args: Any, **options: Any) -> Any:
            every = self._holder.all_pages
            self._holder.all_pages = [page for page in every if getattr(page, _OWNER, "") == owner]
            try:
                return method(*args, **options)
            finally:
                self._holder.all_pages = every
                _mark(handle, owner)

        return among_own

    def _marking(self, handle: Any, owner: str, method: Callable[..., Any]) -> Callable[..., Any]:
        def marking(*args: Any, **options: Any) -> Any:
            try:
                return method(*args, **options)
            finally:
                _mark(handle, owner)

        return marking


def _mark(handle: Any, owner: str) -> None:
    """Not when they are given to the job: one that it never writes goes back with what it held before."""
    for sequence in handle.sequences:
        for page in sequence.allocated_pages or ():
            if page.kv_position:
                setattr(page, _OWNER, owner)
