"""A language server as an editor starts it, and a host that does what a test tells it."""

from collections.abc import Iterator

import pytest

from tests.lsp.fake_host import FakeHost
from tests.lsp.jrpc import Client


@pytest.fixture
def host() -> Iterator[FakeHost]:
    with FakeHost() as host:
        yield host


@pytest.fixture
def client(host: FakeHost) -> Iterator[Client]:
    """Not initialized yet. Its host is running."""
    with Client() as client:
        yield client
