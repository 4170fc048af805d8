"""A conversation for elsewhere: as Markdown to read, as JSON with everything. No I/O."""

import time

import msgspec

from copilot.chat.attachments import AttachmentKind
from copilot.chat.history import Entry, Summary
from copilot.chat.thread import MessageState, Thread
from copilot.chat.wording import fenced

_STATES = {
    MessageState.STOPPED: "stopped by the user",
    MessageState.LENGTH: "broke off at its limit",
    MessageState.FAILED: "incomplete",
    MessageState.RUNNING: "still being written",
}


def as_markdown(entry: Entry, thread: Thread) -> str:
    """The branch that is looked at."""
    parts = [f"# {entry.title}"]
    for message in thread.branch():
        when = time.strftime("%Y-%m-%d %H:%M", time.localtime(message.created))
        who = "You" if message.role == "user" else message.model or "Slipstream"
        parts.append(f"## {who} · {when}")
        for it in message.attachments:
            if it.kind is AttachmentKind.TEXT:
                parts.append(f"Attached text:\n\n{fenced(it.text)}")
            else:
                parts.append(f"Attached: `{it.origin}`")
        if message.text.strip():
            parts.append(message.text.strip("\n"))
        if message.state in _STATES:
            parts.append(f"*({_STATES[message.state]}{f': {message.note}' if message.note else ''})*")
    return "\n\n".join(parts) + "\n"


def as_json(entry: Entry, thread: Thread, summary: Summary) -> str:
    """All branches."""
    value = {
        "format": "slipstream-conversation-1",
        "title": entry.title,
        "workspace": entry.workspace,
        "pinned": entry.pinned,
        "leaf": thread.leaf,
        "summary": summary._asdict(),
        "messages": thread.messages,
    }
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode() + "\n"
