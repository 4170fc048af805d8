"""What the server tells a client that it can do, beside what pygls finds registered with itself."""

from lsprotocol import types

from copilot_lsp import actions
from copilot_lsp.commands import Commands

_EXTENSIONS = ("caret", "partialResults", "life", "status", "streams", "why", "context")


def announce(capabilities: types.ServerCapabilities, commands: Commands) -> None:
    """Complete ``capabilities``, the answer to ``initialize``."""
    capabilities.inline_completion_provider = types.InlineCompletionOptions()
    capabilities.text_document_sync = types.TextDocumentSyncOptions(
        open_close=True,
        change=types.TextDocumentSyncKind.Incremental,
        save=types.SaveOptions(include_text=False),
    )
    capabilities.execute_command_provider = types.ExecuteCommandOptions(
        commands=commands.announced, work_done_progress=True
    )
    capabilities.code_action_provider = types.CodeActionOptions(code_action_kinds=list(actions.KINDS))
    capabilities.experimental = {"slipstream": dict.fromkeys(_EXTENSIONS, True)}
