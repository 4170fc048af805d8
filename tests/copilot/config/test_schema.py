"""The flat list of settings: complete, unambiguous, and strict about values."""

from typing import Any

import pytest

from copilot.config.schema import SETTINGS, TABLES, assemble, value_of
from copilot.config.settings import Settings


def test_every_setting_says_what_it_is_and_what_it_takes() -> None:
    for setting in SETTINGS.values():
        assert setting.description.endswith("."), setting.name
        assert setting.accepts
        assert setting.check(setting.default) == setting.default
    for table, about in TABLES.items():
        assert about, table


def test_names_and_variables_are_unique() -> None:
    variables = [setting.variable for setting in SETTINGS.values()]
    assert len(set(variables)) == len(variables)
    assert SETTINGS["completion.disabled_languages"].variable == "SLIPSTREAM_COMPLETION_DISABLED_LANGUAGES"


def test_nothing_given_makes_the_defaults() -> None:
    assert assemble({}) == Settings()


def test_given_values_replace_defaults() -> None:
    settings = assemble({"engine.threads": 3, "download.hub": "https://hub.example"})
    assert (settings.engine.threads, settings.engine.slots) == (3, Settings().engine.slots)
    assert value_of(settings, "download.hub") == "https://hub.example"


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("engine.threads", "four", "engine.threads takes a whole number from 0 to 512, not 'four'"),
        ("engine.threads", True, "not true"),
        ("engine.threads", 4.0, "not 4.0"),
        ("engine.threads", -1, "not -1"),
        ("engine.threads", {"a": 1}, "not a table"),
        ("engine.threads", [{"a": 1}], "not a list of tables"),
        ("host.idle_minutes", 0, "host.idle_minutes takes a number above 0 up to 100000, not 0"),
        ("host.idle_minutes", float("nan"), "not nan"),
        ("host.idle_minutes", float("inf"), "not inf"),
        ("completion.enabled", 1, "completion.enabled takes true or false, not 1"),
        ("completion.disabled_languages", "text", "takes a list of texts, not 'text'"),
        ("completion.disabled_languages", ["text", 1], "takes a list of texts, not ['text', 1]"),
        ("engine.speculation", "magic", 'engine.speculation takes "off" or "ngram" or "draft", not \'magic\''),
        ("model.completion", 5, "model.completion takes text, not 5"),
        ("model.completion", ["x" * 200], "..."),
    ],
)
def test_a_wrong_value_is_told_what_the_setting_takes(name: str, value: Any, message: str) -> None:
    with pytest.raises(ValueError, match="takes") as caught:
        SETTINGS[name].check(value)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 160


def test_a_whole_number_is_a_number() -> None:
    assert SETTINGS["host.idle_minutes"].check(5) == 5.0
