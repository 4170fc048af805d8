"""A file, a folder or a repository of the user's own becomes a model, and anything unsafe is refused."""

import hashlib
from pathlib import Path
from typing import Any

import pytest
from copilot_models import families
from copilot_models.manifests import HubSource

from copilot.config.settings import DownloadSettings
from copilot.errors import SlipstreamError
from copilot.weights import added, store
from copilot.weights.added import Wanted
from copilot.weights.pull import pull
from copilot.weights.store import State
from tests.copilot.weights import tiny
from tests.copilot.weights.hub_server import HubServer

OFFLINE = DownloadSettings(hub="http://127.0.0.1:1")
QWEN = tuple(families.load("qwen").controls)


def add(what: object, settings: DownloadSettings = OFFLINE, **wanted: str) -> str:
    return added.add(str(what), Wanted(**wanted), settings).id


def refused(what: object, settings: DownloadSettings = OFFLINE, **wanted: str) -> SlipstreamError:
    """Add, which must fail and leave nothing behind."""
    before = store.known()
    with pytest.raises(SlipstreamError) as caught:
        add(what, settings, **wanted)
    assert store.known() == before
    assert caught.value.hint
    return caught.value


def test_a_file_is_used_where_it_lies(tmp_path: Path, models_dir: Path) -> None:
    path = tmp_path / "My Coder (Final).GGUF"
    path.write_bytes(tiny.gguf(tiny.keys(["a", *QWEN])))
    seen: list[int] = []
    of = added.add(str(path), Wanted(), OFFLINE, seen.append)
    assert (of.id, of.name, of.family, of.license) == ("my-coder-final", "Tiny", "qwen", "apache-2.0")
    assert (of.quantization, of.context_length) == ("Q4_K_M", 4096)
    assert of.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert seen[-1] == of.size_bytes == path.stat().st_size
    assert store.state(of) is State.INSTALLED
    assert store.find("my-coder-final").path == path
    assert pull("my-coder-final", OFFLINE, lambda _progress: None).path == path
    assert not list(models_dir.glob("*.gguf")), "it is not copied"


def test_a_relative_path_is_remembered_in_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "m.gguf").write_bytes(tiny.gguf())
    monkeypatch.chdir(tmp_path)
    add("m.gguf")
    monkeypatch.chdir("/")
    assert store.find("m").path == tmp_path / "m.gguf"


def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(tiny.gguf())
    add(path)
    path.write_bytes(tiny.gguf()[:-1] + b"\0")
    with pytest.raises(SlipstreamError, match="on purpose"):
        store.find("m")
    assert path.exists()


def test_what_the_user_says_goes_first(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(tiny.gguf(tiny.keys(["a", *QWEN])))
    add(path, id="mine", family="plain")
    assert store.manifest("mine").family == "plain"
    assert refused(path, id="mine").code == "exists"
    assert refused(path, id="qwen2.5-coder-0.5b-instruct-q4_k_m").code == "exists"
    assert refused(path, family="klingon").code == "unknown_family"
    for bad in ("../evil", "a/b", "Ä", "a b", ".hidden"):
        assert refused(path, id=bad).code == "bad_manifest"


def test_a_prompt_format_that_the_vocabulary_lacks_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "m.gguf"
    path.write_bytes(tiny.gguf(tiny.keys(["a", *QWEN])))
    error = refused(path, family="starcoder2")
    assert error.code == "wrong_family"
    assert "<fim_middle>" in error.message
    assert "--family" in error.hint
    folder = tiny.exl2_folder(tmp_path / "folder", tokens=("a",))
    assert refused(folder, family="qwen").code == "wrong_family"
    assert add(path, family="qwen") == "m"


@pytest.mark.parametrize("name", [name for name in families.names() if name != "plain"])
def test_each_family_is_known_by_its_vocabulary(name: str) -> None:
    spellings = frozenset(families.load(name).controls)
    assert added.guess_family(spellings, f"some-{name}-7b") == name


def test_without_infilling_tokens_there_is_only_the_prefix() -> None:
    assert added.guess_family(frozenset({"<|im_start|>", "<|endoftext|>"}), "qwen2 Qwen") == "plain"


def test_real_models_are_guessed_right(coder_model: Path, tiny_model: Path) -> None:
    from copilot.weights import gguf

    for path, family in ((coder_model, "qwen"), (tiny_model, "plain")):
        header = gguf.check(path, added.all_spellings())
        assert added.guess_family(header.spellings, f"{header.architecture} {header.name}") == family


def test_a_folder_of_safetensors(tmp_path: Path) -> None:
    folder = tiny.exl2_folder(tmp_path / "Coder-4.25bpw", tokens=QWEN)
    assert add(folder) == "coder-4.25bpw"
    of = store.manifest("coder-4.25bpw")
    assert (of.format, of.family, of.quantization, of.context_length) == ("exl2", "qwen", "EXL2 4.25 bits", 8192)
    assert store.find(of.id).path == folder
    lines = "".join(
        f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n"
        for name in ("config.json", "output.safetensors", "tokenizer.json")
    )
    assert of.sha256 == hashlib.sha256(lines.encode()).hexdigest()
    (folder / "tokenizer.json").write_text("{}")
    with pytest.raises(SlipstreamError, match="SHA-256 differs"):
        store.find(of.id)
    store.remove(of.id)
    assert (folder / "config.json").exists()


@pytest.mark.parametrize("name", ["pytorch_model.bin", "model.pt", "model.pkl", "model.ckpt", "model.zip"])
def test_formats_that_run_code_are_refused(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(tiny.gguf())
    error = refused(path)
    assert error.code == "unsafe_model_file"
    assert "GGUF" in error.hint


def test_other_things_are_refused(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("hello")
    assert refused(text).code == "bad_model_file"
    one = tmp_path / "model.safetensors"
    one.write_bytes(tiny.safetensors(tiny.GOOD_TENSORS))
    assert "folder" in refused(one).hint
    assert refused(tmp_path / "none.gguf").code == "not_found"
    assert refused("owner/name.gguf").code == "not_found"
    odd = tmp_path / "bell\x07.gguf"
    odd.write_bytes(tiny.gguf())
    assert refused(odd).code == "bad_path"


def published(hub: HubServer, *files: str, **extra: Any) -> None:
    """What the hub's API says about the repository Someone/Tiny-GGUF; every file has the same content."""
    lfs = {"sha256": hashlib.sha256(hub.content).hexdigest(), "size": len(hub.content), "pointerSize": 134}
    siblings = [{"rfilename": "README.md", "size": 10}]
    siblings += [{"rfilename": name, "size": len(hub.content), "lfs": lfs} for name in files]
    info = {"sha": tiny.REVISION, "siblings": siblings, "tags": ["gguf", "license:mit"], **extra}
    hub.api["/api/models/Someone/Tiny-GGUF"] = info


REPO = "Someone/Tiny-GGUF"


def test_a_repository_is_pinned_and_then_pulled(hub: HubServer, content: bytes) -> None:
    published(hub, "tiny-q8_0.gguf", "tiny-Q4_K_M.gguf", "tiny-f16-00001-of-00002.gguf", "mmproj-Q4_K_M.gguf")
    assert add(REPO, hub.settings) == "tiny-q4_k_m"
    of = store.manifest("tiny-q4_k_m")
    assert of.sources == (HubSource(repo=REPO, revision=tiny.REVISION, file="tiny-Q4_K_M.gguf"),)
    assert (of.quantization, of.license, of.context_length) == ("Q4_K_M", "mit", 4096)
    assert store.state(of) is State.MISSING
    assert pull(of.id, hub.settings, lambda _progress: None).path.read_bytes() == content
    assert hub.asked[-1].path == f"/{REPO}/resolve/{tiny.REVISION}/tiny-Q4_K_M.gguf"


def test_which_file_of_a_repository(hub: HubServer) -> None:
    published(hub, "a-q8_0.gguf", "b-q6_k.gguf")
    error = refused(REPO, hub.settings)
    assert error.code == "ambiguous_file"
    assert "a-q8_0.gguf, b-q6_k.gguf" in error.hint
    assert refused(REPO, hub.settings, file="c.gguf").code == "ambiguous_file"
    assert add(REPO, hub.settings, file="b-q6_k.gguf") == "tiny-q6_k"
    published(hub)
    assert "no GGUF" in refused(REPO, hub.settings).message
    published(hub, "sub/only.gguf")
    assert add(REPO, hub.settings, file="only.gguf") == "tiny-q4_k_m", "the header says Q4_K_M"


def test_names_from_the_hub_go_nowhere(hub: HubServer, models_dir: Path) -> None:
    for name in ("../../evil.gguf", "/etc/evil.gguf", "a/../../evil.gguf", "x\x1b[2J.gguf", "a\\..\\b.gguf"):
        published(hub, name)
        error = refused(REPO, hub.settings)
        assert error.code == "source_failed"
        assert str(error).isprintable()
    published(hub, "evil-Q5_K_M-..-..-x.gguf")
    assert add(REPO, hub.settings) == "tiny-q5_k_m", "the name here is made of known words"


@pytest.mark.parametrize(
    "change",
    [
        {"sha": "main"},
        {"sha": "../../../x"},
        {"siblings": "none"},
        {"siblings": [{"rfilename": 3}]},
    ],
)
def test_an_answer_that_makes_no_sense(hub: HubServer, change: dict[str, object]) -> None:
    published(hub, "a.gguf", **change)
    assert refused(REPO, hub.settings).code == "source_failed"


def test_a_published_hash_that_is_none(hub: HubServer) -> None:
    published(hub, "a.gguf")
    hub.api["/api/models/Someone/Tiny-GGUF"]["siblings"][1]["lfs"]["sha256"] = "../../x"
    assert refused(REPO, hub.settings).code == "bad_manifest"


def test_a_bad_file_is_refused_before_it_is_fetched(hub: HubServer) -> None:
    hub.content = b"GGUF" + bytes(100_000)
    published(hub, "a.gguf")
    error = refused(REPO, hub.settings)
    assert error.code == "bad_model_file"


def test_a_large_header_is_read_as_far_as_it_goes(hub: HubServer) -> None:
    tokens = [f"a-long-token-{number:0100}" for number in range(80_000)]
    hub.content = tiny.gguf(tiny.keys([*tokens, *QWEN]))
    assert len(hub.content) > 8 << 20
    published(hub, "a.gguf")
    add(REPO, hub.settings, id="big")
    assert store.manifest("big").family == "qwen"


def test_a_repository_that_is_not_there(hub: HubServer) -> None:
    error = refused("Some/Typo", hub.settings)
    assert error.code == "not_found"
    assert "Some/Typo" in error.message
    assert refused("Some/Typo").code == "no_network"
