"""Batches over real sockets: from the input file to typed results, through whatever goes wrong on the way."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from typing import Any

import pytest
from conftest import KEY
from scripted import Exchange, Script, ScriptedServer, answers, completion

from maritaca_async import (
    APIConnectionError,
    APIResponseError,
    APIStreamError,
    APITimeoutError,
    AsyncMaritaca,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    MaritacaError,
    NotFoundError,
    StreamInterruptedError,
    UnprocessableEntityError,
    batch_file,
    batch_line,
)
from maritaca_async.sandbox import Fault, Sandbox
from maritaca_async.types import Batch, BatchResult, BatchStatus

FAST: Any = {"poll_interval": 0.01}


def ask(number: int) -> Any:
    return [{"role": "user", "content": f"Quanto é {number} + 1?"}]


def lines(count: int) -> list[Any]:
    return [batch_line(f"q-{n}", model="sabiazinho-4", messages=ask(n)) for n in range(count)]


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as running:
        yield running


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[AsyncMaritaca]:
    async with AsyncMaritaca(KEY, base_url=sandbox.base_url) as made:
        yield made


async def start(client: AsyncMaritaca, content: bytes, **params: Any) -> Batch:
    uploaded = await client.files.create(file=content)
    return await client.batches.create(input_file_id=uploaded.id, **params)


@pytest.mark.parametrize("dialect", ["guide", "reference"])
async def test_batch_goes_from_input_to_results(
    sandbox: Sandbox, client: AsyncMaritaca, dialect: str
) -> None:
    sandbox.configure(batch_dialect=dialect, batch_seconds=0.6)
    started = await start(client, batch_file(lines(6)), metadata={"lote": "7"})
    assert started.status is BatchStatus.VALIDATING
    assert started.in_progress_at is started.completed_at is started.cancelled_at is None
    seen: list[Batch] = []
    ended = await client.batches.wait(started.id, on_progress=seen.append, **FAST)
    assert [batch.status for batch in seen] == sorted(
        (batch.status for batch in seen), key=list(BatchStatus).index
    )
    assert {BatchStatus.VALIDATING, BatchStatus.IN_PROGRESS, BatchStatus.COMPLETED} <= {
        b.status for b in seen
    }
    assert ended is seen[-1]
    assert (ended.request_counts.total, ended.request_counts.completed) == (6, 6)
    assert (ended.errors, ended.error_file_id) == ([], None)
    assert ended.metadata == (None if dialect == "guide" else {"lote": "7"})
    assert ended.http.status == 200
    found = {result.custom_id: result async for result in client.batches.results(ended)}
    assert {name: found[name].completion.text for name in found} == {  # type: ignore[union-attr]
        f"q-{n}": f"{n} + 1 é igual a {n + 1}." for n in range(6)
    }
    assert all(result.status_code == 200 and result.request_id for result in found.values())


async def test_create_sends_what_the_service_requires(sandbox: Sandbox, client: AsyncMaritaca) -> None:
    await start(client, batch_file(lines(1)), metadata=None)
    body = sandbox.requests[-1].body
    assert body == {
        "input_file_id": "file-000001",
        "endpoint": "/v1/chat/completions",
        "completion_window": "24h",
    }
    await start(client, batch_file(lines(1)), completion_window="1h", metadata={"a": "b"}, extra_body={})
    assert sandbox.requests[-1].body["completion_window"] == "1h"
    assert sandbox.requests[-1].body["metadata"] == {"a": "b"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"metadata": {1: 2}}, "metadata: 1 and its value must be strings, not 2"),
        ({"metadata": {"a": 2}}, "metadata: 'a' and its value must be strings"),
        ({"metadata": [1]}, "metadata must be a mapping of texts"),
        ({"metadata": {"k": "v" * 513}}, "the value of 'k' has 513 characters"),
        ({"endpoint": None}, "endpoint must be a string that is not empty, not None"),
        ({"endpoint": ""}, "endpoint must be a string"),
        ({"completion_window": 24}, "completion_window must be a string"),
        ({"endpont": "x"}, "unknown parameter 'endpont': did you mean 'endpoint'"),
    ],
)
async def test_bad_parameter_of_a_batch_is_refused_before_anything_is_sent(
    sandbox: Sandbox, client: AsyncMaritaca, wrong: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said):
        await client.batches.create(input_file_id="file-1", **wrong)
    assert sandbox.requests == []


async def test_failed_lines_are_typed_errors_beside_the_answers(client: AsyncMaritaca) -> None:
    bad = batch_line("bad", model="sabiazinho-4", messages=ask(0), extra_body={"temperature": 9})
    started = await start(client, batch_file([*lines(2), bad]))
    ended = await client.batches.wait(started.id, **FAST)
    assert (ended.status, ended.request_counts.failed) == (BatchStatus.COMPLETED, 1)
    results = [result async for result in client.batches.results(ended.id)]
    assert [result.custom_id for result in results] == ["q-1", "q-0", "bad"]
    assert [type(result.error) for result in results] == [type(None), type(None), UnprocessableEntityError]
    assert "temperature" in str(results[-1].error)
    assert (results[-1].completion, results[-1].status_code) == (None, 422)


async def test_expired_batch_keeps_what_was_done_and_names_the_rest(
    sandbox: Sandbox, client: AsyncMaritaca
) -> None:
    sandbox.configure(batch_seconds=1.2, batch_window=0.6)
    started = await start(client, batch_file(lines(8)))
    ended = await client.batches.wait(started.id, **FAST)
    assert ended.status is BatchStatus.EXPIRED
    results = [result async for result in client.batches.results(ended)]
    done = [result for result in results if result.completion]
    late = [result for result in results if isinstance(result.error, APIStreamError)]
    assert (len(results), len(done) + len(late)) == (8, 8)
    assert done
    assert {result.error.code for result in late} == {"batch_expired"}  # type: ignore[union-attr]


async def test_cancelled_batch_ends_and_keeps_what_was_done(sandbox: Sandbox, client: AsyncMaritaca) -> None:
    sandbox.configure(batch_seconds=2)
    started = await start(client, batch_file(lines(10)))
    while (await client.batches.retrieve(started.id)).request_counts.completed < 2:
        await asyncio.sleep(0.01)
    assert (await client.batches.cancel(started.id)).status is BatchStatus.CANCELLING
    ended = await client.batches.wait(started.id, **FAST)
    assert ended.status is BatchStatus.CANCELLED
    assert 2 <= len([result async for result in client.batches.results(ended)]) < 10
    assert (await client.batches.cancel(started.id)).status is BatchStatus.CANCELLED


@pytest.mark.parametrize("dialect", ["guide", "reference"])
async def test_refused_input_is_told_in_either_dialect(
    sandbox: Sandbox, client: AsyncMaritaca, dialect: str
) -> None:
    sandbox.configure(batch_dialect=dialect)
    started = await start(client, batch_file(lines(2)) + b"{}\n")
    ended = await client.batches.wait(started.id, **FAST)
    assert ended.status is BatchStatus.FAILED
    assert "custom_id, method, url and body" in ended.errors[0]
    with pytest.raises(MaritacaError, match=f"batch {ended.id} failed: .*custom_id"):
        await anext(client.batches.results(ended))


async def test_batches_are_listed_in_pages(client: AsyncMaritaca) -> None:
    made = [(await start(client, batch_file(lines(1)))).id for _ in range(3)]
    assert [batch.id async for batch in client.batches.list(limit=1)] == made[::-1]
    assert len((await client.batches.list(limit=2)).data) == 2


async def test_unknown_batch_and_finished_batch_are_errors(client: AsyncMaritaca) -> None:
    with pytest.raises(NotFoundError):
        await client.batches.retrieve("batch_9")
    with pytest.raises(NotFoundError):
        await client.batches.wait("batch_9", **FAST)
    started = await start(client, batch_file(lines(1)))
    await client.batches.wait(started.id, **FAST)
    with pytest.raises(BadRequestError, match="completed"):
        await client.batches.cancel(started.id)


@pytest.mark.parametrize("batch_id", ["", "..", "a/b", "a?b"])
async def test_ids_that_lead_elsewhere_are_refused_before_anything_is_sent(
    sandbox: Sandbox, client: AsyncMaritaca, batch_id: str
) -> None:
    for method in (client.batches.retrieve, client.batches.cancel, client.batches.wait):
        with pytest.raises(ConfigurationError, match="batch_id"):
            await method(batch_id)
    with pytest.raises(ConfigurationError, match="batch"):
        client.batches.results(batch_id)
    with pytest.raises(ConfigurationError, match="input_file_id"):
        await client.batches.create(input_file_id=batch_id)
    assert sandbox.requests == []


@pytest.mark.parametrize(
    "wrong", [{"poll_interval": 0}, {"poll_interval": None}, {"deadline": -1}, {"timeout": "x"}, {"pol": 1}]
)
async def test_bad_options_of_a_wait_are_refused_before_anything_is_sent(
    sandbox: Sandbox, client: AsyncMaritaca, wrong: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        await client.batches.wait("batch_1", **wrong)
    assert sandbox.requests == []


def state(status: str | None, **more: Any) -> dict[str, Any]:
    return {"id": "batch_1", "status": status, **more}


async def html(exchange: Exchange) -> None:
    await exchange.answer(200, b"<html>maintenance</html>", content_type="text/html")


async def lost(exchange: Exchange) -> None:
    await exchange.reset()


async def test_wait_survives_everything_that_may_pass(caplog: pytest.LogCaptureFixture) -> None:
    scripts: tuple[Script, ...] = (
        *answers(state("queued"), 500, 503, 429, 408),
        html,
        lost,
        *answers(state("shuffling"), state(None), state("canceling"), state("running"), state("succeeded")),
    )
    seen: list[str] = []
    caplog.set_level(logging.INFO, "maritaca_async")
    async with ScriptedServer(scripts) as server, AsyncMaritaca(KEY, base_url=server.base_url) as client:
        ended = await client.batches.wait(
            "batch_1", on_progress=lambda batch: seen.append(batch.status), **FAST
        )
    assert ended.status is BatchStatus.COMPLETED
    assert seen == ["validating", "shuffling", "", "cancelling", "in_progress", "completed"]
    assert len(server.seen) == len(scripts)
    assert "batch batch_1: a look failed" in caplog.text


async def test_long_outage_takes_nothing_from_the_retries_of_other_calls() -> None:
    scripts = answers(*[503] * 150, state("completed"))
    async with ScriptedServer(scripts) as server, AsyncMaritaca(KEY, base_url=server.base_url) as client:
        await client.batches.wait("batch_1", poll_interval=0.001)
        assert client._engine.budget.take(500)
    assert len(server.seen) == 151


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
async def test_wait_ends_with_what_will_not_pass(status: int) -> None:
    async with (
        ScriptedServer(answers(state("running"), status)) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        with pytest.raises(MaritacaError, match=str(status)):
            await client.batches.wait("batch_1", **FAST)
    assert len(server.seen) == 2


@pytest.mark.parametrize(
    ("answer", "said"),
    [(state("running"), "status: in_progress"), (503, "503"), (state("odd"), "status: odd")],
)
async def test_deadline_names_the_batch_and_leaves_it_alone(answer: Any, said: str) -> None:
    async with (
        ScriptedServer(answers(answer)) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        started = time.monotonic()
        with pytest.raises(APITimeoutError, match=rf"batch batch_1 .*{said}") as caught:
            await client.batches.wait("batch_1", deadline=0.2, **FAST)
        assert time.monotonic() - started < 2
    assert caught.value.phase == "deadline"
    assert {seen.method for seen in server.seen} == {"GET"}


async def test_deadline_interrupts_a_look_that_hangs(sandbox: Sandbox, client: AsyncMaritaca) -> None:
    started = await start(client, batch_file(lines(1)))
    sandbox.inject(Fault(kind="stall"))
    with pytest.raises(APITimeoutError, match="not seen yet"):
        await client.batches.wait(started.id, deadline=0.2)


async def test_look_that_times_out_is_followed_by_another(sandbox: Sandbox, client: AsyncMaritaca) -> None:
    started = await start(client, batch_file(lines(1)))
    sandbox.inject(Fault(kind="stall"))
    ended = await client.batches.wait(started.id, timeout=0.2, **FAST)
    assert ended.status is BatchStatus.COMPLETED


async def test_wait_is_as_patient_as_the_server_asks() -> None:
    async def busy(exchange: Exchange) -> None:
        await exchange.answer(429, {"detail": "slow down"}, Retry_After="0.3")

    async with (
        ScriptedServer((busy, *answers(state("completed")))) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        started = time.monotonic()
        await client.batches.wait("batch_1", **FAST)
        assert time.monotonic() - started >= 0.3


async def test_cancelling_the_wait_leaves_the_batch_running(sandbox: Sandbox, client: AsyncMaritaca) -> None:
    sandbox.configure(batch_seconds=0.5)
    started = await start(client, batch_file(lines(1)))
    waiting = asyncio.create_task(client.batches.wait(started.id, **FAST))
    await asyncio.sleep(0.1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    assert not any("cancel" in record.path for record in sandbox.requests)
    assert (await client.batches.wait(started.id, **FAST)).status is BatchStatus.COMPLETED


async def test_progress_may_be_a_coroutine_and_its_errors_come_through(client: AsyncMaritaca) -> None:
    seen: list[str] = []

    async def note(batch: Batch) -> None:
        await asyncio.sleep(0)
        seen.append(batch.id)

    started = await start(client, batch_file(lines(1)))
    await client.batches.wait(started.id, on_progress=note, **FAST)
    assert seen
    with pytest.raises(ZeroDivisionError):
        await client.batches.wait(started.id, on_progress=lambda _: 1 / 0, **FAST)  # type: ignore[arg-type, return-value]


def row(name: str, text: str = "Sim.", **changes: Any) -> bytes:
    response = {"status_code": 200, "request_id": "r", "body": completion(text)}
    return json.dumps({"id": "b", "custom_id": name, "response": response, "error": None, **changes}).encode()


async def results_of(batch: dict[str, Any], *files: bytes | int) -> list[BatchResult]:
    scripts = answers({"id": "batch_1", **batch}, *files)
    async with ScriptedServer(scripts) as server, AsyncMaritaca(KEY, base_url=server.base_url) as client:
        return [result async for result in client.batches.results("batch_1")]


async def test_nothing_of_the_output_is_lost() -> None:
    output = b"\n".join([row("a"), b"", b"  ", b'{"custom_id": "b", "resp', row("c"), b"\xff\xfe"])
    errors = row("d", response=None, error={"code": "batch_expired", "message": "late"}) + b"\n"
    batch = {"status": "expired", "output_file_id": "f1", "error_file_id": "f2"}
    results = await results_of(batch, output, errors)
    assert [(r.custom_id, type(r.error)) for r in results] == [
        ("a", type(None)),
        ("", APIResponseError),
        ("c", type(None)),
        ("", APIResponseError),
        ("d", APIStreamError),
    ]
    assert results[1].raw == '{"custom_id": "b", "resp'


@pytest.mark.parametrize(
    ("batch", "said"),
    [
        ({"status": "in_progress"}, "no results yet, it is in_progress"),
        ({"status": "new-state"}, "no results yet, it is new-state"),
        ({"status": "failed", "errors": None}, "failed: no reason given"),
        ({"status": "completed", "request_counts": {"completed": 2}}, "2 answers and 0 failures"),
    ],
)
async def test_batch_without_results_says_why(batch: dict[str, Any], said: str) -> None:
    with pytest.raises(MaritacaError, match=said):
        await results_of(batch)


@pytest.mark.parametrize(("status", "total"), [("completed", 0), ("cancelled", 3), ("expired", 3)])
async def test_batch_that_answered_nothing_has_no_results(status: str, total: int) -> None:
    counts = {"total": total, "completed": 0, "failed": 0}
    assert await results_of({"status": status, "output_file_id": "", "request_counts": counts}) == []


async def test_only_one_of_the_files_may_be_there() -> None:
    done = {"status": "completed", "error_file_id": None, "output_file_id": "f1"}
    assert [r.custom_id for r in await results_of(done, row("a"))] == ["a"]
    failed = {"status": "completed", "error_file_id": "f2"}
    assert [r.custom_id for r in await results_of(failed, row("b"))] == ["b"]


async def test_results_that_break_off_keep_what_had_come_and_never_pass_for_whole() -> None:
    async def cut(exchange: Exchange) -> None:
        await exchange.begin_stream("application/octet-stream")
        await exchange.piece(row("a") + b"\n" + row("b")[:50])
        await asyncio.sleep(0.05)
        await exchange.cut()

    batch = Batch.model_validate({"id": "batch_1", "status": "completed", "output_file_id": "f1"})
    async with ScriptedServer((cut,)) as server, AsyncMaritaca(KEY, base_url=server.base_url) as client:
        results = client.batches.results(batch)
        assert (await anext(results)).custom_id == "a"
        for _ in range(2):
            with pytest.raises(StreamInterruptedError):
                await anext(results)


async def test_second_file_is_asked_for_again_after_a_failure() -> None:
    batch = {"id": "batch_1", "status": "completed", "output_file_id": "f1", "error_file_id": "f2"}
    scripts = answers(batch, row("a"), 401, row("b"))
    async with ScriptedServer(scripts) as server, AsyncMaritaca(KEY, base_url=server.base_url) as client:
        results = client.batches.results("batch_1")
        assert (await anext(results)).custom_id == "a"
        with pytest.raises(AuthenticationError):
            await anext(results)
        assert (await anext(results)).custom_id == "b"


async def test_results_left_early_release_their_connection() -> None:
    async def endless(exchange: Exchange) -> None:
        await exchange.begin_stream("application/octet-stream")
        await exchange.piece(row("a") + b"\n")
        await exchange.until_client_leaves()

    batch = Batch.model_validate({"id": "b", "status": "completed", "output_file_id": "f1"})
    async with ScriptedServer((endless,)) as server, AsyncMaritaca(KEY, base_url=server.base_url) as client:
        async with client.batches.results(batch) as results:
            async for result in results:
                assert result.custom_id == "a"
                break
        with pytest.raises(APIConnectionError):
            await anext(results)
        async with asyncio.timeout(5):
            while server.seen[0].closed_at is None:
                await asyncio.sleep(0.01)


async def test_results_closed_before_they_began_have_no_more_files(client: AsyncMaritaca) -> None:
    results = client.batches.results("batch_1")
    await results.aclose()
    with pytest.raises(MaritacaError):
        await anext(results)
