"""Layers of settings, where each value came from, and what is said about mistakes."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from copilot.config.load import MAX_FILE_BYTES, OriginKind, load
from copilot.config.schema import SETTINGS, value_of
from copilot.config.settings import Settings
from copilot.errors import SlipstreamError

Write = Callable[[str], Path]


@pytest.fixture
def write(home: Path) -> Write:
    """Writes the usual configuration file."""

    def write_text(text: str) -> Path:
        path = home / "config.toml"
        path.write_text(text, encoding="utf-8", newline="")
        return path

    return write_text


def mistakes(config_file: str | None = None, *overrides: str) -> str:
    with pytest.raises(SlipstreamError) as caught:
        load(config_file, overrides)
    assert caught.value.code == "config_invalid"
    assert "slipstream config sample" in caught.value.hint or "UTF-8" in caught.value.hint
    return caught.value.message


def test_without_anything_the_defaults(home: Path) -> None:
    loaded = load()
    assert loaded.settings == Settings()
    assert (loaded.path, loaded.found, loaded.warnings) == (home / "config.toml", False, ())
    assert set(loaded.origins) == set(SETTINGS)
    assert {str(origin) for origin in loaded.origins.values()} == {"default"}


def test_each_layer_stands_above_the_one_before(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("[engine]\nthreads = 1\nslots = 1\n\nbatch_tokens = 17\n")
    monkeypatch.setenv("SLIPSTREAM_ENGINE_THREADS", "2")
    monkeypatch.setenv("SLIPSTREAM_ENGINE_SLOTS", "2")
    loaded = load(overrides=["engine.threads=9", "engine.threads = 3"])

    engine = loaded.settings.engine
    assert (engine.threads, engine.slots, engine.batch_tokens, engine.gpu_layers) == (3, 2, 17, -1)
    names = "engine.threads", "engine.slots", "engine.batch_tokens", "engine.gpu_layers"
    assert [str(loaded.origins[name]) for name in names] == [
        "command line",
        "SLIPSTREAM_ENGINE_SLOTS",
        f"{path}:5",
        "default",
    ]
    assert loaded.origins["engine.slots"].kind is OriginKind.ENVIRONMENT
    assert loaded.found


OTHER_VALUES: dict[type, Any] = {int: 65, float: 2.5, bool: False, str: 'a "b" \\ # c', tuple: ("go", "x y")}
OTHER_VALUES_BY_NAME = {
    "engine.slots": 64,
    "engine.context_tokens": 512,
    "engine.speculation": "ngram",
    "engine.gpu_batch_tokens": 1024,
    "engine.cache_type": "q6",
    "completion.candidates": 4,
    "audit.content": "redacted",
    "audit.required": True,
    "audit.keep_bytes": 2_000_000,
}


@pytest.mark.parametrize("name", SETTINGS)
def test_every_setting_can_come_from_every_layer(name: str, write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    setting = SETTINGS[name]
    value = OTHER_VALUES_BY_NAME.get(name, OTHER_VALUES[setting.plain_type])
    assert value != setting.default
    text = tomli_w.dumps({"v": value}).removeprefix("v = ").strip()
    write(f"[{setting.table}]\n{setting.key} = {text}\n")
    assert value_of(load().settings, name) == value
    write("")
    assert value_of(load(None, [f"{name}={text}"]).settings, name) == value
    monkeypatch.setenv(setting.variable, text)
    assert value_of(load().settings, name) == value


@pytest.mark.parametrize(
    ("override", "value"),
    [
        ("model.completion=my-model", "my-model"),
        ("model.completion='my model'", "my model"),
        ("model.completion=true", "true"),
        ("model.completion=a=b", "a=b"),
        ("model.completion='odd", "'odd"),
        ("completion.disabled_languages=markdown, plain text", ("markdown", "plain text")),
        ("completion.disabled_languages=\"a\", 'b,c'", ("a", "b,c")),
        ("completion.disabled_languages=['a']", ("a",)),
        ("completion.disabled_languages=", ()),
        ("completion.enabled=False", False),
        ("host.idle_minutes=5", 5.0),
        ("engine.context_tokens=1_024", 1024),
        ("engine.threads=0x10", 16),
    ],
)
def test_values_on_the_command_line(override: str, value: object) -> None:
    name = override.partition("=")[0]
    assert value_of(load(overrides=[override]).settings, name) == value


@pytest.mark.parametrize(
    ("text", "place", "message"),
    [
        ("[engine]\n\nthreads = 'x'", 3, "engine.threads takes a whole number from 0 to 512, not 'x'"),
        ("[engine]\r\nthreads = 1\r\nslots = 65", 3, "engine.slots takes a whole number from 1 to 64, not 65"),
        ("\n\n[engine.threads]\na=1", 3, "engine.threads takes a whole number from 0 to 512, not a table"),
        ("[[engine]]\nthreads=1", 1, "engine is a table: write [engine]"),
        ("engine = 4", 1, "engine is a table: write [engine]"),
        ("\n[engin]\nthreads=1", 2, "There is no table [engin]. Did you mean engine?"),
        ("\nthreads = 1", 2, "There is no setting threads. Did you mean engine.threads?"),
        ("[engine]\nmax_tokens=1", 2, "There is no setting engine.max_tokens. Did you mean completion.max_tokens?"),
        ("[engine]\ncontext-tokens=1", 2, "Did you mean engine.context_tokens?"),
        ("[engine]\nxyzzy=1", 2, "There is no setting engine.xyzzy."),
        ("[host]\nidle_minutes = nan", 2, "host.idle_minutes takes a number above 0 up to 100000, not nan"),
        ('a = """\n[engine]\nslots = 0\n"""\n[engine]\nslots=0', 6, "engine.slots takes"),
        ("host.'max_queue' = 0", 1, "host.max_queue takes a whole number from 1 to 10000, not 0"),
    ],
)
def test_a_mistake_is_named_with_its_line(write: Write, text: str, place: int, message: str) -> None:
    path = write(text)
    said = [line for line in mistakes().splitlines() if message in line]
    assert len(said) == 1
    assert said[0].strip().startswith(f"{path}:{place}: ")


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("[engine]\nthreads =\n", ":2:10: "),
        ("[engine]\nthreads = 1\nthreads = 2\n", ":3:"),
        ("[engine]\n[engine]", ":2:"),
        ("[engine]\nthreads = [\n\n\n", ":2: "),
        ("a = 'b", ":1:"),
        ("[engine]\r\nthreads == 1", ":2:10: "),
    ],
)
def test_a_syntax_error_is_named_with_its_line(write: Write, text: str, place: str) -> None:
    path = write(text)
    assert mistakes().startswith(f"{path}{place}")


def test_all_mistakes_are_told_at_once_in_the_order_of_the_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write("[host]\nmax_queue = 0\n[engine]\nthreds = 1\n[host.deep]\n[completion]\nenabled = 'yes'\n")
    monkeypatch.setenv("SLIPSTREAM_ENGINE_SLOTS", "many")
    lines = mistakes(None, "engine.threads=x", "engine").splitlines()
    assert lines[0] == "The settings have 7 mistakes:"
    starts = [line.split(": ")[0].strip() for line in lines[1:]]
    assert starts == [
        f"{path}:2",
        f"{path}:4",
        f"{path}:5",
        f"{path}:7",
        "SLIPSTREAM_ENGINE_SLOTS",
        "--set engine.threads=x",
        "--set engine",
    ]


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("engine.threads", "Write it as TABLE.KEY=VALUE"),
        ("engine.thread=1", "Did you mean engine.threads?"),
        ("threads=1", "Did you mean engine.threads?"),
        ("engine.threads=1\nslots=2", "not '1\\nslots=2'"),
        ("engine.threads=", "not ''"),
        ("completion.disabled_languages=['a'", "takes a list of texts"),
        ("completion.enabled=maybe", "takes true or false, not 'maybe'"),
    ],
)
def test_mistakes_on_the_command_line(override: str, message: str) -> None:
    said = mistakes(None, override)
    assert said.startswith(f"--set {override}: ")
    assert message in said


def test_a_mistake_in_the_environment_names_the_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPSTREAM_HOST_IDLE_MINUTES", "soon")
    assert (
        mistakes() == "SLIPSTREAM_HOST_IDLE_MINUTES: host.idle_minutes takes a number above 0 up to 100000, not 'soon'."
    )


def test_an_unknown_variable_is_a_warning_and_ours_are_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SLIPSTREAM_ENGINE_THREAD", "2")
    monkeypatch.setenv("SLIPSTREAM_ENGINE_THREADS", "")
    loaded = load()
    assert loaded.warnings == (
        "SLIPSTREAM_ENGINE_THREAD is no setting and is ignored. Did you mean SLIPSTREAM_ENGINE_THREADS?",
    )
    assert str(loaded.origins["engine.threads"]) == "default"


def test_a_named_file_is_read_instead(write: Write, tmp_path: Path) -> None:
    write("[engine]\nthreads = 1\n")
    other = tmp_path / "other.toml"
    other.write_bytes(b"\xef\xbb\xbf[engine]\nslots = 2\n")
    loaded = load(str(other))
    assert (loaded.settings.engine.threads, loaded.settings.engine.slots) == (0, 2)
    assert str(loaded.origins["engine.slots"]) == f"{other}:2"


@pytest.mark.parametrize("name", ["missing.toml", "file/below-a-file.toml"])
def test_a_named_file_must_exist(tmp_path: Path, name: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SlipstreamError, match="no configuration file") as caught:
        load(str(tmp_path / name))
    assert caught.value.code == "config_missing"


def test_a_file_named_in_the_environment_may_be_missing_but_not_silently(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLIPSTREAM_CONFIG", str(tmp_path / "missing.toml"))
    loaded = load()
    assert not loaded.found
    assert len(loaded.warnings) == 1
    assert str(tmp_path / "missing.toml") in loaded.warnings[0]


def test_what_is_no_readable_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(SlipstreamError, match="cannot be read") as caught:
        load(str(tmp_path))
    assert caught.value.code == "config_unreadable"


def test_a_huge_file_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "huge.toml").write_bytes(b"#" * (MAX_FILE_BYTES + 1))
    with pytest.raises(SlipstreamError, match="larger than 1024 KiB"):
        load(str(tmp_path / "huge.toml"))


def test_bytes_that_are_no_text_are_named_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "latin.toml"
    file.write_bytes("[model]\n# caf\xe9\n".encode("latin-1"))
    assert mistakes(str(file)) == f"{file}:2: This line is not UTF-8."


def test_deep_nesting_is_a_mistake_not_a_crash(write: Write) -> None:
    path = write("a = " + "[" * 100_000)
    assert mistakes() == f"{path}: The lists are nested too deeply."


def test_loading_stays_light() -> None:
    """The language server loads settings while the editor waits."""
    heavy = {"rich", "starlette", "uvicorn", "httpx", "psutil", "xllamacpp", "tomli_w", "difflib", "asyncio"}
    program = "import sys, copilot.config.load as load; load.load(); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=60)
    assert heavy.isdisjoint(done.stdout.split())
