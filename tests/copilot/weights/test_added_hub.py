"""A folder in a hub repository, as EXL2 models are published: pinned file by file, then fetched file by file."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
from copilot_models import families
from copilot_models.manifests import HubFolderSource

from copilot.config.settings import DownloadSettings
from copilot.errors import SlipstreamError
from copilot.weights import added, store
from copilot.weights.added import Wanted
from copilot.weights.pull import pull
from copilot.weights.store import State
from tests.copilot.weights import tiny
from tests.copilot.weights.hub_server import Asked, HubServer, Reply

REPO, BRANCH = "Someone/Coder-EXL2", "4_25"
QWEN = tuple(families.load("qwen").controls)


class Published:
    """The repository: its files by name, all of a folder of :func:`tiny.exl2_folder` and a second file of weights."""

    def __init__(self, hub: HubServer, folder: Path, *, branch: str = BRANCH, **config: object) -> None:
        tiny.exl2_folder(folder, tokens=QWEN, **config)
        self.hub = hub
        self.files = {file.name: file.read_bytes() for file in folder.iterdir()}
        self.files["output-00002.safetensors"] = tiny.safetensors(tiny.GOOD_TENSORS)
        self.extra = {"README.md": b"# hello", "original/consolidated.safetensors": b"x", "cal.parquet": b"y"}
        self.broken: dict[str, bytes] = {}
        hub.answer = self.answer
        self.tell(branch)

    def tell(self, branch: str = BRANCH, **changes: Any) -> None:
        siblings = []
        for name, content in {**self.files, **self.extra}.items():
            sibling: dict[str, Any] = {"rfilename": name, "size": len(content)}
            if name.endswith(".safetensors"):
                sibling["lfs"] = {"sha256": hashlib.sha256(content).hexdigest(), "size": len(content)}
            siblings.append(sibling)
        info = {"sha": tiny.REVISION, "siblings": siblings, "tags": ["license:apache-2.0"], **changes}
        self.hub.api[f"/api/models/{REPO}" + (f"/revision/{branch}" if branch else "")] = info

    def answer(self, asked: Asked) -> Reply:
        prefix = f"/{REPO}/resolve/{tiny.REVISION}/"
        name = asked.path.removeprefix(prefix)
        content = self.broken.get(name, self.files.get(name))
        if not asked.path.startswith(prefix) or content is None:
            return Reply(404)
        last = len(content) - 1 if asked.last is None else min(asked.last, len(content) - 1)
        if not asked.ranged:
            return Reply(200, content)
        return Reply(
            206, content[asked.start : last + 1], {"Content-Range": f"bytes {asked.start}-{last}/{len(content)}"}
        )


@pytest.fixture
def published(hub: HubServer, tmp_path: Path) -> Published:
    return Published(hub, tmp_path / "source")


def add(hub: HubServer, what: str = f"{REPO}@{BRANCH}", **wanted: str) -> str:
    return added.add(what, Wanted(**wanted), hub.settings).id


def refused(hub: HubServer, what: str = f"{REPO}@{BRANCH}") -> SlipstreamError:
    before = store.known()
    with pytest.raises(SlipstreamError) as caught:
        add(hub, what)
    assert store.known() == before
    assert caught.value.hint
    return caught.value


def test_a_branch_is_pinned_and_then_pulled(hub: HubServer, published: Published, models_dir: Path) -> None:
    model_id = add(hub)
    assert model_id == "coder-exl2-4_25"
    of = store.manifest(model_id)
    assert (of.format, of.family, of.license, of.quantization) == ("exl2", "qwen", "apache-2.0", "EXL2 4.25 bits")
    (source,) = of.sources
    assert isinstance(source, HubFolderSource)
    assert {file.name for file in source.files} == set(published.files), "nothing else is fetched"
    assert of.size_bytes == sum(map(len, published.files.values()))
    assert store.state(of) is State.MISSING
    shares: list[int] = []
    installed = pull(model_id, hub.settings, lambda now: shares.append(now.done_bytes))
    assert installed.path == models_dir / model_id
    assert {file.name: file.read_bytes() for file in installed.path.iterdir()} == published.files
    assert shares == sorted(shares)
    assert shares[-1] == of.size_bytes
    assert store.state(of) is State.INSTALLED
    asked = len(hub.asked)
    assert pull(model_id, hub.settings, lambda _progress: None).path == installed.path
    assert len(hub.asked) == asked, "it is here"
    store.remove(model_id)
    assert not installed.path.exists()


def test_without_a_branch_it_is_the_repository_itself(hub: HubServer, tmp_path: Path) -> None:
    Published(hub, tmp_path / "source", branch="")
    assert add(hub, REPO) == "coder-exl2"
    assert add(hub, REPO, id="mine", family="plain") == "mine"
    assert store.manifest("mine").family == "plain"


def test_what_came_is_kept_and_not_fetched_again(hub: HubServer, published: Published) -> None:
    model_id = add(hub)
    whole = published.files["output-00002.safetensors"]
    published.broken["output-00002.safetensors"] = whole[:-1] + b"\1"
    with pytest.raises(SlipstreamError) as caught:
        pull(model_id, hub.settings, lambda _progress: None)
    assert caught.value.code == "wrong_hash"
    of = store.manifest(model_id)
    assert store.state(of) is State.PARTIAL
    assert not store.location(of).exists()
    published.broken.clear()
    before = len(hub.asked)
    pull(model_id, hub.settings, lambda _progress: None)
    again = [asked.path.rsplit("/", 1)[1] for asked in hub.asked[before:]]
    # In the order of their names: what comes before the broken one was there.
    assert again[0] == "output-00002.safetensors"
    assert "config.json" not in again


def test_a_file_that_was_changed_here_is_noticed_and_fetched_anew(hub: HubServer, published: Published) -> None:
    model_id = add(hub)
    path = pull(model_id, hub.settings, lambda _progress: None).path
    (path / "config.json").write_bytes(b"{}" + b" " * 10)
    with pytest.raises(SlipstreamError) as caught:
        store.verify(model_id)
    assert caught.value.code == "model_damaged"
    assert pull(model_id, hub.settings, lambda _progress: None).path == path
    assert (path / "config.json").read_bytes() == published.files["config.json"]


@pytest.mark.parametrize("name", ["pytorch_model.bin", "sub/training_args.pkl"])
def test_a_repository_with_a_file_that_may_run_code_is_refused(hub: HubServer, published: Published, name: str) -> None:
    published.extra[name] = b"x"
    published.tell()
    assert refused(hub).code == "unsafe_model_file"


def test_code_of_its_own_is_refused_before_anything_is_fetched(hub: HubServer, tmp_path: Path) -> None:
    Published(hub, tmp_path / "source", auto_map={"AutoModel": "evil.Model"})
    refusal = refused(hub)
    assert refusal.code == "unsafe_model_file"
    assert refusal.message.startswith(REPO.split("/")[1])
    assert not [asked for asked in hub.asked if asked.path.endswith(".safetensors")]


def test_names_from_the_hub_go_nowhere(hub: HubServer, published: Published) -> None:
    for name in ("..safetensors", "a\\b.safetensors", "x\x1b[2J.safetensors"):
        published.files[name] = b"x"
        published.tell()
        assert refused(hub).code == "source_failed"
        del published.files[name]
    published.tell(sha="main")
    assert refused(hub).code in {"source_failed", "not_found"}


@pytest.mark.parametrize("missing", ["tokenizer.json", "output.safetensors"])
def test_what_is_no_model_is_refused(hub: HubServer, published: Published, missing: str) -> None:
    del published.files[missing]
    published.files.pop("output-00002.safetensors")
    published.tell()
    error = refused(hub)
    assert error.code == "not_found" or missing == "tokenizer.json"


def test_a_description_that_is_not_what_the_hub_says(hub: HubServer, published: Published) -> None:
    published.broken["config.json"] = published.files["config.json"][:-2]
    assert refused(hub).code == "wrong_hash"


def test_a_manifest_whose_files_do_not_add_up_is_none(hub: HubServer, published: Published) -> None:
    model_id = add(hub)
    path = store.added_path(model_id)
    size = store.manifest(model_id).size_bytes
    path.write_text(path.read_text().replace(f"size_bytes = {size}\n", f"size_bytes = {size + 1}\n", 1))
    assert "not that of its files" in store.problems()[model_id]


def test_offline_it_says_so(published: Published, hub: HubServer) -> None:
    model_id = add(hub)
    with pytest.raises(SlipstreamError) as caught:
        pull(model_id, DownloadSettings(hub="http://127.0.0.1:1"), lambda _progress: None)
    assert caught.value.code == "no_network"
    assert json.loads(json.dumps(caught.value.hint))
