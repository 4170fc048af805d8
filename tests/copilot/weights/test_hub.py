"""Whatever a hub or the network does, the file gets its name only when it is right, and bytes are not fetched twice."""

import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from copilot_models.manifests import Manifest

from copilot.config.settings import DownloadSettings
from copilot.errors import SlipstreamError
from copilot.weights import hub as hub_module
from copilot.weights import store
from copilot.weights.progress import PullProgress, SourceFailed
from copilot.weights.pull import pull
from tests.copilot.weights import tiny
from tests.copilot.weights.hub_server import Asked, HubServer, Reply

Know = Callable[[Manifest], Manifest]
MEGABYTE = 1 << 20


@pytest.fixture
def model(content: bytes, know: Know) -> Manifest:
    return know(tiny.manifest(content, tiny.hub_source()))


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting between attempts is for networks, not for tests."""
    monkeypatch.setattr(hub_module, "BACKOFF_SECONDS", 0.01)


def quiet(progress: PullProgress) -> None:
    pass


def refused(model: Manifest, settings: DownloadSettings) -> SlipstreamError:
    """Pull, which must fail; no file may be left under the final name."""
    with pytest.raises(SlipstreamError) as caught:
        pull(model.id, settings, quiet)
    assert not store.location(model).exists()
    return caught.value


def cuts(hub: HubServer, *sizes: int) -> Callable[[Asked], Reply]:
    """Answers that break after so many bytes, then good ones."""
    left = iter(sizes)

    def answer(asked: Asked) -> Reply:
        reply = hub.right(asked)
        reply.cut = next(left, None)
        return reply

    return answer


def test_a_file_comes_whole(hub: HubServer, model: Manifest, content: bytes) -> None:
    told: list[PullProgress] = []
    installed = pull(model.id, hub.settings, told.append)
    assert installed.path.read_bytes() == content
    assert hub.starts == [0]
    assert hub.asked[0].path == f"/someone/tiny/resolve/{tiny.REVISION}/tiny.gguf"
    assert [progress.done_bytes for progress in told] == sorted(progress.done_bytes for progress in told)
    assert told[-1].done_bytes == told[-1].total_bytes == len(content)
    assert {"checking space", "asking the hub", "fetching from the hub", "verifying", "ready"} <= {
        progress.message for progress in told
    }
    assert not list(store.partial_path(model).parent.iterdir())
    # Installed now: nothing is asked again.
    pull(model.id, hub.settings, quiet)
    assert hub.starts == [0]


def test_cut_everywhere_nothing_is_fetched_twice(hub: HubServer, model: Manifest, content: bytes) -> None:
    hub.answer = cuts(hub, MEGABYTE, MEGABYTE // 2, 70_000, 0, 1, 100_000, 0)
    assert pull(model.id, hub.settings, quiet).path.read_bytes() == content
    ends = [0]
    for size in (MEGABYTE, MEGABYTE // 2, 70_000, 0, 1, 100_000, 0):
        ends.append(ends[-1] + size)
    assert hub.starts == ends


@pytest.mark.parametrize("cut", [0, 1, 65_535, MEGABYTE - 1, MEGABYTE, 2_999_999])
def test_a_hub_that_always_breaks_is_given_up_and_resumed_later(
    hub: HubServer, model: Manifest, content: bytes, cut: int
) -> None:
    hub.answer = cuts(hub, cut, *[0] * 50)
    error = refused(model, hub.settings)
    assert (error.code, error.retryable) == ("connection_lost", True)
    assert "same again" in error.hint
    assert len(hub.starts) < 10
    asked = len(hub.starts)
    hub.answer = hub.right
    assert pull(model.id, hub.settings, quiet).path.read_bytes() == content
    assert hub.starts[asked:] == [cut]


def test_a_changed_etag_starts_over(hub: HubServer, model: Manifest, content: bytes) -> None:
    hub.answer = cuts(hub, MEGABYTE, *[0] * 50)
    refused(model, hub.settings)
    hub.etag = '"second"'
    asked = len(hub.starts)
    hub.answer = hub.right
    assert pull(model.id, hub.settings, quiet).path.read_bytes() == content
    assert hub.starts[asked:] == [MEGABYTE, 0]


WRONG: dict[str, Callable[[Asked, Reply], Reply]] = {
    "a range that begins elsewhere": lambda asked, reply: Reply(
        206, reply.body, {**reply.headers, "Content-Range": f"bytes {asked.start - 1}-9/10"}
    ),
    "a range of a larger file": lambda asked, reply: Reply(
        206, reply.body, {**reply.headers, "Content-Range": reply.headers["Content-Range"] + "0"}
    ),
    "no Content-Range": lambda asked, reply: Reply(206, reply.body, {"ETag": reply.headers["ETag"]}),
    "garbage": lambda asked, reply: Reply(206, reply.body, {**reply.headers, "Content-Range": "bytes */*"}),
    "a shorter body than promised": lambda asked, reply: Reply(206, reply.body[:-9], reply.headers),
    "416": lambda asked, reply: Reply(416),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG)
def test_a_wrong_resume_starts_over(
    hub: HubServer, model: Manifest, content: bytes, wrong: Callable[[Asked, Reply], Reply]
) -> None:
    first = cuts(hub, MEGABYTE)
    hub.answer = lambda asked: wrong(asked, hub.right(asked)) if asked.ranged else first(asked)
    assert pull(model.id, hub.settings, quiet).path.read_bytes() == content
    assert hub.starts == [0, MEGABYTE, 0]


def test_a_hub_that_knows_no_ranges_starts_over_in_the_same_answer(
    hub: HubServer, model: Manifest, content: bytes
) -> None:
    first = cuts(hub, MEGABYTE)
    hub.answer = lambda asked: Reply(200, content, {"ETag": hub.etag}) if asked.ranged else first(asked)
    assert pull(model.id, hub.settings, quiet).path.read_bytes() == content
    assert hub.starts == [0, MEGABYTE]


def test_right_size_and_wrong_bytes(hub: HubServer, model: Manifest, content: bytes) -> None:
    hub.content = content[:-1] + bytes([content[-1] ^ 1])
    error = refused(model, hub.settings)
    assert error.code == "wrong_hash"
    assert "deleted" in error.message
    assert not list(store.partial_path(model).parent.iterdir()), "the bad bytes must not be resumed"
    hub.content = content
    assert pull(model.id, hub.settings, quiet).path.read_bytes() == content


def test_resumed_bytes_that_went_bad_are_found(hub: HubServer, model: Manifest, content: bytes) -> None:
    hub.answer = cuts(hub, MEGABYTE, *[0] * 50)
    refused(model, hub.settings)
    part = store.partial_path(model)
    data = bytearray(part.read_bytes())
    data[5000] ^= 1
    part.write_bytes(data)
    hub.answer = hub.right
    assert refused(model, hub.settings).code == "wrong_hash"
    assert pull(model.id, hub.settings, quiet).path.read_bytes() == content


def test_a_partial_file_that_is_too_long_starts_over(hub: HubServer, model: Manifest, content: bytes) -> None:
    store.partial_path(model).parent.mkdir(parents=True)
    store.partial_path(model).write_bytes(content + b"more")
    assert pull(model.id, hub.settings, quiet).path.read_bytes() == content
    assert hub.starts == [0]


@pytest.mark.parametrize("extra", [-1, 1])
def test_another_size_is_refused_before_it_is_fetched(
    hub: HubServer, model: Manifest, content: bytes, extra: int
) -> None:
    hub.content = content[:-1] if extra < 0 else content + b"x"
    assert refused(model, hub.settings).code == "wrong_size"


def test_more_bytes_than_promised_are_not_written(hub: HubServer, model: Manifest, content: bytes) -> None:
    def endless(asked: Asked) -> Reply:
        body = b"%x\r\n%s\r\n" % (len(content) + 10, content + bytes(10)) + b"0\r\n\r\n"
        return Reply(200, body, {"Transfer-Encoding": "chunked", "Content-Length": ""})

    hub.answer = endless
    refused(model, hub.settings)
    sizes = [file.stat().st_size for file in store.partial_path(model).parent.iterdir()]
    assert all(size <= len(content) for size in sizes)


def test_a_right_hash_around_a_bad_header_is_refused(hub: HubServer, know: Know) -> None:
    bad = b"GGUF" + bytes(1000)
    hub.content = bad
    error = refused(know(tiny.manifest(bad, tiny.hub_source())), hub.settings)
    assert error.code == "bad_model_file"


@pytest.mark.parametrize(
    ("status", "words"),
    [(404, "has no someone/tiny/tiny.gguf"), (401, "login"), (403, "login"), (500, "500"), (418, "418")],
)
def test_refusals_are_one_sentence(hub: HubServer, model: Manifest, status: int, words: str) -> None:
    hub.answer = lambda asked: Reply(status)
    error = refused(model, hub.settings)
    assert words in error.message
    assert error.hint


def test_a_compressed_answer_is_refused(hub: HubServer, model: Manifest) -> None:
    hub.answer = lambda asked: Reply(200, b"x" * 10, {"Content-Encoding": "gzip"})
    assert "compressed" in refused(model, hub.settings).message


@pytest.mark.parametrize(
    "target",
    [
        "http://example.com/x",
        "http://127.0.0.1:1/x",
        "https://127.0.0.1/x",
        "https://[::1]/x",
        "https://10.0.0.1/x",
        "https://192.168.1.1/x",
        "https://169.254.169.254/latest/meta-data",
        "https://[::ffff:10.0.0.1]/x",
        "https://localhost/x",
        "https://printer.local/x",
        "https://intranet/x",
        "https://127.1/x",
        "https://0x7f.1/x",
        "https://127.0x1/x",
        "https://2130706433/x",
        "https://localhost./x",
        "https://127.0.0.1./x",
        "https://printer.local./x",
        "https://nas.lan/x",
        "https://nas.home.arpa/x",
        "file:///etc/passwd",
        "ftp://example.com/x",
        "https://[broken/x",
        "https://example.com:99999/x",
    ],
)
def test_redirects_elsewhere_are_not_followed(hub: HubServer, model: Manifest, target: str) -> None:
    hub.answer = lambda asked: Reply(302, b"", {"Location": target})
    error = refused(model, hub.settings)
    assert error.code == "bad_redirect"
    assert len(hub.starts) == 1


def test_redirects_to_storage_are_followed() -> None:
    allowed = hub_module._redirected("https://huggingface.co/a", "https://cdn.example.com/b", "https://huggingface.co")
    assert allowed == "https://cdn.example.com/b"
    for public in ("https://1.1.1.1/b", "https://3com.example/b", "https://cdn.example.com./b"):
        assert hub_module._redirected("https://huggingface.co/a", public, "https://huggingface.co") == public
    # A public hub must not lead to this machine, even by name and with a certificate.
    with pytest.raises(SourceFailed):
        hub_module._redirected("https://huggingface.co/a", "https://127.0.0.1/b", "https://huggingface.co")
    with pytest.raises(SourceFailed):
        hub_module._redirected("https://huggingface.co/a", "http://huggingface.co/b", "https://huggingface.co")
    # Dots of another script, which become plain ones on the way to the resolver.
    with pytest.raises(SourceFailed):
        hub_module._redirected("https://huggingface.co/a", "https://127\u30020.0.1/b", "https://huggingface.co")


def test_the_hubs_own_host_may_redirect_but_not_without_end(hub: HubServer, model: Manifest, content: bytes) -> None:
    hub.answer = lambda asked: hub.right(asked) if asked.path == "/store" else Reply(307, b"", {"Location": "/store"})
    assert pull(model.id, hub.settings, quiet).path.read_bytes() == content
    store.location(model).unlink()
    hub.answer = lambda asked: Reply(302, b"", {"Location": asked.path})
    assert refused(model, hub.settings).code == "bad_redirect"


def test_the_hub_says_that_it_has_another_file(hub: HubServer, model: Manifest) -> None:
    linked = {"Location": "/store", "X-Linked-Etag": f'"{"a" * 64}"'}
    hub.answer = lambda asked: hub.right(asked) if asked.path == "/store" else Reply(302, b"", linked)
    error = refused(model, hub.settings)
    assert "another file" in error.message
    assert not store.partial_path(model).stat().st_size, "nothing of it was written"


def test_a_token_goes_to_the_hub_only(
    hub: HubServer, model: Manifest, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", "secret")
    with HubServer(content).running() as storage:
        # A second loopback port stands for the storage of a public hub.
        monkeypatch.setattr(hub_module, "_redirected", lambda url, target, hub: target)
        hub.answer = lambda asked: Reply(302, b"", {"Location": f"{storage.url}/blob"})
        pull(model.id, hub.settings, quiet)
        assert hub.asked[0].headers["authorization"] == "Bearer secret"
        assert "authorization" not in storage.asked[0].headers


@pytest.mark.parametrize("address", ["http://example.com", "ftp://127.0.0.1", "huggingface.co", "http://10.0.0.1", ""])
def test_a_hub_without_https_is_a_wrong_setting(model: Manifest, address: str) -> None:
    error = refused(model, DownloadSettings(hub=address))
    assert error.code == "bad_setting"


@pytest.fixture
def silent() -> Iterator[str]:
    """A server that accepts connections and never says a word."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"http://127.0.0.1:{server.getsockname()[1]}"


@pytest.mark.timeout(60)
def test_a_silent_hub_is_given_up_in_time(silent: str, model: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "IDLE_SECONDS", 600)
    error = refused(model, DownloadSettings(hub=silent, connect_seconds=0.2))
    assert (error.code, error.retryable) == ("no_network", True)
    assert "did not answer within 0.2 s" in error.message


@pytest.mark.timeout(60)
def test_a_name_server_that_hangs_is_given_up_in_time(model: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "IDLE_SECONDS", 600)
    hang = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **kwargs: hang.wait(600) and [])
    try:
        error = refused(model, DownloadSettings(connect_seconds=0.2))
    finally:
        hang.set()
    assert "huggingface.co) did not answer within 0.2 s" in error.message


def test_a_hub_that_goes_silent_in_the_middle(
    hub: HubServer, model: Manifest, content: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "IDLE_SECONDS", 0.3)
    good = cuts(hub, MEGABYTE)
    silence = threading.Event()

    def answer(asked: Asked) -> Reply:
        reply = good(asked)
        reply.hold = silence if len(hub.starts) == 2 else None
        return reply

    hub.answer = answer
    try:
        # The hub is reached in time by the first request; the second one is what goes silent.
        settings = DownloadSettings(hub=hub.url, connect_seconds=5)
        assert pull(model.id, settings, quiet).path.read_bytes() == content
    finally:
        silence.set()
    assert hub.starts == [0, MEGABYTE, MEGABYTE]


def test_no_hub_at_all(model: Manifest) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    error = refused(model, DownloadSettings(hub=f"http://127.0.0.1:{port}"))
    assert error.code == "no_network"
    assert "models add FILE" in error.hint


def test_cancel_leaves_what_came(hub: HubServer, model: Manifest, content: bytes) -> None:
    cancel = threading.Event()

    def stop_soon(progress: PullProgress) -> None:
        if progress.done_bytes >= MEGABYTE:
            cancel.set()

    hub.answer = cuts(hub, 2 * MEGABYTE)
    with pytest.raises(SlipstreamError) as caught:
        pull(model.id, hub.settings, stop_soon, cancel)
    assert caught.value.code == "cancelled"
    size = store.partial_path(model).stat().st_size
    assert size > 0
    assert store.state(model) is store.State.PARTIAL
    hub.answer = hub.right
    assert pull(model.id, hub.settings, quiet).path.read_bytes() == content
    assert hub.starts[-1] == size


@pytest.mark.timeout(60)
def test_cancel_does_not_wait_for_a_silent_hub(
    hub: HubServer, model: Manifest, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub_module, "IDLE_SECONDS", 600)
    settings = DownloadSettings(hub=hub.url, connect_seconds=120)
    cancel = threading.Event()
    hub.hold.clear()
    threading.Timer(0.3, cancel.set).start()
    with pytest.raises(SlipstreamError) as caught:
        pull(model.id, settings, quiet, cancel)
    assert caught.value.code == "cancelled"


def test_a_link_in_place_of_the_partial_file_is_not_followed(hub: HubServer, model: Manifest, tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    store.partial_path(model).parent.mkdir(parents=True)
    store.partial_path(model).symlink_to(victim)
    assert refused(model, hub.settings).code == "disk_error"
    assert victim.read_bytes() == b"precious"
