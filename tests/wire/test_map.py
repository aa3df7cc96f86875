"""Many calls over real sockets: order, limits, an early end, a journal. `chaos/test_bulk.py` makes very many."""

from __future__ import annotations

import asyncio
import time
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY

from maritaca_async import (
    APITimeoutError,
    AsyncMaritaca,
    ConfigurationError,
    InternalServerError,
    MapProgress,
    NotFoundError,
    RateLimits,
    afile_part,
    file_part,
    image_part,
)
from maritaca_async.sandbox import Sandbox


def request(number: int, **more: Any) -> dict[str, Any]:
    question = f"Quanto é {number} + 1?"
    return {"model": "sabia-4", "messages": [{"role": "user", "content": question}], **more}


def client(sandbox: Sandbox, **options: Any) -> AsyncMaritaca:
    return AsyncMaritaca(KEY, base_url=sandbox.base_url, **options)


async def drained(sandbox: Sandbox) -> bool:
    deadline = time.monotonic() + 2
    while sandbox.in_flight and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    return sandbox.in_flight == 0


async def test_results_come_in_order_with_their_answers_and_names() -> None:
    async with Sandbox(latency=0.01) as sandbox, client(sandbox) as maritaca:
        requests = [request(n, custom_id=f"n{n}", temperature=0, timeout=30) for n in range(40)]
        results = [result async for result in maritaca.chat.completions.map(requests, concurrency=5)]
    assert [result.index for result in results] == list(range(40))
    assert [result.custom_id for result in results] == [f"n{n}" for n in range(40)]
    for result in results:
        assert result.completion is not None
        assert f"é igual a {result.index + 1}" in result.completion.text
        assert result.completion.http.status == 200
    assert "custom_id" not in sandbox.requests[0].body
    assert 1 < sandbox.max_in_flight <= 5


async def test_failures_are_typed_results_or_end_everything() -> None:
    requests = [
        request(0),
        request(1, model="none"),
        {"model": "sabia-4"},
        request(3),
        request(4, stream=True),
    ]
    requests += ["text", request(6, custom_id=""), {**request(7), 1: 2}]  # type: ignore[list-item, dict-item]
    async with Sandbox() as sandbox, client(sandbox) as maritaca:
        found = [
            result.error async for result in maritaca.chat.completions.map(requests, return_exceptions=True)
        ]
        assert [type(error) for error in found] == [
            type(None),
            NotFoundError,
            ConfigurationError,
            type(None),
            *[ConfigurationError] * 4,
        ]
        assert "requests[2]: messages is empty" in str(found[2])
        assert "leave out stream" in str(found[4])
        assert str(found[7]) == "requests[7]: names of parameters are strings, not 1"
        with pytest.raises(NotFoundError):
            async for _ in maritaca.chat.completions.map(requests[:2]):
                pass


async def test_retries_and_clocks_are_those_of_each_call() -> None:
    async with Sandbox() as sandbox, client(sandbox) as maritaca:
        sandbox.fail_next(2, status=503)
        results = [
            r async for r in maritaca.chat.completions.map([request(n) for n in range(5)], concurrency=2)
        ]
        assert len(results) == 5
        assert len(sandbox.requests) == 7
        sandbox.configure(latency=5)
        slow = [request(0, timeout=0.1, max_retries=0)]
        (late,) = [r async for r in maritaca.chat.completions.map(slow, return_exceptions=True)]
        assert isinstance(late.error, APITimeoutError)


async def test_leaving_early_releases_every_connection() -> None:
    async with Sandbox(latency=0.02) as sandbox, client(sandbox) as maritaca:
        async for result in maritaca.chat.completions.map(
            (request(n) for n in range(10_000)), concurrency=20
        ):
            if result.index == 40:
                break
        assert await drained(sandbox)
        assert len(sandbox.requests) < 120


async def test_cancelling_the_reader_releases_every_connection() -> None:
    async with Sandbox(latency=30) as sandbox, client(sandbox) as maritaca:

        async def read() -> None:
            async for _ in maritaca.chat.completions.map((request(n) for n in range(100)), concurrency=10):
                pass

        reading = asyncio.create_task(read())
        while sandbox.in_flight < 10:
            await asyncio.sleep(0.01)
        reading.cancel()
        await asyncio.wait([reading])
        assert reading.cancelled()
        assert await drained(sandbox)


async def test_first_failure_cancels_calls_under_way() -> None:
    async with Sandbox(latency=0.01) as sandbox, client(sandbox, max_retries=0) as maritaca:
        sandbox.fail_next(status=500)
        with pytest.raises(InternalServerError):
            async for _ in maritaca.chat.completions.map(request(n) for n in range(10_000)):
                pass
        assert await drained(sandbox)
        assert len(sandbox.requests) < 40


async def test_rate_limits_of_the_client_hold_for_the_whole_map() -> None:
    limits = RateLimits(concurrency=3)
    async with Sandbox(latency=0.005) as sandbox, client(sandbox, rate_limits=limits) as maritaca:
        results = [
            r async for r in maritaca.chat.completions.map([request(n) for n in range(30)], concurrency=15)
        ]
    assert len(results) == 30
    assert sandbox.max_in_flight == 3


async def test_progress_tells_done_failed_and_total() -> None:
    told: list[MapProgress] = []
    async with Sandbox() as sandbox, client(sandbox) as maritaca:
        requests = [request(0), request(1, model="none"), *[request(n) for n in range(2, 20)]]
        async for _ in maritaca.chat.completions.map(
            requests, return_exceptions=True, on_progress=told.append
        ):
            pass
    assert told[-1] == MapProgress(20, 1, 20)


@pytest.mark.parametrize(
    "options",
    [
        {"concurrency": 0},
        {"concurrency": True},
        {"on_progress": 3},
        {"on_progress": drained},
        {"on_progress": partial(drained, None)},
        {"journal": ""},
        {"journal": ":memory:"},
    ],
    ids=lambda given: next(iter(given)),
)
def test_bad_options_are_refused_before_anything_is_read(options: dict[str, Any]) -> None:
    maritaca = AsyncMaritaca(KEY)
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        maritaca.chat.completions.map([], **options)
    for requests in ("text", {"model": "m"}, 3):
        with pytest.raises(ConfigurationError, match="requests must be"):
            maritaca.chat.completions.map(requests)  # type: ignore[arg-type]


async def test_answers_from_the_journal_equal_those_of_the_service(tmp_path: Path) -> None:
    journal = tmp_path / "run.sqlite"
    requests = [request(n, custom_id=f"n{n}") for n in range(10)]
    async with Sandbox() as sandbox, client(sandbox) as maritaca:
        first = [r async for r in maritaca.chat.completions.map(requests, journal=journal)]
        # With names of their own, requests may change their places.
        second = [r async for r in maritaca.chat.completions.map(requests[::-1], journal=journal)]
        assert len(sandbox.requests) == 10
    assert [r.completion for r in second[::-1]] == [r.completion for r in first]
    assert all(r.stored for r in second)
    assert not any(r.stored for r in first)


PNG = b"\x89PNG\r\n\x1a\n"


def about(*parts: Any, question: str = "Resuma.", **more: Any) -> dict[str, Any]:
    content = [{"type": "text", "text": question}, *parts]
    return {"model": "sabia-4", "messages": [{"role": "user", "content": content}], **more}


async def test_journal_notices_every_change_of_a_request_with_files(tmp_path: Path) -> None:
    journal, path = tmp_path / "run.sqlite", tmp_path / "contrato.pdf"
    path.write_bytes(b"%PDF-1.7\n" + b"x" * 1_000_000)
    table = file_part(b"mes,total", filename="a.csv")
    original = about(table, await afile_part(path))
    async with Sandbox() as sandbox, client(sandbox) as maritaca:
        (first,) = [r async for r in maritaca.chat.completions.map([original], journal=journal)]
        assert not first.stored
        path.touch()
        again = about(table, await afile_part(path))
        (second,) = [r async for r in maritaca.chat.completions.map([again], journal=journal)]
        assert (second.stored, second.completion) == (True, first.completion)
        contract = await afile_part(path)
        other = tmp_path / "other.pdf"
        other.write_bytes(path.read_bytes()[:-1] + b"y")
        changed_contract = await afile_part(other, filename=path.name)
        for changed in (
            about(table, contract, question="Traduza."),
            about(table, contract, model="sabiazinho-4"),
            about(file_part(b"mes,valor", filename="a.csv"), contract),
            about(file_part(b"mes,total", filename="a.txt"), contract),
            about(table, changed_contract),
            about(contract, table),
            about(table, contract, image_part(PNG)),
            about(table),
        ):
            with pytest.raises(ConfigurationError, match="inputs have changed"):
                async for _ in maritaca.chat.completions.map([changed], journal=journal):
                    pass
        assert len(sandbox.requests) == 1


async def test_file_that_changed_since_its_part_was_made_is_no_key_to_the_journal(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes(b"mes,total")
    requests = [about(await afile_part(path)), request(1)]
    path.write_bytes(b"mes,total\n1,2")
    async with Sandbox() as sandbox, client(sandbox) as maritaca:
        journal = tmp_path / "run.sqlite"
        results = [
            r async for r in maritaca.chat.completions.map(requests, journal=journal, return_exceptions=True)
        ]
    assert "has changed since its part was made" in str(results[0].error)
    assert results[1].error is None


@pytest.mark.parametrize("journalled", [True, False])
async def test_name_that_no_file_can_hold_fails_alone_and_is_not_sent(
    tmp_path: Path, journalled: bool
) -> None:
    names = ["a", "b", "c\ud800", "d", "e"]
    requests = [request(n, custom_id=name) for n, name in enumerate(names)]
    async with Sandbox() as sandbox, client(sandbox) as maritaca:
        results = maritaca.chat.completions.map(
            requests, journal=tmp_path / "run.sqlite" if journalled else None, return_exceptions=True
        )
        found = [result.error async for result in results]
        assert [type(error) for error in found if error] == [ConfigurationError]
        assert r"requests[2]: custom_id must be a string that UTF-8 can write, and 'c\ud800'" in str(found[2])
        assert len(sandbox.requests) == 4


async def test_answers_of_one_server_are_none_of_another(tmp_path: Path) -> None:
    journal = tmp_path / "run.sqlite"
    async with Sandbox() as trial, Sandbox() as production:
        async with client(trial) as maritaca:
            async for result in maritaca.chat.completions.map([request(0)], journal=journal):
                assert not result.stored
        async with client(production) as maritaca:
            with pytest.raises(ConfigurationError, match="base_url is another one; use another journal"):
                async for _ in maritaca.chat.completions.map([request(0)], journal=journal):
                    pass
        assert production.requests == []
        async with client(trial) as maritaca:
            assert [r.stored async for r in maritaca.chat.completions.map([request(0)], journal=journal)]
