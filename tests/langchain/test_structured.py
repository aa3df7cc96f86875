"""Answers that are objects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

import pytest
from answers import call, completion, in_pieces
from conftest import KEY
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage
from pydantic import BaseModel, Field
from pydantic.v1 import BaseModel as BaseModelV1
from scripted import ScriptedServer, answers, streams

from langchain_maritaca import ChatMaritaca
from maritaca_async.sandbox import Sandbox

MakeModel = Callable[..., ChatMaritaca]
PROMPT = "Ana Souza tem 30 anos"
METHODS = ("json_schema", "function_calling")


class Pessoa(BaseModel):
    """Uma pessoa."""

    nome: str
    idade: int = Field(ge=0, le=150)


class PessoaV1(BaseModelV1):
    """Uma pessoa."""

    nome: str
    idade: int


class PessoaDict(TypedDict):
    """Uma pessoa."""

    nome: Annotated[str, ..., "O nome"]
    idade: int


SCHEMA = {
    "title": "pessoa",
    "type": "object",
    "properties": {"nome": {"type": "string"}, "idade": {"type": "integer"}},
    "required": ["nome", "idade"],
}


def fields_of(answer: Any) -> dict[str, Any]:
    return answer if isinstance(answer, dict) else answer.dict()


@pytest.mark.filterwarnings("ignore:The `dict` method is deprecated")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("schema", [Pessoa, PessoaV1, PessoaDict, SCHEMA])
@pytest.mark.parametrize("strict", [None, True])
def test_answer_is_an_object_of_the_schema(
    make_model: MakeModel, method: Any, schema: Any, strict: bool | None
) -> None:
    chain = make_model().with_structured_output(schema, method=method, strict=strict)
    plain = chain.invoke(PROMPT)
    assert isinstance(plain, schema if schema in (Pessoa, PessoaV1) else dict)
    assert fields_of(plain) == {"nome": "Ana Souza", "idade": 30}
    assert asyncio.run(chain.ainvoke(PROMPT)) == plain
    *_, last = chain.stream(PROMPT)
    assert last == plain


def test_json_mode_needs_no_schema(make_model: MakeModel, sandbox: Sandbox) -> None:
    chain = make_model().with_structured_output(method="json_mode")
    assert set(chain.invoke('Responda em JSON com as chaves "nome" e "idade"')) == {"nome", "idade"}
    assert sandbox.requests[-1].body["response_format"] == {"type": "json_object"}


def test_json_mode_fills_a_class(make_model: MakeModel) -> None:
    chain = make_model().with_structured_output(Pessoa, method="json_mode")
    assert isinstance(chain.invoke('Responda em JSON com as chaves "nome" e "idade"'), Pessoa)


@pytest.mark.parametrize("method", METHODS)
def test_nothing_but_parameters_of_the_service_is_sent(
    make_model: MakeModel, sandbox: Sandbox, method: Any
) -> None:
    make_model().with_structured_output(Pessoa, method=method, temperature=0).invoke(PROMPT)
    body = sandbox.requests[-1].body
    by_method = {
        "json_schema": {"response_format"},
        "function_calling": {"tools", "tool_choice", "parallel_tool_calls"},
    }
    assert set(body) == {"model", "messages", "temperature", *by_method[method]}


def test_tools_may_be_offered_beside_the_schema(make_model: MakeModel, sandbox: Sandbox) -> None:
    def somar(a: int, b: int) -> int:
        """Soma dois números."""
        return a + b

    make_model().with_structured_output(Pessoa, tools=[somar]).invoke(PROMPT)
    body = sandbox.requests[-1].body
    assert [tool["function"]["name"] for tool in body["tools"]] == ["somar"]
    assert body["response_format"]["type"] == "json_schema"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"schema": Pessoa, "method": "xml"}, "method must be"),
        ({"schema": None}, "needs a schema"),
        ({"schema": None, "method": "function_calling"}, "needs a schema"),
        ({"schema": Pessoa, "method": "json_mode", "strict": True}, "strict"),
    ],
)
def test_arguments_that_do_not_go_together_are_refused(arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        ChatMaritaca(api_key=KEY).with_structured_output(**arguments)


@pytest.mark.parametrize("method", METHODS)
def test_raw_answer_comes_with_the_parsed_one(make_model: MakeModel, method: Any) -> None:
    chain = make_model().with_structured_output(Pessoa, method=method, include_raw=True)
    found = chain.invoke(PROMPT)
    assert isinstance(found["raw"], AIMessage)
    assert (found["parsed"], found["parsing_error"]) == (Pessoa(nome="Ana Souza", idade=30), None)


HALF = '{"nome": "Ana Souza", "idade": 3'
BAD = [
    ("json_schema", completion({"content": HALF}, "length"), "max_tokens"),
    ("json_schema", completion({"content": HALF}, "content_filter"), "content_filter"),
    ("json_schema", completion({"content": HALF}), "not JSON"),
    ("json_schema", completion({"content": ""}), "not JSON"),
    ("json_schema", completion({"content": "Não posso"}), "not JSON"),
    ("json_schema", completion({"content": '{"nome": "Ana", "idade": -1}'}), "idade"),
    ("function_calling", completion({"tool_calls": [call(HALF, name="Pessoa")]}, "length"), "max_tokens"),
    (
        "function_calling",
        completion({"tool_calls": [call(HALF, name="Pessoa")]}, "tool_calls"),
        "no valid call",
    ),
    ("function_calling", completion({"content": "Não posso"}), "no valid call"),
]


@pytest.mark.parametrize(("method", "body", "said"), BAD)
async def test_half_an_answer_or_none_is_an_error_never_an_object(
    method: Any, body: dict[str, Any], said: str
) -> None:
    async with ScriptedServer(answers(body)) as server:
        model = ChatMaritaca(api_key=KEY, base_url=server.base_url)
        with pytest.raises(OutputParserException, match=said):
            await model.with_structured_output(Pessoa, method=method).ainvoke(PROMPT)
        raw = model.with_structured_output(Pessoa, method=method, include_raw=True)
        found = await raw.ainvoke(PROMPT)
        assert found["parsed"] is None
        assert isinstance(found["parsing_error"], OutputParserException)
        assert found["raw"].response_metadata["finish_reason"] == body["choices"][0]["finish_reason"]


@pytest.mark.parametrize(("method", "body", "said"), BAD)
async def test_stream_that_ends_in_half_an_answer_or_none_is_an_error(
    method: Any, body: dict[str, Any], said: str
) -> None:
    async with ScriptedServer((streams(*in_pieces(body, [5]), "[DONE]"),)) as server:
        chain = ChatMaritaca(api_key=KEY, base_url=server.base_url).with_structured_output(
            Pessoa, method=method
        )
        with pytest.raises(OutputParserException, match=said):
            _ = [piece async for piece in chain.astream(PROMPT)]
        # LangChain closes its generators in tasks of its own, a moment later.
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("method", METHODS)
def test_half_an_answer_is_an_error_in_streams_too(make_model: MakeModel, method: Any) -> None:
    chain = make_model(max_tokens=6).with_structured_output(SCHEMA, method=method)
    with pytest.raises(OutputParserException, match="max_tokens"):
        list(chain.stream(PROMPT))
