"""What goes wrong around a batch: files in part, late or gone, a service that asks for a day, tasks cut short."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY
from scripted import Exchange, ScriptedServer, answers, completion

from maritaca_async import (
    APIResponseError,
    AsyncMaritaca,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    InternalServerError,
    Maritaca,
    MaritacaError,
    NotFoundError,
    RetryPolicy,
)
from maritaca_async._core.batch_journal import BatchJournal
from maritaca_async.sandbox import Sandbox
from maritaca_async.types import Batch

FAST: Any = {"poll_interval": 0.02}
NAMES = ("a", "b", "c", "d")
COUNTS = {"total": 4, "completed": 4, "failed": 0}


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


def asks() -> list[dict[str, Any]]:
    return [ask(number, custom_id=name) for number, name in enumerate(NAMES)]


def row(name: str) -> bytes:
    response = {"status_code": 200, "request_id": "r", "body": completion(f"answer {name}")}
    return json.dumps({"custom_id": name, "response": response, "error": None}).encode() + b"\n"


WHOLE = b"".join(map(row, NAMES))
ONE = len(row("a"))


class Service:
    """Has one batch, which ended at once; what it says of it and gives of its file can be changed."""

    def __init__(self, **batch: Any) -> None:
        self.batch: dict[str, Any] = {"status": "completed", "output_file_id": "file-2", **batch}
        self.file = WHOLE
        self.downloads = 0
        self.on_look: Callable[[int], None] = lambda _: None
        self.on_download: Callable[[int], None] = lambda _: None
        self.looks = 0

    async def __call__(self, exchange: Exchange) -> None:
        seen = exchange.seen
        if seen.path.endswith("/content"):
            self.downloads += 1
            self.on_download(self.downloads)
            # Its end is marked by nothing but the end of the connection.
            head = b"HTTP/1.1 200 OK\r\nContent-Type: application/jsonl\r\nConnection: close\r\n\r\n"
            await exchange.send(head + self.file)
            return await exchange.cut()
        if seen.method == "POST":
            return await exchange.answer(200, {"id": "file-1" if seen.path.endswith("files") else "batch_1"})
        self.looks += 1
        self.on_look(self.looks)
        return await exchange.answer(200, {"id": "batch_1", "input_file_id": "file-1", **self.batch})


@asynccontextmanager
async def client_of(service: Service) -> AsyncIterator[AsyncMaritaca]:
    async with ScriptedServer((service,)) as server, AsyncMaritaca(KEY, base_url=server.base_url) as made:
        yield made


async def run(client: AsyncMaritaca, journal: Path | None = None) -> list[Any]:
    found = client.batches.run(asks(), journal=journal, return_exceptions=True, **FAST)
    return [result async for result in found]


def texts(results: list[Any]) -> list[str]:
    return [result.completion.text for result in results]


ANSWERS = [f"answer {name}" for name in NAMES]
CUTS = {"between lines": 2 * ONE, "in a line": 2 * ONE + 20, "in the last line": 4 * ONE - 3, "at once": 0}


@pytest.mark.parametrize("counts", [COUNTS, None])
@pytest.mark.parametrize("length", CUTS.values(), ids=CUTS)
async def test_output_that_arrived_in_part_is_fetched_again(length: int, counts: Any) -> None:
    service = Service(request_counts=counts)
    service.file = WHOLE[:length]

    def mend(download: int) -> None:
        service.file = WHOLE if download == 2 else service.file

    service.on_download = mend
    async with client_of(service) as client:
        assert texts(await run(client)) == ANSWERS
    assert service.downloads == 2


@pytest.mark.parametrize("length", CUTS.values(), ids=CUTS)
async def test_output_that_stays_in_part_is_an_error_and_never_noted_as_the_end(
    tmp_path: Path, length: int
) -> None:
    service, journal = Service(request_counts=COUNTS), tmp_path / "run.sqlite"
    service.file = WHOLE[:length]
    async with client_of(service) as client:
        with pytest.raises(APIResponseError, match=r"batch_1 has 4 results, but only \d lines") as caught:
            await run(client, journal)
        assert caught.value.retryable
        assert service.downloads == 3
        service.file = WHOLE
        results = await run(client, journal)
    assert texts(results) == ANSWERS
    assert not any(result.stored for result in results)


@pytest.mark.parametrize("status", ["expired", "cancelled"])
async def test_batch_that_ended_early_needs_no_more_lines_than_it_counts(status: str) -> None:
    service = Service(status=status, request_counts={"total": 4, "completed": 2, "failed": 0})
    service.file = row("c") + row("a")
    async with client_of(service) as client:
        results = await run(client)
    assert [result.error and result.error.code for result in results] == [
        None,
        f"batch_{status}",
        None,
        f"batch_{status}",
    ]
    assert service.downloads == 1


async def test_results_that_arrived_in_part_say_so_after_the_last_one() -> None:
    batch = {"id": "batch_1", "status": "completed", "output_file_id": "f1", "error_file_id": "f2"}
    batch["request_counts"] = {"total": 3, "completed": 2, "failed": 1}  # type: ignore[assignment]
    scripts = answers(batch, row("a") + row("b")[:-9], row("c"))
    async with ScriptedServer(scripts) as server, AsyncMaritaca(KEY, base_url=server.base_url) as client:
        results, seen = client.batches.results("batch_1"), []
        for _ in range(2):
            with pytest.raises(APIResponseError, match="batch_1 has 3 results, but only 2 lines"):
                async for result in results:
                    seen.append(result.custom_id)
    assert seen == ["a", "", "c"]


NOT_YET: dict[str, dict[str, Any]] = {
    "no counts": {"request_counts": None},
    "empty counts": {"request_counts": {"total": None, "completed": None, "failed": None}},
    "zeros": {"request_counts": {"total": 4, "completed": 0, "failed": 0}},
    "no file": {"request_counts": COUNTS},
}


@pytest.mark.parametrize("said", NOT_YET.values(), ids=NOT_YET)
async def test_results_that_are_not_named_yet_are_no_empty_list(said: dict[str, Any]) -> None:
    batch = Batch.model_validate({"id": "batch_1", "status": "completed", "output_file_id": None, **said})
    async with AsyncMaritaca(KEY, base_url="http://127.0.0.1:9/api") as client:
        with pytest.raises(APIResponseError, match="names no file with results"):
            await anext(client.batches.results(batch))


@pytest.mark.parametrize("said", NOT_YET.values(), ids=NOT_YET)
async def test_file_that_is_named_late_is_waited_for(said: dict[str, Any]) -> None:
    service = Service(**{"output_file_id": None, **said})

    def name(look: int) -> None:
        if look == 3:
            service.batch.update(output_file_id="file-2", request_counts=COUNTS)

    service.on_look = name
    async with client_of(service) as client:
        assert texts(await run(client)) == ANSWERS
    assert (service.looks, service.downloads) == (3, 1)


@pytest.mark.parametrize("said", NOT_YET.values(), ids=NOT_YET)
async def test_file_that_is_not_named_in_time_is_left_to_the_next_run(
    tmp_path: Path, said: dict[str, Any]
) -> None:
    service, journal = Service(**{"output_file_id": None, **said}), tmp_path / "run.sqlite"
    async with client_of(service) as client:
        with pytest.raises(APIResponseError, match="names no file"):
            await run(client, journal)
        service.batch.update(output_file_id="file-2", request_counts=COUNTS)
        assert texts(await run(client, journal)) == ANSWERS


@pytest.mark.parametrize("completed", [-(10**20), 10**20])
async def test_count_that_cannot_be_is_neither_stored_nor_waited_for(completed: int) -> None:
    service = Service(request_counts={"total": 4, "completed": completed, "failed": 0})
    async with asyncio.timeout(5), client_of(service) as client:
        if completed < 0:
            assert texts(await run(client)) == ANSWERS
        else:
            with pytest.raises(APIResponseError, match="only 4 lines"):
                await run(client)


async def busy(exchange: Exchange, *, seconds: str) -> None:
    await exchange.answer(503, {"detail": "maintenance"}, Retry_After=seconds)


UPLOAD, STARTED = {"id": "file-1"}, {"id": "batch_1", "input_file_id": "file-1"}
ENDED = {**STARTED, "status": "completed", "output_file_id": "f"}


@pytest.mark.parametrize("before", [(UPLOAD,), (UPLOAD, STARTED, ENDED)], ids=["create", "download"])
async def test_step_of_a_run_does_not_wait_for_a_day(before: tuple[Any, ...]) -> None:
    scripts = (*answers(*before), partial(busy, seconds="86400"))
    async with ScriptedServer(scripts) as server, AsyncMaritaca(KEY, base_url=server.base_url) as client:
        async with asyncio.timeout(5):
            with pytest.raises(InternalServerError, match="maintenance") as caught:
                await anext(client.batches.run([ask(0)], **FAST))
    assert caught.value.retry_after == 86400
    assert len(server.seen) == len(scripts)


async def test_step_of_a_run_waits_as_the_service_asks_and_says_so(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO, "maritaca_async")
    scripts = (
        *answers(UPLOAD),
        partial(busy, seconds="0.4"),
        *answers({"data": []}, STARTED, ENDED, row("a")),
    )
    async with ScriptedServer(scripts) as server, AsyncMaritaca(KEY, base_url=server.base_url) as client:
        started = time.monotonic()
        await anext(client.batches.run([ask(0, custom_id="a")], **FAST))
        assert time.monotonic() - started >= 0.4
    assert "a step of shard 0 failed (InternalServerError, 503), next in 0.40 s" in caplog.text
    assert "maintenance" not in caplog.text


async def test_step_of_a_run_stays_inside_the_deadline() -> None:
    scripts = (*answers(UPLOAD), partial(busy, seconds="30"))
    async with ScriptedServer(scripts) as server, AsyncMaritaca(KEY, base_url=server.base_url) as client:
        async with asyncio.timeout(5):
            with pytest.raises(InternalServerError):
                await anext(client.batches.run([ask(0)], deadline=10, **FAST))


@pytest.mark.parametrize("per_call", [True, False])
async def test_look_at_a_batch_waits_no_longer_than_the_policy_allows(
    caplog: pytest.LogCaptureFixture, per_call: bool
) -> None:
    caplog.set_level(logging.INFO, "maritaca_async")
    policy: dict[str, Any] = {"max_retries": RetryPolicy(max_retries=0, max_retry_after=0.2)}
    scripts = (partial(busy, seconds="86400"), *answers(ENDED))
    made: dict[str, Any] = {} if per_call else policy
    async with (
        ScriptedServer(scripts) as server,
        AsyncMaritaca(KEY, base_url=server.base_url, **made) as client,
    ):
        async with asyncio.timeout(5):
            started = time.monotonic()
            await client.batches.wait("batch_1", **FAST, **(policy if per_call else {}))
            assert time.monotonic() - started >= 0.2
    assert "a look failed (InternalServerError, 503), next in 0.20 s" in caplog.text
    assert "maintenance" not in caplog.text


@pytest.mark.parametrize("refusal", [NotFoundError, BadRequestError])
async def test_input_file_that_is_gone_is_uploaded_anew(
    client: AsyncMaritaca, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: Any
) -> None:
    journal, requests = tmp_path / "run.sqlite", [ask(number) for number in range(4)]
    create, calls = client.batches.create, 0

    async def failing(**params: Any) -> Batch:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise AuthenticationError("401", status_code=401)
        if calls == 3:
            raise refusal("No such file", status_code=404)
        return await create(**params)

    monkeypatch.setattr(client.batches, "create", failing)
    options = {"journal": journal, "shard_requests": 2, "concurrency": 1, **FAST}
    with pytest.raises(AuthenticationError):
        async for _ in client.batches.run(requests, **options):
            pass
    used = {batch.input_file_id async for batch in client.batches.list()}
    (lost,) = [file.id async for file in client.files.list(purpose="batch") if file.id not in used]
    await client.files.delete(lost)
    results = [result async for result in client.batches.run(requests, **options)]
    assert [f"a {number + 1}." in result.completion.text for number, result in enumerate(results)] == [
        True
    ] * 4
    assert len((await client.batches.list()).data) == 2
    assert calls == 4


async def test_refusal_of_a_new_file_is_an_error_and_not_uploaded_again(
    sandbox: Sandbox, client: AsyncMaritaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def refuse(**_: Any) -> Batch:
        raise BadRequestError("400", status_code=400)

    monkeypatch.setattr(client.batches, "create", refuse)
    with pytest.raises(BadRequestError):
        await anext(client.batches.run([ask(0)], **FAST))
    assert [record.method for record in sandbox.requests] == ["POST"]


async def test_list_that_is_refused_starts_nothing_twice(
    sandbox: Sandbox, client: AsyncMaritaca, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def lose(**_: Any) -> Batch:
        raise AuthenticationError("401", status_code=401)

    def refuse(**_: Any) -> Any:
        raise NotFoundError("404", status_code=404)

    journal = tmp_path / "run.sqlite"
    monkeypatch.setattr(client.batches, "create", lose)
    with pytest.raises(AuthenticationError):
        await anext(client.batches.run([ask(0)], journal=journal, **FAST))
    monkeypatch.undo()
    monkeypatch.setattr(client.batches, "list", refuse)
    with pytest.raises(NotFoundError):
        await anext(client.batches.run([ask(0)], journal=journal, **FAST))
    assert [record.method for record in sandbox.requests] == ["POST"]


async def test_name_that_no_file_can_hold_is_refused_before_anything_is_sent(
    sandbox: Sandbox, client: AsyncMaritaca
) -> None:
    requests = [ask(0), ask(1, custom_id="b\ud800")]
    with pytest.raises(ConfigurationError, match=r"requests\[1\]: custom_id .* UTF-8 can write.*surrogate"):
        await anext(client.batches.run(requests, **FAST))
    assert sandbox.requests == []
    results = [result async for result in client.batches.run(requests, return_exceptions=True, **FAST)]
    assert [type(result.error) for result in results] == [type(None), ConfigurationError]


async def test_journal_of_another_server_is_refused_before_anything_is_sent(
    client: AsyncMaritaca, tmp_path: Path
) -> None:
    journal = tmp_path / "run.sqlite"
    assert [result.stored async for result in client.batches.run([ask(0)], journal=journal, **FAST)] == [
        False
    ]
    async with Sandbox() as other, AsyncMaritaca(KEY, base_url=other.base_url) as production:
        with pytest.raises(ConfigurationError, match="journal is of another run.*base_url"):
            await anext(production.batches.run([ask(0)], journal=journal, **FAST))
        assert other.requests == []
    assert [result.stored async for result in client.batches.run([ask(0)], journal=journal, **FAST)] == [True]


async def cancelled_within(*_: Any, **__: Any) -> Any:
    """What code does that waits for a task which somebody else cancels."""
    inner = asyncio.create_task(asyncio.sleep(60))
    inner.cancel()
    await inner


async def test_worker_that_is_cut_short_by_a_cancellation_is_a_failure(
    client: AsyncMaritaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(client.batches, "wait", cancelled_within)
    async with asyncio.timeout(5):
        with pytest.raises(MaritacaError, match="CancelledError.*nobody closed it") as caught:
            await anext(client.batches.run([ask(0)], return_exceptions=True, **FAST))
    assert isinstance(caught.value.__cause__, asyncio.CancelledError)


async def test_opening_that_is_cut_short_by_a_cancellation_is_a_failure(
    client: AsyncMaritaca, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(BatchJournal, "resume", cancelled_within)
    async with asyncio.timeout(5):
        with pytest.raises(MaritacaError, match="CancelledError"):
            await anext(client.batches.run([ask(0)], **FAST))


async def test_tasks_that_others_cancel_are_a_failure(sandbox: Sandbox, client: AsyncMaritaca) -> None:
    sandbox.configure(batch_seconds=30)
    reading = asyncio.create_task(anext(client.batches.run([ask(0)], **FAST)))
    while not any(record.method == "GET" for record in sandbox.requests):
        await asyncio.sleep(0.01)
    names = ("BatchWork._own", "BatchWork._work")
    for task in asyncio.all_tasks():
        if getattr(task.get_coro(), "__qualname__", "") in names:
            task.cancel()
    async with asyncio.timeout(5):
        with pytest.raises(MaritacaError, match="CancelledError|closed"):
            await reading


async def tell(_: Any) -> None:
    raise AssertionError


class Teller:
    async def __call__(self, _: Any) -> None:
        raise AssertionError


@pytest.mark.parametrize(
    "told", [tell, partial(tell), Teller(), 3], ids=["function", "partial", "object", "none"]
)
def test_progress_that_nobody_would_await_is_refused_before_anything_is_sent(told: Any) -> None:
    asynchronous, blocking = AsyncMaritaca(KEY), Maritaca(KEY, base_url="http://127.0.0.1:9/api")
    for begin in (
        partial(asynchronous.batches.run, []),
        partial(blocking.batches.run, []),
        partial(blocking.chat.completions.map, []),
        partial(blocking.batches.wait, "batch_1"),
    ):
        with pytest.raises(ConfigurationError, match="on_progress must be a (plain )?function"):
            begin(on_progress=told)


async def test_wait_refuses_what_is_no_function_before_anything_is_sent(
    sandbox: Sandbox, client: AsyncMaritaca
) -> None:
    with pytest.raises(ConfigurationError, match="on_progress must be a function, not int"):
        await client.batches.wait("batch_1", on_progress=3)  # type: ignore[arg-type]
    assert sandbox.requests == []


@pytest.mark.parametrize("journal", ["", ":memory:", 3])
def test_run_refuses_a_journal_that_would_keep_nothing(journal: Any) -> None:
    with pytest.raises(ConfigurationError, match="journal must be the path of a file"):
        AsyncMaritaca(KEY).batches.run([], journal=journal)
