"""Documents and images as parts of a user message (contract section 14).

A part of a file on disk holds its path, not its content: the file is read and encoded piece by piece
while the request is sent, off the event loop, and once more when the request has to be sent again.
"""

from __future__ import annotations

import asyncio
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from ._core.inline import InlineFile
from .errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .types.chat_params import FilePart, ImagePart
    from .types.files import FileContentInput

__all__ = [
    "DOCUMENT_TYPES",
    "FILES_LIMIT",
    "IMAGE_TYPES",
    "InlineFile",
    "afile_part",
    "aimage_part",
    "file_part",
    "image_part",
]

FILES_LIMIT: Final = 50 * 1024 * 1024
"""All files of a request together stay below this many bytes, encoded (contract section 14)."""

_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
IMAGE_TYPES: Final[Mapping[str, str]] = {".png": "image/png", ".jpg": "image/jpeg", ".jpeg": "image/jpeg"}
"""Media types of images by file extension (contract section 14)."""
DOCUMENT_TYPES: Final[Mapping[str, str]] = {
    ".pdf": "application/pdf",
    ".docx": f"{_OFFICE}.wordprocessingml.document",
    ".xlsx": f"{_OFFICE}.spreadsheetml.sheet",
    ".xml": "application/xml",
    ".csv": "text/csv",
    ".md": "text/markdown",
    ".txt": "text/plain",
    **IMAGE_TYPES,
}
"""Media types of documents by file extension (contract section 14)."""

_HEAD: Final = 1024  # a PDF may begin that late
_SIGNATURES: Final = {
    "PDF": re.compile(rb".{0,1019}%PDF-", re.DOTALL),
    "ZIP": re.compile(rb"PK\x03\x04"),
    "PNG": re.compile(rb"\x89PNG\r\n\x1a\n"),
    "JPEG": re.compile(rb"\xff\xd8\xff"),
}
_CONTENTS: Final = {
    ".pdf": "PDF",
    ".docx": "ZIP",
    ".xlsx": "ZIP",
    ".png": "PNG",
    ".jpg": "JPEG",
    ".jpeg": "JPEG",
}
_UNICODE_16: Final = (b"\xff\xfe", b"\xfe\xff")
_URL: Final = r"https?://[^\s/]\S*"
_IMAGE_URI: Final = r"data:image/(png|jpeg);base64,[A-Za-z0-9+/]"


def file_part(source: FileContentInput, *, filename: str | None = None) -> FilePart:
    """A document as a part of a user message: PDF, DOCX, XLSX, CSV, XML, TXT, MD, PNG or JPEG.

        {"role": "user", "content": [{"type": "text", "text": "Resuma."}, file_part("contrato.pdf")]}

    Of a file on disk the first kilobyte is read, to see that it is what its name says. Where even
    that would hold up an event loop, as on a network drive, there is `afile_part`.

    Args:
        source: A path, the content, or a binary file, which is read from where it stands.
        filename: What to call it, extension included. Default: the name of the file.

    Returns:
        The part. A file on disk must stay as it is until the call that sends it is over.

    Raises:
        ConfigurationError: `source` is none of these, there is no such file, it is empty, of a kind that the service does not
            take, not what its extension says, or too large.
    """
    if isinstance(source, str) and _is_address(source):
        raise ConfigurationError(f"the service takes documents by value only, not from {source!r:.100}")
    if not isinstance(filename, str | None):
        raise ConfigurationError(f"filename must be a string such as 'contrato.pdf', not {filename!r:.80}")
    content, own_name = _content(source)
    name = filename or own_name
    if not name:
        raise ConfigurationError("content needs a name: file_part(content, filename='contrato.pdf')")
    return {"type": "file", "file": {"filename": name, "file_data": _inline(content, name, DOCUMENT_TYPES)}}


def image_part(source: FileContentInput) -> ImagePart:
    """An image as a part of a user message: PNG or JPEG. The service reads the text in it (OCR).

    Args:
        source: A path, the content, a binary file, an http(s) URL that the service can reach, or a data URI.

    Returns:
        The part. A file on disk must stay as it is until the call that sends it is over.

    Raises:
        ConfigurationError: `source` is none of these, there is no such file, it is empty, no PNG or JPEG, or too large.
    """
    if isinstance(source, str) and _is_address(source):
        if not re.fullmatch(_URL, source, flags=re.IGNORECASE) and not re.match(_IMAGE_URI, source):
            raise ConfigurationError(
                f"an image is a path, bytes, an http(s) URL or a data URI of a PNG or JPEG, not {source!r:.60}"
            )
        return {"type": "image_url", "image_url": {"url": source}}
    content, name = _content(source)
    if isinstance(content, bytes):
        name = _image_name(content)
    return {"type": "image_url", "image_url": {"url": _inline(content, name, IMAGE_TYPES)}}


async def afile_part(source: FileContentInput, *, filename: str | None = None) -> FilePart:
    """`file_part` with every access to the disk in a worker thread.

    Args:
        source: A path, the content, or a binary file, which is read from where it stands.
        filename: What to call it, extension included. Default: the name of the file.

    Raises:
        ConfigurationError: as for `file_part`.
    """
    return await asyncio.to_thread(file_part, source, filename=filename)


async def aimage_part(source: FileContentInput) -> ImagePart:
    """`image_part` with every access to the disk in a worker thread.

    Args:
        source: A path, the content, a binary file, an http(s) URL that the service can reach, or a data URI.

    Raises:
        ConfigurationError: as for `image_part`.
    """
    return await asyncio.to_thread(image_part, source)


def _is_address(source: str) -> bool:
    return "://" in source or source.startswith("data:")


def _content(source: Any) -> tuple[Path | bytes, str]:
    """Where a file is, or what it holds; and the name that it has itself."""
    if isinstance(source, bytes | bytearray | memoryview):
        return bytes(source), ""
    if isinstance(source, str | os.PathLike):
        path = Path(os.fsdecode(source))
        return path, path.name
    if not callable(getattr(source, "read", None)):
        raise ConfigurationError(
            f"a part is made of a path, bytes or a binary file, not of {type(source).__name__}"
        )
    own_name = getattr(source, "name", None)
    name = Path(own_name).name if isinstance(own_name, str) else ""
    return _read(source, name), name


def _read(file: Any, name: str) -> bytes:
    content = bytearray()
    while len(content) < FILES_LIMIT and (piece := _piece(file, name)):
        content += piece
    return bytes(content)


def _piece(file: Any, name: str) -> bytes:
    try:
        piece = file.read(FILES_LIMIT)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"the file {name!r} cannot be read: {error}") from None
    if not isinstance(piece, bytes):
        raise ConfigurationError(
            f"reading the file {name!r} gave {type(piece).__name__}, not bytes: open it with mode 'rb'"
        )
    return piece


def _image_name(content: bytes) -> str:
    """A name for an image by what it is; one that will be refused when it is none."""
    kind = _kind_of(content[:_HEAD])
    return f"image.{kind.lower()}" if kind in ("PNG", "JPEG") else "image.png"


def _inline(source: Path | bytes, name: str, kinds: Mapping[str, str]) -> InlineFile:
    extension = Path(name).suffix.lower()
    if extension not in kinds:
        known = ", ".join(kind[1:] for kind in kinds)
        raise ConfigurationError(
            f"{name!r}: the service takes {known} here, not {extension or 'no extension'!r}"
        )
    if isinstance(source, bytes):
        made, head = InlineFile(kinds[extension], len(source), source), source[:_HEAD]
    else:
        made, head = _on_disk(source, kinds[extension])
    if not head:
        raise ConfigurationError(f"{name!r} is empty")
    _check_content(name, extension, head)
    if made.encoded_size >= FILES_LIMIT:
        raise ConfigurationError(f"{name!r} {too_large(made.encoded_size)}")
    return made


def _on_disk(path: Path, media_type: str) -> tuple[InlineFile, bytes]:
    try:
        # Later, the working directory may be another.
        path = path.absolute()
        with path.open("rb") as file:
            found = os.fstat(file.fileno())
            return InlineFile(media_type, found.st_size, path, found.st_mtime_ns), file.read(_HEAD)
    except (OSError, ValueError) as error:
        raise ConfigurationError(f"{path} cannot be read: {error}") from None


def _check_content(name: str, extension: str, head: bytes) -> None:
    wanted, found = _CONTENTS.get(extension, "text"), _kind_of(head)
    if wanted != found:
        raise ConfigurationError(
            f"{name!r} holds {found}, not {wanted}: give it the extension of what it is, or convert it"
        )


def _kind_of(head: bytes) -> str:
    known = next((kind for kind, signature in _SIGNATURES.items() if signature.match(head)), None)
    if known is not None:
        return known
    return "text" if b"\0" not in head or head.startswith(_UNICODE_16) else "something else"


def too_large(size: int) -> str:
    """What to say of files that take so many bytes, encoded."""
    return (
        f"takes {size / 2**20:.1f} MB encoded, and the service takes less than {FILES_LIMIT // 2**20} MB in one "
        "request: send fewer or smaller files, or only their text"
    )
