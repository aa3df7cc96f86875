"""Many chat completions: from the caller's options and dicts to what `_core.bulk` works on."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from .._core.bulk import Plan
from .._core.inputs import Item
from .._core.journal import Journal, digest_of
from ..errors import ConfigurationError
from ._chat_decoder import parse_completion

if TYPE_CHECKING:
    import os
    from collections.abc import Awaitable, Callable

    from .._core.request import Request
    from ..types.chat import ChatCompletion

CONCURRENCY: Final = 8
"""Calls at the same time, unless told otherwise."""


def plan_of(
    concurrency: Any,
    *,
    ordered: bool,
    on_progress: Any,
    journal: str | os.PathLike[str] | None,
    return_exceptions: bool,
) -> Plan[ChatCompletion]:
    """The options of `map`, checked.

    Raises:
        ConfigurationError: one that cannot work.
    """
    if not isinstance(concurrency, int) or isinstance(concurrency, bool) or concurrency < 1:
        raise ConfigurationError(f"concurrency must be a whole number of at least 1, not {concurrency!r}")
    if on_progress is not None and not callable(on_progress):
        raise ConfigurationError(f"on_progress must be a function, not {type(on_progress).__name__}")
    return Plan(
        concurrency,
        ordered=ordered,
        return_exceptions=return_exceptions,
        journal=None if journal is None else Journal(journal),
        dump=_dump,
        load=parse_completion,
    )


def item_of(
    prepare: Callable[[Any], tuple[Request, int]],
    complete: Callable[[Request], Awaitable[ChatCompletion]],
    index: int,
    given: Any,
) -> Item[ChatCompletion]:
    """One request, ready to be sent; one that cannot be fails when its turn comes."""
    try:
        params, custom_id = _split(given)
        request, _ = prepare(params)
    except ConfigurationError as error:
        refusal = ConfigurationError(f"requests[{index}]: {error}")
        return Item(index, None, b"", partial(_refuse, refusal))
    body = request.body if isinstance(request.body, bytes) else b""
    query = repr(sorted((request.query or {}).items())).encode()
    return Item(index, custom_id, digest_of(request.path.encode(), query, body), partial(complete, request))


def _split(given: Any) -> tuple[dict[str, Any], str | None]:
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"it must be a dict of parameters, not {type(given).__name__}")
    params = dict(given)
    custom_id = params.pop("custom_id", None)
    if custom_id is not None and not (isinstance(custom_id, str) and custom_id):
        raise ConfigurationError(f"custom_id must be a text that is not empty, not {custom_id!r:.80}")
    if params.pop("stream", None):
        raise ConfigurationError("map gives whole answers: leave out stream")
    return params, custom_id


async def _refuse(error: ConfigurationError) -> ChatCompletion:
    raise error


def _dump(completion: ChatCompletion) -> bytes:
    return completion.model_dump_json(exclude_unset=True).encode()
