"""Documents and images inside a request: data URIs in, extracted text out."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Final

from ._refusal import bad_request
from ._request import ChatRequest, FilePart, ImagePart

_TEXT_TYPES: Final = frozenset({"text/plain", "text/csv", "text/markdown", "text/xml", "application/xml"})
_OFFICE: Final = "application/vnd.openxmlformats-officedocument"
_SIGNATURES: Final = {"image/png": b"\x89PNG", "image/jpeg": b"\xff\xd8\xff"}
_IMAGE_TYPES: Final = frozenset(_SIGNATURES)
_FILE_TYPES: Final = (
    _TEXT_TYPES
    | _IMAGE_TYPES
    | {
        "application/pdf",
        f"{_OFFICE}.wordprocessingml.document",
        f"{_OFFICE}.spreadsheetml.sheet",
    }
)
_DATA_URI: Final = re.compile(r"data:(?P<type>[\w.+-]+/[\w.+-]+)(?:;charset=[\w-]+)?;base64,")
_PDF_PAGE: Final = re.compile(rb"/Type\s*/Page(?![A-Za-z])")

MAX_TOTAL_BYTES: Final = 50 * 1024 * 1024
"""The documented limit for all files of one request."""


@dataclass(frozen=True, slots=True)
class Attachment:
    """One document or image of a request."""

    filename: str
    media_type: str
    data: bytes

    @property
    def pages(self) -> int:
        """Pages that the extraction charges for; only PDFs have any."""
        if self.media_type != "application/pdf":
            return 0
        return max(1, len(_PDF_PAGE.findall(self.data)))

    @property
    def text(self) -> str:
        """The text inside, where it is readable without a real extractor."""
        if self.media_type in _TEXT_TYPES:
            return self.data.decode("utf-8", "replace")
        kind = "imagem" if self.media_type in _IMAGE_TYPES else "documento"
        return f"Texto de exemplo extraído de {kind} {self.filename} ({len(self.data)} bytes)."


def attachments(request: ChatRequest) -> list[Attachment]:
    """Return the files of a request.

    Raises:
        Refusal: 400 for a file that the service would not take.
    """
    found: list[Attachment] = []
    for part in request.parts:
        if isinstance(part, FilePart):
            found.append(_decode(part.file.file_data, part.file.filename, _FILE_TYPES))
        elif isinstance(part, ImagePart):
            found.append(_image(part.image_url.url, len(found) + 1))
    if sum(len(file.data) for file in found) > MAX_TOTAL_BYTES:
        raise bad_request("The files of a request must stay below 50 MB together")
    return found


def _image(url: str, number: int) -> Attachment:
    if re.match(r"https?://\w", url):
        # The sandbox stays offline, so the address itself stands for what it would have shown.
        return Attachment(url, "image/png", b"")
    return _decode(url, f"imagem_{number}", _IMAGE_TYPES)


def _decode(uri: str, filename: str, accepted: frozenset[str]) -> Attachment:
    match = _DATA_URI.match(uri)
    if match is None:
        raise bad_request(f"{filename!r} must be a data URI: data:<mime>;base64,<data>")
    media_type = match["type"].lower()
    if media_type not in accepted:
        raise bad_request(f"{filename!r} has the unsupported type {media_type!r}")
    try:
        data = base64.b64decode(uri[match.end() :], validate=True)
    except binascii.Error as error:
        raise bad_request(f"{filename!r} is not valid base64: {error}") from error
    if not data:
        raise bad_request(f"{filename!r} is empty")
    if not data.startswith(_SIGNATURES.get(media_type, b"")):
        raise bad_request(f"{filename!r} is not the {media_type} it claims to be")
    return Attachment(filename, media_type, data)
