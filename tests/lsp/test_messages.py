"""Decoding never raises, and tells what may be handled from what may not."""

import json
from typing import Any

import msgspec
import pytest
from copilot_lsp import messages
from copilot_lsp.messages import Refused, decode
from hypothesis import given
from hypothesis import strategies as st

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
keys = st.sampled_from(["jsonrpc", "id", "method", "params", "result", "error"])


@given(st.binary(max_size=200))
def test_any_bytes_are_decoded_or_refused(body: bytes) -> None:
    assert isinstance(decode(body), (dict, Refused))


@given(st.dictionaries(keys, values))
def test_a_message_that_is_let_through_can_be_routed(message: dict[str, Any]) -> None:
    whole = {**message, "jsonrpc": "2.0"}
    decoded = decode(json.dumps(whole).encode())
    if isinstance(decoded, dict) and "method" in decoded:
        assert isinstance(decoded["method"], str)
        assert "id" not in decoded or messages.is_request_id(decoded["id"])


@given(values)
def test_params_are_read_or_refused(params: Any) -> None:
    for shape in (messages.InlineCompletionParams, messages.DidChangeParams, messages.DidOpenParams):
        for nested in (params, {"textDocument": params, "position": params}):
            try:
                msgspec.convert(nested, shape)
            except msgspec.ValidationError as error:
                assert str(error)


@pytest.mark.parametrize(("kind", "invoked"), [(0, True), (1, True), (2, False), (3, False)])
def test_the_numbers_of_a_draft_of_the_protocol_are_understood(kind: int, invoked: bool) -> None:
    given_params = {"textDocument": {"uri": "u"}, "position": {"line": 0, "character": 0}}
    params = msgspec.convert({**given_params, "context": {"triggerKind": kind}}, messages.InlineCompletionParams)
    assert params.invoked is invoked
    assert not msgspec.convert(given_params, messages.InlineCompletionParams).invoked
