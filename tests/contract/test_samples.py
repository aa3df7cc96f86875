"""Every sample of the contract is read as what it says."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from conftest import KEY
from scripted import Exchange, Script, ScriptedServer, answers

from maritaca_async import (
    APIStatusError,
    APIStreamError,
    AsyncMaritaca,
    AuthenticationError,
    BadRequestError,
    ConflictError,
    InternalServerError,
    NotFoundError,
    PayloadTooLargeError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    UnprocessableEntityError,
    batch_line,
    request_cost,
)
from maritaca_async.resources._batch_lines import parse_result

from .documents import DELETED, ERRORS, INPUT_LINE, PLAIN_CHAT, PLAIN_RESPONSE, Document, frames, sample
from .parameters import CHAT_ASK, RESPONSE_ASK


def raw(transcript: str) -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.piece(frames(transcript))
        await exchange.end_stream()

    return script


def client_of(server: ScriptedServer) -> AsyncMaritaca:
    return AsyncMaritaca(KEY, base_url=server.base_url, max_retries=0)


async def test_completion() -> None:
    async with ScriptedServer(answers(PLAIN_CHAT)) as server, client_of(server) as client:
        completion = await client.chat.completions.create(**CHAT_ASK)
    assert (completion.id, completion.model, completion.created) == ("0f3c", "sabia-4", 1784310000)
    assert (completion.service_tier, completion.system_fingerprint) == ("flex", "fp9")
    assert (completion.text, completion.choices[0].finish_reason) == ("Sim, cabe no prazo.", "stop")
    usage = completion.usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (812, 7, 819)
    assert usage.prompt_tokens_details is not None
    assert usage.prompt_tokens_details.cached_tokens == 768
    assert usage.extraction_details is not None
    assert usage.extraction_details.medium_effort_pages_extracted == 2
    assert usage.tool_execution_details is None
    [file] = completion.extracted_files or []
    assert (file.filename, file.text) == ("contrato.pdf", "CLAUSULA 1 ...")
    assert completion.model_dump(mode="json", exclude_unset=True) == PLAIN_CHAT


async def test_stream_of_text() -> None:
    async with ScriptedServer((raw(sample("07-text.sse")),)) as server, client_of(server) as client:
        async with client.chat.completions.stream(**CHAT_ASK) as stream:
            texts = [text async for text in stream.text_stream]
            completion = await stream.get_final_completion()
    assert texts == ["Bom dia!"]
    assert (completion.id, completion.text, completion.choices[0].finish_reason) == ("k1", "Bom dia!", "stop")
    assert completion.usage is not None
    assert (completion.usage.prompt_tokens, completion.usage.total_tokens) == (9, 12)


async def test_stream_of_a_tool_call() -> None:
    async with ScriptedServer((raw(sample("07-tool-call.sse")),)) as server, client_of(server) as client:
        async with client.chat.completions.stream(**CHAT_ASK) as stream:
            completion = await stream.get_final_completion()
    [choice] = completion.choices
    [call] = choice.message.tool_calls or []
    assert (call.id, call.type, call.function.name) == ("call_7", "function", "soma")
    assert call.function.parsed_arguments() == {"a": 2, "b": 3}
    assert (choice.message.content, choice.finish_reason) == (None, "tool_calls")


async def test_response() -> None:
    async with ScriptedServer(answers(PLAIN_RESPONSE)) as server, client_of(server) as client:
        response = await client.responses.create(**RESPONSE_ASK)
    assert (response.id, response.status, response.model) == ("resp-5", "completed", "sabia-4-thinking")
    assert response.output_text == "Segue o grafico."
    [file] = response.artifacts
    assert (file.id, file.filename, file.mime_type, file.size_bytes) == (
        "cea_1", "vendas.png", "image/png", 9120,
    )  # fmt: skip
    with pytest.raises(ValueError, match="'vendas.png' is not Base64"):  # the sample cuts it short
        _ = file.content
    usage = response.usage
    assert usage is not None
    assert usage.output_tokens_details is not None
    assert usage.output_tokens_details.reasoning_tokens == 180
    assert usage.tool_execution_details is not None
    assert usage.tool_execution_details.code_execution_minutes == 1
    assert (response.error, response.incomplete_details, response.metadata) == (None, None, {})
    assert (response.tools, response.store) == ([{"type": "code_interpreter"}], False)
    assert response.model_dump(mode="json", exclude_unset=True) == PLAIN_RESPONSE


async def test_stream_of_a_response() -> None:
    async with ScriptedServer((raw(sample("10-text.sse")),)) as server, client_of(server) as client:
        async with client.responses.stream(**RESPONSE_ASK) as stream:
            events = [event async for event in stream]
            response = await stream.get_final_response()
    written = re.findall(r'data: {"type":"([a-z_.]+)"', sample("10-text.sse"))
    assert [event.type for event in events] == written
    assert [event.sequence_number for event in events] == list(range(1, 10))
    assert (response.output_text, response.status) == ("Pronto.", "completed")
    assert response.usage is not None
    assert response.usage.total_tokens == 9


async def test_stream_of_a_response_that_fails() -> None:
    begun = sample("10-text.sse").partition('data: {"type":"response.output_text.done"')[0]
    transcript = begun + sample("10-failed.sse")
    async with ScriptedServer((raw(transcript),)) as server, client_of(server) as client:
        async with client.responses.stream(**RESPONSE_ASK) as stream:
            with pytest.raises(APIStreamError, match=r"the response failed: \.\.\.") as caught:
                await stream.get_final_response()
    assert caught.value.code == "server_error"
    assert (caught.value.received.status, caught.value.received.id) == ("failed", "resp-9")


def test_lines_of_a_batch() -> None:
    line, answered, expired = sample("18-lines.jsonl").splitlines()
    made = batch_line(INPUT_LINE["custom_id"], **INPUT_LINE["body"])
    assert json.loads(made.data) == json.loads(line)
    result = parse_result(answered, "/v1/chat/completions")
    assert (result.custom_id, result.status_code, result.request_id) == ("linha-1", 200, "req_4")
    assert result.completion is not None
    assert (result.completion.id, result.completion.text, result.error) == ("c9", "...", None)
    assert result.completion.usage is not None
    assert result.completion.usage.total_tokens == 65
    failed = parse_result(expired, "/v1/chat/completions")
    assert (failed.custom_id, failed.status_code, failed.request_id) == ("linha-2", None, None)
    assert isinstance(failed.error, APIStreamError)
    assert (failed.error.code, failed.completion) == ("batch_expired", None)


async def test_deletion() -> None:
    async with ScriptedServer(answers(DELETED)) as server, client_of(server) as client:
        deleted = await client.files.delete("file1")
    assert (deleted.id, deleted.object, deleted.deleted) == ("file1", "file", True)


COST = re.search(
    r"check: (?P<model>\S+), prompt (?P<prompt>[\d,]+) \((?P<cached>[\d,]+) cached\), completion (?P<out>[\d,]+)"
    r" -> off-peak R\$ (?P<off_peak>\S+); flex R\$ (?P<flex>\S+); plain R\$ (?P<plain>\S+)",
    sample("22-cost.txt"),
)  # fmt: skip


@pytest.mark.parametrize(
    ("name", "how"),
    [
        ("off_peak", {"at": datetime(2026, 7, 17, 3, tzinfo=UTC)}),
        ("flex", {"service_tier": "flex"}),
        ("flex", {"batch": True}),
        ("plain", {}),
    ],
)
def test_cost(name: str, how: dict[str, Any]) -> None:
    assert COST is not None
    prompt, cached, out = (int(COST[part].replace(",", "")) for part in ("prompt", "cached", "out"))
    cost = request_cost(
        model=COST["model"], input_tokens=prompt, cached_tokens=cached, output_tokens=out, **how
    )
    assert cost.total == Decimal(COST[name])


STATUSES: dict[int, tuple[type[APIStatusError], bool]] = {
    400: (BadRequestError, False),
    401: (AuthenticationError, False),
    402: (PaymentRequiredError, False),
    403: (PermissionDeniedError, False),
    404: (NotFoundError, False),
    408: (RequestTimeoutError, True),
    409: (ConflictError, True),
    413: (PayloadTooLargeError, False),
    422: (UnprocessableEntityError, False),
    429: (RateLimitError, True),
    500: (InternalServerError, True),
    502: (InternalServerError, True),
    503: (InternalServerError, True),
    504: (InternalServerError, True),
}
DETAILS: dict[str, tuple[str | None, ...]] = {
    "detail": (None, None, None),
    "message": (None, None, None),
    "validation": (None, "missing", "messages.0"),
    "object": ("c", "t", "p"),
    "error": (None, None, None),
}


def failing(status: int, body: Document | bytes) -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(status, body, x_request_id="req_1")

    return script


@pytest.mark.parametrize("shape", ERRORS)
async def test_error_of_every_status_in_every_shape(shape: str) -> None:
    scripts = tuple(failing(status, ERRORS[shape]) for status in STATUSES)
    async with ScriptedServer(scripts) as server, client_of(server) as client:
        for status, (kind, retryable) in STATUSES.items():
            with pytest.raises(APIStatusError, match="text") as caught:
                await client.chat.completions.create(**CHAT_ASK)
            error = caught.value
            assert (type(error), error.status_code, error.retryable) == (kind, status, retryable)
            assert (error.code, error.type, error.param) == DETAILS[shape]
            assert json.loads(error.body) == ERRORS[shape]
            assert error.request_id == "req_1"


async def test_error_that_is_no_json_keeps_its_body() -> None:
    page = b"<html>Bad gateway</html>"
    async with ScriptedServer((failing(502, page),)) as server, client_of(server) as client:
        with pytest.raises(InternalServerError, match="<html>Bad gateway</html>") as caught:
            await client.chat.completions.create(**CHAT_ASK)
    assert caught.value.body == page.decode()
