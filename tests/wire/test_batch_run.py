"""Many requests through batches, over real sockets: order, failures, killed runs taken up again."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import anyio
import pytest
from conftest import KEY
from scripted import Exchange, ScriptedServer, answers

from maritaca_async import (
    APIConnectionError,
    APIStreamError,
    APITimeoutError,
    AsyncMaritaca,
    AuthenticationError,
    ConfigurationError,
    MapProgress,
    UnprocessableEntityError,
)
from maritaca_async.sandbox import Sandbox

HERE = Path(__file__).parent
FAST: Any = {"poll_interval": 0.02}
MODELS = ("sabia-4", "sabiazinho-4")


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as running:
        yield running


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[AsyncMaritaca]:
    async with AsyncMaritaca(KEY, base_url=sandbox.base_url) as made:
        yield made


def ask(number: int, **more: Any) -> dict[str, Any]:
    question = {"role": "user", "content": f"Quanto é {number} + 1?"}
    return {"model": "sabiazinho-4", "messages": [question], **more}


def numbered(count: int) -> Iterator[dict[str, Any]]:
    for number in range(count):
        yield ask(number, model=MODELS[number % 3 == 0])


async def batch_inputs(client: AsyncMaritaca) -> list[list[dict[str, Any]]]:
    """The lines of every batch of the service."""
    found = []
    async for batch in client.batches.list():
        content = await client.files.content(batch.input_file_id)
        found.append([json.loads(line) for line in content.iter_lines()])
    return found


async def asked(base_url: str) -> Counter[str]:
    """How often each question is in a batch."""
    async with AsyncMaritaca(KEY, base_url=base_url) as client:
        lines = [line for lines in await batch_inputs(client) for line in lines]
    return Counter(line["body"]["messages"][0]["content"] for line in lines)


async def settled(sandbox: Sandbox) -> int:
    """How many requests there were, once no more come."""
    await asyncio.sleep(0.1)
    return len(sandbox.requests)


async def test_results_come_in_order_from_shards_of_one_model(client: AsyncMaritaca) -> None:
    run = client.batches.run(numbered(100), shard_requests=20, **FAST)
    results = [result async for result in run]
    assert [result.index for result in results] == list(range(100))
    for result in results:
        assert result.completion is not None
        assert f"é igual a {result.index + 1}" in result.completion.text
        assert result.completion.model == MODELS[result.index % 3 == 0]
        assert (result.custom_id, result.stored) == (None, False)
    shards = await batch_inputs(client)
    assert sorted(len(lines) for lines in shards) == [6, 14, 20, 20, 20, 20]
    assert all(len({line["body"]["model"] for line in lines}) == 1 for lines in shards)
    with pytest.raises(StopAsyncIteration):
        await anext(run)


async def test_requests_may_have_names_and_come_from_an_asynchronous_generator(client: AsyncMaritaca) -> None:
    async def requests() -> AsyncIterator[dict[str, Any]]:
        for number in range(6):
            await asyncio.sleep(0)
            yield ask(number, custom_id=f"n{number}")

    results = [result async for result in client.batches.run(requests(), **FAST)]
    assert [result.custom_id for result in results] == [f"n{number}" for number in range(6)]
    (lines,) = await batch_inputs(client)
    assert [line["custom_id"] for line in lines] == [f"n{number}" for number in range(6)]


async def test_shards_stay_below_their_bytes(client: AsyncMaritaca) -> None:
    requests = [ask(number, stop=["x" * 1000]) for number in range(12)]
    results = [result async for result in client.batches.run(requests, shard_bytes=4000, **FAST)]
    assert len(results) == 12
    assert [len(lines) for lines in await batch_inputs(client)] == [3] * 4
    with pytest.raises(ConfigurationError, match=r"requests\[1\]: it has .* bytes.*shard_bytes"):
        await anext(client.batches.run([ask(0), ask(1, stop=["x" * 4000])], shard_bytes=4000))


async def test_nothing_is_sent_before_every_request_was_checked(
    sandbox: Sandbox, client: AsyncMaritaca
) -> None:
    for requests, said in (
        ([*numbered(600), {"model": "sabia-4"}], r"requests\[600\]: messages is empty"),
        ([ask(0), "text"], r"requests\[1\]: it must be a dict"),
        ([ask(0), ask(1, timeout=3)], r"requests\[1\]: 'timeout' has no place"),
        ([ask(0), {1: 2}], r"requests\[1\]: names of parameters"),
        ([ask(0, custom_id="a"), ask(1, custom_id="a")], r"requests\[1\]: another request.*'a'"),
        ([ask(0, custom_id="request-1"), ask(1)], r"requests\[1\]: another request.*'request-1'"),
    ):
        run = client.batches.run(requests, **FAST)
        with pytest.raises(ConfigurationError, match=said):
            await anext(run)
        with pytest.raises(ConfigurationError, match="closed"):
            await anext(run)
    assert sandbox.requests == []


async def test_errors_of_the_callers_generator_come_through(sandbox: Sandbox, client: AsyncMaritaca) -> None:
    def requests() -> Iterator[dict[str, Any]]:
        yield ask(0)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await anext(client.batches.run(requests()))
    assert sandbox.requests == []


async def test_missing_room_for_temporary_files_is_told(
    client: AsyncMaritaca, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "missing"))
    with pytest.raises(FileNotFoundError):
        await anext(client.batches.run([ask(0)]))


async def test_no_requests_give_no_results(sandbox: Sandbox, client: AsyncMaritaca) -> None:
    assert [result async for result in client.batches.run([])] == []
    assert sandbox.requests == []


async def test_failed_lines_are_typed_results_in_their_place(client: AsyncMaritaca) -> None:
    bad = ask(1, extra_body={"temperature": 9})
    requests = [ask(0), bad, {"model": "sabia-4"}, ask(3), ask(4)]
    run = client.batches.run(requests, return_exceptions=True, **FAST)
    results = [result async for result in run]
    assert [type(result.error) for result in results] == [
        type(None),
        UnprocessableEntityError,
        ConfigurationError,
        type(None),
        type(None),
    ]
    assert "requests[2]: messages is empty" in str(results[2].error)


async def test_first_failure_in_order_is_raised_and_nothing_is_lost(
    sandbox: Sandbox, client: AsyncMaritaca, tmp_path: Path
) -> None:
    journal = tmp_path / "run.sqlite"
    requests = [ask(0), ask(1), ask(2, extra_body={"temperature": 9}), ask(3)]
    run = client.batches.run(requests, journal=journal, **FAST)
    assert [(await anext(run)).index for _ in range(2)] == [0, 1]
    for _ in range(2):
        with pytest.raises(UnprocessableEntityError):
            await anext(run)
    sent = len(sandbox.requests)
    run = client.batches.run(requests, journal=journal, return_exceptions=True, **FAST)
    results = [result async for result in run]
    assert [result.error is None for result in results] == [True, True, False, True]
    assert all(result.stored for result in results)
    assert len(sandbox.requests) == sent


async def test_lines_of_an_expired_batch_are_answered_or_typed(
    sandbox: Sandbox, client: AsyncMaritaca
) -> None:
    sandbox.configure(batch_seconds=1.2, batch_window=0.6)
    run = client.batches.run([ask(n) for n in range(8)], return_exceptions=True, **FAST)
    results = [result async for result in run]
    late = [result.error for result in results if isinstance(result.error, APIStreamError)]
    assert [result.index for result in results] == list(range(8))
    assert len(late) + sum(result.completion is not None for result in results) == 8
    assert late
    assert all((error.code, error.retryable) == ("batch_expired", True) for error in late)


async def test_lines_that_a_cancelled_batch_left_out_are_typed(
    sandbox: Sandbox, client: AsyncMaritaca
) -> None:
    sandbox.configure(batch_seconds=2)
    reading = asyncio.create_task(
        _all(client.batches.run([ask(n) for n in range(10)], return_exceptions=True, **FAST))
    )
    batch = None
    while batch is None or not batch.request_counts.completed:
        await asyncio.sleep(0.01)
        batch = next(iter((await client.batches.list()).data), None)
    await client.batches.cancel(batch.id)
    results = await reading
    assert len(results) == 10
    left_out = [result.error for result in results if result.completion is None]
    assert left_out
    for error in left_out:
        assert isinstance(error, APIStreamError)
        assert (error.code, error.retryable) == ("batch_cancelled", True)
        assert batch.id in str(error)


async def _all(run: Any) -> list[Any]:
    return [result async for result in run]


async def scripted_run(batch: dict[str, Any], *files: Any, **options: Any) -> list[Any]:
    batch = {"id": "batch_1", "input_file_id": "file-1", **batch}
    scripts = answers({"id": "file-1"}, batch, batch, *files)
    async with ScriptedServer(scripts) as server, AsyncMaritaca(KEY, base_url=server.base_url) as client:
        requests = [ask(0, custom_id="a"), ask(1, custom_id="b")]
        return await _all(client.batches.run(requests, return_exceptions=True, **FAST, **options))


async def test_failed_batch_says_why_for_each_line() -> None:
    results = await scripted_run({"status": "failed", "errors": ["line 2: too long"]})
    assert [result.custom_id for result in results] == ["a", "b"]
    for result in results:
        assert isinstance(result.error, APIStreamError)
        assert (result.error.code, result.error.retryable) == ("batch_failed", False)
        assert "batch batch_1 ended as failed: line 2: too long" in str(result.error)


async def test_line_that_the_service_forgot_is_a_typed_error() -> None:
    line = {"custom_id": "b", "response": None, "error": {"code": "x", "message": "no"}}
    output = b"\n".join([json.dumps(line).encode(), b'{"custom_id": "a", "resp', b'{"custom_id": "z"}'])
    results = await scripted_run({"status": "completed", "output_file_id": "f"}, output)
    assert [result.error.code for result in results] == ["batch_line_missing", "x"]
    assert "2 lines of its files cannot be read or name no request" in str(results[0].error)


async def test_download_that_breaks_off_is_taken_again_from_its_beginning() -> None:
    async def cut(exchange: Exchange) -> None:
        await exchange.begin_stream("application/octet-stream")
        await exchange.piece(row("b") + row("a")[:40])
        await asyncio.sleep(0.05)
        await exchange.cut()

    def row(name: str) -> bytes:
        error = {"code": "c", "message": name}
        return json.dumps({"custom_id": name, "response": None, "error": error}).encode() + b"\n"

    batch = {"id": "batch_1", "status": "completed", "output_file_id": "f"}
    scripts = (*answers({"id": "file-1"}, batch, batch), cut, *answers(batch, row("b") + row("a")))
    async with ScriptedServer(scripts) as server, AsyncMaritaca(KEY, base_url=server.base_url) as client:
        requests = [ask(0, custom_id="a"), ask(1, custom_id="b")]
        results = await _all(client.batches.run(requests, return_exceptions=True, **FAST))
    assert ["a (c)" in str(results[0].error), "b (c)" in str(results[1].error)] == [True, True]


@pytest.mark.parametrize("list_style", ["has_more", "next_cursor", "bare"])
async def test_batch_whose_answer_was_lost_is_found_and_not_started_again(
    sandbox: Sandbox, client: AsyncMaritaca, monkeypatch: pytest.MonkeyPatch, list_style: Any
) -> None:
    sandbox.configure(list_style=list_style)
    create, lost = client.batches.create, []

    async def losing(**params: Any) -> Any:
        made = await create(**params)
        if len(lost) < 2:
            lost.append(made.id)
            raise APIConnectionError("lost")
        return made

    monkeypatch.setattr(client.batches, "create", losing)
    results = await _all(client.batches.run(numbered(40), shard_requests=10, **FAST))
    assert len(results) == 40
    assert set((await asked(sandbox.base_url)).values()) == {1}


async def test_trouble_that_passes_is_waited_through_and_looked_into() -> None:
    batch = {"id": "batch_1", "input_file_id": "file-1", "status": "completed", "output_file_id": "f"}
    other = {"id": "batch_0", "input_file_id": "file-0"}
    row = json.dumps({"custom_id": "a", "response": None, "error": {"code": "c", "message": "m"}}).encode()
    # Upload; create; look for it; create; look; download.
    scripts = answers(
        503, {"id": "file-1"}, 503, 503, {"data": [other]}, 429, {"data": []}, batch, 500, batch, 503, row
    )
    async with ScriptedServer(scripts) as server, AsyncMaritaca(KEY, base_url=server.base_url) as client:
        run = client.batches.run([ask(0, custom_id="a")], return_exceptions=True, **FAST)
        (result,) = await _all(run)
    assert isinstance(result.error, APIStreamError)
    assert result.error.code == "c"
    assert len(server.seen) == len(scripts)


async def test_failure_of_a_call_ends_the_run_and_the_journal_takes_it_up(
    sandbox: Sandbox, client: AsyncMaritaca, tmp_path: Path
) -> None:
    journal = tmp_path / "run.sqlite"
    sandbox.fail_next(status=401)
    with pytest.raises(AuthenticationError):
        await _all(client.batches.run(numbered(30), journal=journal, return_exceptions=True, **FAST))
    results = await _all(client.batches.run(numbered(30), journal=journal, shard_requests=50_000, **FAST))
    assert len(results) == 30
    assert set((await asked(sandbox.base_url)).values()) == {1}


async def test_deadline_leaves_the_batches_to_the_next_run(
    sandbox: Sandbox, client: AsyncMaritaca, tmp_path: Path
) -> None:
    sandbox.configure(batch_seconds=0.8)
    journal = tmp_path / "run.sqlite"
    with pytest.raises(APITimeoutError, match="deadline"):
        await _all(client.batches.run(numbered(5), journal=journal, deadline=0.1, **FAST))
    assert len(await _all(client.batches.run(numbered(5), journal=journal, **FAST))) == 5
    assert set((await asked(sandbox.base_url)).values()) == {1}


async def test_cancellation_leaves_the_batches_running_and_the_journal_free(
    sandbox: Sandbox, client: AsyncMaritaca, tmp_path: Path
) -> None:
    sandbox.configure(batch_seconds=2.5)
    journal = tmp_path / "run.sqlite"
    for pause in (0.0, 0.02, 0.05, 0.1, 0.2):
        reading = asyncio.create_task(
            _all(client.batches.run(numbered(40), journal=journal, shard_requests=10, **FAST))
        )
        await asyncio.sleep(pause)
        reading.cancel()
        await asyncio.wait([reading])
        assert reading.cancelled()
        before = await settled(sandbox)
        assert await settled(sandbox) == before
    assert len(await _all(client.batches.run(numbered(40), journal=journal, shard_requests=10, **FAST))) == 40
    assert not any("cancel" in record.path for record in sandbox.requests)
    assert set((await asked(sandbox.base_url)).values()) == {1}


async def test_cancellation_by_a_scope_of_anyio_frees_the_journal_too(
    client: AsyncMaritaca, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    async def requests() -> AsyncIterator[dict[str, Any]]:
        for number in range(3):
            yield ask(number)
        await asyncio.sleep(60)

    run = client.batches.run(requests(), journal=tmp_path / "run.sqlite")
    with anyio.move_on_after(0.2):
        await anext(run)
    await run.aclose()
    assert [path.name for path in tmp_path.iterdir()] == ["run.sqlite"]
    assert len(await _all(client.batches.run(numbered(3), journal=tmp_path / "run.sqlite", **FAST))) == 3


async def test_run_left_early_stops_looking_and_leaves_no_files(
    sandbox: Sandbox, client: AsyncMaritaca, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    async for result in client.batches.run(numbered(300), shard_requests=10, **FAST):
        if result.index == 3:
            break
    async with client.batches.run(numbered(300), shard_requests=10, **FAST) as run:
        assert (await anext(run)).index == 0
    with pytest.raises(ConfigurationError, match="closed"):
        await _all(run)
    never = client.batches.run(numbered(3))
    await never.aclose()
    with pytest.raises(ConfigurationError, match="closed"):
        await anext(never)
    before = await settled(sandbox)
    assert await settled(sandbox) == before
    assert list(tmp_path.iterdir()) == []


async def test_progress_tells_done_failed_and_total(sandbox: Sandbox, client: AsyncMaritaca) -> None:
    sandbox.configure(batch_seconds=0.4)
    told: list[MapProgress] = []
    requests = [*numbered(20), ask(0, extra_body={"temperature": 9}), {"model": "sabia-4"}]
    run = client.batches.run(requests, return_exceptions=True, on_progress=told.append, **FAST)
    assert len(await _all(run)) == 22
    assert (told[0], told[-1]) == (MapProgress(1, 1, 22), MapProgress(22, 2, 22))
    assert any(1 < progress.done < 22 for progress in told)


@pytest.mark.parametrize(
    "options",
    [
        {"concurrency": 0},
        {"shard_requests": 50_001},
        {"shard_bytes": True},
        {"poll_interval": 0},
        {"deadline": -1},
        {"on_progress": 3},
    ],
    ids=lambda given: next(iter(given)),
)
def test_bad_options_are_refused_before_anything_is_read(options: dict[str, Any]) -> None:
    maritaca = AsyncMaritaca(KEY)
    with pytest.raises(ConfigurationError, match=next(iter(options))):
        maritaca.batches.run([], **options)
    with pytest.raises(ConfigurationError, match="requests must be"):
        maritaca.batches.run({"model": "m"})  # type: ignore[arg-type]


async def test_changed_requests_are_noticed_before_anything_is_sent(
    sandbox: Sandbox, client: AsyncMaritaca, tmp_path: Path
) -> None:
    journal = tmp_path / "run.sqlite"
    await _all(client.batches.run(numbered(600), journal=journal, **FAST))
    sent = len(sandbox.requests)
    same = list(numbered(600))
    changes: list[tuple[list[dict[str, Any]], dict[str, Any], str]] = [
        ([*same[:400], ask(7), *same[401:]], {}, r"requests\[400\] is another one"),
        ([same[1], same[0], *same[2:]], {}, r"requests\[0\] is another one"),
        (same[:500], {}, "there are 500 requests, and it has 600"),
        ([*same, ask(600)], {}, r"requests\[600\] is not in it"),
        (same, {"shard_requests": 100}, "moves"),
    ]
    for requests, options, said in changes:
        with pytest.raises(ConfigurationError, match=f"journal is of another run: .*{said}"):
            await anext(client.batches.run(requests, journal=journal, **options))
    assert len(await _all(client.batches.run(same, journal=journal, **FAST))) == 600
    assert len(sandbox.requests) == sent


async def test_journals_of_calls_and_of_batches_are_told_apart(client: AsyncMaritaca, tmp_path: Path) -> None:
    calls, batches = tmp_path / "calls.sqlite", tmp_path / "batches.sqlite"
    await _all(client.chat.completions.map([ask(0)], journal=calls))
    await _all(client.batches.run([ask(0)], journal=batches, **FAST))
    with pytest.raises(ConfigurationError, match="something else"):
        await anext(client.batches.run([ask(0)], journal=calls))
    with pytest.raises(ConfigurationError, match="something else"):
        await anext(client.chat.completions.map([ask(0)], journal=batches))


def program(*arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-W", "error", str(HERE / "batch_running.py"), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8")


def finish(sandbox: Sandbox, journal: str, count: int) -> None:
    with program(sandbox.base_url, journal, str(count), "-") as last:
        lines = last.communicate()[0].splitlines()
    assert last.returncode == 0
    results = [line.split(" ", 2) for line in lines]
    assert [int(index) for index, _, _ in results] == list(range(count))
    assert all(f"é igual a {int(index) + 1}." in text for index, _, text in results)
    times = asyncio.run(asked(sandbox.base_url))
    assert times == {f"Quanto é {number} + 1?": 1 for number in range(count)}


STEPS = [
    "after:plan:1",
    "after:finish_plan:1",
    "before:uploaded:2",
    "after:uploaded:2",
    "before:created:2",
    "after:created:2",
    "after:keep:2",
    "before:ended:2",
    "after:ended:2",
    "after:stored:3",
]


@pytest.mark.parametrize("step", STEPS)
def test_run_killed_at_any_step_is_taken_up_without_sending_anything_twice(tmp_path: Path, step: str) -> None:
    journal = str(tmp_path / "run.sqlite")
    with Sandbox() as sandbox:
        with program(sandbox.base_url, journal, "45", step) as killed:
            killed.communicate()
        assert killed.returncode == -9
        finish(sandbox, journal, 45)


def test_run_killed_at_random_moments_gives_every_result_once(tmp_path: Path) -> None:
    journal, chance = str(tmp_path / "run.sqlite"), random.Random(os.environ.get("SEED", 7))
    with Sandbox(batch_seconds=0.2) as sandbox:
        for _ in range(5):
            until = len(sandbox.requests) + chance.randint(1, 12)
            with program(sandbox.base_url, journal, "95", "-") as running:
                while len(sandbox.requests) < until and running.poll() is None:
                    time.sleep(0.001)
                time.sleep(chance.random() * 0.02)
                running.kill()
        finish(sandbox, journal, 95)
