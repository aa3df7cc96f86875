"""Many chat completions: from the caller's options and dicts to what `_core.bulk` works on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Final, NoReturn, cast

from .._core.bulk import Plan
from .._core.inline import InlinedBody, InlineFile
from .._core.inputs import Item, check_progress
from .._core.journal import Journal, check_path, digest_of
from ..errors import ConfigurationError
from ._chat_decoder import parse_completion
from ._parameters import request_name

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
    check_progress(on_progress)
    if journal is not None:
        check_path(journal)
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
    base_url: str,
    index: int,
    given: Any,
) -> Item[ChatCompletion]:
    """One request, ready to be sent; one that cannot be fails when its turn comes.

    Args:
        prepare: Makes the request of its parameters.
        complete: Sends it.
        base_url: Whom it is sent to: the answer of another server is not an answer to it.
        index: Its place among the requests.
        given: What the caller gave for it.
    """
    try:
        params, custom_id = _split(given)
        request, _ = prepare(params)
    except ConfigurationError as error:
        refuse = partial(_refuse, ConfigurationError(f"requests[{index}]: {error}"))
        return Item(index, None, refuse, refuse)
    return Item(index, custom_id, partial(_digest, base_url, request), partial(complete, request))


def _split(given: Any) -> tuple[dict[str, Any], str | None]:
    if not isinstance(given, Mapping):
        raise ConfigurationError(f"it must be a dict of parameters, not {type(given).__name__}")
    params = dict(given)
    custom_id = params.pop("custom_id", None)
    if custom_id is not None:
        request_name(custom_id)
    if params.pop("stream", None):
        raise ConfigurationError("map gives whole answers: leave out stream")
    return params, custom_id


async def _digest(base_url: str, request: Request) -> bytes:
    """What tells a request from others: where it goes, and what it says with the content of its files.

    Raises:
        ConfigurationError: a file cannot be read, or has changed since its part was made.
    """
    query = repr(sorted((request.query or {}).items()))
    body = request.body
    parts = body.parts if isinstance(body, InlinedBody) else [cast("bytes", body)]
    said = [await asyncio.to_thread(part.digest) if isinstance(part, InlineFile) else part for part in parts]
    return digest_of(base_url.encode(), request.path.encode(), query.encode(), *said)


async def _refuse(error: ConfigurationError) -> NoReturn:
    raise error


def _dump(completion: ChatCompletion) -> bytes:
    return completion.model_dump_json(exclude_unset=True).encode()
