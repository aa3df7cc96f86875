"""Never run: what an editor and a type checker must know about the public surface."""

from __future__ import annotations

from typing import assert_type

from maritaca_async import (
    AsyncChatCompletionStream,
    AsyncMaritaca,
    AsyncStream,
    ChatCompletionStream,
    HttpInfo,
    Maritaca,
    Stream,
    Timeouts,
)
from maritaca_async.types import ChatCompletion, ChatCompletionChunk, MessageParam, ModelList, Usage

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


def synchronous() -> None:
    assert_type(blocking.chat.completions.create(model="sabia-4", messages=messages), ChatCompletion)
    chunks = blocking.chat.completions.create(model="sabia-4", messages=messages, stream=True)
    assert_type(chunks, Stream[ChatCompletionChunk])
    with blocking.chat.completions.stream(model="sabia-4", messages=messages) as stream:
        assert_type(stream, ChatCompletionStream)
        for text in stream.text_stream:
            assert_type(text, str)
    assert_type(blocking.models.list(), ModelList)


async def mistakes() -> None:
    await client.chat.completions.create(model="sabia-4")  # type: ignore[call-overload]  # pyright: ignore
    await client.chat.completions.create(model="sabia-4", messages=messages, temperatura=0)  # type: ignore[call-overload]  # pyright: ignore
    await client.chat.completions.create(model="sabia-4", messages=messages, n="2")  # type: ignore[call-overload]  # pyright: ignore
