"""The sandbox failing on purpose, seen from a plain HTTP client."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import pytest

from maritaca_async.sandbox import Fault, Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

KEY = {"Authorization": "Bearer chave"}
PROMPT = {"model": "sabia-4", "messages": [{"role": "user", "content": "Conte até 50"}]}


@asynccontextmanager
async def called(
    *faults: Fault, stream: bool = True
) -> AsyncIterator[tuple[Sandbox, aiohttp.ClientResponse]]:
    async with Sandbox() as sandbox, aiohttp.ClientSession(headers=KEY) as session:
        sandbox.inject(*faults)
        body = {**PROMPT, "stream": stream}
        async with session.post(f"{sandbox.base_url}/chat/completions", json=body) as reply:
            yield sandbox, reply


async def events_until_the_end(reply: aiohttp.ClientResponse) -> tuple[list[str], Exception | None]:
    raw = b""
    failure: Exception | None = None
    try:
        async for piece in reply.content.iter_any():
            raw += piece
    except aiohttp.ClientError as error:
        failure = error
    return raw.decode().split("\n\n")[:-1], failure


def raw_post(sandbox: Sandbox) -> socket.socket:
    """Return a socket on which a streaming request was sent, for what aiohttp would hide."""
    host, port = sandbox.base_url.removeprefix("http://").removesuffix("/api").split(":")
    payload = json.dumps({**PROMPT, "stream": True}).encode()
    connection = socket.create_connection((host, int(port)), timeout=5)
    head = f"POST /api/chat/completions HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nContent-Length: {len(payload)}\r\n\r\n"
    connection.sendall(head.encode() + payload)
    return connection


def read_to_end(connection: socket.socket) -> bytes:
    raw = b""
    while piece := connection.recv(65536):
        raw += piece
    return raw


async def test_next_requests_fail_with_the_status_asked_for_and_then_recover() -> None:
    async with Sandbox() as sandbox, aiohttp.ClientSession(headers=KEY) as session:
        sandbox.fail_next(2, status=429, body={"detail": "devagar"}, headers={"Retry-After": "3"})
        seen = []
        for _ in range(3):
            async with session.post(f"{sandbox.base_url}/chat/completions", json=PROMPT) as reply:
                seen.append((reply.status, reply.headers.get("Retry-After")))
                if reply.status == 429:
                    assert await reply.json() == {"detail": "devagar"}
        assert seen == [(429, "3"), (429, "3"), (200, None)]
        assert [record.status for record in sandbox.requests] == [429, 429, 200]
        assert sandbox.requests[0].fault is not None
        assert sandbox.requests[2].fault is None


@pytest.mark.parametrize("body", ["<html>502</html>", b"<html>502</html>"])
async def test_error_body_can_be_a_page_of_a_proxy(body: str | bytes) -> None:
    async with Sandbox() as sandbox, aiohttp.ClientSession(headers=KEY) as session:
        sandbox.fail_next(status=502, body=body, headers={"Content-Type": "text/html"})
        async with session.get(f"{sandbox.base_url}/models") as reply:
            assert (reply.status, reply.content_type) == (502, "text/html")
            assert await reply.text() == "<html>502</html>"


async def test_status_fault_has_a_body_of_the_documented_shape_by_default() -> None:
    async with called(Fault(), stream=False) as (_, reply):
        assert reply.status == 503
        assert isinstance((await reply.json())["detail"], str)


async def test_stream_cut_by_fin_breaks_off_after_the_events_let_through() -> None:
    async with called(Fault(kind="close", after_events=4)) as (sandbox, reply):
        events, failure = await events_until_the_end(reply)
        assert len(events) == 4
        assert isinstance(failure, aiohttp.ClientPayloadError)
        [record] = sandbox.requests
        assert (record.events_sent, record.completed) == (4, False)
        assert record.disconnected_at is None


def test_cut_by_fin_ends_the_connection_and_cut_by_rst_resets_it() -> None:
    with Sandbox() as sandbox:
        sandbox.inject(Fault(kind="close", after_events=2), Fault(kind="reset", after_events=2))
        with raw_post(sandbox) as connection:
            raw = read_to_end(connection)
            assert raw.count(b"data: ") == 2
            assert not raw.endswith(b"0\r\n\r\n")
        with raw_post(sandbox) as connection, pytest.raises(ConnectionResetError):
            read_to_end(connection)


async def test_stream_can_end_well_without_its_end_marker() -> None:
    async with called(Fault(kind="end", after_events=3)) as (sandbox, reply):
        events, failure = await events_until_the_end(reply)
        assert (len(events), failure) == (3, None)
        assert "[DONE]" not in events[-1]
        assert not sandbox.requests[0].completed


async def test_malformed_event_stands_between_good_ones() -> None:
    async with called(Fault(kind="malformed", after_events=2)) as (_, reply):
        events, failure = await events_until_the_end(reply)
    with pytest.raises(json.JSONDecodeError):
        json.loads(events[2].removeprefix("data: "))
    assert json.loads(events[3].removeprefix("data: "))["choices"]
    assert (events[-1], failure) == ("data: [DONE]", None)


@pytest.mark.parametrize(("kind", "key"), [("error", "error"), ("detail", "detail")])
async def test_error_event_ends_the_stream(kind: Any, key: str) -> None:
    async with called(Fault(kind=kind, after_events=2)) as (_, reply):
        events, failure = await events_until_the_end(reply)
    assert len(events) == 3
    assert key in json.loads(events[-1].removeprefix("data: "))
    assert failure is None


async def test_error_event_can_have_a_body_of_its_own() -> None:
    fault = Fault(kind="error", body={"error": "sem crédito"})
    async with called(fault) as (_, reply):
        events, _ = await events_until_the_end(reply)
    assert events == ['data: {"error":"sem crédito"}']


async def test_stalled_stream_is_silent_and_then_goes_on() -> None:
    async with called(Fault(kind="stall", after_events=2, seconds=0.3)) as (_, reply):
        started = time.monotonic()
        events, failure = await events_until_the_end(reply)
        assert time.monotonic() - started >= 0.29
    assert (events[-1], failure) == ("data: [DONE]", None)


async def test_endless_stall_lasts_until_the_client_leaves() -> None:
    async with called(Fault(kind="stall", after_events=2)) as (sandbox, reply):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.2):
                await events_until_the_end(reply)
        reply.close()
        async with asyncio.timeout(1):
            while sandbox.requests[0].disconnected_at is None:
                await asyncio.sleep(0.005)
        assert sandbox.requests[0].events_sent == 2


async def test_pings_keep_a_silent_stream_alive() -> None:
    async with called(Fault(kind="ping", after_events=2, seconds=0.3, interval=0.05)) as (_, reply):
        events, failure = await events_until_the_end(reply)
    assert events[2:5] == [": ping"] * 3
    assert (events[-1], failure) == ("data: [DONE]", None)


async def test_single_ping_delays_nothing() -> None:
    async with called(Fault(kind="ping", seconds=0)) as (_, reply):
        events, _ = await events_until_the_end(reply)
    assert events.count(": ping") == 1
    assert events[0] == ": ping"


@pytest.mark.parametrize("kind", ["close", "reset"])
async def test_plain_reply_can_be_lost(kind: Any) -> None:
    with pytest.raises(aiohttp.ClientConnectionError):
        async with called(Fault(kind=kind), stream=False):
            pass


async def test_lost_reply_is_recorded_as_never_sent() -> None:
    async with Sandbox() as sandbox, aiohttp.ClientSession(headers=KEY) as session:
        sandbox.inject(Fault(kind="close"))
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await session.post(f"{sandbox.base_url}/chat/completions", json=PROMPT)
        [record] = sandbox.requests
        assert (record.status, record.completed, record.disconnected_at) == (None, False, None)


@pytest.mark.parametrize("kind", ["malformed", "end"])
async def test_plain_reply_can_be_no_json(kind: Any) -> None:
    async with called(Fault(kind=kind), stream=False) as (_, reply):
        assert (reply.status, reply.content_type) == (200, "application/json")
        with pytest.raises(json.JSONDecodeError):
            json.loads(await reply.text())


async def test_plain_reply_can_be_an_error_in_disguise() -> None:
    async with called(Fault(kind="error"), stream=False) as (_, reply):
        assert reply.status == 200
        assert set(await reply.json()) == {"error"}


async def test_plain_reply_can_stall() -> None:
    started = time.monotonic()
    async with called(Fault(kind="stall", seconds=0.2), stream=False) as (_, reply):
        assert time.monotonic() - started >= 0.19
        assert (await reply.json())["object"] == "chat.completion"


async def test_connection_is_usable_again_after_faults() -> None:
    kinds: list[Any] = ["status", "end", "close", "reset", "malformed", "error", "detail", "ping"]
    async with Sandbox() as sandbox, aiohttp.ClientSession(headers=KEY) as session:
        sandbox.inject(*(Fault(kind=kind, after_events=1, seconds=0.01) for kind in kinds))
        url = f"{sandbox.base_url}/chat/completions"
        for _ in kinds:
            async with session.post(url, json={**PROMPT, "stream": True}) as reply:
                await events_until_the_end(reply)
        async with session.post(url, json=PROMPT) as reply:
            assert reply.status == 200
        assert sandbox.in_flight == 0


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"kind": "explode"}, "kind must be one of status, end"),
        ({"after_events": -1}, "after_events"),
        ({"status": 99}, "status must be from 200 to 599"),
        ({"seconds": -1}, "seconds"),
        ({"interval": 0}, "interval"),
    ],
)
def test_impossible_faults_are_refused(fields: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Fault(**fields)
