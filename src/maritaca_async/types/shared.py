"""Types that several endpoints share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from .._core.options import RetryPolicy, Timeouts

ChatModel = (
    str
    | Literal[
        "sabia-4",
        "sabia-4-thinking",
        "sabiazinho-4",
        "sabia-4-br-sp",
        "sabia-4-thinking-br-sp",
        "sabiazinho-4-br-sp",
    ]
)
"""A model name; any string is passed on, the literals serve the editor (contract section 4)."""


class RequestOptions(TypedDict, total=False):
    """What any call takes besides the parameters of its endpoint."""

    timeout: float | Timeouts | None
    """Clocks of this call in seconds: a number, `Timeouts`, or None for no limit. Default: the client's."""
    max_retries: int | RetryPolicy
    """Further attempts after the first, or a whole policy. Default: the client's."""
    extra_headers: Mapping[str, str]
    """Headers added to this call; `Authorization` cannot be replaced."""
    extra_query: Mapping[str, str]
    """Query parameters added to the URL."""
    extra_body: Mapping[str, Any]
    """Fields added to the JSON body as they are, for parameters this library does not know."""
