"""The same through a client and a socket, one field at a time: what reaches the caller is a result or an error of ours."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY
from mutants import mutants
from pydantic import BaseModel
from scripted import Exchange, Script, ScriptedServer

from maritaca_async import APIStatusError, AsyncMaritaca, MaritacaError
from maritaca_async.types import Batch, BatchResult, GeneratedFile

from .accessors import duplicate, exercise, is_ours
from .documents import (
    BATCH_PAGE,
    CALL_CHUNKS,
    DELETED,
    ERRORS,
    FAILED_BATCH,
    FILE,
    FILE_PAGE,
    GUIDE_BATCH,
    MODELS,
    OUTPUT_LINES,
    PLAIN_CHAT,
    PLAIN_RESPONSE,
    REFERENCE_BATCH,
    RESPONSE_STREAMS,
    TEXT_CHUNKS,
    WHOLE_CHAT,
    WHOLE_RESPONSE,
)
from .parameters import CHAT_ASK, RESPONSE_ASK

Ask = Callable[[AsyncMaritaca], Awaitable[Any]]
Give = Callable[[Exchange, Any], Awaitable[None]]


class Person(BaseModel):
    nome: str


def client_of(server: ScriptedServer) -> AsyncMaritaca:
    return AsyncMaritaca(KEY, base_url=server.base_url, max_retries=0)


async def give_json(exchange: Exchange, body: Any) -> None:
    await exchange.answer(200, json.dumps(body).encode(), x_request_id="req_1")


async def give_events(exchange: Exchange, events: list[Any], end: str = "") -> None:
    await exchange.begin_stream()
    await exchange.piece("".join(f"data: {json.dumps(event)}\n\n" for event in events).encode())
    if end:
        await exchange.event(end)
    await exchange.end_stream()


async def give_chunks(exchange: Exchange, events: list[Any]) -> None:
    await give_events(exchange, events, end="[DONE]")


async def outcomes(ask: Ask, give: Give, bodies: list[Any]) -> Counter[str]:
    """What becomes of each body that a server gives in answer."""

    async def script(exchange: Exchange) -> None:
        await give(exchange, bodies[exchange.number])

    found: Counter[str] = Counter()
    async with ScriptedServer((script,)) as server, client_of(server) as client:
        for _ in bodies:
            try:
                result = await ask(client)
            except MaritacaError as error:
                assert is_ours(error)
                duplicate(error)
                found["refused"] += 1
            else:
                exercise(result)
                duplicate(result)
                found["read"] += 1
        assert len(server.seen) == len(bodies)
    return found


async def of_a_call(called: Awaitable[Any]) -> Any:
    result = await called
    assert (result.http.status, result.http.request_id) == (200, "req_1")
    return result


async def of_a_chat_stream(client: AsyncMaritaca) -> Any:
    async with client.chat.completions.stream(**CHAT_ASK) as stream:
        events = [event async for event in stream]
        completion = await stream.get_final_completion()
    texts = [event.delta for event in events if event.type == "content.delta"]
    assert "".join(texts) == completion.text
    return completion


async def of_chunks(client: AsyncMaritaca) -> Any:
    return [chunk async for chunk in await client.chat.completions.create(stream=True, **CHAT_ASK)]


async def of_a_response_stream(client: AsyncMaritaca) -> Any:
    async with client.responses.stream(**RESPONSE_ASK) as stream:
        texts = [text async for text in stream.text_stream]
        response = await stream.get_final_response()
    assert "".join(texts) == response.output_text
    return response


async def of_events(client: AsyncMaritaca) -> Any:
    return [event async for event in await client.responses.create(stream=True, **RESPONSE_ASK)]


CALLS: dict[str, tuple[Ask, Any]] = {
    "chat": (lambda c: of_a_call(c.chat.completions.create(**CHAT_ASK)), WHOLE_CHAT),
    "chat sample": (lambda c: of_a_call(c.chat.completions.create(**CHAT_ASK)), PLAIN_CHAT),
    "chat of a type": (
        lambda c: of_a_call(c.chat.completions.parse(response_format=Person, **CHAT_ASK)),
        WHOLE_CHAT,
    ),
    "whole chat for a stream": (of_a_chat_stream, WHOLE_CHAT),
    "response": (lambda c: of_a_call(c.responses.create(**RESPONSE_ASK)), WHOLE_RESPONSE),
    "response of a type": (
        lambda c: of_a_call(c.responses.parse(text_format=Person, **RESPONSE_ASK)),
        WHOLE_RESPONSE,
    ),
    "whole response for a stream": (of_a_response_stream, WHOLE_RESPONSE),
    "uploaded file": (lambda c: of_a_call(c.files.create(file=b"{}")), FILE),
    "file": (lambda c: of_a_call(c.files.retrieve("id-1")), FILE),
    "deleted file": (lambda c: of_a_call(c.files.delete("id-1")), DELETED),
    "created batch": (lambda c: of_a_call(c.batches.create(input_file_id="id-1")), GUIDE_BATCH),
    "batch": (lambda c: of_a_call(c.batches.retrieve("id-1")), REFERENCE_BATCH),
    "cancelled batch": (lambda c: of_a_call(c.batches.cancel("id-1")), FAILED_BATCH),
    "models": (lambda c: of_a_call(c.models.list()), MODELS),
}
# Base64 that is cut short is an error of its accessor, and no part of these tests.
PLAIN_RESPONSE_WITHOUT_FILE = {**PLAIN_RESPONSE, "output": PLAIN_RESPONSE["output"][1:]}
CALLS["response sample"] = (CALLS["response"][0], PLAIN_RESPONSE_WITHOUT_FILE)


@pytest.mark.parametrize("name", CALLS)
async def test_answer_of_a_call_is_a_result_or_an_error(name: str) -> None:
    ask, whole = CALLS[name]
    bodies = [None, [], {}, *mutants(whole, 1)]
    assert await outcomes(ask, give_json, [whole]) == {"read": 1}
    found = await outcomes(ask, give_json, bodies)
    assert found["read"] > 0
    assert found["refused"] >= 3


STREAMS: dict[str, tuple[Ask, Give, Any]] = {
    "events of text": (of_a_chat_stream, give_chunks, TEXT_CHUNKS),
    "events of calls": (of_a_chat_stream, give_chunks, CALL_CHUNKS),
    "chunks of calls": (of_chunks, give_chunks, CALL_CHUNKS),
    "response": (of_a_response_stream, give_events, RESPONSE_STREAMS["completed"]),
    "incomplete response": (of_a_response_stream, give_events, RESPONSE_STREAMS["incomplete"]),
    "events of a response": (of_events, give_events, RESPONSE_STREAMS["completed"]),
}


@pytest.mark.parametrize("name", STREAMS)
async def test_stream_is_a_result_or_an_error(name: str) -> None:
    ask, give, whole = STREAMS[name]
    assert await outcomes(ask, give, [whole]) == {"read": 1}
    found = await outcomes(ask, give, list(mutants(whole, 1)))
    assert found["read"] > found["refused"] > 0


async def test_failed_stream_is_an_error() -> None:
    bodies = list(mutants(RESPONSE_STREAMS["failed"], 1))
    found = await outcomes(of_a_response_stream, give_events, bodies)
    assert found["refused"] == len(bodies)


def of_a_list(area: str) -> Ask:
    async def ask(client: AsyncMaritaca) -> Any:
        page = await (client.files if area == "files" else client.batches).list()
        assert page.http.status == 200
        assert page.has_more is (page.next_cursor is not None)
        assert str(len(page.data)) in repr(page)
        return page.data

    return ask


@pytest.mark.parametrize(("area", "page"), [("files", FILE_PAGE), ("batches", BATCH_PAGE)])
async def test_page_of_a_list_is_a_page_or_an_error(area: str, page: Any) -> None:
    found = await outcomes(of_a_list(area), give_json, [None, [], {}, page, *mutants(page, 1)])
    assert found["read"] > found["refused"] >= 3


@pytest.mark.parametrize(("area", "page"), [("files", FILE_PAGE), ("batches", BATCH_PAGE)])
async def test_walk_through_a_list_with_a_spoilt_first_page_ends(area: str, page: Any) -> None:
    last = {"data": [], "has_more": False}
    for body in mutants(page, 1):
        bodies = [body, last]

        async def script(exchange: Exchange, bodies: list[Any] = bodies) -> None:
            await give_json(exchange, bodies[min(exchange.number, 1)])

        async with ScriptedServer((script,)) as server, client_of(server) as client:
            try:
                found = [one async for one in (client.files if area == "files" else client.batches).list()]
            except MaritacaError as error:
                assert is_ours(error)
            else:
                assert len(found) == len(body.get("data") or [])
            assert len(server.seen) <= 2


# Results of a batch


LINE_SPOILT = list(mutants(OUTPUT_LINES["answered"], 1))


def files_of_a_batch(output: bytes, errors: bytes) -> Script:
    async def script(exchange: Exchange) -> None:
        body = output if "file2" in exchange.seen.path else errors
        await exchange.answer(200, body, content_type="application/octet-stream")

    return script


async def test_results_have_one_result_for_each_line_however_spoilt() -> None:
    failed = [OUTPUT_LINES["expired"], OUTPUT_LINES["refused"]]
    failed += [mutant for line in failed[:2] for mutant in mutants(line, 1)]
    output, errors = (
        "".join(json.dumps(line) + "\n" for line in lines).encode() for lines in (LINE_SPOILT, failed)
    )
    async with ScriptedServer((files_of_a_batch(output, errors),)) as server, client_of(server) as client:
        results = [one async for one in client.batches.results(Batch.model_validate(GUIDE_BATCH))]
    assert [json.loads(one.raw) for one in results] == [*LINE_SPOILT, *failed]
    for one in results:
        assert isinstance(one, BatchResult)
        exercise(one)
        duplicate(one)
        assert one.error is None or is_ours(one.error)


@pytest.mark.parametrize(
    "whole", [GUIDE_BATCH, REFERENCE_BATCH, FAILED_BATCH], ids=["guide", "ref", "failed"]
)
async def test_results_of_a_spoilt_batch_are_results_or_an_error(whole: Any) -> None:
    answered, failed = (json.dumps(OUTPUT_LINES[name]).encode() + b"\n" for name in ("answered", "refused"))
    found: Counter[str] = Counter()
    async with (
        ScriptedServer((files_of_a_batch(answered * 2, failed),)) as server,
        client_of(server) as client,
    ):
        for mutant in mutants(whole, 1):
            batch = Batch.model_validate(mutant)
            try:
                results = [one async for one in client.batches.results(batch)]
            except MaritacaError as error:
                assert is_ours(error)
                found["refused"] += 1
            else:
                assert [one.completion is None for one in results] == [False, False, True]
                found["read"] += 1
    assert found.total() == sum(1 for _ in mutants(whole, 1))
    assert (found["read"] > found["refused"]) is (whole is not FAILED_BATCH)


# Errors


@pytest.mark.parametrize("status", [400, 401, 422, 429, 500, 503])
async def test_error_of_any_shape_is_an_error_of_its_status(status: int) -> None:
    bodies = [body for shape in ERRORS.values() for body in [shape, *mutants(shape, 1)]]

    async def script(exchange: Exchange) -> None:
        await exchange.answer(status, json.dumps(bodies[exchange.number]).encode())

    async with ScriptedServer((script,)) as server, client_of(server) as client:
        for body in bodies:
            with pytest.raises(APIStatusError) as caught:
                await client.responses.create(**RESPONSE_ASK)
            assert caught.value.status_code == status
            assert json.loads(caught.value.body) == body
            assert is_ours(caught.value)
            duplicate(caught.value)


@pytest.mark.parametrize(
    "ask", [CALLS["chat"][0], CALLS["response"][0], of_a_chat_stream, of_a_response_stream]
)
async def test_error_body_with_a_good_status_is_an_error(ask: Ask) -> None:
    bodies = [body for shape in ERRORS.values() for body in [shape, *mutants(shape, 1)]]
    found = await outcomes(ask, give_json, bodies)
    assert found == {"refused": len(bodies)}


# Files that came with an answer


def test_file_of_a_spoilt_answer_is_saved_inside_the_directory_or_refused(tmp_path: Path) -> None:
    folder = tmp_path / "saída"
    for mutant in [WHOLE_CHAT["generated_files"][0], *mutants(WHOLE_CHAT["generated_files"][0], 1)]:
        file = GeneratedFile.model_validate(mutant)
        if not mutant.get("content_base64"):
            with pytest.raises(ValueError, match="brought no content"):
                file.save(folder)
            continue
        path = file.save(folder)
        assert path.parent == folder
        assert path.read_bytes() == b"\x89PNG"
