"""Pieces of a body to its lines; no I/O."""

from __future__ import annotations

from ..errors import APIResponseError


class LineSplitter:
    """Cuts UTF-8 text into lines, whatever the pieces it arrives in. Only LF and CRLF end a line."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._rest: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> list[str]:
        """The lines that a piece completes, without their ends.

        Raises:
            APIResponseError: a line is larger than the limit.
        """
        *complete, rest = piece.split(b"\n")
        if complete:
            complete[0] = b"".join([*self._rest, complete[0]])
            self._rest, self._size = [], 0
        self._rest.append(rest)
        self._size += len(rest)
        if self._size > self._max_bytes or any(len(line) > self._max_bytes for line in complete):
            raise APIResponseError(
                f"a line is larger than {self._max_bytes} bytes: raise Limits(max_event_bytes)"
            )
        return [_text(line) for line in complete]

    def finish(self) -> list[str]:
        """The last line, where it has no end of its own."""
        rest, self._rest, self._size = b"".join(self._rest), [], 0
        return [_text(rest)] if rest else []


def _text(line: bytes) -> str:
    return line.removesuffix(b"\r").decode("utf-8", "replace")
