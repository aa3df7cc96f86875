"""The content of a file, read whole."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from io import BytesIO
from typing import TYPE_CHECKING, Any

from .._core.lines import LineSplitter
from .._core.request import BODY_LIMIT
from ..errors import APIResponseError
from ._part_file import PartFile

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from .._core.http_info import HttpInfo


@dataclass(frozen=True, slots=True, repr=False)
class FileContent:
    """The whole content of a file, in memory: there is nothing to wait for and nothing to close.

    The same for both clients.
    """

    content: bytes
    """The bytes."""
    http: HttpInfo = field(compare=False)
    """Status, headers, request id, attempts and elapsed seconds of the call."""

    def __repr__(self) -> str:
        return f"<FileContent of {len(self.content)} bytes>"

    @property
    def text(self) -> str:
        """The content as text: UTF-8, with U+FFFD for bytes that are none."""
        return self.content.decode("utf-8", "replace")

    def read(self) -> bytes:
        """The bytes, as often as one likes: what `content` is."""
        return self.content

    def iter_lines(self) -> Iterator[str]:
        """The content line by line, without line ends: only LF and CRLF end a line, so JSON Lines stay whole.

        `text.splitlines()` would cut JSON in two at characters such as U+2028.
        """
        splitter = LineSplitter(len(self.content))
        for piece in BytesIO(self.content):
            yield from splitter.feed(piece)
        yield from splitter.finish()

    def json(self) -> Any:
        """The content as one JSON value.

        Raises:
            APIResponseError: it is not JSON. JSON Lines are not: see `iter_lines`.
        """
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError) as error:
            raise APIResponseError(
                f"the file is not one JSON value ({error}): for JSON Lines use iter_lines",
                body=self.content[:BODY_LIMIT].decode("utf-8", "replace"),
                http=self.http,
            ) from None

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the content to a file, which appears under its name only when it is complete.

        It blocks until the file is written. In a coroutine, use the `save` of `files.stream`.

        Args:
            path: Where to; a file that is there already is replaced.

        Raises:
            ConfigurationError: `path` names no file.
            OSError: the file cannot be written; nothing is left behind.
        """
        part = PartFile(path)
        try:
            part.write(self.content)
            part.commit()
        except BaseException:
            part.discard()
            raise
