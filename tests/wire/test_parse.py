"""`parse` gives a value of the type or one error that keeps everything; `stream` does the same at its end."""

from __future__ import annotations

import copy
import pickle
from typing import Any, assert_type

import pytest
from conftest import KEY
from pydantic import BaseModel, Field, ValidationError
from scripted import ASK, ScriptedServer, answers, chunk, completion, streams

from maritaca_async import (
    AnswerFormatError,
    AsyncMaritaca,
    ConfigurationError,
    Maritaca,
    StreamInterruptedError,
)
from maritaca_async.sandbox import Sandbox
from maritaca_async.types import ChatCompletion, ParsedCompletion, Usage

GOOD = '{"nome": "Ana", "idade": 31}'


class Pessoa(BaseModel):
    nome: str
    idade: int = Field(le=150)


def said(message: dict[str, Any], finish: str | None = "stop") -> dict[str, Any]:
    return completion(choices=[{"index": 0, "message": message, "finish_reason": finish}])


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
PROBLEMS: dict[str, tuple[dict[str, Any], str]] = {
    "truncated": (said({"content": '{"nome": "An'}, "length"), "raise max_tokens"),
    "truncated though whole": (said({"content": GOOD}, "length"), "raise max_tokens"),
    "refused": (said({"content": None, "refusal": "Não posso."}), "Não posso"),
    "refused by a filter": (said({"content": GOOD}, "content_filter"), "content_filter"),
    "tool_calls": (said({"content": None, "tool_calls": [CALL]}, "tool_calls"), "asked for tools"),
    "empty": (said({"content": None}), "empty"),
    "empty text": (said({"content": " "}), "empty"),
    "invalid_json": (said({"content": "Ana tem 31 anos."}), "not JSON"),
    "mismatch": (said({"content": '{"nome": "Ana", "idade": 310}'}), "idade"),
}


async def test_answer_becomes_a_value_of_the_type_and_the_schema_goes_along() -> None:
    async with Sandbox() as sandbox, AsyncMaritaca(KEY, base_url=sandbox.base_url) as client:
        found = await client.chat.completions.parse(
            model="sabia-4",
            messages=[{"role": "user", "content": "Maria Silva tem 31 anos."}],
            response_format=Pessoa,
        )
        assert_type(found, ParsedCompletion[Pessoa])
        assert found.parsed == Pessoa(nome="Maria Silva", idade=31)
        assert isinstance(found, ChatCompletion)
        assert found.http.status == 200
        assert found.usage is not None
        (seen,) = sandbox.requests
    sent = seen.body["response_format"]
    assert (sent["type"], sent["json_schema"]["name"], sent["json_schema"]["strict"]) == (
        "json_schema",
        "Pessoa",
        True,
    )
    assert sent["json_schema"]["schema"]["properties"]["idade"] == {"title": "Idade", "type": "integer"}
    assert pickle.loads(pickle.dumps(found)).parsed == found.parsed
    assert copy.deepcopy(found).parsed == found.parsed
    assert "parsed" not in found.model_dump()


async def test_fields_that_this_library_does_not_know_stay_on_the_parsed_completion() -> None:
    async with (
        ScriptedServer(answers(completion(GOOD, campo_novo=[1]))) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        found = await client.chat.completions.parse(**ASK, response_format=Pessoa)
    assert found.campo_novo == [1]
    assert found.choices[0].message.to_param() == {"role": "assistant", "content": GOOD}


@pytest.mark.parametrize("name", PROBLEMS)
async def test_answer_that_is_no_value_is_one_error_that_keeps_everything(name: str) -> None:
    body, message = PROBLEMS[name]
    async with (
        ScriptedServer(answers(body)) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        with pytest.raises(AnswerFormatError, match=message) as caught:
            await client.chat.completions.parse(**ASK, response_format=Pessoa)
        assert len(server.seen) == 1
    error = pickle.loads(pickle.dumps(caught.value))
    assert error.reason == name.split()[0]
    assert error.text == (body["choices"][0]["message"]["content"] or "")
    assert error.usage == Usage(**body["usage"])
    assert error.completion == ChatCompletion.model_validate(body)
    assert error.http.status == 200
    assert error.request.url.endswith("/chat/completions")
    assert not error.retryable
    causes = {"mismatch": ValidationError, "invalid_json": ValueError}
    assert isinstance(caught.value.__cause__, causes.get(name, type(None)))


async def test_stream_with_a_type_gives_events_and_then_the_value() -> None:
    async with Sandbox() as sandbox, AsyncMaritaca(KEY, base_url=sandbox.base_url) as client:
        async with client.chat.completions.stream(
            model="sabia-4",
            messages=[{"role": "user", "content": "Maria Silva tem 31 anos."}],
            response_format=Pessoa,
        ) as stream:
            texts = [text async for text in stream.text_stream]
            final = await stream.get_final_completion()
    assert_type(final, ParsedCompletion[Pessoa])
    assert final.parsed == Pessoa.model_validate_json("".join(texts))
    assert final.usage is not None


@pytest.mark.parametrize(
    ("events", "reason"),
    [
        ((chunk('{"nome": "An'), chunk(finish="length"), "[DONE]"), "truncated"),
        ((chunk("Não "), chunk("sei."), chunk(finish="stop"), "[DONE]"), "invalid_json"),
        ((chunk(""), chunk(finish="stop"), "[DONE]"), "empty"),
        ((chunk(refusal="Não posso."), chunk(finish="stop"), "[DONE]"), "refused"),
        ((chunk(tool_calls=[{"index": 0, **CALL}]), chunk(finish="tool_calls"), "[DONE]"), "tool_calls"),
    ],
)
async def test_streamed_answer_that_is_no_value_is_the_same_error(events: Any, reason: str) -> None:
    async with (
        ScriptedServer((streams(*events),)) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
        client.chat.completions.stream(**ASK, response_format=Pessoa) as stream,
    ):
        with pytest.raises(AnswerFormatError) as caught:
            await stream.get_final_completion()
    assert caught.value.reason == reason


async def test_stream_that_breaks_off_is_an_interruption_and_no_matter_of_format() -> None:
    async with (
        ScriptedServer((streams(chunk('{"nome"')),)) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
        client.chat.completions.stream(**ASK, response_format=Pessoa) as stream,
    ):
        with pytest.raises(StreamInterruptedError):
            await stream.get_final_completion()


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"response_format": {"type": "json_object"}}, "give a ready-made format to create"),
        ({"response_format": Pessoa, "n": 2}, "parse reads one answer"),
        ({"response_format": "Pessoa"}, "response_format must be a pydantic model"),
        ({"response_format": [Pessoa]}, "response_format must be a pydantic model"),
        ({"response_format": Pessoa, "web_serch": True}, "did you mean 'web_search'"),
    ],
)
async def test_call_that_cannot_be_parsed_is_refused_before_it_is_sent(
    params: dict[str, Any], said: str
) -> None:
    async with (
        ScriptedServer(answers(completion())) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        with pytest.raises(ConfigurationError, match=said):
            await client.chat.completions.parse(**ASK, **params)
        assert server.seen == []


async def test_type_given_to_create_is_refused_with_the_way_to_go() -> None:
    with pytest.raises(ConfigurationError, match=r"use chat\.completions\.parse"):
        await AsyncMaritaca(KEY).chat.completions.create(**ASK, response_format=Pessoa)


def test_blocking_parse_and_stream_give_the_same_values_and_errors() -> None:
    ask: dict[str, Any] = {
        "model": "sabia-4",
        "messages": [{"role": "user", "content": "Maria Silva tem 31 anos."}],
    }
    with Sandbox() as sandbox, Maritaca(KEY, base_url=sandbox.base_url) as client:
        found = client.chat.completions.parse(**ask, response_format=Pessoa)
        assert_type(found, ParsedCompletion[Pessoa])
        with client.chat.completions.stream(**ask, response_format=Pessoa) as stream:
            assert "".join(stream.text_stream) == found.text
            assert stream.get_final_completion().parsed == found.parsed
        with client.chat.completions.stream(**ask) as plain:
            assert not isinstance(plain.get_final_completion(), ParsedCompletion)
        with pytest.raises(AnswerFormatError, match="raise max_tokens"):
            client.chat.completions.parse(**ask, response_format=Pessoa, max_tokens=2)
    assert found.parsed == Pessoa(nome="Maria Silva", idade=31)
