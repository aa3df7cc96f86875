"""Writing replies to the socket, with the faults that were asked for."""

from __future__ import annotations

import asyncio
import socket
import struct
from typing import TYPE_CHECKING, Final

from aiohttp import web

from ._wire import DONE, PING, event, to_json

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ._faults import Fault
    from ._state import RecordedRequest

# A stream without a pace would keep the loop to itself: others wait, and nobody sees its client leave.
_BURST: Final = 64

# SO_LINGER on with a timeout of zero: closing sends RST in place of FIN.
_NO_LINGER = struct.pack("ii", 1, 0)


async def write_stream(
    request: web.Request,
    record: RecordedRequest,
    frames: Iterable[bytes],
    *,
    tokens_per_second: float | None,
) -> web.StreamResponse:
    """Write a stream, one event per write, until it ends or the fault ends it."""
    response = web.StreamResponse(headers={"Cache-Control": "no-cache"})
    response.content_type = "text/event-stream"
    response.charset = "utf-8"
    await response.prepare(request)
    record.status = response.status
    fault = record.fault
    started = asyncio.get_running_loop().time()
    for number, frame in enumerate(frames):
        due = fault is not None and number == fault.after_events
        if fault is not None and due and not await _survives(request, response, fault):
            return response
        if tokens_per_second is not None:
            await _sleep_until(started + number / tokens_per_second)
        elif number % _BURST == _BURST - 1:
            await asyncio.sleep(0)
        # Set before the write: whoever has read the last event finds the record complete.
        record.completed = frame is DONE
        await response.write(frame)
        record.events_sent += 1
    await response.write_eof()
    return response


async def plain_fault(request: web.Request, fault: Fault) -> web.Response | None:
    """Return what a fault makes of a reply that is not streamed; None lets it be."""
    match fault.kind:
        case "stall" | "ping":
            await _silence(fault)
            return None
        case "close" | "reset":
            drop(request, fault)
            return web.Response()
        case "end":
            return web.Response(content_type="application/json")
        case "status":
            return fault_response(fault)
        case "malformed" | "error" | "detail":
            return fault_response(fault, status=200)


def fault_response(fault: Fault, status: int | None = None) -> web.Response:
    """Return a fault's payload as a response of its own."""
    payload = fault.payload
    headers = dict(fault.headers)
    if isinstance(payload, str):
        payload = payload.encode()
    if not isinstance(payload, bytes):
        payload = to_json(payload)
    headers.setdefault("Content-Type", "application/json")
    return web.Response(status=status or fault.status, body=payload, headers=headers)


def drop(request: web.Request, fault: Fault) -> None:
    """Close the connection under a request: politely (FIN) or not (RST)."""
    transport = request.transport
    if transport is None:
        return
    if fault.kind == "reset":
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
        transport.abort()
    else:
        transport.close()


async def _survives(request: web.Request, response: web.StreamResponse, fault: Fault) -> bool:
    """Let a fault happen and return whether the stream goes on after it."""
    match fault.kind:
        case "stall":
            await _silence(fault)
            return True
        case "ping":
            await _pings(response, fault)
            return True
        case "malformed":
            await response.write(_as_event(fault))
            return True
        case "error" | "detail":
            await response.write(_as_event(fault))
        case "close" | "reset":
            drop(request, fault)
        case "end" | "status":
            pass
    return False


def _as_event(fault: Fault) -> bytes:
    payload = fault.payload
    return event(payload.encode() if isinstance(payload, str) else payload)


async def _silence(fault: Fault) -> None:
    if fault.seconds is None:
        await asyncio.Event().wait()
    else:
        await asyncio.sleep(fault.seconds)


async def _pings(response: web.StreamResponse, fault: Fault) -> None:
    clock = asyncio.get_running_loop().time
    end = None if fault.seconds is None else clock() + fault.seconds
    while True:
        await response.write(PING)
        if end is not None and clock() >= end:
            return
        await asyncio.sleep(fault.interval)


async def _sleep_until(moment: float) -> None:
    await asyncio.sleep(max(0.0, moment - asyncio.get_running_loop().time()))
