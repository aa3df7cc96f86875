"""Files: upload, list, look at, download, delete."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any, Unpack

from .._core.options import resolve_retries
from .._core.request import merge_headers
from .._core.upload import Upload, open_source
from ..errors import APIResponseError, BadRequestError, ConfigurationError, UnprocessableEntityError
from ..types.files import FileCreateParams, FileDeleted, FileList, FileListParams, FileObject
from ._base import mapping_option
from ._parameters import OPTION_NAMES
from ._stored import StoredResource, path_id
from .file_content import FileContent
from .file_stream import AsyncFileStream

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._core.engine import Engine
    from .._core.pagination import AsyncPages
    from .._core.request import Request
    from .._core.upload import FileSource
    from ..errors import APIStatusError
    from ..types.shared import RequestOptions
    from ._base import Defaults

_CREATE = frozenset(FileCreateParams.__annotations__) | OPTION_NAMES
_LIST_NAMES = frozenset(FileListParams.__annotations__) - OPTION_NAMES
_PURPOSE, _OTHER_PURPOSE = "batch", "batch_input"


class AsyncFiles(StoredResource):
    """`client.files`."""

    def __init__(self, engine: Engine, defaults: Defaults) -> None:
        super().__init__(engine, defaults)
        self._batch_purpose = _PURPOSE

    async def create(self, **params: Unpack[FileCreateParams]) -> FileObject:
        """Upload a file (contract section 17), reading it while it is sent.

        Where the service refuses the purpose `batch`, the file is sent once more with `batch_input`, which
        the documentation names as well; the client remembers what worked.

        Args:
            **params: See `FileCreateParams`.

        Raises:
            ConfigurationError: a file that cannot be read, or a bad option; before any I/O with the service.
            APIError: the call failed.
        """
        if "file" not in params:
            raise ConfigurationError("file is missing: give a path, bytes or a binary file")
        fields = _form_fields(params)
        request = self._request("POST", "/files", params, _CREATE)
        source = await _opened(params["file"])
        try:
            return await self._upload(request, source, fields)
        finally:
            # Shielded: cancelled while it waits for a thread, it would never run.
            await asyncio.shield(asyncio.to_thread(source.close))

    def list(self, **params: Unpack[FileListParams]) -> AsyncPages[FileObject]:
        """The uploaded files. `await` it for a page, or iterate over all of them with `async for`.

        Args:
            **params: See `FileListParams`.

        Raises:
            ConfigurationError: a bad parameter or option, at once and before any I/O.
            APIError: a call failed.
        """
        return self._pages("/files", params, _LIST_NAMES | OPTION_NAMES, _LIST_NAMES, FileList)

    async def retrieve(self, file_id: str, **options: Unpack[RequestOptions]) -> FileObject:
        """What the service knows about a file.

        Raises:
            ConfigurationError: a bad id or option, before any I/O.
            APIError: the call failed.
        """
        request = self._request("GET", f"/files/{path_id('file_id', file_id)}", options, OPTION_NAMES)
        return await self._object(FileObject, request)

    async def content(self, file_id: str, **options: Unpack[RequestOptions]) -> FileContent:
        """The whole content of a file, in memory.

            content = await client.files.content(batch.output_file_id)
            for line in content.iter_lines():
                print(line)

        A download that breaks off is retried, for nothing of it was handed out. For files that are too large
        for memory there is `stream`.

        Raises:
            ConfigurationError: a bad id or option, before any I/O.
            APIResponseError: the content is larger than `Limits(max_body_bytes)`.
            APIError: the call failed.
        """
        request = self._content_request(file_id, options)
        request.headers = merge_headers({"Accept": "*/*"}, request.headers or {})
        try:
            return FileContent(*await self._engine.call(request, bytes))
        except APIResponseError as error:
            raise APIResponseError(f"{error}, or use files.stream", request=error.request) from None

    async def retrieve_content(self, file_id: str, **options: Unpack[RequestOptions]) -> str:
        """The `text` of `content`, which is the better name: this one is for programs that have it already.

        Raises:
            APIError: as for `content`.
        """
        return (await self.content(file_id, **options)).text

    async def stream(self, file_id: str, **options: Unpack[RequestOptions]) -> AsyncFileStream:
        """The content of a file of any size, which begins to arrive when this returns.

            stream = await client.files.stream(batch.output_file_id)
            await stream.save("results.jsonl")

        Until it begins, failures are retried. As for other streams, a number given as `timeout` bounds the wait
        for its beginning and, up to 120 seconds, every silence; `Timeouts(deadline=...)` bounds the whole.

        Raises:
            ConfigurationError: a bad id or option, before any I/O.
            APIError: the call failed.
        """
        request = self._content_request(file_id, options, stream=True)
        return AsyncFileStream(await self._engine.download(request), self._engine.transport.limits)

    async def delete(self, file_id: str, **options: Unpack[RequestOptions]) -> FileDeleted:
        """Delete a file.

        Raises:
            ConfigurationError: a bad id or option, before any I/O.
            APIError: the call failed.
        """
        request = self._request("DELETE", f"/files/{path_id('file_id', file_id)}", options, OPTION_NAMES)
        return await self._object(FileDeleted, request)

    def _content_request(self, file_id: str, options: Mapping[str, Any], *, stream: bool = False) -> Request:
        path = f"/files/{path_id('file_id', file_id)}/content"
        return self._request("GET", path, options, OPTION_NAMES, stream=stream)

    async def _upload(self, request: Request, source: FileSource, fields: Mapping[str, str]) -> FileObject:
        wanted = fields["purpose"]
        purpose = self._batch_purpose if wanted == _PURPOSE else wanted
        try:
            return await self._send(request, source, {**fields, "purpose": purpose})
        except (BadRequestError, UnprocessableEntityError) as error:
            if purpose != _PURPOSE or not source.repeatable or not _complains_about_purpose(error):
                raise
        sent = await self._send(request, source, {**fields, "purpose": _OTHER_PURPOSE})
        self._batch_purpose = _OTHER_PURPOSE
        return sent

    async def _send(self, request: Request, source: FileSource, fields: Mapping[str, str]) -> FileObject:
        upload = Upload(source, fields)
        request.body = upload
        request.headers = merge_headers(request.headers or {}, upload.headers)
        if not source.repeatable:
            request.once = True
            request.policy = resolve_retries(0, request.policy)
        return await self._object(FileObject, request)


def _form_fields(params: Mapping[str, Any]) -> dict[str, str]:
    extra = mapping_option(params, "extra_body")
    fields = {"purpose": params.get("purpose", _PURPOSE), **extra}
    for name, value in fields.items():
        if not isinstance(value, str) or not value:
            place = "extra_body: a form field" if name in extra else "purpose"
            raise ConfigurationError(f"{place} must be a string that is not empty, not {name}={value!r:.80}")
    return fields


def _complains_about_purpose(error: APIStatusError) -> bool:
    return "purpose" in f"{error.param} {error} {error.body}".lower()


async def _opened(file: Any) -> FileSource:
    """Open without blocking the loop; a file that opens after its caller was cancelled is closed again."""
    opening = asyncio.get_running_loop().run_in_executor(None, open_source, file)
    try:
        return await asyncio.shield(opening)
    except asyncio.CancelledError:
        opening.add_done_callback(_close_late)
        raise


def _close_late(opening: asyncio.Future[FileSource]) -> None:
    if not opening.cancelled() and opening.exception() is None:
        opening.result().close()
