"""Questions as clients ask them, and a host that answers as a model might."""

from tests.lsp.fake_host import FakeHost
from tests.lsp.jrpc import Client, Json, at

EXECUTE = "workspace/executeCommand"
STREAM = "slipstream/stream"
URI = "file:///project/a.py"
TEXT = "import os\n\n\ndef total(items):\n    return sum(itmes)\n\n\nprint(total([1]))\n"
FIXED = "```python\ndef total(items):\n    return sum(items)\n```\n"


def spot(line: int, character: int = 0) -> Json:
    return {"start": at(line, character), "end": at(line, character)}


def command(task: str, *, token: str | None = None, **argument: object) -> Json:
    params: Json = {"command": f"slipstream.ask.{task}", "arguments": [{"stream": "s", **argument}]}
    return params | ({"workDoneToken": token} if token else {})


def ask(client: Client, task: str, **argument: object) -> Json:
    result: Json = client.result(EXECUTE, command(task, token=None, **argument))
    return result


def answer(host: FakeHost, text: str) -> None:
    host.chat = [text[at : at + 7] for at in range(0, len(text), 7)]


def prompt(host: FakeHost) -> str:
    content: str = host.asked_chat[-1].body["messages"][-1]["content"]
    return content
