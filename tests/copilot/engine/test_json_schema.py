"""Schemas that are refused before an engine would ignore them."""

import sys

import pytest

from copilot.engine import json_schema
from copilot.errors import SlipstreamError


@pytest.mark.parametrize("schema", ["{}", "true", '{"type": "object", "properties": {"a": {"enum": ["x", 1]}}}'])
def test_one_that_can_be_used_has_a_grammar(schema: str) -> None:
    assert schema.replace(" ", "") in json_schema.grammar(schema, extra="cpu").replace(" ", "")


@pytest.mark.parametrize(
    ("schema", "words"),
    [
        ('{"type": "no such type"}', "Invalid type: no such type"),
        ('{"$ref": "#/nowhere"}', "'/nowhere' does not exist"),
        ('{"type": "string", "pattern": "^(a$"}', "regex parse error"),
        ('{"type": "array", "uniqueItems": true}', "uniqueItems"),
        ("[]", "must be an object"),
        ("{not json", "can't be used"),
    ],
)
def test_one_that_can_not_is_refused_in_one_line(schema: str, words: str) -> None:
    with pytest.raises(SlipstreamError) as caught:
        json_schema.grammar(schema, extra="cpu")
    assert caught.value.code == "bad_schema"
    assert words in caught.value.message
    assert "\n" not in str(caught.value)


def test_without_the_library_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "llguidance", None)
    with pytest.raises(SlipstreamError, match="need llguidance") as caught:
        json_schema.grammar("{}", extra="gpu3")
    assert "slipstream-copilot[gpu3]" in caught.value.hint
