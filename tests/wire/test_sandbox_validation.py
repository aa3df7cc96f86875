"""What the sandbox refuses, and how it says so."""

from __future__ import annotations

import base64
import io
import json
from typing import Any

import aiohttp
import pytest

from maritaca_async.sandbox import Sandbox

KEY = {"Authorization": "Bearer chave"}
USER = {"role": "user", "content": "Olá"}
CALL = {"id": "c1", "type": "function", "function": {"name": "soma", "arguments": "{}"}}
ASKED = {"role": "assistant", "content": None, "tool_calls": [CALL]}
TOOL = {"type": "function", "function": {"name": "soma", "parameters": {"type": "object"}}}
PNG = "data:image/png;base64," + base64.b64encode(b"\x89PNG....").decode()


def messages(*extra: dict[str, Any]) -> dict[str, Any]:
    return {"messages": [USER, *extra]}


def part(**fields: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [fields]}]}


def file(data: str, name: str = "a.pdf") -> dict[str, Any]:
    return part(type="file", file={"filename": name, "file_data": data})


def image(url: str) -> dict[str, Any]:
    return part(type="image_url", image_url={"url": url})


def schema(root: dict[str, Any]) -> dict[str, Any]:
    return {"response_format": {"type": "json_schema", "json_schema": {"name": "x", "schema": root}}}


def nested(levels: int) -> dict[str, Any]:
    inner: dict[str, Any] = {"type": "string"}
    for _ in range(levels):
        inner = {"type": "object", "properties": {"a": inner}}
    return inner


async def send(payload: Any = None, *, data: bytes | io.BytesIO | None = None) -> tuple[int, Any]:
    async with Sandbox() as sandbox, aiohttp.ClientSession(headers=KEY) as session:
        url = f"{sandbox.base_url}/chat/completions"
        sent = {"json": payload} if data is None else {"data": data}
        async with session.post(url, **sent) as reply:  # type: ignore[arg-type]
            return reply.status, await reply.json()


async def chat(changes: dict[str, Any]) -> tuple[int, Any]:
    return await send({"model": "sabia-4", "messages": [USER], **changes})


ACCEPTED: dict[str, dict[str, Any]] = {
    "every documented number": {
        "temperature": 0, "top_p": 1, "n": 1, "max_tokens": 32768,
        "frequency_penalty": -2, "presence_penalty": 2.0,
    },
    "nulls where the reference allows them": {
        "temperature": None, "top_p": None, "n": None, "max_tokens": None, "stream": None,
        "stream_options": None, "frequency_penalty": None, "presence_penalty": None,
    },
    "a bare stop string": {"stop": "fim"},
    "a list of stop strings": {"stop": ["fim", "###"]},
    "what OpenAI's clients send": {
        "seed": 7, "max_completion_tokens": 5, "tools": [TOOL], "parallel_tool_calls": True,
    },
    "a tool without its envelope": {"tools": [TOOL["function"]]},
    "a named tool choice": {
        "tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "soma"}},
    },
    "a replayed tool round": messages(
        ASKED, {"role": "tool", "tool_call_id": "c1", "content": "5"}, {"role": "user", "content": "e?"}
    ),
    "an assistant message dumped by OpenAI's client": messages(
        {"role": "assistant", "content": "oi", "refusal": None, "annotations": None, "tool_calls": None}
    ),
    "a user with a name": {"messages": [{**USER, "name": "ana"}]},
    "an image by address": image("https://example.com/a.png"),
    "an image as data": image(PNG),
    "a file": file("data:text/csv;base64,YSxi", "a.csv"),
    "a file with a charset": file("data:text/plain;charset=utf-8;base64,YQ==", "a.txt"),
    "plain text as the format": {"response_format": {"type": "text"}},
    "a schema five levels deep": schema(nested(5)),
    "a long enum with short values": schema({"enum": ["a" * 29] * 251}),
    "a schema that refers to itself": schema(
        {
            "type": "object",
            "properties": {"filhos": {"type": "array", "items": {"$ref": "#/$defs/No"}}},
            "$defs": {"No": {"type": "object", "properties": {"filhos": {"items": {"$ref": "#/$defs/No"}}}}},
        }
    ),
    "a property that is called format": schema(
        {"type": "object", "properties": {"format": {"type": "string"}, "pattern": {"type": "string"}}}
    ),
    "a model alias": {"model": "sabiazim-4"},
    "web search on the small model": {"model": "sabiazinho-4", "web_search": True},
}  # fmt: skip


@pytest.mark.parametrize("changes", ACCEPTED.values(), ids=ACCEPTED)
async def test_request_is_accepted_with(changes: dict[str, Any]) -> None:
    status, reply = await chat(changes)
    assert status == 200, reply


REFUSED_400: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown parameter": ({"foo": 1}, "'foo'"),
    "logprobs": ({"logprobs": True}, "'logprobs'"),
    "user": ({"user": "ana"}, "'user'"),
    "logit_bias": ({"logit_bias": {}}, "'logit_bias'"),
    "an unknown field in a message": ({"messages": [{**USER, "id": 3}]}, "'messages[0].id'"),
    "a file by id": (part(type="file", file={"file_id": "f"}), "'messages[0].content[0].file.file_id'"),
    "an empty tool list": ({"tools": []}, "'tools'"),
    "two tools of one name": ({"tools": [TOOL, TOOL]}, "distinct names"),
    "a tool choice without tools": ({"tool_choice": "auto"}, "'tool_choice'"),
    "parallel calls without tools": ({"parallel_tool_calls": False}, "'parallel_tool_calls'"),
    "a choice of an unknown tool": (
        {"tools": [TOOL], "tool_choice": {"type": "function", "function": {"name": "raiz"}}}, "'raiz'",
    ),
    "stream options without a stream": ({"stream_options": {"include_usage": True}}, "'stream_options'"),
    "a streamed built-in tool": ({"web_search": True, "stream": True}, "'web_search'"),
    "a built-in tool on the small model": (
        {"model": "sabiazinho-4", "code_execution": True}, "'code_execution'",
    ),
    "a result that nobody asked for": (
        messages(ASKED, {"role": "tool", "tool_call_id": "c2", "content": "5"}), "'c2'",
    ),
    "a result before its call": (
        {"messages": [{"role": "tool", "tool_call_id": "c1", "content": "5"}, ASKED]}, "'messages[0]",
    ),
    "an assistant that says nothing": (messages({"role": "assistant", "content": None}), "'messages[1]'"),
    "a file by address": (file("https://example.com/a.pdf"), "data URI"),
    "a file of an unknown type": (file("data:video/mp4;base64,AAAA"), "'video/mp4'"),
    "a file that is not base64": (file("data:application/pdf;base64,@@@"), "not valid base64"),
    "an empty file": (file("data:application/pdf;base64,"), "is empty"),
    "an image that is a document": (image("data:application/pdf;base64,AAAA"), "'application/pdf'"),
    "an image that is no image": (image("data:image/jpeg;base64,AAAA"), "not the image/jpeg it claims"),
    "an image of another type": (image(PNG.replace("png", "jpeg")), "not the image/jpeg it claims"),
    "a long enum with long values": (schema({"enum": ["a" * 30] * 251}), "enum of more than 250 strings"),
    "a local image": (image("file:///etc/hosts"), "data URI"),
    "an endless prompt": ({"messages": [{"role": "user", "content": "a " * 128_001}]}, "128000"),
    "too many enum values": (schema({"enum": [str(n) for n in range(501)]}), "enum values"),
    "too many properties": (
        schema({"type": "object", "properties": {f"p{n}": {} for n in range(101)}}), "properties",
    ),
    "too many characters": (schema({"enum": ["a" * 15_000]}), "characters"),
    "a schema six levels deep": (schema(nested(6)), "levels of nesting"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "named"), REFUSED_400.values(), ids=REFUSED_400)
async def test_unsupported_request_gets_400_that_names(changes: dict[str, Any], named: str) -> None:
    status, reply = await chat(changes)
    assert status == 400
    assert named in reply["detail"]


@pytest.mark.parametrize(
    "keyword",
    ["format", "pattern", "minLength", "multipleOf", "minimum", "uniqueItems", "minItems", "allOf"],
)
async def test_rejected_schema_keyword_is_named_with_its_place(keyword: str) -> None:
    field = {"type": "string", keyword: [] if keyword == "allOf" else 1}
    root = {"type": "object", "properties": {"idade": {"anyOf": [field, {"type": "null"}]}}}
    status, reply = await chat(schema(root))
    assert status == 400
    assert f"keyword '{keyword}' is not supported (at $.idade.anyOf[0])" in reply["detail"]


REFUSED_422: dict[str, tuple[dict[str, Any], list[Any], str]] = {
    "no messages": ({"messages": []}, ["messages"], "too_short"),
    "text for messages": ({"messages": "Olá"}, ["messages"], "list_type"),
    "an unknown role": ({"messages": [{"role": "developer", "content": "x"}]}, ["messages", 0], "role_invalid"),
    "no role": ({"messages": [{"content": "x"}]}, ["messages", 0], "role_invalid"),
    "null content of a user": (
        {"messages": [{"role": "user", "content": None}]}, ["messages", 0, "content"], "string_type",
    ),
    "parts in a system message": (
        {"messages": [{"role": "system", "content": [{"type": "text", "text": "x"}]}]},
        ["messages", 0, "content"], "string_type",
    ),
    "an unknown part": (part(type="input_audio"), ["messages", 0, "content", 0], "type_invalid"),
    "no text in a text part": (part(type="text"), ["messages", 0, "content", 0, "text"], "missing"),
    "no parts": ({"messages": [{"role": "user", "content": []}]}, ["messages", 0, "content"], "too_short"),
    "a tool result without its call": (
        messages({"role": "tool", "content": "5"}), ["messages", 1, "tool_call_id"], "missing",
    ),
    "empty tool calls": (
        messages({"role": "assistant", "content": "x", "tool_calls": []}),
        ["messages", 1, "tool_calls"], "too_short",
    ),
    "arguments that are no string": (
        messages({"role": "assistant", "tool_calls": [{**CALL, "function": {"name": "f", "arguments": {}}}]}),
        ["messages", 1, "tool_calls", 0, "function", "arguments"], "string_type",
    ),
    "temperature too high": ({"temperature": 2.1}, ["temperature"], "less_than_equal"),
    "temperature as text": ({"temperature": "0.5"}, ["temperature"], "float_type"),
    "top_p of zero": ({"top_p": 0}, ["top_p"], "greater_than"),
    "a penalty out of range": ({"presence_penalty": -3}, ["presence_penalty"], "greater_than_equal"),
    "no choices": ({"n": 0}, ["n"], "greater_than_equal"),
    "zero tokens": ({"max_tokens": 0}, ["max_tokens"], "greater_than_equal"),
    "too many tokens": ({"max_tokens": 32_769}, ["max_tokens"], "less_than_equal"),
    "half a token": ({"max_tokens": 1.5}, ["max_tokens"], "int_type"),
    "stream as text": ({"stream": "yes"}, ["stream"], "bool_type"),
    "stop strings that are none": ({"stop": [1]}, ["stop", 0], "string_type"),
    "null tools": ({"tools": None}, ["tools"], "list_type"),
    "an unknown tool choice": ({"tools": [TOOL], "tool_choice": "any"}, ["tool_choice"], "literal_error"),
    "an unknown tier": ({"service_tier": "auto"}, ["service_tier"], "literal_error"),
    "an unknown effort": ({"extraction_effort": "basic"}, ["extraction_effort"], "literal_error"),
    "a schema without a name": (
        {"response_format": {"type": "json_schema", "json_schema": {"schema": {}}}},
        ["response_format", "json_schema", "name"], "missing",
    ),
    "an unknown format": ({"response_format": {"type": "xml"}}, ["response_format"], "type_invalid"),
}  # fmt: skip


@pytest.mark.parametrize(("changes", "place", "kind"), REFUSED_422.values(), ids=REFUSED_422)
async def test_invalid_request_gets_422_that_points_at(
    changes: dict[str, Any], place: list[Any], kind: str
) -> None:
    status, reply = await chat(changes)
    assert status == 422
    [problem, *_] = reply["detail"]
    assert problem["loc"] == ["body", *place]
    assert problem["type"] == kind
    assert problem["msg"]


async def test_missing_model_is_a_validation_error() -> None:
    status, reply = await send({"messages": [USER]})
    assert status == 422
    assert reply["detail"][0]["loc"] == ["body", "model"]


@pytest.mark.parametrize("data", [b"", b"{", b'{"model": NaN}', b"\xff\xfe"])
async def test_broken_json_gets_400(data: bytes) -> None:
    status, reply = await send(data=data)
    assert status == 400
    assert "parsing the body" in reply["detail"]


@pytest.mark.parametrize("data", [b"[]", b"null", b'"x"'])
async def test_json_that_is_no_object_gets_422(data: bytes) -> None:
    assert (await send(data=data))[0] == 422


async def test_unknown_model_gets_404() -> None:
    status, reply = await chat({"model": "sabia-9"})
    assert (status, reply) == (404, {"detail": "Model 'sabia-9' not found"})


async def test_too_many_bytes_of_files_get_400() -> None:
    data = "data:text/plain;base64," + base64.b64encode(b"a" * (26 * 2**20)).decode()
    content = [{"type": "file", "file": {"filename": "a.txt", "file_data": data}}] * 2
    body = {"model": "sabia-4", "messages": [{"role": "user", "content": content}]}
    status, reply = await send(data=io.BytesIO(json.dumps(body).encode()))
    assert status == 400
    assert "50 MB" in reply["detail"]


async def test_huge_body_gets_413() -> None:
    status, reply = await send(data=io.BytesIO(b"a" * (76 * 2**20)))
    assert status == 413
    assert reply["detail"].endswith("Too Large")  # newer Pythons have another phrase for it
