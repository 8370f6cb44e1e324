"""The worker's ends of the two pipes to evalh: one JSON object a line (docs/worker.md)."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, BinaryIO

LINE_MAX = 1 << 20  # bytes, the newline included

_reader: BinaryIO | None = None
_writer: BinaryIO | None = None


def claim() -> None:
    """Takes file descriptors 0 and 1 for the protocol, once. What prints from then on goes to
    standard error, and what reads standard input finds it at its end."""
    global _reader, _writer
    if _writer is not None:
        return
    if sys.stdout is not None:
        sys.stdout.flush()
    requests, replies = os.dup(0), os.dup(1)  # not inherited by processes that a worker starts
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    os.dup2(2, 1)
    _reader, _writer = os.fdopen(requests, "rb"), os.fdopen(replies, "wb")


def claim_if_worker() -> None:
    if os.environ.get("EVALH_WORKER"):
        claim()


def receive() -> dict | None:
    """The next request; None at the end of input."""
    assert _reader is not None
    line = _reader.readline()
    if not line.endswith(b"\n"):
        return None  # evalh is gone, perhaps in the middle of a line
    request = json.loads(line)
    if not isinstance(request, dict):
        raise ValueError(f"a request is a JSON object, not {line[:80]!r}")
    return request


def send(reply: dict[str, Any]) -> None:
    """Raises ValueError where the reply is none that evalh would read."""
    assert _writer is not None
    line = json.dumps(reply, allow_nan=False).encode() + b"\n"
    if len(line) > LINE_MAX:
        raise ValueError(f"a reply of {len(line)} bytes; {LINE_MAX} is the most")
    _writer.write(line)
    _writer.flush()
