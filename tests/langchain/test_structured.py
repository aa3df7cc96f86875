"""Answers that are objects."""

from __future__ import annotations

import asyncio
import dataclasses
import datetime as dt
import json
from collections.abc import Callable
from typing import Annotated, Any, TypedDict

import pytest
from answers import chunk, completion, in_pieces
from bad_objects import BAD, CALLED, HALF, PROMPT, SCHEMA, Pessoa, calling
from conftest import KEY
from langchain_core.exceptions import OutputParserException
from langchain_core.messages import AIMessage
from pydantic import BaseModel, Field
from pydantic.v1 import BaseModel as BaseModelV1
from scripted import ScriptedServer, answers, streams

from langchain_maritaca import ChatMaritaca
from maritaca_async.sandbox import Sandbox

# What the warnings say is tested with the schemas.
pytestmark = pytest.mark.filterwarnings("ignore::langchain_maritaca._formats.ChatMaritacaSchemaWarning")

MakeModel = Callable[..., ChatMaritaca]
METHODS = ("json_schema", "function_calling")


class PessoaV1(BaseModelV1):
    """Uma pessoa."""

    nome: str
    idade: int


class PessoaDict(TypedDict):
    """Uma pessoa."""

    nome: Annotated[str, ..., "O nome"]
    idade: int


@dataclasses.dataclass
class PessoaData:
    """Uma pessoa."""

    nome: str
    idade: Annotated[int, Field(ge=0)]


NAMED_SCHEMA = {"name": "pessoa", "description": "Uma pessoa.", "schema": SCHEMA}


def fields_of(answer: Any) -> dict[str, Any]:
    return answer if isinstance(answer, dict) else answer.dict()


@pytest.mark.filterwarnings("ignore:The `dict` method is deprecated")
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("schema", [Pessoa, PessoaV1, PessoaDict, PessoaData, SCHEMA, NAMED_SCHEMA])
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
        ({"schema": Pessoa, "method": "function_calling", "tool_choice": "any"}, "sets tool_choice itself"),
        ({"schema": Pessoa, "tool_choice": "raiz", "tools": [Pessoa]}, "'raiz'"),
        ({"schema": {"type": "object", "properties": {}}}, "needs a 'title'"),
        ({"schema": {"type": "object", "properties": {}}, "method": "function_calling"}, "needs a 'title'"),
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


@pytest.mark.parametrize(("method", "body", "said", "kept"), BAD)
async def test_half_an_answer_or_none_is_an_error_never_an_object(
    method: Any, body: dict[str, Any], said: str, kept: str
) -> None:
    async with ScriptedServer(answers(body)) as server:
        model = ChatMaritaca(api_key=KEY, base_url=server.base_url)
        with pytest.raises(OutputParserException, match=said) as caught:
            await model.with_structured_output(Pessoa, method=method).ainvoke(PROMPT)
        assert caught.value.llm_output == kept
        raw = model.with_structured_output(Pessoa, method=method, include_raw=True)
        found = await raw.ainvoke(PROMPT)
        assert found["parsed"] is None
        assert isinstance(found["parsing_error"], OutputParserException)
        assert found["parsing_error"].llm_output == kept
        assert found["raw"].response_metadata["finish_reason"] == body["choices"][0]["finish_reason"]


@pytest.mark.parametrize(("method", "body", "said", "kept"), BAD)
async def test_stream_that_ends_in_half_an_answer_or_none_is_an_error(
    method: Any, body: dict[str, Any], said: str, kept: str
) -> None:
    pieces = in_pieces(body, [max(5, len(kept) // 4)])
    if refusal := body["choices"][0]["message"].get("refusal"):
        pieces.insert(1, chunk(refusal=refusal))
    async with ScriptedServer((streams(*pieces, "[DONE]"),)) as server:
        chain = ChatMaritaca(api_key=KEY, base_url=server.base_url).with_structured_output(
            Pessoa, method=method
        )
        with pytest.raises(OutputParserException, match=said) as caught:
            _ = [piece async for piece in chain.astream(PROMPT)]
        assert (caught.value.llm_output or "").startswith(kept)
        # LangChain closes its generators in tasks of its own, a moment later.
        await asyncio.sleep(0.01)


@pytest.mark.parametrize("method", METHODS)
def test_half_an_answer_is_an_error_in_streams_too(make_model: MakeModel, method: Any) -> None:
    chain = make_model(max_tokens=6).with_structured_output(SCHEMA, method=method)
    with pytest.raises(OutputParserException, match="max_tokens"):
        list(chain.stream(PROMPT))


@pytest.mark.parametrize(
    "text",
    [
        '{"nome": "Ana", "idade": 3}',
        '\n {"nome": "Ana", "idade": 3} \n',
        '```json\n{"nome": "Ana", "idade": 3}\n```',
        '```JSON {"nome": "Ana", "idade": 3}```',
        'Claro!\n```\n{"nome": "Ana", "idade": 3}\n```\nEspero ter ajudado.',
    ],
)
@pytest.mark.parametrize("schema", [Pessoa, SCHEMA])
async def test_json_is_found_with_and_without_a_fence(text: str, schema: Any) -> None:
    async with ScriptedServer(answers(completion({"content": text}))) as server:
        chain = ChatMaritaca(api_key=KEY, base_url=server.base_url).with_structured_output(schema)
        assert fields_of_model(await chain.ainvoke(PROMPT)) == {"nome": "Ana", "idade": 3}


def fields_of_model(answer: Any) -> dict[str, Any]:
    return answer if isinstance(answer, dict) else answer.model_dump()


async def test_fence_inside_a_value_is_part_of_the_value() -> None:
    text = json.dumps({"nome": "```json\n{}\n```", "idade": 3})
    fenced = f"```json\n{text}\n```"
    async with ScriptedServer(answers(completion({"content": text}))) as server:
        chain = ChatMaritaca(api_key=KEY, base_url=server.base_url).with_structured_output(SCHEMA)
        assert await chain.ainvoke(PROMPT) == json.loads(text)
    async with ScriptedServer(answers(completion({"content": fenced}))) as server:
        chain = ChatMaritaca(api_key=KEY, base_url=server.base_url).with_structured_output(SCHEMA)
        assert await chain.ainvoke(PROMPT) == json.loads(text)


LIMITED = {**SCHEMA, "properties": {"nome": {"type": "string", "maxLength": 3}, "idade": {"type": "integer"}}}


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("schema", [LIMITED, {"name": "pessoa", "schema": LIMITED}, PessoaData])
async def test_dictionary_must_keep_to_what_the_service_was_not_told(method: Any, schema: Any) -> None:
    name = "PessoaData" if schema is PessoaData else "pessoa"
    text = '{"nome": "Anastácia", "idade": -1}'
    body = completion({"content": text})
    if method == CALLED:
        body = calling(text, name=name)
    async with ScriptedServer(answers(body)) as server:
        chain = ChatMaritaca(api_key=KEY, base_url=server.base_url).with_structured_output(
            schema, method=method
        )
        said = "idade: minimum is 0" if schema is PessoaData else "nome: maxLength is 3"
        with pytest.raises(OutputParserException, match=f"does not fit the schema: {said}"):
            await chain.ainvoke(PROMPT)


@pytest.mark.parametrize("content", ["null", "[]", "3"])
@pytest.mark.parametrize("arguments", [{"schema": SCHEMA}, {"method": "json_mode"}])
async def test_json_that_is_no_object_is_an_error(content: str, arguments: dict[str, Any]) -> None:
    async with ScriptedServer(answers(completion({"content": content}))) as server:
        chain = ChatMaritaca(api_key=KEY, base_url=server.base_url).with_structured_output(**arguments)
        with pytest.raises(OutputParserException, match="not a JSON object"):
            await chain.ainvoke(PROMPT)


async def test_stream_of_an_object_grows_and_ends_with_the_checked_one() -> None:
    body = completion({"content": '{"nome": "Ana", "idade": 31}'})
    for schema, kind in ((SCHEMA, dict), (Pessoa, Pessoa)):
        async with ScriptedServer((streams(*in_pieces(body, [1]), "[DONE]"),)) as server:
            chain = ChatMaritaca(api_key=KEY, base_url=server.base_url).with_structured_output(schema)
            pieces = [piece async for piece in chain.astream(PROMPT)]
        assert all(type(piece) is kind for piece in pieces)
        assert [fields_of_model(piece) for piece in pieces[-2:]] == [
            {"nome": "Ana", "idade": 3},
            {"nome": "Ana", "idade": 31},
        ]


async def test_stream_without_a_finish_reason_is_checked_all_the_same() -> None:
    pieces = [chunk(role="assistant", content=""), chunk(content=HALF)]
    async with ScriptedServer((streams(*pieces, "[DONE]"),)) as server:
        chain = ChatMaritaca(api_key=KEY, base_url=server.base_url).with_structured_output(SCHEMA)
        with pytest.raises(OutputParserException, match="not JSON"):
            _ = [piece async for piece in chain.astream(PROMPT)]
        await asyncio.sleep(0.01)


class No(BaseModel):
    """Um nó de uma árvore."""

    nome: str
    filhos: list[No]


@pytest.mark.parametrize("method", METHODS)
def test_object_that_holds_its_own_kind_is_filled(make_model: MakeModel, method: Any) -> None:
    tree = make_model().with_structured_output(No, method=method).invoke(PROMPT)
    assert isinstance(tree, No)
    assert all(isinstance(child, No) for child in tree.filhos)
    assert tree.filhos, "the schema told the service what the children are"


def test_built_in_tools_may_be_offered_beside_the_schema(make_model: MakeModel, sandbox: Sandbox) -> None:
    chain = make_model().with_structured_output(Pessoa, tools=[{"type": "web_search"}])
    assert chain.invoke(PROMPT) == Pessoa(nome="Ana Souza", idade=30)
    (piece,) = chain.stream(PROMPT)
    assert piece == Pessoa(nome="Ana Souza", idade=30)
    assert sandbox.requests[-1].body["web_search"] is True
    assert "tools" not in sandbox.requests[-1].body


def test_class_that_the_service_would_refuse_is_filled_and_checked(make_model: MakeModel) -> None:
    class Prova(BaseModel):
        """Uma prova."""

        nome: str = Field(min_length=2, pattern="^[A-Z]")
        dia: dt.date
        notas: list[Annotated[float, Field(ge=0, le=10)]] = Field(min_length=1, max_length=3)

    chain = make_model().with_structured_output(Prova, include_raw=True)
    found = chain.invoke("Ana Souza tem 8")
    assert found["parsed"] == Prova(nome="Ana Souza", dia=dt.date(2026, 7, 17), notas=[8])
    found = chain.invoke("Ana Souza tem 80")
    assert "less than or equal to 10" in str(found["parsing_error"])
