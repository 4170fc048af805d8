"""The configurations for editors without a plugin of ours: each is readable, and what it starts is our server."""

import json
import os
import shlex
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from copilot_lsp import settings

from copilot.text.languages import language_of
from tests.lsp.jrpc import Client

PLUGINS = Path(__file__).parents[2] / "editor-plugins"
JETBRAINS = PLUGINS / "jetbrains" / "slipstream"


def read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def jetbrains() -> list[str]:
    return shlex.split(read_json(JETBRAINS / "template.json")["programArgs"]["default"])


def helix() -> list[str]:
    server = tomllib.loads((PLUGINS / "helix" / "languages.toml").read_text())["language-server"]["slipstream"]
    return [server["command"], *server["args"]]


def kate() -> list[str]:
    return list(read_json(PLUGINS / "kate" / "settings.json")["servers"]["python"]["command"])


def sublime() -> list[str]:
    return list(read_json(PLUGINS / "sublime" / "LanguageServers.sublime-settings")["slipstream"]["command"])


def lsp_copilot() -> list[str]:
    return list(read_json(PLUGINS / "sublime" / "LSP-copilot.sublime-settings")["command"])


@pytest.mark.parametrize("command", [jetbrains, helix, kate, sublime, lsp_copilot], ids=lambda read: read.__name__)
def test_the_command_of_a_template_starts_the_server(command: Any) -> None:
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    with Client(command(), env=environment) as client:
        assert client.initialize()["serverInfo"]["name"] == "slipstream"
        assert client.stop() == 0


@pytest.mark.parametrize("path", sorted(JETBRAINS.glob("*.json")), ids=lambda path: path.name)
def test_every_file_that_lsp4ij_reads_is_an_object(path: Path) -> None:
    assert isinstance(read_json(path), dict)


def test_the_schema_for_jetbrains_has_the_settings_that_the_server_knows() -> None:
    schema = read_json(JETBRAINS / "settings.schema.json")
    assert set(schema["properties"]["slipstream"]["properties"]) == set(settings.KNOWN)


def test_languages_are_named_as_the_server_names_them() -> None:
    for mapping in read_json(JETBRAINS / "template.json")["fileTypeMappings"]:
        for pattern in mapping["fileType"]["patterns"]:
            assert language_of(Path(pattern.replace("*", "a"))) == mapping["languageId"], pattern


def test_helix_asks_its_own_servers_too() -> None:
    """Its list of a language's servers is replaced, not extended; ours alone would take the others away."""
    languages = tomllib.loads((PLUGINS / "helix" / "languages.toml").read_text())["language"]
    assert languages
    for language in languages:
        assert language["language-servers"][-1] == "slipstream"
        assert len(language["language-servers"]) > 1, language["name"]
