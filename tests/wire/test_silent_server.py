"""A server that stops reading: whatever is being sent to it can be ended, and leaves nothing behind."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY

from maritaca_async import APIError, APITimeoutError, AsyncMaritaca, Maritaca

LARGE = 8_000_000


@pytest.fixture
def deaf() -> Iterator[str]:
    """The base URL of a server that accepts connections and never reads."""
    with socket.socket() as listening:
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        listening.bind(("127.0.0.1", 0))
        listening.listen(100)
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/api"


def ask(size: int) -> dict[str, Any]:
    return {"model": "sabia-4", "messages": [{"role": "user", "content": "x" * size}]}


def open_descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def ended(task: asyncio.Task[Any]) -> BaseException | None:
    await asyncio.wait([task], timeout=3)
    assert task.done()
    return task.exception()


@pytest.mark.parametrize("size", [100_000, LARGE])
@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="counts descriptors where Linux lists them")
async def test_timed_out_calls_leave_no_descriptor(deaf: str, size: int) -> None:
    client = AsyncMaritaca(KEY, base_url=deaf, max_retries=0, timeout=0.4)
    before = open_descriptors()
    calls = [client.chat.completions.create(**ask(size)) for _ in range(5)]
    errors = await asyncio.gather(*calls, return_exceptions=True)
    assert {type(error) for error in errors} == {APITimeoutError}
    await asyncio.sleep(0.1)
    assert open_descriptors() <= before
    await client.aclose()


@pytest.mark.parametrize("size", [1000, LARGE])
async def test_closing_ends_a_call_that_is_being_sent(deaf: str, size: int) -> None:
    client = AsyncMaritaca(KEY, base_url=deaf, max_retries=0, timeout=None)
    call = asyncio.create_task(client.chat.completions.create(**ask(size)))
    await asyncio.sleep(0.2)
    await asyncio.wait_for(client.aclose(), 3)
    assert isinstance(await ended(call), APIError)


async def test_closing_ends_an_upload(deaf: str, tmp_path: Path) -> None:
    source = tmp_path / "pedidos.jsonl"
    source.write_bytes(b"{}\n" * LARGE)
    client = AsyncMaritaca(KEY, base_url=deaf, max_retries=0, timeout=None)
    upload = asyncio.create_task(client.files.create(file=source, purpose="batch"))
    await asyncio.sleep(0.3)
    await asyncio.wait_for(client.aclose(), 3)
    assert isinstance(await ended(upload), APIError)


def test_blocking_close_ends_a_call_of_another_thread(deaf: str) -> None:
    client = Maritaca(KEY, base_url=deaf, max_retries=0, timeout=None)
    raised: list[APIError] = []

    def call() -> None:
        try:
            client.chat.completions.create(**ask(LARGE))
        except APIError as error:
            raised.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    time.sleep(0.3)
    started = time.monotonic()
    client.close()
    assert time.monotonic() - started < 3
    thread.join(3)
    assert raised
