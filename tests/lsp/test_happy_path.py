"""The happy paths through pytest-lsp: a client made from the same library as the server, typed by the protocol."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import pytest_lsp
from lsprotocol import types
from pygls.exceptions import JsonRpcException
from pytest_lsp import ClientServerConfig, LanguageClient

from tests.lsp.fake_host import FakeHost

URI = "file:///w/a.py"


@pytest_lsp.fixture(  # type: ignore[untyped-decorator]
    config=ClientServerConfig(server_command=[sys.executable, "-m", "copilot", "lsp"])
)
async def lsp(lsp_client: LanguageClient, host: FakeHost) -> AsyncGenerator[None]:
    host.tokens = ("a", " + ", "b")
    result = await lsp_client.initialize_session(
        types.InitializeParams(
            process_id=os.getpid(),
            root_uri=None,
            capabilities=types.ClientCapabilities(
                general=types.GeneralClientCapabilities(position_encodings=[types.PositionEncodingKind.Utf8]),
                workspace=types.WorkspaceClientCapabilities(configuration=True),
            ),
        )
    )
    assert result.capabilities.inline_completion_provider == types.InlineCompletionOptions()
    assert result.capabilities.position_encoding == types.PositionEncodingKind.Utf8
    item = types.TextDocumentItem(uri=URI, language_id="python", version=1, text="def add(a, b):\n    return ")
    lsp_client.text_document_did_open(types.DidOpenTextDocumentParams(item))
    yield
    await lsp_client.shutdown_session()


def question(character: int = 11) -> types.InlineCompletionParams:
    return types.InlineCompletionParams(
        context=types.InlineCompletionContext(trigger_kind=types.InlineCompletionTriggerKind.Automatic),
        text_document=types.TextDocumentIdentifier(URI),
        position=types.Position(1, character),
    )


async def test_a_completion(lsp: LanguageClient) -> None:
    answer = await lsp.text_document_inline_completion_async(question())
    assert isinstance(answer, types.InlineCompletionList)
    here = types.Position(1, 11)
    (item,) = answer.items
    assert (item.insert_text, item.range) == ("a + b", types.Range(here, here))


async def test_typing_on(lsp: LanguageClient, host: FakeHost) -> None:
    for version, letter in enumerate("sum", 2):
        here = types.Position(1, 9 + version)
        change = types.TextDocumentContentChangePartial(range=types.Range(here, here), text=letter)
        lsp.text_document_did_change(
            types.DidChangeTextDocumentParams(types.VersionedTextDocumentIdentifier(version, URI), [change])
        )
        answer = await lsp.text_document_inline_completion_async(question(10 + version))
        assert isinstance(answer, types.InlineCompletionList)
        assert answer.items
    assert [asked.body["prefix"][-3:] for asked in host.asked] == ["n s", " su", "sum"]
    lsp.text_document_did_save(types.DidSaveTextDocumentParams(types.TextDocumentIdentifier(URI)))
    lsp.text_document_did_close(types.DidCloseTextDocumentParams(types.TextDocumentIdentifier(URI)))
    assert await lsp.text_document_inline_completion_async(question()) is None


async def test_a_cancel(lsp: LanguageClient, host: FakeHost) -> None:
    host.hold_after = 0
    answer: Any = lsp.protocol.send_request(types.TEXT_DOCUMENT_INLINE_COMPLETION, question(), msg_id="mine")
    while not host.asked:  # noqa: ASYNC110 - it is asked in another thread
        await asyncio.sleep(0.01)
    lsp.cancel_request(types.CancelParams(id="mine"))
    with pytest.raises(JsonRpcException) as refused:
        await asyncio.wait_for(asyncio.wrap_future(answer), 30)
    assert refused.value.code == types.LSPErrorCodes.RequestCancelled
