"""The whole content of a file: a plain value, whichever way it came."""

from __future__ import annotations

import asyncio
import json
import pickle
from collections.abc import AsyncIterator
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
    ConfigurationError,
    FileContent,
    Limits,
)
from maritaca_async.sandbox import Sandbox

# A separator that JSON allows within a text, a CR within a line, bytes that are no UTF-8, no end of the last line.
LINES = '{"a": "ç\u2028b"}\r\n\n{"b": 1}\rx\n'.encode() + b"\xff{}"


@pytest.fixture
async def client() -> AsyncIterator[AsyncMaritaca]:
    async with Sandbox() as running, AsyncMaritaca(KEY, base_url=running.base_url) as made:
        yield made


async def stored(client: AsyncMaritaca, data: bytes) -> FileContent:
    return await client.files.content((await client.files.create(file=data)).id)


async def test_content_is_a_value_that_outlives_its_client() -> None:
    async with Sandbox() as sandbox, AsyncMaritaca(KEY, base_url=sandbox.base_url) as client:
        content = await stored(client, LINES)
    assert content.content == content.read() == content.read() == LINES
    assert content.text == LINES.decode("utf-8", "replace")
    assert (content.http.status, content.http.attempts) == (200, 1)
    assert repr(content) == f"<FileContent of {len(LINES)} bytes>"
    copied = pickle.loads(pickle.dumps(content))
    assert (copied, copied.http.status) == (content, 200)


@pytest.mark.parametrize("data", [LINES, b"a\n", b"\n\n", b"", b"a" * 300_000 + b"\nb"])
async def test_lines_are_those_of_the_stream(data: bytes) -> None:
    async with (
        ScriptedServer(answers(data)) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        streamed = [line async for line in (await client.files.stream("file-1")).iter_lines()]
        content = await client.files.content("file-1")
    assert list(content.iter_lines()) == list(content.iter_lines()) == streamed
    if data == LINES:
        assert streamed == ['{"a": "ç\u2028b"}', "", '{"b": 1}\rx', "\ufffd{}"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig"])
async def test_json_is_read(client: AsyncMaritaca, encoding: str) -> None:
    value = {"preço": [1, None]}
    assert (await stored(client, json.dumps(value, ensure_ascii=False).encode(encoding))).json() == value


@pytest.mark.parametrize("data", [b'{"a": 1}\n{"a": 2}\n', b"", b'"\xff"', b"[" * 100_000])
async def test_what_is_no_json_is_an_error_that_keeps_it(data: bytes) -> None:
    async with (
        ScriptedServer(answers(data)) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        content = await client.files.content("file-1")
    with pytest.raises(APIResponseError, match="not one JSON value .* iter_lines") as caught:
        content.json()
    assert caught.value.body == data.decode("utf-8", "replace")[:65536]
    assert caught.value.http is not None


async def test_name_that_old_programs_use_gives_the_text(client: AsyncMaritaca) -> None:
    made = await client.files.create(file=LINES)
    assert await client.files.retrieve_content(made.id) == LINES.decode("utf-8", "replace")


async def half(exchange: Exchange) -> None:
    await exchange.send(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nabc")
    await exchange.cut()


async def test_download_that_breaks_off_is_begun_anew() -> None:
    async with (
        ScriptedServer((half, *answers(b"abcdef"))) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        content = await client.files.content("file-1")
        assert (content.content, content.http.attempts, len(server.seen)) == (b"abcdef", 2, 2)


async def test_half_a_download_never_passes_for_the_whole() -> None:
    async with (
        ScriptedServer((half,)) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        with pytest.raises(APIConnectionError, match="broke"):
            await client.files.content("file-1", max_retries=1)
        assert len(server.seen) == 2


async def test_content_that_is_too_large_leads_to_the_stream() -> None:
    limits = Limits(max_body_bytes=1000)
    async with (
        Sandbox() as sandbox,
        AsyncMaritaca(KEY, base_url=sandbox.base_url, limits=limits) as client,
    ):
        assert (await stored(client, b"x" * 1000)).content == b"x" * 1000
        with pytest.raises(
            APIResponseError, match=r"larger than 1000 bytes.* or use files\.stream"
        ) as caught:
            await stored(client, b"x" * 1001)
    assert caught.value.request is not None
    assert caught.value.request.url.endswith("/content")
    assert caught.value.__suppress_context__


async def test_number_bounds_the_whole_download() -> None:
    async def silent(exchange: Exchange) -> None:
        await exchange.begin_stream("application/octet-stream")
        await exchange.piece(b"abc")
        await exchange.until_client_leaves()

    async with (
        ScriptedServer((silent,)) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        with pytest.raises(APITimeoutError) as caught:
            await client.files.content("file-1", timeout=0.2)
        assert caught.value.phase == "deadline"


@pytest.mark.parametrize(("options", "accept"), [({}, "*/*"), ({"extra_headers": {"accept": "a/b"}}, "a/b")])
async def test_any_kind_of_content_is_accepted(options: Any, accept: str) -> None:
    async with (
        ScriptedServer(answers(b"")) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        assert (await client.files.content("file-1", **options)).content == b""
    assert server.seen[0].headers["accept"] == accept


async def test_content_is_saved_whole_or_not_at_all(client: AsyncMaritaca, tmp_path: Path) -> None:
    content = await stored(client, LINES)
    target, folder = tmp_path / "saída.bin", tmp_path / "folder"
    target.write_text("old")
    folder.mkdir()
    await asyncio.to_thread(content.save, target)
    assert target.read_bytes() == LINES
    for wrong in (folder, tmp_path / "no" / "such" / "folder"):
        with pytest.raises(OSError):
            await asyncio.to_thread(content.save, wrong)
    assert sorted(tmp_path.iterdir()) == [folder, target]


@pytest.mark.parametrize("path", ["", ".", None, 7])
async def test_path_that_names_no_file_is_refused(client: AsyncMaritaca, path: Any) -> None:
    made = await client.files.create(file=("a.txt", b"abc"), purpose="batch")
    content = await client.files.content(made.id)
    with pytest.raises(ConfigurationError, match="must name the file to write"):
        content.save(path)
    async with await client.files.stream(made.id) as stream:
        with pytest.raises(ConfigurationError, match="must name the file to write"):
            await stream.save(path)
