"""The official OpenAI SDK as a foreign client: what it understands, any compatible client will."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import jsonschema
import openai
import pytest

from maritaca_async.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator

MODEL = "sabia-4"
QUESTION: list[Any] = [{"role": "user", "content": "Qual é a capital do Brasil?"}]
STORY: list[Any] = [{"role": "user", "content": "Conte uma história curta."}]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get weather at a location.",
        "parameters": {
            "type": "object",
            "properties": {"location": {"type": "string"}},
            "required": ["location"],
        },
    },
}
ASK_WEATHER: list[Any] = [{"role": "user", "content": "What is the weather in San Francisco, CA?"}]
PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {"nome": {"type": "string"}, "idade": {"type": "integer"}},
    "required": ["nome", "idade"],
    "additionalProperties": False,
}


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox(api_key="certa") as running:
        yield running


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(api_key="certa", base_url=sandbox.base_url, max_retries=0) as opened:
        yield opened


@pytest.fixture
def blocking_client() -> Iterator[openai.OpenAI]:
    with (
        Sandbox() as sandbox,
        openai.OpenAI(api_key="x", base_url=sandbox.base_url, max_retries=0) as opened,
    ):
        yield opened


async def test_chat_is_answered(client: openai.AsyncOpenAI) -> None:
    completion = await client.chat.completions.create(model=MODEL, messages=QUESTION, temperature=0, seed=1)
    assert completion.choices[0].message.content == "A capital do Brasil é Brasília."
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage is not None
    assert completion.usage.total_tokens > completion.usage.prompt_tokens > 0
    assert completion.usage.prompt_tokens_details is not None
    assert completion.usage.prompt_tokens_details.cached_tokens == 0


def test_blocking_chat_is_answered(blocking_client: openai.OpenAI) -> None:
    completion = blocking_client.chat.completions.create(model=MODEL, messages=QUESTION)
    assert completion.choices[0].message.content == "A capital do Brasil é Brasília."


async def test_stream_brings_the_plain_answer_and_its_usage(client: openai.AsyncOpenAI) -> None:
    plain = await client.chat.completions.create(model=MODEL, messages=STORY)
    stream = await client.chat.completions.create(
        model=MODEL, messages=STORY, stream=True, stream_options={"include_usage": True}
    )
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == plain.choices[0].message.content
    assert chunks[-1].usage is not None
    assert plain.usage is not None
    assert chunks[-1].usage.completion_tokens == plain.usage.completion_tokens
    assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)


def test_blocking_stream_brings_the_plain_answer(blocking_client: openai.OpenAI) -> None:
    plain = blocking_client.chat.completions.create(model=MODEL, messages=STORY)
    stream = blocking_client.chat.completions.create(model=MODEL, messages=STORY, stream=True)
    text = "".join(chunk.choices[0].delta.content or "" for chunk in stream)
    assert text == plain.choices[0].message.content


async def test_tool_round_trip_ends_in_a_text_with_the_result(client: openai.AsyncOpenAI) -> None:
    asked = await client.chat.completions.create(model=MODEL, messages=ASK_WEATHER, tools=[WEATHER])
    assert asked.choices[0].finish_reason == "tool_calls"
    message = asked.choices[0].message
    assert message.tool_calls is not None
    [call] = message.tool_calls
    assert call.type == "function"
    assert call.function.name == "get_weather"
    assert json.loads(call.function.arguments) == {"location": "San Francisco, CA"}
    result: Any = {"role": "tool", "tool_call_id": call.id, "content": "18 °C e neblina"}
    replayed: list[Any] = [*ASK_WEATHER, message, result]
    final = await client.chat.completions.create(model=MODEL, messages=replayed, tools=[WEATHER])
    assert "18 °C e neblina" in (final.choices[0].message.content or "")
    assert final.choices[0].message.tool_calls is None


async def test_message_dumped_with_its_nulls_can_be_replayed(client: openai.AsyncOpenAI) -> None:
    first = await client.chat.completions.create(model=MODEL, messages=QUESTION)
    replayed: list[Any] = [*QUESTION, first.choices[0].message.model_dump(), *STORY]
    assert (await client.chat.completions.create(model=MODEL, messages=replayed)).choices[0].message.content


async def test_streamed_tool_call_is_assembled_by_the_sdk(client: openai.AsyncOpenAI) -> None:
    async with client.chat.completions.stream(model=MODEL, messages=ASK_WEATHER, tools=[WEATHER]) as stream:
        fragments = [event async for event in stream if event.type == "tool_calls.function.arguments.delta"]
        completion = await stream.get_final_completion()
    assert len(fragments) > 1
    assert completion.choices[0].finish_reason == "tool_calls"
    [call] = completion.choices[0].message.tool_calls or []
    assert call.id.startswith("call_")
    assert json.loads(call.function.arguments) == {"location": "San Francisco, CA"}


async def test_several_streamed_choices_are_assembled_by_the_sdk(client: openai.AsyncOpenAI) -> None:
    async with client.chat.completions.stream(model=MODEL, messages=QUESTION, n=2) as stream:
        completion = await stream.get_final_completion()
    texts = [choice.message.content for choice in completion.choices]
    assert texts == ["A capital do Brasil é Brasília.", "A capital do Brasil é Brasília. (alternativa 2)"]


async def test_schema_is_honoured_plain_and_streamed(client: openai.AsyncOpenAI) -> None:
    params: Any = {
        "model": MODEL,
        "messages": [{"role": "user", "content": "Ana tem 28 anos."}],
        "response_format": {"type": "json_schema", "json_schema": {"name": "pessoa", "schema": PERSON}},
    }
    plain = await client.chat.completions.create(**params)
    text = plain.choices[0].message.content or ""
    jsonschema.validate(json.loads(text), PERSON)
    assert json.loads(text) == {"nome": "Ana", "idade": 28}
    chunks = await client.chat.completions.create(**params, stream=True)
    assert "".join([chunk.choices[0].delta.content or "" async for chunk in chunks]) == text


async def test_maritaca_parameters_travel_in_the_extra_body(client: openai.AsyncOpenAI) -> None:
    completion = await client.chat.completions.create(
        model=MODEL, messages=QUESTION, extra_body={"web_search": True}, service_tier="flex"
    )
    assert completion.service_tier == "flex"
    assert completion.usage is not None
    assert completion.usage.model_dump()["tool_execution_details"]["web_search_calls"] == 1


async def test_models_are_listed(client: openai.AsyncOpenAI) -> None:
    models = [model async for model in client.models.list()]
    assert [model.id for model in models] == ["sabia-4-thinking", "sabia-4", "sabiazinho-4"]
    assert models[0].owned_by == "maritacaai"
    assert models[0].model_dump()["context_length"] == 128_000


def test_models_are_listed_to_a_blocking_client(blocking_client: openai.OpenAI) -> None:
    assert len(blocking_client.models.list().data) == 3


@pytest.mark.parametrize(
    ("params", "expected"),
    [
        ({"logprobs": True}, openai.BadRequestError),
        ({"temperature": 5}, openai.UnprocessableEntityError),
        ({"model": "gpt-9"}, openai.NotFoundError),
    ],
)
async def test_refusals_become_the_errors_of_the_sdk(
    client: openai.AsyncOpenAI, params: dict[str, Any], expected: type[openai.APIStatusError]
) -> None:
    with pytest.raises(expected) as caught:
        await client.chat.completions.create(**{"model": MODEL, "messages": QUESTION, **params})
    assert isinstance(caught.value.body, dict)
    assert caught.value.body["detail"]


async def test_wrong_key_becomes_an_authentication_error(sandbox: Sandbox) -> None:
    async with openai.AsyncOpenAI(api_key="errada", base_url=sandbox.base_url, max_retries=0) as stranger:
        with pytest.raises(openai.AuthenticationError):
            await stranger.chat.completions.create(model=MODEL, messages=QUESTION)


async def test_rate_limit_becomes_its_error_and_is_retried_when_allowed(
    sandbox: Sandbox, client: openai.AsyncOpenAI
) -> None:
    sandbox.fail_next(status=429, body={"detail": "devagar"}, headers={"Retry-After": "0"})
    with pytest.raises(openai.RateLimitError):
        await client.chat.completions.create(model=MODEL, messages=QUESTION)
    sandbox.fail_next(status=429, headers={"Retry-After": "0"})
    patient = client.with_options(max_retries=1)
    assert (await patient.chat.completions.create(model=MODEL, messages=QUESTION)).choices
    assert [record.status for record in sandbox.requests] == [429, 429, 200]
