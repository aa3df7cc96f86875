"""Files over real sockets: uploads that stay small in memory and survive a retry, downloads that are whole or nothing."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import tracemalloc
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY
from scripted import Exchange, ScriptedServer, answers

from maritaca_async import (
    APIConnectionError,
    APIResponseError,
    APITimeoutError,
    AsyncMaritaca,
    BadRequestError,
    ConfigurationError,
    InternalServerError,
    Limits,
    NotFoundError,
    StreamInterruptedError,
    Timeouts,
    UnprocessableEntityError,
)
from maritaca_async.sandbox import Fault, Sandbox
from maritaca_async.sandbox._multipart import parse_form

MEGABYTE = 1024 * 1024
FILE = {"id": "file-1", "object": "file", "bytes": 3, "filename": "a.jsonl", "purpose": "batch"}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as running:
        yield running


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[AsyncMaritaca]:
    async with AsyncMaritaca(KEY, base_url=sandbox.base_url) as made:
        yield made


def names_in(folder: Path) -> list[str]:
    return [entry.name for entry in folder.iterdir()]


class OneWay(io.RawIOBase):
    """A stream that cannot seek."""

    def __init__(self, data: bytes) -> None:
        self._data = io.BytesIO(data)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        return self._data.readinto(buffer)


class Sink:
    """A server that reads uploads without keeping them, and answers with the statuses it was given."""

    def __init__(self, *statuses: int) -> None:
        self._statuses = list(statuses)
        self.digests: list[str] = []
        self.heads: list[bytes] = []

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        try:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        finally:
            server.close()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := (await reader.readuntil(b"\r\n\r\n")).lower():
                left = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
                await self._take(reader, left)
                self.heads.append(head)
                status = self._statuses.pop(0)
                body = json.dumps(FILE).encode()
                writer.write(
                    b"HTTP/1.1 %d X\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s"
                    % (status, len(body), body)
                )
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    async def _take(self, reader: asyncio.StreamReader, left: int) -> None:
        opening = await reader.readuntil(b"octet-stream\r\n\r\n")
        left -= len(opening)
        tail = left - (2 + 2 + 32 + 4)  # CRLF, boundary of 32 digits between two pairs of dashes, CRLF
        digest, rest = hashlib.sha256(), tail
        while rest:
            piece = await reader.read(min(rest, 65536))
            digest.update(piece)
            rest -= len(piece)
        assert (await reader.readexactly(left - tail)).endswith(b"--\r\n")
        self.digests.append(digest.hexdigest())


async def test_file_makes_the_round_trip(client: AsyncMaritaca, tmp_path: Path) -> None:
    data = b'{"a": "\xc3\xa7"}\r\n' + os.urandom(300_000)
    created = await client.files.create(file=("pedidos.jsonl", data), purpose="batch")
    assert (created.bytes, created.filename, created.purpose) == (len(data), "pedidos.jsonl", "batch")
    assert created.http.status == 200
    found = await client.files.retrieve(created.id)
    assert found == created
    assert await (await client.files.stream(created.id)).read() == data
    pieces = [piece async for piece in (await client.files.stream(created.id)).iter_bytes()]
    assert b"".join(pieces) == data
    lines = [line async for line in (await client.files.stream(created.id)).iter_lines()]
    assert lines[0] == '{"a": "ç"}'
    text = await (await client.files.stream(created.id)).text()
    assert text == data.decode("utf-8", "replace")
    target = tmp_path / "saída.bin"
    target.write_text("old")
    async with await client.files.stream(created.id) as stream:
        await stream.save(target)
        assert stream.http.status == 200
    assert target.read_bytes() == data
    assert names_in(tmp_path) == ["saída.bin"]
    deleted = await client.files.delete(created.id)
    assert (deleted.deleted, deleted.id, deleted.http.status) == (True, created.id, 200)
    with pytest.raises(NotFoundError):
        await client.files.retrieve(created.id)


async def test_large_file_is_uploaded_in_little_memory_and_whole_again_by_a_retry(tmp_path: Path) -> None:
    block = os.urandom(MEGABYTE)
    path = tmp_path / "grande.jsonl"
    digest = hashlib.sha256()
    with path.open("wb") as file:
        for number in range(50):
            piece = number.to_bytes(4, "big") + block[4:]
            digest.update(piece)
            file.write(piece)
    sink = Sink(503, 200)
    async with sink.serving() as address, AsyncMaritaca(KEY, base_url=address) as client:
        tracemalloc.start()
        try:
            created = await client.files.create(file=path)
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert created.http.attempts == 2
    assert sink.digests == [digest.hexdigest()] * 2
    assert peak < 20 * MEGABYTE
    assert all(b"multipart/form-data; boundary=" in head for head in sink.heads)


@pytest.mark.parametrize("kind", ["path", "bytes", "file"])
async def test_every_kind_of_file_is_sent_again_after_a_lost_connection(
    sandbox: Sandbox, client: AsyncMaritaca, tmp_path: Path, kind: str
) -> None:
    data = os.urandom(400_000)
    (tmp_path / "a").write_bytes(data)
    sandbox.inject(Fault(kind="reset"))
    with (tmp_path / "a").open("rb") as opened:
        file: Any = {"path": tmp_path / "a", "bytes": data, "file": opened}[kind]
        created = await client.files.create(file=file)
        assert not opened.closed
    assert created.http.attempts == 2
    assert (await client.files.content(created.id)).content == data


async def test_stream_that_cannot_seek_is_sent_once_and_not_retried(
    sandbox: Sandbox, client: AsyncMaritaca
) -> None:
    await client.models.list()  # leaves a connection in the pool, which this must not use
    created = await client.files.create(file=OneWay(b"{}\n" * 100_000))
    assert created.bytes == 300_000
    assert sandbox.requests[-1].headers["Transfer-Encoding"] == "chunked"
    assert sandbox.requests[-1].peer_port != sandbox.requests[0].peer_port
    sandbox.reset()
    sandbox.fail_next(2)
    with pytest.raises(InternalServerError):
        await client.files.create(file=OneWay(b"{}\n"))
    assert len(sandbox.requests) == 1


async def test_purpose_falls_back_once_and_is_remembered(sandbox: Sandbox, client: AsyncMaritaca) -> None:
    sandbox.configure(file_purpose="batch_input")
    first = await client.files.create(file=b"{}")
    second = await client.files.create(file=b"{}", purpose="batch")
    assert (first.purpose, second.purpose) == ("batch_input", "batch_input")
    assert [record.status for record in sandbox.requests] == [400, 200, 200]


async def test_purpose_of_the_callers_own_choice_is_left_alone(
    sandbox: Sandbox, client: AsyncMaritaca
) -> None:
    sandbox.configure(file_purpose="batch")
    with pytest.raises(BadRequestError, match="batch_input"):
        await client.files.create(file=b"{}", purpose="batch_input")
    assert len(sandbox.requests) == 1


@pytest.mark.parametrize(
    ("status", "detail", "requests"),
    [
        (400, "Invalid value for 'purpose'", 2),
        (422, [{"loc": ["body", "purpose"], "msg": "not one of", "type": "enum"}], 2),
        (400, "the file is broken", 1),
        (422, "something else", 1),
    ],
)
async def test_only_a_complaint_about_the_purpose_makes_it_fall_back(
    status: int, detail: Any, requests: int
) -> None:
    async def refuse(exchange: Exchange) -> None:
        await exchange.answer(status, {"detail": detail})

    async with (
        ScriptedServer((refuse,)) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        with pytest.raises((BadRequestError, UnprocessableEntityError)):
            await client.files.create(file=b"{}")
        purposes = [
            parse_form(seen.body, seen.headers["content-type"])["purpose"].data for seen in server.seen
        ]
    assert purposes == [b"batch", b"batch_input"][:requests]


async def test_extra_fields_and_headers_travel_along() -> None:
    async with (
        ScriptedServer(answers(FILE)) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        await client.files.create(
            file=b"{}", extra_body={"expires": "1d"}, extra_headers={"X-A": "1"}, extra_query={"q": "2"}
        )
    [seen] = server.seen
    assert seen.path == "/api/files?q=2"
    assert seen.headers["x-a"] == "1"
    form = parse_form(seen.body, seen.headers["content-type"])
    assert {name: part.data for name, part in form.items()} == {
        "purpose": b"batch",
        "expires": b"1d",
        "file": b"{}",
    }


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({}, "file is missing"),
        ({"file": "no/such/file.jsonl"}, "cannot be opened"),
        ({"file": b"x", "purpose": ""}, "purpose"),
        ({"file": b"x", "purpose": None}, "purpose"),
        ({"file": b"x", "extra_body": {"a": 1}}, "extra_body"),
        ({"file": b"x", "extra_body": 3}, "extra_body"),
        ({"file": b"x", "filename": "y"}, "unknown parameter 'filename'"),
        ({"file": b"x", "timeout": -1}, "timeout"),
    ],
)
async def test_what_cannot_work_is_refused_before_anything_is_sent(
    sandbox: Sandbox, client: AsyncMaritaca, params: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        await client.files.create(**params)
    assert sandbox.requests == []


@pytest.mark.parametrize("file_id", ["", "..", "a/b", "%2e%2e"])
async def test_ids_that_lead_elsewhere_are_refused_before_anything_is_sent(
    sandbox: Sandbox, client: AsyncMaritaca, file_id: str
) -> None:
    files = client.files
    for method in (files.retrieve, files.content, files.retrieve_content, files.stream, files.delete):
        with pytest.raises(ConfigurationError, match="file_id"):
            await method(file_id)
    assert sandbox.requests == []


async def test_file_that_breaks_while_it_is_sent_is_named_and_not_retried(client: AsyncMaritaca) -> None:
    class Broken(io.BytesIO):
        def read(self, *_: Any) -> bytes:
            raise OSError("disk on fire")

    with pytest.raises(ConfigurationError, match="disk on fire"):
        await client.files.create(file=Broken(b"x" * 10))


async def test_cancelled_upload_ends_and_the_client_goes_on(sandbox: Sandbox, client: AsyncMaritaca) -> None:
    sandbox.configure(latency=5)
    task = asyncio.create_task(client.files.create(file=b"x" * MEGABYTE))
    await asyncio.sleep(0.1)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    sandbox.configure(latency=0)
    assert (await client.files.create(file=b"x")).id


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a file that opens late")
async def test_file_that_opens_after_its_caller_was_cancelled_is_closed_again(
    client: AsyncMaritaca, tmp_path: Path
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    task = asyncio.create_task(client.files.create(file=pipe))
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    writer = await asyncio.to_thread(os.open, pipe, os.O_WRONLY)
    try:
        async with asyncio.timeout(5):
            with pytest.raises(BrokenPipeError):
                while True:
                    await asyncio.sleep(0.01)
                    await asyncio.to_thread(os.write, writer, b"x")
    finally:
        os.close(writer)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs a named pipe")
async def test_pipe_is_a_file_like_any_other(client: AsyncMaritaca, tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writing = asyncio.create_task(asyncio.to_thread(pipe.write_bytes, b"x" * 300_000))
    assert (await client.files.create(file=pipe)).bytes == 300_000
    await writing


async def test_file_answer_without_an_id_is_an_error() -> None:
    async with (
        ScriptedServer(answers({"object": "file"})) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        with pytest.raises(APIResponseError, match="no id"):
            await client.files.retrieve("file-1")


def cut(data: bytes, *, promised: int = 0, reset: bool = False) -> Any:
    """A script that sends the beginning of a body and breaks off."""

    async def script(exchange: Exchange) -> None:
        if promised:
            await exchange.send(f"HTTP/1.1 200 OK\r\nContent-Length: {promised}\r\n\r\n".encode() + data)
        else:
            await exchange.begin_stream("application/octet-stream")
            await exchange.piece(data)
        await (exchange.reset() if reset else exchange.cut())

    return script


@pytest.mark.parametrize("promised", [0, 900_000])
@pytest.mark.parametrize("reset", [False, True])
async def test_download_that_breaks_off_is_an_error_and_leaves_no_file(
    tmp_path: Path, promised: int, reset: bool
) -> None:
    target = tmp_path / "resultado.jsonl"
    async with (
        ScriptedServer((cut(b"line\n" * 20_000, promised=promised, reset=reset),)) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        with pytest.raises((StreamInterruptedError, APIConnectionError)):
            await (await client.files.stream("file-1")).save(target)
        assert names_in(tmp_path) == []
        stream = await client.files.stream("file-1")
        for _ in range(2):  # the same error again: what was cut never passes for whole
            with pytest.raises(StreamInterruptedError, match="broke off after"):
                await stream.read()
        assert len(server.seen) == 2


async def test_download_is_retried_until_it_begins(sandbox: Sandbox, client: AsyncMaritaca) -> None:
    created = await client.files.create(file=b"abc")
    sandbox.fail_next(2)
    stream = await client.files.stream(created.id)
    assert await stream.read() == b"abc"
    assert await stream.read() == b""
    assert stream.http.attempts == 3


async def test_failed_save_leaves_the_old_file_as_it_was(client: AsyncMaritaca, tmp_path: Path) -> None:
    created = await client.files.create(file=b"abc")
    with pytest.raises(OSError):
        await (await client.files.stream(created.id)).save(tmp_path / "no" / "such" / "folder")
    target = tmp_path / "a"
    target.mkdir()
    with pytest.raises(OSError):
        await (await client.files.stream(created.id)).save(target)
    assert names_in(tmp_path) == ["a"]


async def test_empty_content_is_saved_as_an_empty_file(tmp_path: Path) -> None:
    async with (
        ScriptedServer(answers(b"")) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        await (await client.files.stream("file-1")).save(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == b""


async def silent(exchange: Exchange) -> None:
    await exchange.begin_stream("application/octet-stream")
    await exchange.piece(b"abc\n")
    await exchange.until_client_leaves()


@pytest.mark.parametrize(
    ("timeouts", "phase"),
    [(Timeouts(idle=0.1), "idle"), (Timeouts(deadline=0.2), "deadline")],
)
async def test_silent_download_ends_by_its_clock(timeouts: Timeouts, phase: str, tmp_path: Path) -> None:
    async with (
        ScriptedServer((silent,)) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        stream = await client.files.stream("file-1", timeout=timeouts)
        with pytest.raises(APITimeoutError, match="after 4 bytes") as caught:
            await stream.save(tmp_path / "a")
        assert caught.value.phase == phase
        assert caught.value.http is not None
    assert names_in(tmp_path) == []


async def test_cancelled_download_leaves_nothing_behind(tmp_path: Path) -> None:
    async with (
        ScriptedServer((silent,)) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        stream = await client.files.stream("file-1")
        task = asyncio.create_task(stream.save(tmp_path / "a"))
        await asyncio.sleep(0.1)
        assert len(names_in(tmp_path)) == 1
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert names_in(tmp_path) == []


@pytest.mark.parametrize("how", ["leave", "close", "drop"])
async def test_abandoned_download_releases_its_connection(how: str) -> None:
    async with (
        ScriptedServer((silent,)) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        stream = await client.files.stream("file-1")
        async for piece in stream.iter_bytes():
            assert piece == b"abc\n"
            break
        if how == "leave":
            async with stream:
                pass
        elif how == "close":
            await stream.aclose()
            await stream.aclose()
        if how != "drop":
            with pytest.raises(StreamInterruptedError, match="closed"):
                await stream.read()
        del stream
        async with asyncio.timeout(5):
            while server.seen[0].closed_at is None:
                await asyncio.sleep(0.01)


async def test_download_is_read_by_one_task_and_in_its_loop() -> None:
    async with (
        ScriptedServer((silent,)) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        stream = await client.files.stream("file-1")
        pieces = aiter(stream.iter_bytes())
        await anext(pieces)
        waiting = asyncio.create_task(anext(pieces))
        await asyncio.sleep(0.05)
        with pytest.raises(ConfigurationError, match="another task"):
            await stream.read()
        with pytest.raises(ConfigurationError, match="event loop"):
            await asyncio.to_thread(lambda: asyncio.run(_read(stream)))
        await stream.aclose()
        with pytest.raises(StreamInterruptedError, match="closed"):
            await waiting


async def _read(stream: Any) -> bytes:
    stream._download._reading, before = False, stream._download._reading
    try:
        return await stream.read()
    finally:
        stream._download._reading = before


async def test_content_larger_than_the_limits_is_refused_where_it_would_fill_memory(sandbox: Sandbox) -> None:
    limits = Limits(max_body_bytes=1000, max_event_bytes=1000)
    async with AsyncMaritaca(KEY, base_url=sandbox.base_url, limits=limits) as client:
        created = await client.files.create(file=b"x" * 300_000)
        with pytest.raises(APIResponseError, match="use save or iter_bytes"):
            await (await client.files.stream(created.id)).read()
        with pytest.raises(APIResponseError, match="max_event_bytes"):
            async for _ in (await client.files.stream(created.id)).iter_lines():
                pass
        pieces = [piece async for piece in (await client.files.stream(created.id)).iter_bytes()]
        assert sum(map(len, pieces)) == 300_000


async def test_large_download_is_saved_in_little_memory(tmp_path: Path) -> None:
    async def flood(exchange: Exchange) -> None:
        block = bytes(MEGABYTE)
        await exchange.send(f"HTTP/1.1 200 OK\r\nContent-Length: {50 * MEGABYTE}\r\n\r\n".encode())
        for _ in range(50):
            await exchange.send(block)

    async with (
        ScriptedServer((flood,)) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        tracemalloc.start()
        try:
            await (await client.files.stream("file-1")).save(tmp_path / "a")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert (tmp_path / "a").stat().st_size == 50 * MEGABYTE
    assert peak < 20 * MEGABYTE
