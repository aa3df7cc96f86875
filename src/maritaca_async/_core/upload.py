"""A file on its way to the service: a multipart body, read piece by piece and never held whole."""

from __future__ import annotations

import asyncio
import io
import os
import secrets
import threading
from typing import IO, TYPE_CHECKING, Any, Final, Self

from ..errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

_PIECE: Final = 256 * 1024
_UNNAMED: Final = "batch.jsonl"
_BINARY: Final = "application/octet-stream"
# What browsers do, in place of the backslashes that servers read differently.
_QUOTED: Final = str.maketrans({'"': "%22", "\r": "%0D", "\n": "%0A"})


class FileSource:
    """A binary file that can be read from its beginning again, or only once when it cannot seek."""

    def __init__(self, file: IO[bytes], name: str, media_type: str, *, owned: bool) -> None:
        self.name: str = name
        self.media_type: str = media_type
        self.failure: ConfigurationError | None = None
        self._file = file
        self._owned = owned
        # A cancelled attempt may still be reading in its thread when the next one begins.
        self._lock = threading.Lock()
        self.repeatable: bool = file.seekable() if hasattr(file, "seekable") else False
        self._start = file.tell() if self.repeatable else 0
        self.size: int | None = file.seek(0, os.SEEK_END) - self._start if self.repeatable else None

    def read(self, position: int) -> bytes:
        """The next piece at a position, b"" at the end. Blocks; for a worker thread.

        Raises:
            ConfigurationError: the file cannot be read, gives text, or has become shorter; kept in `failure`.
        """
        try:
            return self._read(position)
        except ConfigurationError as error:
            self.failure = error
        except (OSError, ValueError) as error:
            self.failure = ConfigurationError(f"file: {self.name!r} cannot be read: {error}")
        raise self.failure

    def _read(self, position: int) -> bytes:
        wanted = _PIECE if self.size is None else min(_PIECE, self.size - position)
        if wanted <= 0:
            return b""
        with self._lock:
            if self.repeatable:
                self._file.seek(self._start + position)
            piece: Any = self._file.read(wanted)
        if not isinstance(piece, bytes):
            raise ConfigurationError(
                f"file: reading {self.name!r} gave {type(piece).__name__}, not bytes: open it with mode 'rb'"
            )
        if not piece and self.size is not None:
            raise ConfigurationError(f"file: {self.name!r} became shorter while it was being sent")
        return piece

    def close(self) -> None:
        """Close the file, unless it is the caller's; a caller's file is left at its end."""
        if self._owned:
            self._file.close()


def open_source(file: Any) -> FileSource:
    """The source for what a caller gives as a file. Blocks; for a worker thread.

    Raises:
        ConfigurationError: not a file, not readable, or empty.
    """
    name, content, media_type = _named(file)
    try:
        source = _open(content, name, media_type or _BINARY)
    except (OSError, ValueError) as error:
        if isinstance(error, ConfigurationError):
            raise
        raise ConfigurationError(f"file: {content!r:.200} cannot be opened: {error}") from None
    if source.size == 0:
        source.close()
        raise ConfigurationError(
            f"file: {source.name!r} is empty (a file object is read from where it stands: see its seek)"
        )
    return source


def _named(file: Any) -> tuple[str | None, Any, str | None]:
    if not isinstance(file, tuple):
        return None, file, None
    if len(file) not in (2, 3) or not all(isinstance(part, str) for part in (file[0], *file[2:])):
        raise ConfigurationError("file: a tuple is (name, content) or (name, content, media type)")
    return file[0], file[1], file[2] if len(file) == 3 else None


def _open(content: Any, name: str | None, media_type: str) -> FileSource:
    if isinstance(content, bytes | bytearray | memoryview):
        return FileSource(io.BytesIO(content), name or _UNNAMED, media_type, owned=True)
    if isinstance(content, str | os.PathLike):
        path: str | os.PathLike[str] = content
        opened = open(path, "rb")  # noqa: PTH123, SIM115 - it is read after this returns
        return FileSource(opened, name or os.path.basename(path), media_type, owned=True)  # noqa: PTH119
    if isinstance(content, io.TextIOBase):
        raise ConfigurationError("file: a text file was given: open it with mode 'rb'")
    if not callable(getattr(content, "read", None)):
        raise ConfigurationError(
            f"file must be a path, bytes, a binary file or (name, content), not {type(content).__name__}"
        )
    own_name = getattr(content, "name", None)
    known = os.path.basename(own_name) if isinstance(own_name, str) else ""  # noqa: PTH119
    return FileSource(content, name or known or _UNNAMED, media_type, owned=False)


class Upload:
    """The multipart body of a request: some fields and one file, made anew for each attempt."""

    def __init__(self, source: FileSource, fields: Mapping[str, str]) -> None:
        self.source: FileSource = source
        boundary = secrets.token_hex(16)
        parts = [_part(boundary, f'name="{name.translate(_QUOTED)}"', fields[name]) for name in fields]
        place = f'name="file"; filename="{source.name.translate(_QUOTED)}"'
        opening = _part(boundary, place, "", source.media_type).removesuffix("\r\n")
        self.head: bytes = "".join([*parts, opening]).encode("utf-8", "replace")
        self.tail: bytes = f"\r\n--{boundary}--\r\n".encode()
        self.headers: dict[str, str] = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
        if source.size is not None:
            self.headers["Content-Length"] = str(len(self.head) + source.size + len(self.tail))

    @property
    def failure(self) -> ConfigurationError | None:
        """Why the file could not be read to its end, where that happened."""
        return self.source.failure

    def pieces(self) -> UploadPieces:
        """The body from its beginning."""
        return UploadPieces(self)


class UploadPieces:
    """One passage through an upload; reads in a worker thread."""

    def __init__(self, upload: Upload) -> None:
        self._upload = upload
        self._rest: list[bytes] = [upload.head]
        self._position: int | None = 0  # None once the file has ended

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        if self._rest:
            return self._rest.pop()
        if self._position is None:
            raise StopAsyncIteration
        piece = await asyncio.to_thread(self._upload.source.read, self._position)
        self._position = self._position + len(piece) if piece else None
        return piece or self._upload.tail


def _part(boundary: str, place: str, value: str, media_type: str | None = None) -> str:
    kind = f"Content-Type: {media_type}\r\n" if media_type else ""
    return f"--{boundary}\r\nContent-Disposition: form-data; {place}\r\n{kind}\r\n{value}\r\n"
