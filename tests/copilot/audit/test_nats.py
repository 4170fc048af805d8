"""What is particular about NATS: a real server that hangs, is restarted, wants a password, or has a stream already."""

import asyncio
import logging
import sys
import time
from pathlib import Path

import pytest

from copilot.audit import nats as audit_nats
from copilot.audit.bus import Bus
from copilot.audit.events import Refused, Started
from copilot.audit.nats import NatsSink
from tests.copilot.audit.nats_server import nats_server, needs_nats
from tests.copilot.audit.recording import ended, requests, rows, wait_until


@needs_nats
def test_each_kind_of_event_has_a_subject(tmp_path: Path) -> None:
    with nats_server(tmp_path) as server:
        bus = Bus(optional=[NatsSink(server.address, keep_days=14)])
        for event in (Started(request="r1"), Refused(code="queue_full"), ended(1)):
            bus.publish(event)
        assert bus.close()
        assert [subject for subject, _ in server.messages()] == [
            "slipstream.audit.started",
            "slipstream.audit.refused",
            "slipstream.audit.ended",
        ]


@needs_nats
def test_what_was_not_confirmed_is_sent_again_and_stored_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(audit_nats, "_ACK_SECONDS", 0.2)
    with nats_server(tmp_path) as server:
        sink = NatsSink(server.address, keep_days=14)
        sink.open()
        sink.write(rows(1))
        wait_until(lambda: len(server.stored()) == 1)
        for start in range(2, 42, 10):
            server.freeze()
            sink.write(rows(10, start=start))
            # Long enough that the same rows are sent several times before the server looks at them.
            time.sleep(1.5)
            server.thaw()
        wait_until(lambda: len(server.stored()) >= 41)
        sink.close()
        assert sorted(requests(server.stored())) == sorted(f"r{number}" for number in range(1, 42))


@needs_nats
def test_a_stream_that_is_there_already_is_used(tmp_path: Path) -> None:
    async def make_stream(address: str) -> None:
        import nats

        client = await nats.connect(address)
        await client.jetstream().add_stream(name="OURS", subjects=["slipstream.>"])
        await client.close()

    with nats_server(tmp_path) as server:
        asyncio.run(make_stream(server.address))
        sink = NatsSink(server.address, keep_days=14)
        sink.open()
        sink.write(rows(3))
        sink.close()
        assert requests(server.stored("OURS")) == ["r1", "r2", "r3"]
        assert server.stored() == []


@needs_nats
def test_a_stream_that_was_deleted_is_made_again(tmp_path: Path) -> None:
    async def delete_stream(address: str) -> None:
        import nats

        client = await nats.connect(address)
        await client.jetstream().delete_stream(audit_nats.STREAM)
        await client.close()

    with nats_server(tmp_path) as server:
        sink = NatsSink(server.address, keep_days=14)
        sink.open()
        sink.write(rows(1))
        wait_until(lambda: len(server.stored()) == 1)
        asyncio.run(delete_stream(server.address))
        sink.write(rows(2, start=2))
        wait_until(lambda: requests(server.stored()) == ["r2", "r3"])
        sink.close()


@needs_nats
def test_a_row_that_is_too_large_for_the_server_holds_up_no_other(tmp_path: Path) -> None:
    config = tmp_path / "server.conf"
    config.write_text("max_payload: 1000\n")
    with nats_server(tmp_path / "store", "-c", str(config)) as server:
        sink = NatsSink(server.address, keep_days=14)
        sink.open()
        sink.write([*rows(1), *rows(1, start=2, tenant="a" * 2000), *rows(1, start=3)])
        sink.close()
        assert requests(server.stored()) == ["r1", "r3"]


@needs_nats
@pytest.mark.parametrize("password", ["wrong-Pa55", "right-Pa55"])
def test_a_password_is_never_logged(tmp_path: Path, password: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with nats_server(tmp_path, "--user", "audit", "--pass", "right-Pa55") as server:
        notices: list[str] = []
        address = server.address.replace("//", f"//audit:{password}@")
        bus = Bus(optional=[NatsSink(address, keep_days=14)], notice=notices.append)
        bus.publish(ended(1))
        assert bus.close(timeout=60)
    assert bool(notices) == (password == "wrong-Pa55")
    assert password not in "".join(notices) + caplog.text


@pytest.mark.parametrize(
    "address", ["nats://127.0.0.1:1", "nats://nowhere.invalid:4222", "not an address", "ftp://x:1"]
)
def test_an_address_where_nobody_is_stops_nothing(address: str, caplog: pytest.LogCaptureFixture) -> None:
    sink = NatsSink(address, keep_days=14)
    bus = Bus(optional=[sink], notice=lambda _: None)
    bus.publish(ended(1))
    assert bus.flush()
    wait_until(lambda: "does not take what is sent" in caplog.text)
    assert bus.close(timeout=60)
    assert caplog.text.count("does not take what is sent") == 1


def test_without_the_package_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "nats", None)
    notices: list[str] = []
    bus = Bus(optional=[NatsSink("nats://127.0.0.1:1", keep_days=14)], notice=notices.append)
    bus.publish(ended(1))
    assert bus.flush()
    assert "pip install 'slipstream-copilot[nats]'" in notices[0]
    assert bus.close()
