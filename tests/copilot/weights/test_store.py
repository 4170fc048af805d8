"""A file counts only when its SHA-256 is right, and is not read again until it changes."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from copilot_models.manifests import Manifest, PathSource

from copilot.errors import SlipstreamError
from copilot.weights import disk, store
from copilot.weights.store import State
from tests.copilot.weights import tiny

Know = Callable[[Manifest], Manifest]


@pytest.fixture
def here(models_dir: Path, content: bytes, know: Know) -> Manifest:
    """A known model whose file lies in the cache."""
    of = know(tiny.manifest(content, tiny.hub_source()))
    (models_dir / of.file).write_bytes(content)
    return of


def code_of(error: pytest.ExceptionInfo[SlipstreamError]) -> str:
    return error.value.code


def test_an_unknown_name_brings_the_near_ones() -> None:
    with pytest.raises(SlipstreamError, match=r"Did you mean qwen2.5-coder-0.5b-instruct-q4_k_m") as caught:
        store.find("qwen2.5-coder-0.5b")
    assert code_of(caught) == "unknown_model"
    with pytest.raises(SlipstreamError, match="models list"):
        store.find("zzzzzz")
    for name in ("", "../../etc/passwd", "a\x00b"):
        with pytest.raises(SlipstreamError) as caught:
            store.find(name)
        assert code_of(caught) == "unknown_model"


def test_a_model_that_is_not_here_says_how_to_get_it() -> None:
    with pytest.raises(SlipstreamError, match="slipstream models pull smollm2-135m-instruct-q4_1") as caught:
        store.find("smollm2-135m-instruct-q4_1")
    assert code_of(caught) == "model_missing"
    assert store.state(store.manifest("smollm2-135m-instruct-q4_1")) is State.MISSING


def reads(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """The files that are hashed from now on."""
    found: list[Path] = []
    real = disk.sha256_of

    def counted(path: Path, on_bytes: Callable[[int], None] = lambda _read: None) -> str:
        found.append(path)
        return real(path, on_bytes)

    monkeypatch.setattr(disk, "sha256_of", counted)
    return found


def test_a_file_is_read_once_and_again_when_it_changed(
    here: Manifest, models_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = reads(monkeypatch)
    path = models_dir / here.file
    assert store.state(here) is State.UNVERIFIED
    for _ in range(3):
        assert store.find(here.id).path == path
    assert len(read) == 1
    assert store.state(here) is State.INSTALLED
    os.utime(path, ns=(1, 1))
    assert store.find(here.id).path == path
    assert len(read) == 2
    # The same bytes in another file (a copy put in its place) are read again, too.
    copy = models_dir / "copy"
    copy.write_bytes(path.read_bytes())
    os.utime(copy, ns=(1, 1))
    copy.replace(path)
    store.find(here.id)
    assert len(read) == 3


def test_wrong_bytes_of_the_right_size_do_not_count(here: Manifest, models_dir: Path) -> None:
    store.find(here.id)
    path = models_dir / here.file
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    with pytest.raises(SlipstreamError, match=f"models pull {here.id}") as caught:
        store.find(here.id)
    assert code_of(caught) == "model_damaged"
    assert path.exists(), "asking must not delete anything"
    path.write_bytes(data[:-1])
    assert store.state(here) is State.DAMAGED
    with pytest.raises(SlipstreamError) as caught:
        store.find(here.id)
    assert code_of(caught) == "model_damaged"


def test_verify_always_reads(here: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    read = reads(monkeypatch)
    seen: list[int] = []
    store.verify(here.id, seen.append)
    store.verify(here.id)
    assert len(read) == 2
    assert seen[-1] == here.size_bytes


def test_a_stamp_for_another_hash_does_not_count(here: Manifest, models_dir: Path, know: Know, content: bytes) -> None:
    store.find(here.id)
    know(tiny.manifest(content, tiny.hub_source(), sha256="0" * 64))
    with pytest.raises(SlipstreamError) as caught:
        store.find(here.id)
    assert code_of(caught) == "model_damaged"
    for garbage in (b"", b"{", b"[]", b"\xff"):
        (models_dir / "verified" / f"{here.id}.json").write_bytes(garbage)
        with pytest.raises(SlipstreamError):
            store.find(here.id)


def test_a_cache_that_can_only_be_read_still_works(here: Manifest, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path, data: bytes) -> None:
        raise PermissionError(13, "no", str(path))

    monkeypatch.setattr(disk, "write_atomic", refuse)
    assert store.find(here.id).manifest == here


def test_remove_takes_everything_of_a_model(here: Manifest, models_dir: Path) -> None:
    store.find(here.id)
    store.partial_path(here).parent.mkdir(exist_ok=True)
    store.partial_path(here).write_bytes(b"x")
    gone = store.remove(here.id)
    assert models_dir / here.file in gone
    assert [file for file in models_dir.rglob("*") if file.is_file()] == []
    with pytest.raises(SlipstreamError) as caught:
        store.find(here.id)
    assert code_of(caught) == "unknown_model"


def test_remove_leaves_the_users_own_file(tmp_path: Path, content: bytes, know: Know) -> None:
    own = tmp_path / "own.gguf"
    own.write_bytes(content)
    of = know(tiny.manifest(content, PathSource(path=str(own))))
    assert store.find(of.id).path == own
    store.remove(of.id)
    assert own.read_bytes() == content
    assert of.id not in store.known()


def test_the_users_own_file_that_went_away(tmp_path: Path, content: bytes, know: Know) -> None:
    of = know(tiny.manifest(content, PathSource(path=str(tmp_path / "gone.gguf"))))
    with pytest.raises(SlipstreamError, match="not there any more") as caught:
        store.find(of.id)
    assert code_of(caught) == "model_missing"


def test_a_broken_manifest_breaks_only_itself(here: Manifest, models_dir: Path) -> None:
    (models_dir / "added" / "broken.toml").write_text("id = 3")
    (models_dir / "added" / "other.toml").write_bytes((models_dir / "added" / f"{here.id}.toml").read_bytes())
    impostor = tiny.manifest(b"x", PathSource(path="/x"), model_id="smollm2-135m-instruct-q4_1")
    store.added_path(impostor.id).write_text("id = 4")
    assert here.id in store.known()
    assert set(store.problems()) == {"broken", "other", impostor.id}
    assert store.manifest(impostor.id).family == "plain"
    assert store.manifest(impostor.id).sources != impostor.sources
    with pytest.raises(SlipstreamError, match="not a usable manifest") as caught:
        store.find("broken")
    assert code_of(caught) == "bad_manifest"
    assert store.remove("broken") == [models_dir / "added" / "broken.toml"]
    assert "broken" not in store.problems()


def test_remove_stays_in_the_cache(home: Path) -> None:
    outside = home / "outside.toml"
    outside.write_text("x = 1")
    with pytest.raises(SlipstreamError):
        store.remove("../../outside")
    assert outside.exists()
