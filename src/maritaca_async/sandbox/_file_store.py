"""What was uploaded to the sandbox or written by it, and lists in each of the dialects."""

from __future__ import annotations

import itertools
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Protocol

from ._refusal import Refusal, bad_request

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._options import ListStyle

_CURSOR: Final = "cursor-"
_DEFAULT_LIMIT: Final = 20
_MOST: Final = 10_000

MAX_FILE_BYTES: Final = 200 * 1024 * 1024
"""The documented limit of a batch's input."""


@dataclass(slots=True, eq=False)
class StoredFile:
    """One file."""

    id: str
    filename: str
    purpose: str
    data: bytes
    created_at: int

    def wire(self) -> dict[str, Any]:
        """Return what the service says about it."""
        return {
            "id": self.id,
            "object": "file",
            "bytes": len(self.data),
            "created_at": self.created_at,
            "expires_at": None,
            "filename": self.filename,
            "purpose": self.purpose,
            "status": "processed",
            "status_details": None,
        }


class FileStore:
    """The files, oldest first."""

    def __init__(self) -> None:
        """Start without any."""
        self._files: dict[str, StoredFile] = {}
        self._numbers = itertools.count(1)

    def add(self, filename: str, purpose: str, data: bytes) -> StoredFile:
        """Keep a file under a new id."""
        made = StoredFile(f"file-{next(self._numbers):06d}", filename, purpose, data, int(time.time()))
        self._files[made.id] = made
        return made

    def find(self, file_id: str) -> StoredFile:
        """Return a file.

        Raises:
            Refusal: 404 when there is none.
        """
        if file_id not in self._files:
            raise Refusal(404, f"No such file: '{file_id}'")
        return self._files[file_id]

    def delete(self, file_id: str) -> None:
        """Forget a file.

        Raises:
            Refusal: 404 when there is none.
        """
        del self._files[self.find(file_id).id]

    def with_purpose(self, purpose: str | None) -> list[StoredFile]:
        """Return the files for a purpose, or all of them."""
        return [file for file in self._files.values() if purpose in (None, file.purpose)]


class _Listed(Protocol):
    id: str


def page(
    items: Sequence[_Listed], query: Mapping[str, str], style: ListStyle
) -> tuple[list[Any], dict[str, Any]]:
    """Return the items of one page, and what the list says besides them.

    Args:
        items: All of them, oldest first.
        query: ``limit``, ``after`` and ``order`` as asked for; newest first is the default.
        style: How the list says where it goes on.

    Raises:
        Refusal: 422 for a bad value, 400 for an unknown place to begin.
    """
    limit, order = query.get("limit", str(_DEFAULT_LIMIT)), query.get("order", "desc")
    if not limit.isdecimal() or not 1 <= int(limit) <= _MOST:
        raise Refusal(422, [_problem("limit", f"Input should be from 1 to {_MOST}")])
    if order not in ("asc", "desc"):
        raise Refusal(422, [_problem("order", "Input should be 'asc' or 'desc'")])
    ordered = list(items) if order == "asc" else list(reversed(items))
    start = _start(ordered, query["after"].removeprefix(_CURSOR)) if "after" in query else 0
    shown = ordered[start : start + int(limit)]
    return shown, _ending(shown, style, more=start + len(shown) < len(ordered))


def _start(ordered: Sequence[_Listed], after: str) -> int:
    for place, item in enumerate(ordered):
        if item.id == after:
            return place + 1
    raise bad_request(f"'after' names no item of this list: '{after}'")


def _ending(shown: Sequence[_Listed], style: ListStyle, *, more: bool) -> dict[str, Any]:
    match style:
        case "bare":
            return {}
        case "has_more":
            ends = {"first_id": shown[0].id, "last_id": shown[-1].id} if shown else {}
            return {"object": "list", "has_more": more, **ends}
        case "next_cursor":
            return {"object": "list", "next_cursor": f"{_CURSOR}{shown[-1].id}" if more else None}


def _problem(name: str, message: str) -> dict[str, Any]:
    return {"loc": ["query", name], "msg": message, "type": "value_error"}
