"""The parts of a multipart form, read as strictly as RFC 7578 describes it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from ._refusal import Refusal, bad_request

_BOUNDARY: Final = re.compile(
    r'multipart/form-data;\s*boundary=("?)([0-9A-Za-z\'()+_,./:=?-]{1,70})\1\s*', re.IGNORECASE
)
_DISPOSITION: Final = re.compile(r'form-data; name="([^"\r\n]+)"(?:; filename="([^"\r\n]*)")?')
_HEADERS: Final = frozenset({"content-disposition", "content-type"})


@dataclass(frozen=True, slots=True)
class Part:
    """One field of a form; a file has a filename."""

    name: str
    filename: str | None
    data: bytes


def parse_form(raw: bytes, content_type: str) -> dict[str, Part]:
    """Return the fields of a form by name.

    Raises:
        Refusal: 415 when it is no form, 400 when it is a broken one.
    """
    match = _BOUNDARY.fullmatch(content_type)
    if match is None:
        raise Refusal(415, "Content-Type must be multipart/form-data with a boundary")
    mark = b"--" + match[2].encode()
    first, *sections = (b"\r\n" + raw).split(b"\r\n" + mark)
    if first or not sections or sections[-1] not in (b"--", b"--\r\n"):
        raise bad_request("The form does not begin and end with its boundary")
    parts = [_part(section) for section in sections[:-1]]
    found = {part.name: part for part in parts}
    if len(found) < len(parts):
        raise bad_request("The form has two fields of the same name")
    return found


def _part(section: bytes) -> Part:
    head, blank, data = section.partition(b"\r\n\r\n")
    if not head.startswith(b"\r\n") or not blank:
        raise bad_request("A part of the form has no headers")
    headers = dict(_header(line) for line in head[2:].split(b"\r\n"))
    match = _DISPOSITION.fullmatch(headers.get("content-disposition", ""))
    if match is None or not headers.keys() <= _HEADERS:
        raise bad_request(f"A part of the form has unreadable headers: {head[:200]!r}")
    return Part(match[1], match[2], data)


def _header(line: bytes) -> tuple[str, str]:
    try:
        name, _, value = line.decode().partition(":")
    except UnicodeDecodeError as error:
        raise bad_request("The headers of a form must be UTF-8") from error
    return name.strip().lower(), value.strip()
