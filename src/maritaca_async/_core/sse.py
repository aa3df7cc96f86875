"""Server-sent events from bytes, as the WHATWG text defines them; no I/O.

Two departures serve language-model streams: an event that the body's end cuts short of its blank
line is still handed out by `finish`, and `id` and `retry` are not kept, for nobody reconnects.
"""

from __future__ import annotations

import re

from ..errors import APIResponseError

_BOM = b"\xef\xbb\xbf"
_LINE_END = re.compile(rb"\r\n|\n|\r")


ServerSentEvent = tuple[str, bytes]
"""An event: its `event:` field, "" when there was none, and its `data:` fields, joined with a line feed."""


class SSEDecoder:
    """Turns network reads of any size into events, in time linear in the bytes."""

    __slots__ = ("_after_cr", "_at_start", "_data", "_held", "_line", "_max_bytes", "_name", "_size")

    def __init__(self, max_event_bytes: int) -> None:
        self._max_bytes = max_event_bytes
        self._line: list[bytes] = []  # pieces of a line whose end has not arrived
        self._held = 0  # their bytes
        self._size = 0  # bytes of the complete lines of the event under way
        self._data: list[bytes] = []
        self._name = ""
        self._at_start = True
        self._after_cr = False

    def feed(self, chunk: bytes) -> list[ServerSentEvent]:
        """Take the next bytes and return the events they complete.

        Raises:
            APIResponseError: the event under way is larger than the limit.
        """
        self._check_size()
        if self._after_cr and chunk:
            # The CR that ended the last read already ended its line; a LF here belongs to it.
            self._after_cr = False
            if chunk[:1] == b"\n":
                chunk = chunk[1:]
        if b"\r" in chunk:
            lines = _LINE_END.split(chunk)
            self._after_cr = chunk.endswith(b"\r")
        else:
            lines = chunk.split(b"\n")
        if len(lines) == 1:
            self._hold(lines[0])
            return []
        if self._line:
            self._line.append(lines[0])
            lines[0] = b"".join(self._line)
            self._line = []
            self._held = 0
        rest = lines.pop()
        if self._at_start:
            self._at_start = False
            lines[0] = lines[0].removeprefix(_BOM)
        events = self._take(lines)
        self._hold(rest)
        return events

    def finish(self) -> list[ServerSentEvent]:
        """Return the event that was under way when the body ended, if it had data.

        Raises:
            APIResponseError: it is larger than the limit.
        """
        self._check_size()
        lines = [b"".join(self._line).removeprefix(_BOM if self._at_start else b""), b""]
        self._line = []
        return self._take(lines)

    def _hold(self, piece: bytes) -> None:
        if piece:
            self._line.append(piece)
            self._held += len(piece)

    def _check_size(self) -> None:
        # Before a read is taken rather than while it is: the events it completes are not lost that way.
        if self._size + self._held > self._max_bytes:
            raise APIResponseError(
                f"an event of the stream is larger than {self._max_bytes} bytes; raise Limits(max_event_bytes)"
            )

    def _take(self, lines: list[bytes]) -> list[ServerSentEvent]:
        events: list[ServerSentEvent] = []
        name, data, size = self._name, self._data, self._size
        for line in lines:
            if line.startswith(b"data: "):
                data.append(line[6:])
                size += len(line)
            elif not line:
                if data:
                    events.append((name, data[0] if len(data) == 1 else b"\n".join(data)))
                    data.clear()
                name, size = "", 0
            elif line.startswith(b"data:") or line == b"data":
                data.append(line[5:])
                size += len(line)
            elif line.startswith(b"event:"):
                name = line[6:].decode("utf-8", "replace").removeprefix(" ")
        self._name, self._size = name, size
        return events
