"""Answering a Responses request: the whole response, its stream, and what goes wrong with either."""

from __future__ import annotations

import asyncio
import time
from dataclasses import replace
from typing import TYPE_CHECKING

from aiohttp import web

from ._responses_wire import failed_response, named_event, response_events, response_object
from ._streaming import plain_fault, write_stream
from ._wire import to_json

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ._replies import Reply
    from ._responses_request import ResponseRequest
    from ._state import RecordedRequest, State
    from ._wire import JsonObject


async def answer_response(
    request: web.Request, record: RecordedRequest, wanted: ResponseRequest, reply: Reply, state: State
) -> web.StreamResponse:
    """Answer a request that passed every check, streamed or not, with the fault that was asked for."""
    envelope = {
        "id": f"resp-{state.next_reply_id()}",
        "created_at": int(time.time()),
        "model": reply.model,
    }
    whole = response_object(reply, envelope, wanted, state.options)
    _fail_in_the_way_of_this_api(record, failed_response(envelope, wanted), streamed=bool(wanted.stream))
    pace = state.options.tokens_per_second
    if wanted.stream:
        frames = _frames(whole, record)
        return await write_stream(request, record, frames, tokens_per_second=pace)
    spoilt = await plain_fault(request, record.fault) if record.fault is not None else None
    if spoilt is not None:
        return spoilt
    if pace is not None:
        await asyncio.sleep(whole["usage"]["output_tokens"] / pace)
    return web.Response(body=to_json(whole), content_type="application/json")


def _frames(whole: JsonObject, record: RecordedRequest) -> Iterator[bytes]:
    yield from map(named_event, response_events(whole))
    # Asked for one more frame, so the last one has been written.
    record.completed = True


def _fail_in_the_way_of_this_api(record: RecordedRequest, failed: JsonObject, *, streamed: bool) -> None:
    """Make the usual ``error`` the one this API documents: a response that failed."""
    fault = record.fault
    if fault is None or fault.kind != "error" or fault.body is not None:
        return
    number = fault.after_events + 1
    event = {"type": "response.failed", "sequence_number": number, "response": failed}
    record.fault = replace(fault, body=event if streamed else failed)
