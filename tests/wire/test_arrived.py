"""What has arrived of a body, read all at once; and what a typed stream makes of it, asked in turns for this and that."""

from __future__ import annotations

import asyncio
import gzip
import logging
import time
import zlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import aiohttp
import pytest
from aiohttp import StreamReader
from aiohttp.log import internal_logger
from aiohttp.streams import EmptyStreamReader
from conftest import KEY
from hypothesis import given, settings
from hypothesis import strategies as st
from scripted import ASK, Exchange, Script, ScriptedServer, chunk, streams

from maritaca_async import (
    APIError,
    APIResponseError,
    AsyncChatCompletionStream,
    AsyncMaritaca,
    Maritaca,
    StreamInterruptedError,
    Timeouts,
)
from maritaca_async._core import arrived
from maritaca_async._core.arrived import left_behind, read_arrived
from maritaca_async.resources._chat_decoder import ChatDecoder
from maritaca_async.sandbox import Sandbox
from maritaca_async.types import ChunkEvent, ContentDeltaEvent, ContentDoneEvent

Read = Callable[[StreamReader], Awaitable[bytes]]


@dataclass
class Body:
    """A body as it was read."""

    pieces: list[bytes] = field(default_factory=list)
    behind: bytes = b""
    """What a failed connection left behind."""
    failure: type[BaseException] | None = None

    @property
    def whole(self) -> bytes:
        return b"".join(self.pieces) + self.behind


async def read_all(content: StreamReader, read: Read, pause: float | None = None) -> Body:
    """Read a body as `Reply` does, waiting a little before each read when asked to."""
    body = Body()
    try:
        while data := await read(content):
            body.pieces.append(data)
            if pause is not None:
                await asyncio.sleep(pause)
        assert await read(content) == b""
    except (aiohttp.ClientError, OSError, ValueError) as error:
        body.failure, body.behind = type(error), left_behind(content)
    return body


async def usual(content: StreamReader) -> bytes:
    """The public way."""
    return await content.readany()


@contextmanager
def without_complaints() -> Iterator[None]:
    """aiohttp must find its books in order."""
    found: list[str] = []
    handler = logging.Handler()
    handler.emit = lambda record: found.append(record.getMessage())  # type: ignore[method-assign]
    internal_logger.addHandler(handler)
    try:
        yield
    finally:
        internal_logger.removeHandler(handler)
    assert not found


# Any order in which bytes, ends of chunks and the end itself arrive


class Feeder:
    """Feeds a reader as aiohttp's parser does: not while it is paused, and again as soon as it is not."""

    connected = True

    def __init__(self, steps: list[Any], *, chunked: bool, limit: int) -> None:
        self._steps, self._chunked, self._loop = deque(steps), chunked, asyncio.get_running_loop()
        self._paused = self._feeding = self._waiting = False
        self.fed = b""
        self.reader = StreamReader(self, limit, loop=self._loop)  # type: ignore[arg-type]
        self.feed()

    def pause_reading(self) -> None:
        self._paused = True

    def resume_reading(self, resume_parser: bool = True) -> None:
        self._paused = False
        if resume_parser and not self._feeding and not self._waiting:
            self.feed()

    def feed(self) -> None:
        """Go on with what has arrived; each "wait" stands for a turn of the loop in which nothing does."""
        self._feeding, self._waiting = True, False
        while self._steps and not self._paused:
            step = self._steps.popleft()
            if step == "wait":
                self._waiting = True
                self._loop.call_soon(self.feed)
                break
            self._take(step)
        self._feeding = False

    def _take(self, step: bytes | str) -> None:
        if step == "end":
            self.reader.feed_eof()
        elif step == "fail":
            self.reader.set_exception(aiohttp.ClientPayloadError("cut"))
        elif isinstance(step, bytes):
            if self._chunked:
                self.reader.begin_http_chunk_receiving()
            for half in (step[: len(step) // 2], step[len(step) // 2 :]):
                self.fed += half
                self.reader.feed_data(half)
            if self._chunked:
                self.reader.end_http_chunk_receiving()


steps = st.lists(st.binary(max_size=6) | st.just("wait"), max_size=40)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


@settings(max_examples=200, deadline=None)
@given(
    arriving=steps,
    chunked=st.booleans(),
    limit=st.sampled_from([1, 4, 40, 2**16]),
    end=st.sampled_from(["end", "fail"]),
    pause=st.sampled_from([None, 0]),
)
def test_all_that_arrives_is_read_once_and_in_order(
    runner: asyncio.Runner, arriving: list[Any], chunked: bool, limit: int, end: str, pause: float | None
) -> None:
    async def read_by(read: Read) -> Body:
        feeder = Feeder([*arriving, end], chunked=chunked, limit=limit)
        async with asyncio.timeout(5):
            body = await read_all(feeder.reader, read, pause)
        assert body.whole == feeder.fed == b"".join(step for step in arriving if isinstance(step, bytes))
        assert b"" not in body.pieces
        return body

    with without_complaints():
        ours, theirs = runner.run(read_by(read_arrived)), runner.run(read_by(usual))
    assert ours.failure is theirs.failure is (aiohttp.ClientPayloadError if end == "fail" else None)


async def test_books_of_the_reader_are_in_order_after_each_read() -> None:
    feeder = Feeder([b"ab", b"c", b"defg", "wait", b"h", b"i", "wait", "end"], chunked=True, limit=2**16)
    read = 0
    while data := await read_arrived(feeder.reader):
        read += len(data)
        assert (feeder.reader._size, feeder.reader._cursor) == (0, read)
        assert not feeder.reader._buffer
    assert read == feeder.reader.total_bytes == 9
    assert feeder.reader.at_eof()


async def test_everything_that_has_arrived_is_one_read() -> None:
    for chunked in (True, False):
        feeder = Feeder([b"ab"] * 1000 + ["wait", b"c", "end"], chunked=chunked, limit=2**16)
        assert await read_arrived(feeder.reader) == b"ab" * 1000
        assert await read_arrived(feeder.reader) == b"c"
        assert await read_arrived(feeder.reader) == b""


async def test_cancelled_read_loses_nothing() -> None:
    feeder = Feeder(["wait", "wait", b"ab", b"c", "end"], chunked=True, limit=2**16)
    reading = asyncio.ensure_future(read_arrived(feeder.reader))
    await asyncio.sleep(0)
    reading.cancel()
    await asyncio.wait([reading])
    assert (await read_all(feeder.reader, read_arrived)).whole == b"abc"


async def test_answer_without_a_body_ends_at_once_however_often_it_is_read() -> None:
    class Counted(EmptyStreamReader):
        """The reader that aiohttp shares among all answers without a body."""

        asked = 0

        async def readchunk(self) -> tuple[bytes, bool]:
            Counted.asked += 1
            assert Counted.asked < 100, "the loop is blocked for ever"
            return await super().readchunk()

    content = Counted()
    for _ in range(5):
        assert await read_arrived(content) == b""
    assert left_behind(aiohttp.StreamReader(None, 1, loop=asyncio.get_running_loop())) == b""  # type: ignore[arg-type]


# Real connections

DATA = b"".join(b"data: %d\n\n" % n for n in range(2000))
MANY = 40_000
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"


def framed(data: bytes, size: int) -> bytes:
    """Data in chunks of a size."""
    parts = (data[at : at + size] for at in range(0, len(data), size))
    return b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts)


def sends(*parts: bytes | float, then: str = "") -> Script:
    """A script that sends parts and sleeps between, and then cuts the connection or goes on."""

    async def script(exchange: Exchange) -> None:
        for part in parts:
            if isinstance(part, bytes):
                await exchange.send(part)
            else:
                await asyncio.sleep(part)
        if then:
            await asyncio.sleep(0.02)
            await (exchange.reset() if then == "rst" else exchange.cut())

    return script


def encoded(kind: str) -> bytes:
    return HEAD + b"Content-Encoding: " + kind.encode() + b"\r\n"


def with_length(head: bytes, data: bytes, missing: int = 0) -> bytes:
    return head + b"Content-Length: %d\r\n\r\n" % (len(data) + missing) + data


ZIPPED, HUGE = gzip.compress(DATA), bytes(range(256)) * 8192
WHOLE: dict[str, tuple[Script, bytes]] = {
    "with a length": (sends(with_length(HEAD, DATA)), DATA),
    "with a length, in parts": (sends(with_length(HEAD, b"", len(DATA)), DATA[:99], 0.01, DATA[99:]), DATA),
    "until the connection closes": (sends(HEAD + b"\r\n" + DATA[:99], 0.01, DATA[99:], then="fin"), DATA),
    "in one chunk": (sends(CHUNKED + framed(DATA, 2**20) + b"0\r\n\r\n"), DATA),
    "in small chunks": (sends(CHUNKED + framed(DATA, 7) + b"0\r\n\r\n"), DATA),
    "in small chunks with pauses": (
        sends(
            CHUNKED,
            *[p for at in range(0, 70, 7) for p in (framed(DATA[at : at + 7], 3), 0.002)],
            b"0\r\n\r\n",
        ),
        DATA[:70],
    ),
    "cut inside its chunks": (
        sends(
            CHUNKED + framed(DATA, 50)[:1021], 0.01, framed(DATA, 50)[1021:], 0.01, b"0\r\n", 0.01, b"\r\n"
        ),
        DATA,
    ),
    "in thousands of chunks of one byte": (
        sends(CHUNKED + framed(b"x" * MANY, 1) + b"0\r\n\r\n"),
        b"x" * MANY,
    ),
    "larger than what aiohttp holds": (sends(with_length(HEAD, HUGE)), HUGE),
    "larger than what aiohttp holds, in chunks": (sends(CHUNKED + framed(HUGE, 1000) + b"0\r\n\r\n"), HUGE),
    "larger than what aiohttp holds, in one chunk": (
        sends(CHUNKED + framed(HUGE, 2**22) + b"0\r\n\r\n"),
        HUGE,
    ),
    "with gzip": (sends(with_length(encoded("gzip"), ZIPPED)), DATA),
    "with gzip, in chunks": (
        sends(encoded("gzip") + b"Transfer-Encoding: chunked\r\n\r\n" + framed(ZIPPED, 5) + b"0\r\n\r\n"),
        DATA,
    ),
    "with gzip, much larger than it came": (sends(with_length(encoded("gzip"), gzip.compress(HUGE))), HUGE),
    "with deflate": (sends(with_length(encoded("deflate"), zlib.compress(DATA))), DATA),
    "empty": (sends(with_length(HEAD, b"")), b""),
    "empty, in chunks": (sends(CHUNKED + b"0\r\n\r\n"), b""),
    "with trailers": (sends(CHUNKED + framed(DATA, 500) + b"0\r\nX-Sum: 1\r\n\r\n"), DATA),
}
BROKEN: dict[str, tuple[Script, bytes]] = {
    "a length that is not reached": (sends(with_length(HEAD, DATA, 1), then="fin"), DATA),
    "a length that is not reached, reset": (sends(with_length(HEAD, DATA, 1), then="rst"), DATA),
    "no last chunk": (sends(CHUNKED + framed(DATA, 9), then="fin"), DATA),
    "no last chunk, reset": (sends(CHUNKED + framed(DATA, 9), then="rst"), DATA),
    "half a chunk": (sends(CHUNKED + framed(DATA, 9) + b"5\r\nab", then="fin"), DATA + b"ab"),
    "broken gzip": (sends(with_length(encoded("gzip"), b"no gzip at all")), b""),
}  # fmt: skip


async def fetched(script: Script, read: Read, pause: float | None) -> Body:
    async with ScriptedServer((script,)) as server, aiohttp.ClientSession() as session:
        async with asyncio.timeout(10), session.get(server.base_url) as response:
            if pause is not None:
                await asyncio.sleep(pause)
            with without_complaints():
                return await read_all(response.content, read, None if pause is None else 0)


PAUSES = (None, 0.03)
"""Reads begin at once, or when everything has arrived."""


@pytest.mark.parametrize("name", WHOLE)
async def test_whole_body(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script, data = WHOLE[name]
    for pause in PAUSES:
        ours, theirs = await fetched(script, read_arrived, pause), await fetched(script, usual, pause)
        assert ours.whole == theirs.whole == data
        assert ours.failure is theirs.failure is None
    monkeypatch.setattr(arrived, "_KNOWN", False)
    assert (await fetched(script, read_arrived, None)).whole == data


@pytest.mark.parametrize("name", BROKEN)
async def test_broken_body(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    script, data = BROKEN[name]
    for pause in PAUSES:
        ours, theirs = await fetched(script, read_arrived, pause), await fetched(script, usual, pause)
        assert ours.whole == theirs.whole == data
        assert ours.failure is theirs.failure is not None
    monkeypatch.setattr(arrived, "_KNOWN", False)
    public = await fetched(script, read_arrived, None)
    assert data.startswith(public.whole)  # aiohttp withholds the rest
    assert public.failure is ours.failure


@pytest.mark.timeout(5)
async def test_answers_without_a_body_do_not_block_the_loop() -> None:
    script = sends(b"HTTP/1.1 204 No Content\r\nContent-Type: application/json\r\n\r\n")
    async with ScriptedServer((script,)) as server:
        async with AsyncMaritaca(KEY, base_url=server.base_url, max_retries=0) as client:
            for _ in range(3):
                with pytest.raises(APIResponseError, match="204"):
                    await client.chat.completions.create(**ASK)


# Streams that are asked in turns for events, deltas and texts

WORDS = [f"palavra {n}, " for n in range(30)]
SAID = [chunk("", role="assistant"), *map(chunk, WORDS), chunk(finish="stop"), "[DONE]"]
Part = Callable[[AsyncChatCompletionStream], AsyncIterator[Any]]
PARTS: dict[str, Part] = {
    "events": lambda stream: stream,
    "deltas": lambda stream: stream.deltas,
    "texts": lambda stream: stream.text_stream,
}


def texts_of(items: list[Any]) -> list[str]:
    return [
        item if isinstance(item, str) else item.delta
        for item in items
        if isinstance(item, str | ContentDeltaEvent)
    ]


async def word_by_word(exchange: Exchange) -> None:
    await exchange.begin_stream()
    for event in SAID:
        await exchange.event(event)
        await asyncio.sleep(0)
    await exchange.end_stream()


@pytest.mark.parametrize("order", ["et", "ed", "dt", "dte", "eed", "ddddddddde"])
async def test_stream_read_in_turns_loses_nothing(order: str) -> None:
    parts = [PARTS[{"e": "events", "d": "deltas", "t": "texts"}[letter]] for letter in order]
    async with ScriptedServer((streams(*SAID), word_by_word)) as server:
        async with AsyncMaritaca(KEY, base_url=server.base_url) as client:
            for _ in server.scripts:
                async with client.chat.completions.stream(**ASK) as stream:
                    found = [
                        item for turn in range(200) async for item in first(parts[turn % len(parts)](stream))
                    ]
                    assert stream.ended
                    assert (await stream.get_final_completion()).text == "".join(WORDS)
                assert texts_of(found) == WORDS
                done = [item for item in found if isinstance(item, ContentDoneEvent)]
                assert [event.content for event in done] == ["".join(WORDS)][: len(done)]


async def first(items: AsyncIterator[Any]) -> AsyncIterator[Any]:
    """The first of some items, if there is one."""
    async for item in items:
        yield item
        return


async def test_deltas_are_the_events_without_the_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    found: dict[str, list[Any]] = {}
    decoded: list[Any] = []
    decode = ChatDecoder.decode
    monkeypatch.setattr(ChatDecoder, "decode", lambda *given: decoded.append(given) or decode(*given))
    made = {}
    async with ScriptedServer((streams(*SAID),)) as server:
        async with AsyncMaritaca(KEY, base_url=server.base_url) as client:
            for name, part in PARTS.items():
                async with client.chat.completions.stream(**ASK) as stream:
                    found[name] = [item async for item in part(stream)]
                    assert [item async for item in part(stream)] == []
                made[name] = len(decoded)
                decoded.clear()
    assert made["events"] == len(SAID)
    assert made["deltas"] == made["texts"] < 6 < len(WORDS)
    assert sum(isinstance(event, ChunkEvent) for event in found["events"]) == len(SAID) - 1
    assert found["deltas"] == [event for event in found["events"] if not isinstance(event, ChunkEvent)]
    assert found["texts"] == texts_of(found["deltas"]) == WORDS
    assert len(found["events"]) > len(found["deltas"]) == len(WORDS) + 1


async def test_texts_are_those_of_the_first_answer() -> None:
    def both(first: str, second: str) -> dict[str, Any]:
        found = chunk(first)
        return {**found, "choices": [*found["choices"], {**chunk(second)["choices"][0], "index": 1}]}

    only_second = {**chunk("c"), "choices": [{**chunk("c", finish="stop")["choices"][0], "index": 1}]}
    said = (both("a", "b"), only_second, only_second, chunk("d"), chunk("e", finish="stop"), "[DONE]")
    async with ScriptedServer((streams(*said),)) as server:
        async with AsyncMaritaca(KEY, base_url=server.base_url) as client:
            async with client.chat.completions.stream(**ASK, n=2) as stream:
                assert [text async for text in stream.text_stream] == ["a", "d", "e"]
                assert [choice.message.text for choice in stream.received.choices] == ["ade", "bcc"]
            async with client.chat.completions.stream(**ASK, n=2) as stream:
                deltas = [(event.index, event.type) async for event in stream.deltas]
    assert [index for index, kind in deltas if kind == "content.delta"] == [0, 1, 1, 1, 0, 0]


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("how", ["fin", "rst"])
async def test_what_arrived_before_the_cut_is_told_then_the_error(name: str, how: str) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        for event in SAID[:20]:
            await exchange.event(event)
        await asyncio.sleep(0.02)
        await (exchange.reset() if how == "rst" else exchange.cut())

    found = []
    async with ScriptedServer((script,)) as server:
        async with AsyncMaritaca(KEY, base_url=server.base_url) as client:
            async with client.chat.completions.stream(**ASK) as stream:
                with pytest.raises(StreamInterruptedError) as caught:
                    async for item in PARTS[name](stream):
                        found.append(item)
                for again in PARTS.values():
                    with pytest.raises(APIError):
                        await anext(aiter(again(stream)))
    assert texts_of(found) == WORDS[:19]
    assert caught.value.received.text == "".join(WORDS[:19])


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("late", [False, True], ids=["read at once", "read later"])
async def test_what_arrived_before_broken_http_is_told_then_an_error(name: str, late: bool) -> None:
    broken = asyncio.Event()

    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        for event in SAID[:20]:
            await exchange.event(event)
        await asyncio.sleep(0.02)
        await exchange.send(b"no size\r\n")
        await exchange.until_client_leaves()
        broken.set()

    found = []
    async with ScriptedServer((script,)) as server:
        async with AsyncMaritaca(KEY, base_url=server.base_url, timeout=Timeouts(idle=0.2)) as client:
            async with client.chat.completions.stream(**ASK) as stream:
                if late:
                    await broken.wait()
                with pytest.raises(APIError):
                    async for item in PARTS[name](stream):
                        found.append(item)
    assert texts_of(found) == WORDS[:19]


# The blocking twins

STORY = {"model": "sabia-4", "messages": [{"role": "user", "content": "Conte uma história curta."}]}


def test_blocking_parts_say_the_same() -> None:
    with Sandbox() as sandbox, Maritaca(KEY, base_url=sandbox.base_url) as client:
        with client.chat.completions.stream(**STORY) as stream:
            events = list(stream)
        with client.chat.completions.stream(**STORY) as stream:
            deltas = list(stream.deltas)
            assert list(stream.deltas) == list(stream.text_stream) == list(stream) == []
        with client.chat.completions.stream(**STORY) as stream:
            texts = list(stream.text_stream)
            whole = stream.get_final_completion().text
    assert deltas == [event for event in events if not isinstance(event, ChunkEvent)]
    assert texts == texts_of(deltas)
    assert "".join(texts) == whole == deltas[-1].content


@pytest.mark.parametrize("stop", [0, 1, 2, 5])
def test_blocking_stream_read_in_turns_loses_nothing(stop: int) -> None:
    with Sandbox() as sandbox, Maritaca(KEY, base_url=sandbox.base_url) as client:
        plain = client.chat.completions.create(**STORY).text
        with client.chat.completions.stream(**STORY) as stream:
            found: list[Any] = []
            for part in (stream, stream.deltas, stream.text_stream, stream.deltas, stream):
                found += islice(part, stop)
            seen = stream.received.text
            assert seen.startswith("".join(texts_of(found)))
            assert plain.startswith(seen)
            assert stream.get_final_completion().text == stream.received.text == plain
            assert list(stream.deltas) == []


@pytest.mark.parametrize("part", ["deltas", "text_stream"])
def test_blocking_part_left_early_drops_the_connection(part: str) -> None:
    with Sandbox(tokens_per_second=20) as slow, Maritaca(KEY, base_url=slow.base_url) as client:
        with client.chat.completions.stream(**STORY) as stream:
            for item in getattr(stream, part):
                assert item
                break
            assert slow.in_flight == 1
        deadline = time.monotonic() + 2
        while slow.in_flight and time.monotonic() < deadline:
            time.sleep(0.01)
        assert slow.in_flight == 0
        with pytest.raises(StreamInterruptedError, match="closed"):
            list(getattr(stream, part))
        assert stream.received.text
