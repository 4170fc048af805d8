"""The sample file and the page say what the settings are; both are made from them."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from copilot.config.document import reference, sample, toml
from copilot.config.load import RESERVED_VARIABLES, load
from copilot.config.schema import SETTINGS
from copilot.config.settings import Settings

PAGE = Path(__file__).parents[3] / "docs" / "configuration.md"


def test_the_sample_as_it_is_changes_nothing(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(sample(), encoding="utf-8")
    loaded = load(str(file))
    assert loaded.settings == Settings()
    assert {str(origin) for origin in loaded.origins.values()} == {"default"}


def test_the_sample_with_its_marks_taken_away_sets_every_default(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(re.sub(r"(?m)^#(?=\S)", "", sample()), encoding="utf-8")
    loaded = load(str(file))
    assert loaded.settings == Settings()
    assert {origin.name for origin in loaded.origins.values()} == {str(file)}
    assert len({origin.line for origin in loaded.origins.values()}) == len(SETTINGS)


def test_the_page_is_up_to_date_and_names_every_setting() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert page == reference(), "run: python -m copilot.config.document > docs/configuration.md"
    for setting in SETTINGS.values():
        assert f"| `{setting.key}` | `{toml(setting.default)}` |" in page
    for variable in RESERVED_VARIABLES:
        assert variable in page


def test_the_page_can_be_made_by_its_command() -> None:
    command = [sys.executable, "-m", "copilot.config.document"]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True, timeout=60)
    assert done.stdout == reference()


@pytest.mark.parametrize("value", [1, -1.5, True, "", 'a "b"\n\\', (), ("a", "b,c")])
def test_values_are_written_as_toml_on_one_line(value: object) -> None:
    text = toml(value)
    assert "\n" not in text
    parsed = tomllib.loads(f"value = {text}")["value"]
    assert (tuple(parsed) if isinstance(value, tuple) else parsed) == value
