"""A download of a file, read as it arrives."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Self

from .._core.items import AsyncItems
from .._core.lines import LineSplitter
from ..errors import APIResponseError
from ._part_file import PartFile

if TYPE_CHECKING:
    import os
    from types import TracebackType

    from .._core.download import Download
    from .._core.http_info import HttpInfo
    from .._core.options import Limits


class AsyncFileStream:
    """The content of a file, which can be read once: whole, in pieces, by lines, or into a file.

    A context manager; let go of it early and its connection is dropped.
    """

    def __init__(self, download: Download, limits: Limits) -> None:
        self._download = download
        self._limits = limits

    @property
    def http(self) -> HttpInfo:
        """Status, headers, request id, attempts, and seconds until the content began."""
        return self._download.http

    def iter_bytes(self) -> AsyncItems[bytes]:
        """The content in pieces, as they arrive.

        Raises:
            StreamInterruptedError: the connection broke before the end.
            APITimeoutError: nothing came for longer than the timeouts allow.
        """
        return AsyncItems(self._more_bytes)

    def iter_lines(self) -> AsyncItems[str]:
        """The content line by line, without line ends: UTF-8, with U+FFFD for bytes that are none.

        Raises:
            APIResponseError: a line is larger than `Limits(max_event_bytes)`.
            StreamInterruptedError: the connection broke before the end.
            APITimeoutError: nothing came for longer than the timeouts allow.
        """
        return AsyncItems(_LineReader(self._download, self._limits.max_event_bytes).more)

    async def read(self) -> bytes:
        """The whole content.

        Raises:
            APIResponseError: it is larger than `Limits(max_body_bytes)`: use `save` or an iterator.
            StreamInterruptedError: the connection broke before the end.
            APITimeoutError: nothing came for longer than the timeouts allow.
        """
        pieces: list[bytes] = []
        limit = self._limits.max_body_bytes
        while piece := await self._download.read():
            pieces.append(piece)
            if self._download.size > limit:
                self._download.close()
                raise APIResponseError(
                    f"the content is larger than {limit} bytes: use save or iter_bytes, "
                    "or raise Limits(max_body_bytes)"
                )
        return b"".join(pieces)

    async def text(self) -> str:
        """The whole content as text: UTF-8, with U+FFFD for bytes that are none.

        Raises:
            APIError: as for `read`.
        """
        return (await self.read()).decode("utf-8", "replace")

    async def save(self, path: str | os.PathLike[str]) -> None:
        """Write the content to a file, which appears under its name only when it is complete.

        Args:
            path: Where to; a file that is there already is replaced.

        Raises:
            ConfigurationError: `path` names no file.
            OSError: the file cannot be written.
            StreamInterruptedError: the connection broke before the end; nothing is left behind.
            APITimeoutError: nothing came for longer than the timeouts allow; nothing is left behind.
        """
        part = PartFile(path)
        try:
            while piece := await self._download.read():
                await asyncio.to_thread(part.write, piece)
            await asyncio.to_thread(part.commit)
        except BaseException:
            self._download.close()
            await asyncio.to_thread(part.discard)
            raise

    async def aclose(self) -> None:
        """Stop reading and drop the connection; as often as one likes."""
        self._download.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._download.close()

    async def _more_bytes(self) -> list[bytes] | None:
        piece = await self._download.read()
        return [piece] if piece else None


class _LineReader:
    """The lines of a download, in portions."""

    def __init__(self, download: Download, max_bytes: int) -> None:
        self._download = download
        self._splitter = LineSplitter(max_bytes)
        self._ended = False

    async def more(self) -> list[str] | None:
        """The lines that the next network read completes, maybe none; None at the end.

        Raises:
            APIError: see `AsyncFileStream.iter_lines`.
        """
        if self._ended:
            return None
        piece = await self._download.read()
        if piece:
            return self._feed(piece)
        self._ended = True
        return self._splitter.finish()

    def _feed(self, piece: bytes) -> list[str]:
        try:
            return self._splitter.feed(piece)
        except APIResponseError:
            self._download.close()
            raise
