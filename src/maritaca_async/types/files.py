"""Files (contract section 17)."""

import os
from typing import IO, Literal, Required

from ._base import Instant, IntOrNull, ListOrNull, OpenEnum, Result, StrOrNull
from .shared import RequestOptions

FilePurpose = Literal["batch", "batch_input"] | str
"""What a file is for. The documentation names both for batch input: accept either when reading."""

FileStatus = Literal["uploaded", "processed", "failed"] | str
"""How far the service has come with a file; unknown values are kept as they are."""

FileContentInput = str | os.PathLike[str] | bytes | bytearray | memoryview | IO[bytes]
"""A path, the bytes themselves, or a file opened with mode `rb`."""

FileInput = FileContentInput | tuple[str, FileContentInput] | tuple[str, FileContentInput, str]
"""A file to upload; in a tuple its name comes first, and a media type may stand last."""


class FileObject(Result):
    """What the service knows about a file."""

    id: StrOrNull = ""
    """Opaque id."""
    object: StrOrNull = "file"
    """Always `file`."""
    bytes: IntOrNull = 0
    """Size in bytes."""
    created_at: Instant = None
    """Unix seconds."""
    expires_at: Instant = None
    """Unix seconds; None when it does not expire or the service does not say."""
    filename: StrOrNull = ""
    """Name given at upload."""
    purpose: OpenEnum[FilePurpose] | None = None
    """What it is for."""
    status: OpenEnum[FileStatus] | None = None
    """`uploaded`, `processed` or `failed`; `processed` may lag behind."""
    status_details: str | None = None
    """Why it failed."""


class FileList(Result):
    """One page of files as the service sends it; see `AsyncPage` for what methods return."""

    object: StrOrNull = "list"
    """Always `list`."""
    data: ListOrNull[FileObject] = []
    """The files."""
    has_more: bool | None = None
    """Whether there are more; None when the service does not say."""
    next_cursor: str | None = None
    """Where the next page begins, when the service says so."""


class FileDeleted(Result):
    """The service's word on a deletion."""

    id: StrOrNull = ""
    """Id of the file."""
    object: StrOrNull = "file"
    """Always `file`."""
    deleted: bool | None = None
    """Whether it is gone; None when the service does not say."""


class FileCreateParams(RequestOptions, total=False):
    """What `files.create` takes. Fields in `extra_body` must be strings; they become form fields."""

    file: Required[FileInput]
    """A path, bytes, a binary file, or a tuple (name, any of these). It is read while it is sent: a path or a
    file that can seek is sent again by a retry, a file that cannot seek is sent once and not retried."""
    purpose: FilePurpose
    """Default: `batch`, and `batch_input` where the service refuses that (contract section 17)."""


class FileListParams(RequestOptions, total=False):
    """What `files.list` takes."""

    limit: int
    """Most files on one page. Default: the service's."""
    after: str
    """Where to begin: the `next_cursor` of a page, or the id of the last file that is known."""
    purpose: FilePurpose
    """Only files for this purpose."""
    order: Literal["asc", "desc"] | str
    """Order by age; its values are undocumented."""
