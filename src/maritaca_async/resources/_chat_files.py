"""The files of a request together; no I/O."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from ..parts import FILES_LIMIT, InlineFile, too_large

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def check_files(messages: Sequence[Any]) -> None:
    """See to it that the files of all messages stay below the limit together.

    Raises:
        ConfigurationError: they do not.
    """
    total = sum(map(_size, _contents(messages)))
    if total >= FILES_LIMIT:
        raise ConfigurationError(f"messages: what their files hold {too_large(total)}")


def _contents(messages: Sequence[Any]) -> Iterator[Any]:
    for message in messages:
        parts = message.get("content")
        for part in parts if isinstance(parts, list) else ():
            if isinstance(part, Mapping):
                yield from (_inner(part, "file", "file_data"), _inner(part, "image_url", "url"))


def _inner(part: Mapping[str, Any], key: str, name: str) -> Any:
    inner = part.get(key)
    return inner.get(name) if isinstance(inner, Mapping) else None


def _size(content: Any) -> int:
    if isinstance(content, InlineFile):
        return content.encoded_size
    return len(content) if isinstance(content, str) and content.startswith("data:") else 0
