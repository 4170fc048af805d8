"""The process that reads and parses files for the index.

``python -m copilot.index.worker ROOT NICENESS [PATTERN ...]``; the patterns are what the user excludes.

Tasks come on stdin, answers leave on stdout in the same order; each is four bytes of length and then MessagePack.
First comes an empty answer, as a sign of life. An empty task: ignore files may have changed.

A file that takes too long ends the process: a parser that hangs in its library can't be stopped otherwise.
"""

import contextlib
import os
import resource
import signal
import struct
import sys
from pathlib import Path
from typing import IO

import msgspec

from copilot.index.parsed import TOO_SLOW, Parsed, Task, language_at, parsed
from copilot.index.priority import lower_priority
from copilot.safety.gate import Gate, Refusal, Refused
from copilot.syntax.outline import outline

BUDGET_SECONDS = 5.0
"""Of processor time, a file."""

MEMORY_BYTES = 1_000_000_000
"""A parser may want memory that grows with the square of a text that is not of its language: then it crashes, and the
file is left out."""

_LENGTH = struct.Struct("<I")
# What is in the file, not its name, is why it is left out: it is remembered, so that it is not read again.
_LEFT_OUT = frozenset({Refusal.BINARY, Refusal.HUGE, Refusal.MINIFIED, Refusal.GENERATED, Refusal.NO_TEXT})


def main() -> None:
    root, niceness = Path(sys.argv[1]), int(sys.argv[2])
    lower_priority(niceness)
    with contextlib.suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_DATA, (MEMORY_BYTES, MEMORY_BYTES))
    gate = Gate(root, exclude=sys.argv[3:])
    source, sink = sys.stdin.buffer, sys.stdout.buffer
    decoder = msgspec.msgpack.Decoder(Task)
    encoder = msgspec.msgpack.Encoder()
    _send(sink, b"")
    while (message := _received(source)) is not None:
        if not message:
            gate.forget()
            continue
        # Its default action ends the process, whatever it is doing.
        signal.setitimer(signal.ITIMER_PROF, BUDGET_SECONDS)
        answer = looked_at(gate, decoder.decode(message))
        signal.setitimer(signal.ITIMER_PROF, 0)
        _send(sink, encoder.encode(answer))


def looked_at(gate: Gate, task: Task) -> Parsed:
    try:
        seen = gate.read(task.path)
    except Refused as refused:
        if refused.reason not in _LEFT_OUT:
            return Parsed(task.path, ticket=task.ticket, gone=True)
        return left_out(task, refused.reason.value)
    if seen.digest == task.digest:
        return Parsed(
            task.path,
            ticket=task.ticket,
            size=seen.size,
            mtime_ns=seen.mtime_ns,
            digest=seen.digest,
            same=True,
        )
    language = language_at(task.path)
    try:
        return parsed(task, seen, outline(seen.text, language))
    except RecursionError:
        return left_out(task, TOO_SLOW)


def left_out(task: Task, reason: str) -> Parsed:
    """As what it was before it was looked at, so that only a change has it looked at again."""
    return Parsed(task.path, ticket=task.ticket, size=task.size, mtime_ns=task.mtime_ns, left_out=reason)


def _received(source: IO[bytes]) -> bytes | None:
    head = source.read(_LENGTH.size)
    if len(head) < _LENGTH.size:
        return None
    (length,) = _LENGTH.unpack(head)
    body = source.read(length)
    return body if len(body) == length else None


def _send(sink: IO[bytes], message: bytes) -> None:
    sink.write(_LENGTH.pack(len(message)) + message)
    sink.flush()


if __name__ == "__main__":
    try:
        main()
    except BrokenPipeError:
        # Nobody is interested any more; nor in what is left to write.
        os._exit(0)
