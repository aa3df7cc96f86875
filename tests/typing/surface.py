"""Never run: what an editor and a type checker must know about the public surface."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, assert_type

from pydantic import BaseModel

from maritaca_async import (
    APIError,
    AsyncChatCompletionStream,
    AsyncMaritaca,
    AsyncParsedCompletionStream,
    AsyncStream,
    ChatCompletionStream,
    FileContent,
    HttpInfo,
    Maritaca,
    ParsedCompletionStream,
    Stream,
    Timeouts,
    afile_part,
    file_part,
    function_tool,
    image_part,
)
from maritaca_async.types import (
    Batch,
    BatchResult,
    ChatCompletion,
    ChatCompletionChunk,
    FileObject,
    FilePart,
    ImagePart,
    InputItem,
    MessageParam,
    ModelList,
    ParsedCompletion,
    ParsedResponse,
    Response,
    ResponseFunctionCall,
    ResponseStreamEvent,
    ResponseUsage,
    Usage,
)

client = AsyncMaritaca("k", timeout=30)
blocking = Maritaca("k", timeout=Timeouts(idle=5))
messages: list[MessageParam] = [
    {"role": "system", "content": "Seja breve."},
    {
        "role": "user",
        "content": [
            {"type": "text", "text": "Oi"},
            {"type": "image_url", "image_url": {"url": "https://x/y.png"}},
        ],
    },
]
conversation: list[InputItem] = [
    {"role": "developer", "content": "Seja breve."},
    {"role": "user", "content": [{"type": "input_text", "text": "Oi"}]},
    {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"},
    {"type": "function_call_output", "call_id": "c", "output": "5"},
]


class Pessoa(BaseModel):
    nome: str


async def asynchronous() -> None:
    plain = await client.chat.completions.create(model="sabia-4", messages=messages, temperature=0, timeout=3)
    assert_type(plain, ChatCompletion)
    assert_type(plain.text, str)
    assert_type(plain.usage, Usage | None)
    assert_type(plain.http, HttpInfo)
    chunks = await client.chat.completions.create(model="um-nome-novo", messages=messages, stream=True)
    assert_type(chunks, AsyncStream[ChatCompletionChunk])
    async for chunk in chunks:
        assert_type(chunk, ChatCompletionChunk)
    async with client.chat.completions.stream(model="sabia-4", messages=[plain.choices[0].message]) as stream:
        assert_type(stream, AsyncChatCompletionStream)
        async for text in stream.text_stream:
            assert_type(text, str)
        async for event in stream:
            if event.type == "content.delta":
                assert_type(event.delta, str)
            elif event.type == "tool_calls.function.arguments.done":
                assert_type(event.tool_call.function.name, str)
        assert_type(await stream.get_final_completion(), ChatCompletion)
    assert_type(await client.models.list(max_retries=0), ModelList)
    assert_type(await client.files.create(file=b"{}"), FileObject)
    assert_type(await client.files.create(file=("a.jsonl", Path("b.jsonl"))), FileObject)
    async for file in client.files.list(limit=3):
        assert_type(file, FileObject)
    assert_type((await client.batches.list()).data, list[Batch])
    assert_type(await client.files.content("file-1"), FileContent)
    assert_type((await client.files.content("file-1")).text, str)
    assert_type(await client.files.retrieve_content("file-1"), str)
    assert_type(await (await client.files.stream("file-1")).read(), bytes)
    batch = await client.batches.wait("batch_1", poll_interval=5, on_progress=print)
    assert_type(batch, Batch)
    async for result in client.batches.results(batch):
        assert_type(result, BatchResult)
        assert_type(result.completion, ChatCompletion | None)


def synchronous() -> None:
    assert_type(blocking.chat.completions.create(model="sabia-4", messages=messages), ChatCompletion)
    chunks = blocking.chat.completions.create(model="sabia-4", messages=messages, stream=True)
    assert_type(chunks, Stream[ChatCompletionChunk])
    with blocking.chat.completions.stream(model="sabia-4", messages=messages) as stream:
        assert_type(stream, ChatCompletionStream)
        for text in stream.text_stream:
            assert_type(text, str)
    assert_type(blocking.models.list(), ModelList)
    assert_type(blocking.files.create(file=io.BytesIO(b"{}"), purpose="batch"), FileObject)
    for file in blocking.files.list():
        assert_type(file, FileObject)
    assert_type(blocking.files.content("file-1"), FileContent)
    for line in blocking.files.stream("file-1").iter_lines():
        assert_type(line, str)
    for result in blocking.batches.results("batch_1"):
        assert_type(result.error, APIError | None)


async def asynchronous_responses() -> None:
    plain = await client.responses.create(
        model="sabia-4",
        input=conversation,
        tools=[{"type": "function", "name": "f", "strict": True}, {"type": "web_search"}],
        tool_choice={"type": "function", "name": "f"},
        text={"format": {"type": "json_schema", "name": "x", "schema": {}}},
        metadata={"a": "b"},
        timeout=3,
    )
    assert_type(plain, Response)
    assert_type(plain.output_text, str)
    assert_type(plain.usage, ResponseUsage | None)
    assert_type(plain.function_calls, list[ResponseFunctionCall])
    for item in plain.output:
        if item.type == "message":
            assert_type(item.text, str)
        elif item.type == "function_call":
            assert_type(item.arguments, str)
        elif item.type == "code_execution_artifact":
            assert_type(item.content, bytes)
        else:
            assert_type(item.data["type"], Any)
    await client.responses.create(model="sabia-4", input=[*conversation, *plain.function_calls])
    await client.responses.create(model="sabia-4", input=plain.to_input())
    events = await client.responses.create(model="um-nome-novo", input="Oi", stream=True)
    assert_type(events, AsyncStream[ResponseStreamEvent])
    async with client.responses.stream(model="sabia-4", input="Oi") as stream:
        async for text in stream.text_stream:
            assert_type(text, str)
        async for event in stream:
            if event.type == "response.output_text.delta":
                assert_type(event.delta, str)
            elif event.type == "response.completed":
                assert_type(event.response, Response)
        assert_type(await stream.get_final_response(), Response)
    parsed = await client.responses.parse(model="sabia-4", input="Ana", text_format=Pessoa)
    assert_type(parsed, ParsedResponse[Pessoa])
    assert_type(parsed.output_parsed, Pessoa)
    async with client.responses.stream(model="sabia-4", input="Ana", text_format=Pessoa) as reading:
        assert_type(await reading.get_final_response(), ParsedResponse[Pessoa])


def synchronous_responses() -> None:
    assert_type(blocking.responses.create(model="sabia-4", input="Oi"), Response)
    events = blocking.responses.create(model="sabia-4", input="Oi", stream=True)
    assert_type(events, Stream[ResponseStreamEvent])
    with blocking.responses.stream(model="sabia-4", input="Oi") as stream:
        for text in stream.text_stream:
            assert_type(text, str)
        assert_type(stream.get_final_response(), Response)
    parsed = blocking.responses.parse(model="sabia-4", input="Ana", text_format=Pessoa)
    assert_type(parsed.output_parsed, Pessoa)
    with blocking.responses.stream(model="sabia-4", input="Ana", text_format=Pessoa) as reading:
        assert_type(reading.get_final_response(), ParsedResponse[Pessoa])


async def mistakes() -> None:
    await client.responses.create(model="sabia-4")  # type: ignore[call-overload]  # pyright: ignore
    await client.responses.create(model="sabia-4", input="Oi", max_tokens=5)  # type: ignore[call-overload]  # pyright: ignore
    await client.chat.completions.create(model="sabia-4")  # type: ignore[call-overload]  # pyright: ignore
    await client.chat.completions.create(model="sabia-4", messages=messages, temperatura=0)  # type: ignore[call-overload]  # pyright: ignore
    await client.chat.completions.create(model="sabia-4", messages=messages, n="2")  # type: ignore[call-overload]  # pyright: ignore


async def types_and_files() -> None:
    part = file_part("contrato.pdf")
    assert_type(part, FilePart)
    assert_type(await afile_part(b"a;b", filename="t.csv"), FilePart)
    assert_type(image_part("https://x/y.png"), ImagePart)
    found = await client.chat.completions.parse(
        model="sabia-4",
        messages=[{"role": "user", "content": [{"type": "text", "text": "Quem?"}, part]}],
        response_format=Pessoa,
        tools=[function_tool(Pessoa)],
    )
    assert_type(found, ParsedCompletion[Pessoa])
    assert_type(found.parsed, Pessoa)
    for call in found.choices[0].message.tool_calls or ():
        assert_type(call.function.parsed_arguments(Pessoa), Pessoa)
        assert_type(call.function.parsed_arguments(), dict[str, Any])
    async with client.chat.completions.stream(
        model="sabia-4", messages=messages, response_format=Pessoa
    ) as stream:
        assert_type(stream, AsyncParsedCompletionStream[Pessoa])
        assert_type((await stream.get_final_completion()).parsed, Pessoa)


def blocking_types() -> None:
    found = blocking.chat.completions.parse(model="sabia-4", messages=messages, response_format=Pessoa)
    assert_type(found.parsed, Pessoa)
    with blocking.chat.completions.stream(
        model="sabia-4", messages=messages, response_format=Pessoa
    ) as stream:
        assert_type(stream, ParsedCompletionStream[Pessoa])
        assert_type(stream.get_final_completion(), ParsedCompletion[Pessoa])
    with blocking.chat.completions.stream(
        model="sabia-4", messages=messages, response_format={"type": "json_object"}
    ) as plain:
        assert_type(plain, ChatCompletionStream)
