"""A language server between an editor and ours: passes every message on and notes when inline completions passed.

    python -m benchmarks.stamped_server LOG PROGRAM [ARGUMENTS ...]

LOG gets a line for each, as JSON: the time in milliseconds since 1970, ``asked`` or ``answered``, and the request's id.
"""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO


def main() -> None:
    log_path, *command = sys.argv[1:]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert server.stdin is not None
    assert server.stdout is not None
    asked: set[object] = set()
    # A line at a time, for whoever follows it.
    with Path(log_path).open("a", buffering=1) as log:

        def note(kind: str, name: object) -> None:
            log.write(json.dumps([time.time() * 1000, kind, name]) + "\n")

        def to_server(body: dict[str, object]) -> None:
            if body.get("method") == "textDocument/inlineCompletion":
                asked.add(body["id"])
                note("asked", body["id"])

        def to_editor(body: dict[str, object]) -> None:
            if "method" not in body and body.get("id") in asked:
                note("answered", body["id"])

        def back() -> None:
            assert server.stdout is not None
            while (message := _next(server.stdout)) is not None:
                # Before it goes: what comes after is the editor's.
                to_editor(json.loads(message.partition(b"\r\n\r\n")[2]))
                sys.stdout.buffer.write(message)
                sys.stdout.buffer.flush()

        thread = threading.Thread(target=back, daemon=True)
        thread.start()
        while (message := _next(sys.stdin.buffer)) is not None:
            to_server(json.loads(message.partition(b"\r\n\r\n")[2]))
            server.stdin.write(message)
            server.stdin.flush()
        server.stdin.close()
        thread.join(5)
    sys.exit(server.wait())


def _next(stream: IO[bytes]) -> bytes | None:
    """One message with its header; None at the end."""
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        line = stream.readline()
        if not line:
            return None
        head += line
    lengths = (line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length"))
    return head + stream.read(int(next(lengths)))


if __name__ == "__main__":
    main()
