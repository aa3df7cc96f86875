"""The official OpenAI SDK as a foreign client of the sandbox's files and batches."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from typing import Any

import openai
import pytest

from maritaca_async.sandbox import Sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(api_key="certa") as running:
        yield running


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(api_key="certa", base_url=sandbox.base_url, max_retries=0) as opened:
        yield opened


def line(number: int, **changes: Any) -> bytes:
    body = {"model": "sabia-4", "messages": [{"role": "user", "content": f"Quanto é {number} + 1?"}]}
    request = {"custom_id": f"q-{number}", "method": "POST", "url": "/v1/chat/completions"}
    return json.dumps({**request, "body": {**body, **changes}}).encode()


async def test_file_makes_the_round_trip(client: openai.AsyncOpenAI) -> None:
    data = io.BytesIO(b"um\ndois\r\n\r\n--")
    data.name = "pedidos.jsonl"
    made = await client.files.create(file=data, purpose="batch")
    assert (made.filename, made.bytes, made.purpose) == ("pedidos.jsonl", 13, "batch")
    assert (await client.files.retrieve(made.id)).id == made.id
    content = await client.files.content(made.id)
    assert content.content == b"um\ndois\r\n\r\n--"
    assert (await client.files.delete(made.id)).deleted
    with pytest.raises(openai.NotFoundError):
        await client.files.content(made.id)


async def test_files_are_paged(client: openai.AsyncOpenAI) -> None:
    made = [(await client.files.create(file=(f"{n}.jsonl", b"{}"), purpose="batch")).id for n in range(5)]
    assert [file.id async for file in client.files.list(limit=2, order="asc")] == made


async def test_batch_goes_from_input_to_results(sandbox: Sandbox, client: openai.AsyncOpenAI) -> None:
    sandbox.configure(batch_seconds=0.2)
    content = b"\n".join([line(1), line(2, temperature=9), line(3)])
    uploaded = await client.files.create(file=("pedidos.jsonl", content), purpose="batch")
    batch = await client.batches.create(
        input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    while batch.status not in ("completed", "failed"):
        await asyncio.sleep(0.02)
        batch = await client.batches.retrieve(batch.id)
    assert batch.request_counts is not None
    assert (batch.request_counts.completed, batch.request_counts.failed) == (2, 1)
    output = await client.files.content(batch.output_file_id or "")
    answers = {row["custom_id"]: row["response"]["body"] for row in map(json.loads, output.text.splitlines())}
    assert answers["q-3"]["choices"][0]["message"]["content"] == "3 + 1 é igual a 4."
    errors = json.loads((await client.files.content(batch.error_file_id or "")).text)
    assert (errors["custom_id"], errors["response"]["status_code"]) == ("q-2", 422)
    assert [found.id async for found in client.batches.list(limit=1)] == [batch.id]


async def test_refused_input_has_the_errors_of_the_sdk(client: openai.AsyncOpenAI) -> None:
    uploaded = await client.files.create(file=b"not json", purpose="batch")
    batch = await client.batches.create(
        input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    while batch.status != "failed":
        batch = await client.batches.retrieve(batch.id)
    assert batch.errors is not None
    assert batch.errors.data is not None
    assert (batch.errors.data[0].code, batch.errors.data[0].line) == ("invalid_json_line", 1)


async def test_batch_is_cancelled(sandbox: Sandbox, client: openai.AsyncOpenAI) -> None:
    sandbox.configure(batch_seconds=0.4)
    uploaded = await client.files.create(file=line(1), purpose="batch")
    batch = await client.batches.create(
        input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    assert (await client.batches.cancel(batch.id)).status == "cancelling"
    while batch.status != "cancelled":
        await asyncio.sleep(0.02)
        batch = await client.batches.retrieve(batch.id)
    assert batch.cancelled_at
