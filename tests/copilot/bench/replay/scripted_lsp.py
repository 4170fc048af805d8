"""A language server that a test tells what to do: ``python scripted_lsp.py OPTIONS`` with a JSON object.

``goal``: the file that is being typed; it answers with the rest of the caret's line. ``delay``: seconds. ``stream``:
half of it comes first as a partial result. ``method``: what it answers. ``caret``: it wants to hear of the caret.
``ends_after``: it dies at that request. ``warm_only``: it answers nothing but the first request. ``log``: every message
it gets goes there.
"""

import json
import sys
import threading
from typing import Any

OPTIONS: dict[str, Any] = json.loads(sys.argv[1])
documents: dict[str, str] = {}
cancelled: set[int] = set()
writing = threading.Lock()


def send(message: dict[str, Any]) -> None:
    body = json.dumps({"jsonrpc": "2.0", **message}).encode()
    with writing:
        sys.stdout.buffer.write(b"Content-Length: %d\r\n\r\n" % len(body) + body)
        sys.stdout.buffer.flush()


def receive() -> dict[str, Any] | None:
    size = 0
    while line := sys.stdin.buffer.readline().strip():
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            size = int(value)
    if not size:
        return None
    message: dict[str, Any] = json.loads(sys.stdin.buffer.read(size))
    if path := OPTIONS.get("log"):
        with open(path, "a", encoding="utf-8") as log:  # noqa: PTH123
            log.write(json.dumps(message) + "\n")
    return message


def offset(text: str, position: dict[str, int]) -> int:
    """Characters count in UTF-16, as in a server that negotiates nothing."""
    lines = text.split("\n")
    line = lines[position["line"]].encode("utf-16-le")[: 2 * position["character"]].decode("utf-16-le")
    return sum(len(one) + 1 for one in lines[: position["line"]]) + len(line)


def items(text: str, position: dict[str, int]) -> list[dict[str, Any]]:
    if not text.strip():
        return []
    span = {"start": position, "end": position}
    if OPTIONS.get("method") == "completion":
        return [{"label": text, "textEdit": {"newText": text, "range": span}}]
    return [{"insertText": text, "range": span}]


def answer(message: dict[str, Any]) -> None:
    params = message["params"]
    text, position = documents[params["textDocument"]["uri"]], params["position"]
    before = text[: offset(text, position)]
    goal: str = OPTIONS["goal"]
    if "/warm." in params["textDocument"]["uri"]:
        rest = "first + second"
    else:
        rest = goal[len(before) :].partition("\n")[0] if goal.startswith(before) else ""
    token = params.get("partialResultToken")
    if OPTIONS.get("stream") and token and rest:
        value = {"items": items(rest[: len(rest) // 2], position)}
        send({"method": "$/progress", "params": {"token": token, "value": value}})
    if message["id"] in cancelled:
        send({"id": message["id"], "error": {"code": -32800, "message": "cancelled"}})
    else:
        send({"id": message["id"], "result": {"items": items(rest, position)}})


def main() -> None:
    asked = 0
    while (message := receive()) is not None:
        method, params = message.get("method"), message.get("params") or {}
        if method == "initialize":
            experimental = {"experimental": {"slipstream": {"caret": True}}} if OPTIONS.get("caret") else {}
            send({"id": message["id"], "result": {"capabilities": {"textDocumentSync": 2, **experimental}}})
        elif method == "textDocument/didOpen":
            documents[params["textDocument"]["uri"]] = params["textDocument"]["text"]
        elif method == "textDocument/didChange":
            uri = params["textDocument"]["uri"]
            for change in params["contentChanges"]:
                text, span = documents[uri], change["range"]
                start, end = offset(text, span["start"]), offset(text, span["end"])
                documents[uri] = text[:start] + change["text"] + text[end:]
        elif method == "textDocument/" + OPTIONS.get("method", "inlineCompletion"):
            asked += 1
            if asked == OPTIONS.get("ends_after"):
                sys.exit(3)
            if asked > 1 and OPTIONS.get("warm_only"):
                send({"id": message["id"], "result": None})
            else:
                threading.Timer(OPTIONS.get("delay", 0.0), answer, [message]).start()
        elif method == "$/cancelRequest":
            cancelled.add(params["id"])
        elif method == "exit":
            return
        elif "id" in message:
            send({"id": message["id"], "result": None})


main()
