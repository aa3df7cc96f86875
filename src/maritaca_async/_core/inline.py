"""Files inside a JSON body: each becomes a data URI piece by piece while the body is sent, and is never held whole."""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, Self

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

_PIECE: Final = 3 * 128 * 1024  # a multiple of 3, so that the base64 of the pieces joins without padding

MARK: Final = secrets.token_hex(16)
"""Stands for a file in a body's JSON until it is cut there; unknown outside this process."""


class InlineFile:
    """A file that goes out as a data URI, read and encoded while the request is sent.

    Of a file on disk only the path is held. It must stay as it is until the call is over: a call that
    finds it changed fails.
    """

    # No dataclass: pydantic would write one into the body as an object.
    __slots__ = ("changed", "media_type", "size", "source")

    def __init__(self, media_type: str, size: int, source: Path | bytes, changed: int = 0) -> None:
        self.media_type: str = media_type
        """Media type, such as `application/pdf`."""
        self.size: int = size
        """Bytes of the file itself."""
        self.source: Path | bytes = source
        """Where the file is, or its content."""
        self.changed: int = changed
        """When the file on disk was changed last, in nanoseconds; 0 for content."""

    def __repr__(self) -> str:
        where = "content" if isinstance(self.source, bytes) else str(self.source)
        return f"<InlineFile {self.media_type}, {self.size} bytes of {where}>"

    @property
    def encoded_size(self) -> int:
        """Bytes of its data URI."""
        return len(self._head()) + (self.size + 2) // 3 * 4

    def data_uri(self) -> str:
        """The whole data URI at once, for other uses than a request of this library. Blocks.

        Raises:
            ConfigurationError: the file cannot be read, or has changed.
        """
        pieces = [self.piece(position) for position in range(0, self.size, _PIECE)]
        return b"".join([self._head(), *pieces]).decode("ascii")

    def piece(self, position: int) -> bytes:
        """The base64 of the bytes that begin at a position, b"" at the end. Blocks; for a worker thread.

        Raises:
            ConfigurationError: the file cannot be read, or has changed.
        """
        return base64.b64encode(self._read(position))

    def digest(self) -> bytes:
        """A short stand-in for the content, which is read piece by piece. Blocks; for a worker thread.

        Raises:
            ConfigurationError: the file cannot be read, or has changed.
        """
        found = blake2b(digest_size=16)
        for position in range(0, self.size, _PIECE):
            found.update(self._read(position))
        return found.digest()

    def _read(self, position: int) -> bytes | memoryview:
        if isinstance(self.source, bytes):
            return memoryview(self.source)[position : position + _PIECE]
        try:
            # Opened anew for each piece: a cancelled attempt leaves nothing to close, and none waits for another.
            with self.source.open("rb") as file:
                found = os.fstat(file.fileno())
                file.seek(position)
                content = file.read(_PIECE)
        except OSError as error:
            raise ConfigurationError(f"{self.source} cannot be read: {error}") from None
        if (found.st_size, found.st_mtime_ns) != (self.size, self.changed):
            raise ConfigurationError(
                f"{self.source} has changed since its part was made: make the part again"
            )
        return content

    def _head(self) -> bytes:
        return f"data:{self.media_type};base64,".encode("ascii")


class InlinedBody:
    """A JSON body with files in it, made anew for each attempt."""

    def __init__(self, texts: Sequence[bytes], files: Sequence[InlineFile]) -> None:
        """Join the texts around the files.

        Args:
            texts: What stands before, between and after the files.
            files: The files, one less than the texts.
        """
        self.failure: ConfigurationError | None = None
        self.parts: list[bytes | InlineFile] = [texts[0]]
        for file, text in zip(files, texts[1:], strict=True):
            self.parts += [b'"' + file._head(), file, b'"' + text]  # noqa: SLF001 - of this module
        self.text_size: int = sum(map(len, texts))
        size = self.text_size + sum(file.encoded_size + 2 for file in files)
        self.headers: dict[str, str] = {"Content-Length": str(size)}

    def pieces(self) -> InlinedPieces:
        """The body from its beginning."""
        return InlinedPieces(self)


class InlinedPieces:
    """One passage through a body; files are read and encoded in a worker thread."""

    def __init__(self, body: InlinedBody) -> None:
        self._body = body
        self._parts = iter(body.parts)
        self._file: InlineFile | None = None
        self._position = 0

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        while True:
            if self._file is not None and self._position < self._file.size:
                return await self._next_of(self._file)
            part = next(self._parts, None)
            if part is None:
                raise StopAsyncIteration
            if isinstance(part, bytes):
                return part
            self._file, self._position = part, 0

    async def _next_of(self, file: InlineFile) -> bytes:
        try:
            piece = await asyncio.to_thread(file.piece, self._position)
        except ConfigurationError as error:
            self._body.failure = error
            raise
        self._position += _PIECE
        return piece
