"""Never run: what an editor and a type checker must know about `ChatMaritaca`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypedDict, assert_type

from langchain_core.language_models import LanguageModelInput
from langchain_core.messages import AIMessage, AIMessageChunk
from langchain_core.outputs import LLMResult
from langchain_core.runnables import Runnable
from langchain_core.tools import tool
from pydantic import BaseModel, SecretStr

from langchain_maritaca import ChatMaritaca
from maritaca_async import Maritaca, Timeouts, TokenCount


class Pessoa(BaseModel):
    nome: str


class PessoaDict(TypedDict):
    nome: str


def somar(a: int, b: int) -> int:
    return a + b


functions: list[Callable[[int, int], int]] = [somar]
model = ChatMaritaca(
    model="sabia-4",
    api_key="k",
    base_url="https://x",
    timeout=3.0,
    temperature=0,
    stop=["fim"],
    tools=[somar, Pessoa, tool(somar), {"type": "web_search"}],
    tags=["a"],
)
ChatMaritaca(
    model_name="nova",
    maritaca_api_key=SecretStr("k"),
    maritaca_api_base="https://x",
    request_timeout=Timeouts(connect=1),
    stop_sequences="fim",
    tools=functions,
)
ChatMaritaca(api_key=SecretStr("k"), client=Maritaca("k"), timeout=Timeouts())
ChatMaritaca(temperature="quente")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
ChatMaritaca(temperatura=0)  # type: ignore[call-arg]  # pyright: ignore[reportCallIssue]


class Educado(ChatMaritaca):
    saudacao: str = "Olá"


Educado(saudacao="Oi", model="sabia-4", api_key=SecretStr("k"), tools=[somar])

assert_type(model.with_structured_output(Pessoa), Runnable[LanguageModelInput, Pessoa])
assert_type(model.with_structured_output(Pessoa, method="function_calling").invoke("x"), Pessoa)
assert_type(model.with_structured_output(PessoaDict).invoke("x"), PessoaDict)
assert_type(model.with_structured_output({"title": "pessoa"}).invoke("x"), dict[str, Any])
assert_type(model.with_structured_output(method="json_mode").invoke("x"), dict[str, Any])
assert_type(model.with_structured_output(Pessoa, include_raw=True).invoke("x"), dict[str, Any])
assert_type(model.with_structured_output(PessoaDict, include_raw=True).invoke("x"), dict[str, Any])


async def answers(include_raw: bool, schema: type[Any]) -> None:
    assert_type(await model.with_structured_output(Pessoa).ainvoke("x"), Pessoa)
    async for piece in model.with_structured_output(Pessoa).astream("x"):
        assert_type(piece, Pessoa)
    either = model.with_structured_output(Pessoa, include_raw=include_raw)
    assert_type(either, Runnable[LanguageModelInput, Any])
    assert_type(model.with_structured_output(schema, strict=True), Runnable[LanguageModelInput, Any])


assert_type(model.bind_tools(functions), Runnable[LanguageModelInput, AIMessage])
assert_type(model.bind_tools([somar, Pessoa, {"type": "web_search"}]).invoke("x"), AIMessage)
assert_type(model.bind(temperature=0).invoke("x"), AIMessage)
text: str = model.invoke("x").text
assert_type(model.stream("x"), Iterator[AIMessageChunk])
assert_type(model.generate([[]]), LLMResult)
assert_type(
    model.get_num_tokens_from_messages([("human", "oi"), "x", {"role": "user", "content": "y"}]), TokenCount
)
