"""From the settings to the files."""

from pathlib import Path

import pytest

from copilot import paths
from copilot.audit import opening
from copilot.audit.events import Text
from copilot.audit.opening import bus_for
from copilot.config.settings import AuditSettings
from tests.copilot.audit.nats_server import nats_server, needs_nats
from tests.copilot.audit.recording import ended, files, no_file_above, requests, stored, wait_until


def test_by_default_it_is_recorded_at_home_and_without_text(home: Path) -> None:
    bus = bus_for(AuditSettings(), shared=False)
    bus.publish(ended(1))
    bus.publish(Text(prompt="def secret():"))
    assert not bus.refusing
    assert bus.close()
    assert paths.audit_dir().is_relative_to(home)
    assert [it["event"] for it in stored(paths.audit_dir())] == ["ended"]


def test_switched_off_it_touches_nothing() -> None:
    bus = bus_for(AuditSettings(enabled=False, required=True, content="full", nats="nats://127.0.0.1:1"), shared=True)
    bus.publish(ended(1))
    assert not bus.refusing
    assert bus.close()
    assert not paths.audit_dir().exists()


@pytest.mark.parametrize(
    ("keep_days", "shared", "days"), [(0, False, 14), (0, True, 30), (90, False, 90), (1, True, 1)]
)
def test_a_shared_host_keeps_it_longer_unless_told(keep_days: int, shared: bool, days: float) -> None:
    assert opening.days_kept(AuditSettings(keep_days=keep_days), shared=shared) == days


@pytest.mark.parametrize("required", [False, True])
def test_a_full_disk_refuses_requests_only_where_that_is_asked_for(required: bool) -> None:
    notices: list[str] = []
    with no_file_above(0):
        bus = bus_for(AuditSettings(required=required), shared=False, notice=notices.append)
        bus.publish(ended(1))
        assert bus.flush()
        assert bus.refusing == required
    wait_until(lambda: bool(files(paths.audit_dir())) and requests(stored(paths.audit_dir())) == ["r1"])
    wait_until(lambda: not bus.refusing)
    assert bus.close()
    assert len(notices) == 1


@needs_nats
def test_nats_gets_a_copy_and_is_never_required(tmp_path: Path) -> None:
    with nats_server(tmp_path) as server:
        bus = bus_for(AuditSettings(nats=server.address, required=True), shared=True)
        bus.publish(ended(1))
        assert bus.close()
        copies, originals = server.stored(), stored(paths.audit_dir())
    assert [{**it, "prev": ""} for it in copies] == [{**it, "prev": ""} for it in originals]
    bus = bus_for(AuditSettings(nats="nats://127.0.0.1:1", required=True), shared=True, notice=lambda _: None)
    bus.publish(ended(2))
    assert bus.flush()
    assert not bus.refusing
    assert bus.close(timeout=60)
