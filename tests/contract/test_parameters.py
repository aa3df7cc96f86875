"""Each parameter of the contract reaches the wire as it was given, and nothing else does."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from conftest import KEY
from scripted import ScriptedServer, answers, completion

from maritaca_async import AsyncMaritaca, batch_line
from maritaca_async.sandbox import Sandbox
from maritaca_async.sandbox._multipart import parse_form
from maritaca_async.types import (
    BatchCreateParams,
    BatchListParams,
    CompletionParams,
    FileCreateParams,
    FileListParams,
    RequestOptions,
    ResponseParams,
)

from . import parameters
from .documents import BATCH_PAGE, FILE_PAGE, INPUT_LINE, PLAIN_RESPONSE
from .parameters import CHAT_ASK, RESPONSE_ASK, Given, Parameter
from .routes import ROUTES

OPTIONS = RequestOptions.__annotations__.keys()


Bodies = dict[str, Any]


@asynccontextmanager
async def connected(base_url: str) -> AsyncIterator[AsyncMaritaca]:
    async with AsyncMaritaca(KEY, base_url=base_url, max_retries=0) as client:
        yield client


async def ask(client: AsyncMaritaca, api: str, params: Given) -> None:
    answer: Any = await (client.chat.completions if api == "chat" else client.responses).create(**params)
    if params.get("stream"):
        async for _ in answer:
            pass


async def sent_to_the_sandbox(api: str, asked: dict[str, Given]) -> Bodies:
    """The bodies that arrive at a server which takes nothing that is not documented."""
    async with Sandbox() as sandbox, connected(sandbox.base_url) as client:
        for params in asked.values():
            await ask(client, api, params)
        assert [request.status for request in sandbox.requests] == [200] * len(asked)
        return {name: request.body for name, request in zip(asked, sandbox.requests, strict=True)}


async def sent_to_anybody(api: str, asked: dict[str, Given]) -> Bodies:
    """The bodies that arrive at a server which takes whatever it is given."""
    answer = completion() if api == "chat" else PLAIN_RESPONSE
    async with ScriptedServer(answers(answer)) as server, connected(server.base_url) as client:
        for params in asked.values():
            await ask(client, api, params)
        return {name: request.json for name, request in zip(asked, server.seen, strict=True)}


TABLES = {"chat": (CHAT_ASK, parameters.CHAT), "responses": (RESPONSE_ASK, parameters.RESPONSES)}


@pytest.mark.parametrize("api", TABLES)
@pytest.mark.parametrize(
    ("served", "send"),
    [(True, sent_to_the_sandbox), (False, sent_to_anybody)],
    ids=["documented", "undocumented"],
)
async def test_each_parameter_reaches_the_wire_as_it_is_and_alone(api: str, served: bool, send: Any) -> None:
    base, table = TABLES[api]
    table = [parameter for parameter in table if parameter.served is served]
    found = await send(api, {str(parameter): {**base, **parameter.given} for parameter in table})
    assert found == {str(parameter): {**base, **parameter.sent} for parameter in table}


@pytest.mark.parametrize(
    ("api", "names"),
    [("chat", parameters.CHAT_NULLABLE), ("responses", parameters.RESPONSES_NULLABLE)],
)
async def test_null_is_sent_as_null_and_what_was_not_set_is_not_sent(
    api: str, names: tuple[str, ...]
) -> None:
    base, _ = TABLES[api]
    asked = {"": base, **{name: {**base, name: None} for name in names}}
    assert await sent_to_the_sandbox(api, asked) == asked


async def test_null_stream_options_are_sent_with_a_stream() -> None:
    params = {**CHAT_ASK, "stream": True, "stream_options": None}
    assert await sent_to_the_sandbox("chat", {"": params}) == {"": params}


LINES = [p for p in parameters.CHAT if "stream" not in p.given]


@pytest.mark.parametrize("parameter", LINES, ids=str)
def test_chat_parameter_is_written_into_the_line_of_a_batch(parameter: Parameter) -> None:
    line = json.loads(batch_line("linha-1", **{**CHAT_ASK, **parameter.given}).data)
    assert line["body"] == {**CHAT_ASK, **parameter.sent}
    assert (line["custom_id"], line["method"], line["url"]) == ("linha-1", "POST", "/v1/chat/completions")
    assert line.keys() == INPUT_LINE.keys()


async def test_form_of_an_upload_has_its_fields_and_no_others() -> None:
    for parameter in parameters.FILE_FIELDS:
        async with Sandbox() as sandbox, connected(sandbox.base_url) as client:
            stored = await client.files.create(**parameter.given)
            [request] = sandbox.requests
        form = parse_form(request.raw, request.headers["Content-Type"])
        assert {name: part.data for name, part in form.items()} == parameter.sent
        assert form["file"].filename == stored.filename == "a.jsonl"
        assert stored.purpose == parameter.sent["purpose"].decode()


LISTS = {"files": (parameters.FILE_QUERY, FILE_PAGE), "batches": (parameters.BATCH_QUERY, BATCH_PAGE)}


@pytest.mark.parametrize("area", LISTS)
async def test_query_of_a_list_has_what_was_set_and_no_more(area: str) -> None:
    table, page = LISTS[area]
    async with ScriptedServer(answers(page)) as server, connected(server.base_url) as client:
        for given in ({}, *(parameter.given for parameter in table)):
            await (client.files if area == "files" else client.batches).list(**given)
    asked = [urlsplit(request.path) for request in server.seen]
    assert {(request.method, request.body) for request in server.seen} == {("GET", b"")}
    assert {url.path for url in asked} == {f"/api/{area}"}
    assert [dict(parse_qsl(url.query)) for url in asked] == [{}, *(parameter.sent for parameter in table)]


async def test_batch_is_created_with_what_was_set_and_what_the_service_requires() -> None:
    async with Sandbox() as sandbox, connected(sandbox.base_url) as client:
        stored = await client.files.create(file=("a.jsonl", json.dumps(INPUT_LINE).encode()))
        for parameter in parameters.BATCH_FIELDS:
            await client.batches.create(input_file_id=stored.id, **parameter.given)
            assert sandbox.requests[-1].body == {"input_file_id": stored.id, **parameter.sent}
        assert {request.status for request in sandbox.requests} == {200}


async def test_each_call_goes_to_its_route() -> None:
    found = []
    for call, answer in ROUTES.values():
        async with ScriptedServer(answers(answer)) as server, connected(server.base_url) as client:
            await call(client)
        found += [f"{request.method} {request.path}" for request in server.seen]
    assert found == [route.format(id="id-1") for route in ROUTES]


@pytest.mark.parametrize(
    ("table", "declared"),
    [
        (parameters.CHAT, CompletionParams),
        (parameters.RESPONSES, ResponseParams),
        (parameters.FILE_FIELDS, FileCreateParams),
        (parameters.FILE_QUERY, FileListParams),
        (parameters.BATCH_FIELDS, BatchCreateParams),
        (parameters.BATCH_QUERY, BatchListParams),
    ],
)
def test_table_names_every_parameter_that_is_declared(table: list[Parameter], declared: Any) -> None:
    given = {name for parameter in table for name in parameter.given} - OPTIONS
    named = {parameter.name for parameter in table}
    assert declared.__annotations__.keys() - OPTIONS <= given | named


def test_no_two_shapes_have_one_name() -> None:
    for table in (parameters.CHAT, parameters.RESPONSES):
        assert len({str(parameter) for parameter in table}) == len(table)
