"""Documents and images by value: what the service takes, judged without decoding or copying them; no I/O.

A file may be large, so of its base64 only both ends, the length and the absence of anything but ASCII are
looked at: what is usually wrong shows there. That all files of a request are not too large together is checked
by the client.
"""

from __future__ import annotations

import re
from pathlib import PurePath
from typing import TYPE_CHECKING, Any, Final

from maritaca_async.parts import DOCUMENT_TYPES, IMAGE_TYPES

if TYPE_CHECKING:
    from collections.abc import Iterable

_EXTENSIONS: Final = {kind: extension for extension, kind in DOCUMENT_TYPES.items()}
_OTHER_NAMES: Final = {
    "text/xml": "application/xml",
    "text/x-markdown": "text/markdown",
    "application/csv": "text/csv",
    "image/jpg": "image/jpeg",
}

DOCUMENTS: Final = frozenset(_EXTENSIONS)
"""Types of documents."""
IMAGES: Final = frozenset(IMAGE_TYPES.values())
"""Types of images."""

_SAMPLE: Final = 4096
_LONGEST_HEAD: Final = 200
_BASE64: Final = re.compile(r"[A-Za-z0-9+/]+={0,2}")
_HTTP: Final = re.compile(r"https?://\w", re.IGNORECASE)


class Unusable(Exception):  # noqa: N818  it ends as a ChatMaritacaConfigurationError that also names the place
    """What is wrong with a piece of a message, and what to do about it."""


def is_http(url: str) -> bool:
    """Whether the service can fetch this address."""
    return _HTTP.match(url) is not None


def data_uri(mime: Any, data: Any, accepted: Iterable[str]) -> str:
    """The data URI of a file.

    Args:
        mime: Its type, such as `application/pdf`.
        data: Its content in base64.
        accepted: The types that are taken where it goes.

    Raises:
        Unusable: another type, or no base64.
    """
    mime = _checked_mime(mime, accepted)
    if isinstance(data, bytes | bytearray | memoryview):
        raise Unusable("its base64 must be a str: base64.b64encode(content).decode()")
    if not isinstance(data, str):
        raise Unusable(f"its base64 must be a str, not {type(data).__name__}")
    _check_base64(data, 0)
    return f"data:{mime};base64,{data}"


def checked_uri(uri: Any, accepted: Iterable[str]) -> str:
    """A data URI as the service takes it, which usually is the very one that was given.

    Raises:
        Unusable: no data URI in base64, another type, or no base64.
    """
    comma = uri.find(",", 0, _LONGEST_HEAD) if isinstance(uri, str) and uri.startswith("data:") else -1
    if comma < 0:
        raise Unusable(f"it must be a data URI such as data:application/pdf;base64,..., not {uri!r:.60}")
    head = uri[len("data:") : comma]
    mime, marker, rest = head.rpartition(";base64")
    if not marker or rest:
        raise Unusable("its data URI must be in base64: data:<type>;base64,<content>")
    checked = _checked_mime(mime, accepted)
    _check_base64(uri, comma + 1)
    return uri if checked == mime else f"data:{checked};base64,{uri[comma + 1 :]}"


def default_name(uri: str) -> str:
    """A name with the right extension for the document in a data URI that was checked."""
    return f"file{_EXTENSIONS[_essence(uri[len('data:') : uri.index(',')])]}"


def type_of(mime: Any, filename: Any) -> Any:
    """The type of a document, by the extension of its name where it passes for a PDF but is named otherwise.

    LangChain calls every file in OpenAI's form a PDF, whatever its data URI says.
    """
    extension = PurePath(filename).suffix.lower() if isinstance(filename, str) else ""
    return DOCUMENT_TYPES.get(extension, mime) if mime == DOCUMENT_TYPES[".pdf"] else mime


def _essence(mime: str) -> str:
    return mime.partition(";")[0].strip().lower()


def _checked_mime(mime: Any, accepted: Iterable[str]) -> str:
    """The type as the contract spells it, with the parameters that it came with, such as a charset."""
    essence = _essence(mime) if isinstance(mime, str) else ""
    usual = _OTHER_NAMES.get(essence, essence)
    if usual not in accepted:
        raise Unusable(f"its type is {mime!r}, and Maritaca takes only {', '.join(sorted(accepted))} here")
    parameters = mime.partition(";")[1:]
    return usual + "".join(parameters).replace(" ", "")


def _check_base64(text: str, start: int) -> None:
    size = len(text) - start
    if not size:
        raise Unusable("it is empty")
    if text.startswith("data:", start):
        raise Unusable("give its base64 alone, without 'data:...;base64,' in front")
    if size % 4:
        raise Unusable(
            "its base64 is not valid: the length is not a multiple of 4, so a part or the '=' is missing"
        )
    beginning, end = text[start : start + _SAMPLE], text[max(start, len(text) - _SAMPLE) :]
    if not (text.isascii() and _BASE64.fullmatch(beginning) and _BASE64.fullmatch(end)):
        raise Unusable("its base64 is not valid: use base64.b64encode(content).decode(), without line breaks")
