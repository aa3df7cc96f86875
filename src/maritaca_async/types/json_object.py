"""The answer of a route without a type of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .._core.http_info import HttpInfo


class JsonObject(dict[str, Any]):
    """A JSON object as the server sent it: a plain dictionary that also knows how it came over HTTP."""

    http: HttpInfo
    """Status, headers, request id, attempts and elapsed seconds of the call."""
