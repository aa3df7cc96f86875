"""How the sandbox asks for tools and fills schemas."""

from __future__ import annotations

import json
from typing import Any

import aiohttp
import jsonschema
import pytest

from maritaca_async.sandbox import Sandbox

KEY = {"Authorization": "Bearer chave"}


def user(text: str) -> dict[str, Any]:
    return {"role": "user", "content": text}


def tool(
    name: str, description: str = "", required: list[str] | None = None, /, **fields: Any
) -> dict[str, Any]:
    parameters = {
        "type": "object",
        "properties": {
            key: {"type": kind} if isinstance(kind, str) else kind for key, kind in fields.items()
        },
        "required": list(fields) if required is None else required,
    }
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }


async def send(sandbox: Sandbox, prompt: Any, **params: Any) -> str:
    messages = prompt if isinstance(prompt, list) else [user(prompt)]
    async with aiohttp.ClientSession(headers=KEY) as session:
        url = f"{sandbox.base_url}/chat/completions"
        body = {"model": "sabia-4", "messages": messages, **params}
        async with session.post(url, json=body) as reply:
            assert reply.status == 200, await reply.text()
            return await reply.text()


async def ask(sandbox: Sandbox, prompt: Any, **params: Any) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(await send(sandbox, prompt, **params))
    return found


async def answer(prompt: Any, **params: Any) -> dict[str, Any]:
    async with Sandbox() as sandbox:
        return await ask(sandbox, prompt, **params)


def text_of(reply: dict[str, Any]) -> str:
    text: str = reply["choices"][0]["message"]["content"]
    return text


def calls_of(reply: dict[str, Any]) -> list[tuple[str, Any]]:
    calls = reply["choices"][0]["message"].get("tool_calls", [])
    return [(call["function"]["name"], json.loads(call["function"]["arguments"])) for call in calls]


# Calls


WEATHER = tool("get_weather", "Get weather at a location.", location="string")
ADD = tool("somar", "Soma dois números.", a="number", b="number")
MULTIPLY = tool("multiplicar", "Multiplica dois números.", a="number", b="number")


@pytest.mark.parametrize(
    ("prompt", "tools", "choice", "expected"),
    [
        ("What is the weather in San Francisco, CA?", [WEATHER], "auto",
         [("get_weather", {"location": "San Francisco, CA"})]),
        ("Qual é o clima em São Paulo?", [tool("obter_clima", cidade="string")], "auto",
         [("obter_clima", {"cidade": "São Paulo"})]),
        ("Qual é a capital do Brasil?", [WEATHER], "auto", []),
        ("What is the weather in Recife?", [WEATHER], "none", []),
        ("Hello!", [WEATHER, tool("magic_function", input="integer")],
         {"type": "function", "function": {"name": "magic_function"}}, [("magic_function", {"input": 1})]),
        ("What is the value of magic_function(3)? Use the tool.",
         [tool("magic_function", input={"type": "integer", "exclusiveMinimum": -1000})], "required",
         [("magic_function", {"input": 3})]),
        ("What is the value of magic_function_no_args()?",
         [tool("magic_function", input="integer"), tool("magic_function_no_args")], "auto",
         [("magic_function_no_args", {})]),
        ("Quanto é 2 + 3?", [ADD, MULTIPLY], "auto", [("somar", {"a": 2, "b": 3})]),
        ("Quanto é 3 * 12? E quanto é 11 + 49?", [ADD, MULTIPLY], "auto",
         [("multiplicar", {"a": 3, "b": 12}), ("somar", {"a": 11, "b": 49})]),
        ("Qual é o clima e a hora em Recife?",
         [tool("clima", cidade="string"), tool("hora_certa", cidade="string")], "auto",
         [("clima", {"cidade": "Recife"}), ("hora_certa", {"cidade": "Recife"})]),
        ("Create a customer named '你好啊集团' (Hello Group)",
         [tool("unicode_customer", customer_name="string", description="string")], "auto",
         [("unicode_customer", {"customer_name": "你好啊集团", "description": "Hello Group"})]),
        ("Está chovendo em Natal?", [tool("previsao", "Diz se está chovendo", cidade="string")], "auto",
         [("previsao", {"cidade": "Natal"})]),
    ],
)  # fmt: skip
async def test_prompt_gets_the_calls_it_asks_for(
    prompt: str, tools: list[Any], choice: Any, expected: list[Any]
) -> None:
    reply = await answer(prompt, tools=tools, tool_choice=choice)
    assert calls_of(reply) == expected
    [first] = reply["choices"]
    assert first["finish_reason"] == ("tool_calls" if expected else "stop")
    assert (first["message"]["content"] is None) == bool(expected)


async def test_call_ids_are_never_repeated() -> None:
    async with Sandbox() as sandbox:
        replies = [await ask(sandbox, "weather in Recife", tools=[WEATHER]) for _ in range(3)]
    ids = [reply["choices"][0]["message"]["tool_calls"][0]["id"] for reply in replies]
    assert len(set(ids)) == 3
    assert all(id_.startswith("call_") for id_ in ids)


async def test_parallel_calls_can_be_switched_off() -> None:
    reply = await answer("Quanto é 2 + 3? E 4 * 5?", tools=[ADD, MULTIPLY], parallel_tool_calls=False)
    assert calls_of(reply) == [("somar", {"a": 2, "b": 3})]


async def after_result(choice: str) -> dict[str, Any]:
    finish = tool("finish", "Ends the task", summary="string")
    async with Sandbox() as sandbox:
        question = user("What is the weather in Recife?")
        asked = await ask(sandbox, [question], tools=[WEATHER, finish], tool_choice=choice)
        message = asked["choices"][0]["message"]
        result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "29 °C, sol"}
        return await ask(sandbox, [question, message, result], tools=[WEATHER, finish], tool_choice=choice)


async def test_result_of_a_tool_is_quoted_in_the_final_text() -> None:
    reply = await after_result("auto")
    assert "get_weather respondeu: 29 °C, sol" in text_of(reply)
    assert calls_of(reply) == []


async def test_forced_loop_moves_on_to_the_tool_not_called_yet() -> None:
    assert [name for name, _ in calls_of(await after_result("required"))] == ["finish"]


async def test_token_limit_cuts_arguments_to_broken_json() -> None:
    reply = await answer("weather in Recife", tools=[WEATHER], max_tokens=6)
    [choice] = reply["choices"]
    assert choice["finish_reason"] == "length"
    with pytest.raises(json.JSONDecodeError):
        json.loads(choice["message"]["tool_calls"][0]["function"]["arguments"])


HARD = {
    "type": "object",
    "properties": {
        "dia": {"type": "string", "format": "date"},
        "codigo": {"type": "string", "minLength": 60, "maxLength": 70},
        "nota": {"type": "integer", "minimum": 10, "maximum": 20, "multipleOf": 5},
        "fator": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
        "pares": {"type": "array", "items": {"type": "integer"}, "minItems": 3, "uniqueItems": True},
        "rotulos": {"type": "array", "items": {"enum": ["a", "b"]}, "maxItems": 2},
        "ponto": {"type": "array", "prefixItems": [{"type": "number"}, {"type": "string"}], "minItems": 2},
        "talvez": {"type": ["null", "string"]},
        "fixo": {"const": 7},
        "ligado": {"type": "boolean"},
        "tudo": {
            "allOf": [{"properties": {"x": {"type": "integer"}}, "required": ["x"]}, {"type": "object"}]
        },
        "no": {"$ref": "#/$defs/No"},
        "nada": {"type": "null"},
        "livre": {},
    },
    "$defs": {
        "No": {
            "type": "object",
            "properties": {
                "valor": {"type": "string"},
                "proximo": {"anyOf": [{"$ref": "#/$defs/No"}, {"type": "null"}]},
                "filhos": {"type": "array", "items": {"$ref": "#/$defs/No"}},
            },
            "required": ["valor", "proximo", "filhos"],
        }
    },
}


@pytest.mark.parametrize("required", [[], list(HARD["properties"])], ids=["nothing", "everything"])
async def test_arguments_satisfy_a_demanding_schema(required: list[str]) -> None:
    schema = {**HARD, "required": required}
    function = {"name": "dificil", "parameters": schema}
    reply = await answer(
        "Chame dificil com 3,5 e 100",
        tools=[{"type": "function", "function": function}],
        tool_choice="required",
    )
    [(_, arguments)] = calls_of(reply)
    jsonschema.validate(arguments, schema, format_checker=jsonschema.FormatChecker())
    assert set(arguments) == set(HARD["properties"])


async def test_optional_arguments_are_left_to_their_defaults() -> None:
    search = tool("buscar_livro", "", ["titulo"], titulo="string", limite="integer")
    assert calls_of(
        await answer("Busque o livro 'Dom Casmurro'", tools=[search], tool_choice="required")
    ) == [("buscar_livro", {"titulo": "Dom Casmurro"})]


async def test_streamed_calls_open_with_id_and_name_then_bring_fragments() -> None:
    async with Sandbox() as sandbox:
        raw = await send(sandbox, "Quanto é 2 + 3? E 4 * 5?", tools=[ADD, MULTIPLY], stream=True)
    chunks = [json.loads(frame.removeprefix("data: ")) for frame in raw.split("\n\n")[:-2]]
    found = [chunk["choices"][0]["delta"] for chunk in chunks]
    assert (found[0]["role"], found[0]["content"]) == ("assistant", None)
    calls: dict[int, dict[str, Any]] = {}
    for delta in found[:-1]:
        [fragment] = delta["tool_calls"]
        if "id" in fragment:
            assert fragment["function"]["arguments"] == ""
            calls[fragment["index"]] = {"name": fragment["function"]["name"], "arguments": ""}
        else:
            assert set(fragment) == {"index", "function"}
            calls[fragment["index"]]["arguments"] += fragment["function"]["arguments"]
    assert [(call["name"], json.loads(call["arguments"])) for call in calls.values()] == [
        ("somar", {"a": 2, "b": 3}),
        ("multiplicar", {"a": 4, "b": 5}),
    ]
    assert chunks[-1]["choices"][0]["finish_reason"] == "tool_calls"


# JSON


PERSON = {
    "type": "object",
    "properties": {
        "nome": {"type": "string"},
        "idade": {"type": "integer"},
        "cidade": {"anyOf": [{"type": "string"}, {"type": "null"}]},
        "nivel": {"enum": ["júnior", "pleno", "sênior"]},
        "linguagens": {"type": "array", "items": {"type": "string"}},
    },
    "required": ["nome", "idade"],
    "additionalProperties": False,
}


def as_schema(schema: dict[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "resposta", "schema": schema, "strict": True}}


async def test_json_schema_is_filled_from_the_prompt() -> None:
    reply = await answer("Ana é sênior, tem 28 anos e mora em Recife.", response_format=as_schema(PERSON))
    found = json.loads(text_of(reply))
    jsonschema.validate(found, PERSON)
    assert found["nome"] == "Ana"
    assert found["idade"] == 28
    assert found["cidade"] == "Recife"
    assert found["nivel"] == "sênior"
    assert list(found) == list(PERSON["properties"])


async def test_joke_schema_gets_a_joke() -> None:
    schema = {
        "type": "object",
        "properties": {"setup": {"type": "string"}, "punchline": {"type": "string"}},
        "required": ["setup", "punchline"],
    }
    joke = json.loads(text_of(await answer("Tell me a joke about cats.", response_format=as_schema(schema))))
    assert joke["setup"].endswith("?")
    assert joke["punchline"] != joke["setup"]


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Return a JSON with 'setup' and 'punchline' keys about cats.", {"setup", "punchline"}),
        ("Qual é a capital do Brasil? Responda em JSON.", {"resposta"}),
    ],
)
async def test_json_mode_gives_an_object_with_the_keys_named(prompt: str, expected: set[str]) -> None:
    reply = await answer(prompt, response_format={"type": "json_object"})
    assert set(json.loads(text_of(reply))) == expected


async def test_tool_comes_before_the_schema_and_the_schema_after_the_result() -> None:
    schema = {"type": "object", "properties": {"resumo": {"type": "string"}}, "required": ["resumo"]}
    params = {"tools": [WEATHER], "response_format": as_schema(schema)}
    question = user("What is the weather in Recife?")
    async with Sandbox() as sandbox:
        message = (await ask(sandbox, [question], **params))["choices"][0]["message"]
        result = {"role": "tool", "tool_call_id": message["tool_calls"][0]["id"], "content": "sol"}
        final = await ask(sandbox, [question, message, result], **params)
    jsonschema.validate(json.loads(text_of(final)), schema)
