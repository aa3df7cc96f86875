"""`with_structured_output(..., include_raw=True)`: the message, its object, and what is wrong with it."""

from __future__ import annotations

import asyncio
import functools
import operator
import re
from collections.abc import Callable
from typing import Any

import pytest
from answers import chunk, completion, in_pieces
from bad_objects import BAD, PROMPT, SCHEMA, Pessoa
from conftest import KEY
from langchain_core.exceptions import OutputParserException
from pydantic import BaseModel, field_validator
from scripted import ScriptedServer, answers, streams

from langchain_maritaca import ChatMaritaca, ChatMaritacaAuthenticationError
from maritaca_async.sandbox import Sandbox

# What the warnings say is tested with the schemas.
pytestmark = pytest.mark.filterwarnings("ignore::langchain_maritaca._formats.ChatMaritacaSchemaWarning")

MakeModel = Callable[..., ChatMaritaca]
METHODS = ("json_schema", "function_calling")


async def both_ways(chain: Any, **parameters: Any) -> list[dict[str, Any]]:
    """What `stream` and `astream` add up to."""
    pieces = await asyncio.to_thread(lambda: list(chain.stream(PROMPT, **parameters)))
    apieces = [piece async for piece in chain.astream(PROMPT, **parameters)]
    return [functools.reduce(operator.add, each) for each in (pieces, apieces)]


@pytest.mark.parametrize(("method", "body", "said", "kept"), BAD)
async def test_raw_answer_is_streamed_without_an_error(
    method: Any, body: dict[str, Any], said: str, kept: str
) -> None:
    pieces = in_pieces(body, [max(5, len(kept) // 4)])
    if refusal := body["choices"][0]["message"].get("refusal"):
        pieces.insert(1, chunk(refusal=refusal))
    script = streams(*pieces, "[DONE]")
    async with ScriptedServer((script, script)) as server:
        model = ChatMaritaca(api_key=KEY, base_url=server.base_url)
        chain = model.with_structured_output(Pessoa, method=method, include_raw=True)
        for found in await both_ways(chain):
            assert found.keys() == {"raw", "parsed", "parsing_error"}
            assert found["parsed"] is None, "half an object is no object"
            assert isinstance(found["parsing_error"], OutputParserException)
            assert re.search(said, str(found["parsing_error"]))
            assert found["raw"].response_metadata["finish_reason"] == body["choices"][0]["finish_reason"]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("schema", [Pessoa, SCHEMA])
async def test_streamed_raw_answer_adds_up_to_the_invoked_one(
    make_model: MakeModel, method: Any, schema: Any
) -> None:
    chain = make_model().with_structured_output(schema, method=method, include_raw=True)
    whole = await chain.ainvoke(PROMPT)
    for found in await both_ways(chain):
        assert (found["parsed"], found["parsing_error"]) == (whole["parsed"], None)
        assert found["raw"].text == whole["raw"].text
        assert [each["args"] for each in found["raw"].tool_calls] == [
            each["args"] for each in whole["raw"].tool_calls
        ]
    assert [each["parsed"] for each in await chain.abatch([PROMPT, PROMPT])] == [whole["parsed"]] * 2


async def test_raw_answer_streams_the_object_as_it_grows() -> None:
    body = completion({"content": '{"nome": "Ana", "idade": 31}'})
    async with ScriptedServer((streams(*in_pieces(body, [1]), "[DONE]"),)) as server:
        chain = ChatMaritaca(api_key=KEY, base_url=server.base_url).with_structured_output(
            SCHEMA, include_raw=True
        )
        seen = [piece["parsed"] async for piece in chain.astream(PROMPT) if "parsed" in piece]
    assert seen[-3:] == [{"nome": "Ana", "idade": 3}, *[{"nome": "Ana", "idade": 31}] * 2]


class Melindrosa(BaseModel):
    """Uma classe que reclama de tudo."""

    nome: str

    @field_validator("nome")
    @classmethod
    def reclamar(cls, value: str) -> str:
        raise KeyError(value)


async def test_raw_answer_keeps_whatever_a_class_raises(make_model: MakeModel) -> None:
    chain = make_model().with_structured_output(Melindrosa, include_raw=True)
    for found in [await chain.ainvoke(PROMPT), *await both_ways(chain)]:
        assert isinstance(found["parsing_error"], KeyError)
    with pytest.raises(KeyError):
        await make_model().with_structured_output(Melindrosa).ainvoke(PROMPT)


async def test_failing_service_is_an_error_beside_the_raw_answer_too() -> None:
    async with ScriptedServer(answers(401)) as server:
        model = ChatMaritaca(api_key=KEY, base_url=server.base_url)
        chain = model.with_structured_output(Pessoa, include_raw=True)
        with pytest.raises(ChatMaritacaAuthenticationError):
            await chain.ainvoke(PROMPT)
        with pytest.raises(ChatMaritacaAuthenticationError):
            await both_ways(chain)


@pytest.mark.parametrize("include_raw", [False, True])
async def test_parameters_of_a_call_reach_the_service(
    make_model: MakeModel, sandbox: Sandbox, include_raw: bool
) -> None:
    chain = make_model().with_structured_output(Pessoa, include_raw=include_raw)
    await asyncio.to_thread(lambda: chain.invoke(PROMPT, max_tokens=500))
    await asyncio.to_thread(lambda: chain.batch([PROMPT], max_tokens=500))
    await asyncio.to_thread(lambda: list(chain.stream(PROMPT, max_tokens=500)))
    await chain.ainvoke(PROMPT, max_tokens=500)
    await chain.abatch([PROMPT], max_tokens=500)
    _ = [piece async for piece in chain.astream(PROMPT, max_tokens=500)]
    assert [request.body.get("max_tokens") for request in sandbox.requests] == [500] * 6
