"""Blocking files: each method is its asynchronous twin, run on the loop thread."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Unpack

from .closing import Closing
from .items import Items, Page
from .portal import run, run_close

if TYPE_CHECKING:
    import os

    from .._core.http_info import HttpInfo
    from ..resources.file_content import FileContent
    from ..resources.file_stream import AsyncFileStream
    from ..resources.files import AsyncFiles
    from ..types.files import FileCreateParams, FileDeleted, FileListParams, FileObject
    from ..types.shared import RequestOptions


class Files:
    """`client.files`."""

    def __init__(self, twin: AsyncFiles) -> None:
        self._twin = twin

    def create(self, **params: Unpack[FileCreateParams]) -> FileObject:
        """Upload a file, reading it while it is sent; see `AsyncFiles.create`.

        Raises:
            ConfigurationError: a file that cannot be read, or a bad option; before any I/O with the service.
            APIError: the call failed.
        """
        return run(partial(self._twin.create, **params))

    def list(self, **params: Unpack[FileListParams]) -> Page[FileObject]:
        """The uploaded files: a page that iterates over all that follow, too; see `AsyncFiles.list`.

        Raises:
            ConfigurationError: a bad parameter or option, before any I/O.
            APIError: the call failed.
        """
        return Page(run(partial(self._twin.list, **params)))

    def retrieve(self, file_id: str, **options: Unpack[RequestOptions]) -> FileObject:
        """What the service knows about a file; see `AsyncFiles.retrieve`.

        Raises:
            ConfigurationError: a bad id or option, before any I/O.
            APIError: the call failed.
        """
        return run(partial(self._twin.retrieve, file_id, **options))

    def content(self, file_id: str, **options: Unpack[RequestOptions]) -> FileContent:
        """The whole content of a file, in memory; see `AsyncFiles.content`.

        Raises:
            ConfigurationError: a bad id or option, before any I/O.
            APIError: the call failed, or the content is too large.
        """
        return run(partial(self._twin.content, file_id, **options))

    def retrieve_content(self, file_id: str, **options: Unpack[RequestOptions]) -> str:
        """The `text` of `content`, which is the better name; see `AsyncFiles.retrieve_content`.

        Raises:
            APIError: as for `content`.
        """
        return run(partial(self._twin.retrieve_content, file_id, **options))

    def stream(self, file_id: str, **options: Unpack[RequestOptions]) -> FileStream:
        """The content of a file of any size, which begins to arrive when this returns; see `AsyncFiles.stream`.

        Raises:
            ConfigurationError: a bad id or option, before any I/O.
            APIError: the call failed.
        """
        return FileStream(run(partial(self._twin.stream, file_id, **options)))

    def delete(self, file_id: str, **options: Unpack[RequestOptions]) -> FileDeleted:
        """Delete a file; see `AsyncFiles.delete`.

        Raises:
            ConfigurationError: a bad id or option, before any I/O.
            APIError: the call failed.
        """
        return run(partial(self._twin.delete, file_id, **options))


class FileStream(Closing):
    """The content of a file, which can be read once; the blocking twin of `AsyncFileStream`."""

    def __init__(self, twin: AsyncFileStream) -> None:
        self._twin = twin

    @property
    def http(self) -> HttpInfo:
        """Status, headers, request id, attempts, and seconds until the content began."""
        return self._twin.http

    def iter_bytes(self) -> Items[bytes]:
        """The content in pieces, as they arrive; see `AsyncFileStream.iter_bytes`.

        Raises:
            APIError: the content broke off or took too long.
        """
        return Items(self._twin.iter_bytes())

    def iter_lines(self) -> Items[str]:
        """The content line by line, without line ends; see `AsyncFileStream.iter_lines`.

        Raises:
            APIError: the content broke off or took too long, or a line is too large.
        """
        return Items(self._twin.iter_lines())

    def read(self) -> bytes:
        """The whole content; see `AsyncFileStream.read`.

        Raises:
            APIError: the content broke off or took too long, or is too large.
        """
        return run(self._twin.read)

    def text(self) -> str:
        """The whole content as text; see `AsyncFileStream.text`.

        Raises:
            APIError: as for `read`.
        """
        return run(self._twin.text)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the content to a file, which appears under its name only when it is complete.

        Raises:
            OSError: the file cannot be written.
            APIError: the content broke off or took too long; nothing is left behind.
        """
        run(self._twin.save, path)

    def close(self) -> None:
        """Stop reading and drop the connection; as often as one likes."""
        run_close(self._twin.aclose)
