"""What resources with stored objects share: ids in paths, objects with ids, lists in pages."""

from __future__ import annotations

import re
from functools import partial
from typing import TYPE_CHECKING, Any, TypeVar

from .._core.pagination import AsyncPage, AsyncPages
from ..errors import ConfigurationError
from ..types.batches import Batch, BatchList
from ..types.files import FileDeleted, FileList, FileObject
from ._base import AsyncResource
from ._parameters import text, whole_number

if TYPE_CHECKING:
    from collections.abc import Mapping

    from .._core.http_info import HttpInfo
    from .._core.pagination import Portion
    from .._core.request import Request

T = TypeVar("T")
Stored = TypeVar("Stored", FileObject, FileDeleted, Batch)
Listed = TypeVar("Listed", FileList, BatchList)

# No slash, no percent sign, and not dots alone: an id cannot lead elsewhere than to its own object.
_ID = re.compile(r"(?!\.{1,2}$)[\w.~:@+=,-]{1,512}", re.ASCII)


def path_id(name: str, value: Any) -> str:
    """An id as a segment of a path.

    Raises:
        ConfigurationError: not an id, or one that could lead to another path.
    """
    if not isinstance(value, str) or not _ID.fullmatch(value):
        raise ConfigurationError(
            f"{name} must be an id as the service gave it, such as 'file-abc123', not {value!r:.200}"
        )
    return value


def parse_stored(kind: type[Stored], body: bytes) -> Stored:
    """An object from its JSON.

    Raises:
        ValueError: not JSON, not the object, or one without an id.
    """
    found = kind.model_validate_json(body)
    if not found.id:
        raise ValueError("the answer has no id")
    return found


def parse_listed(kind: type[Listed], body: bytes) -> Listed:
    """A page from its JSON.

    Raises:
        ValueError: not JSON, or without a list.
    """
    found = kind.model_validate_json(body)
    if "data" not in found.model_fields_set:
        raise ValueError("the answer has no list")
    return found


class StoredResource(AsyncResource):
    """An area of the API whose objects are stored: found by their id, and listed in pages."""

    async def _object(self, kind: type[Stored], request: Request) -> Stored:
        found, http = await self._engine.call(request, partial(parse_stored, kind))
        found.http = http
        return found

    def _pages(
        self,
        path: str,
        params: Mapping[str, Any],
        known: frozenset[str],
        names: frozenset[str],
        kind: type[Listed],
    ) -> AsyncPages[Any]:
        """The list, its parameters checked at once and its first page not asked for yet.

        Args:
            path: The path of the list.
            params: What the caller gave.
            known: Every name the method takes.
            names: Those of them that belong into the query.
            kind: The type of a page.
        """

        def prepare(after: str | None) -> Request:
            given = params if after is None else {**params, "after": after}
            request = self._request("GET", path, given, known)
            query = {name: _query_value(name, given[name]) for name in given if name in names}
            request.query = {**query, **(request.query or {})}
            return request

        async def fetch(after: str | None) -> tuple[Portion[Any], HttpInfo]:
            return await self._engine.call(prepare(after), partial(parse_listed, kind))

        async def first() -> AsyncPage[Any]:
            return AsyncPage(*await fetch(None), fetch, params.get("after"))

        prepare(None)
        return AsyncPages(first)


def _query_value(name: str, value: Any) -> str:
    return str(whole_number(name, value)) if name == "limit" else text(name, value)
