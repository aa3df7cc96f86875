"""What the sandbox answers: texts, calls, JSON, usage, and the same things as a stream."""

from __future__ import annotations

import base64
import json
from typing import Any

import aiohttp
import jsonschema
import pytest

from maritaca_async.sandbox import Sandbox

KEY = {"Authorization": "Bearer chave"}


def user(text: Any) -> dict[str, Any]:
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


async def ask(sandbox: Sandbox, prompt: Any, **params: Any) -> dict[str, Any]:
    messages = prompt if isinstance(prompt, list) else [user(prompt)]
    async with aiohttp.ClientSession(headers=KEY) as session:
        url = f"{sandbox.base_url}/chat/completions"
        body = {"model": "sabia-4", "messages": messages, **params}
        async with session.post(url, json=body) as reply:
            assert reply.status == 200, await reply.text()
            found: dict[str, Any] = await reply.json()
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


async def stream(prompt: Any, knobs: dict[str, Any] | None = None, **params: Any) -> list[Any]:
    messages = prompt if isinstance(prompt, list) else [user(prompt)]
    body = {"model": "sabia-4", "messages": messages, "stream": True, **params}
    async with Sandbox(**knobs or {}) as sandbox, aiohttp.ClientSession(headers=KEY) as session:
        async with session.post(f"{sandbox.base_url}/chat/completions", json=body) as reply:
            assert reply.headers["Content-Type"] == "text/event-stream; charset=utf-8"
            raw = await reply.text()
    *frames, rest = raw.split("\n\n")
    assert rest == ""
    assert frames[-1] == "data: [DONE]"
    return [json.loads(frame.removeprefix("data: ")) for frame in frames[:-1]]


def deltas(chunks: list[Any], index: int = 0) -> list[Any]:
    return [c["delta"] for chunk in chunks for c in chunk["choices"] if c["index"] == index]


def streamed_text(chunks: list[Any], index: int = 0) -> str:
    return "".join(delta.get("content") or "" for delta in deltas(chunks, index))


# Texts


@pytest.mark.parametrize(
    ("prompt", "expected"),
    [
        ("Qual é a capital do Brasil?", "Brasília"),
        ("QUAL É A CAPITAL DO BRASIL", "Brasília"),
        ("O que é Python?", "Python é uma linguagem"),
        ("O que é JavaScript?", "JavaScript é"),
        ("O que é Rust?", "Rust é"),
        ("O que é IA?", "inteligência artificial"),
        ("O que é ML?", "aprendizado de máquina"),
        ("O que é DL?", "redes neurais"),
        ("Olá!", "Olá!"),
        ("Hello", "Olá!"),
        ("how are you", "Tudo bem"),
        ("What is 2+2?", "igual a 4."),
        ("Quanto é 12 vezes 3?", "igual a 36."),
        ("Conte até 5", "1 2 3 4 5"),
        ("Pergunta 7", "Você perguntou: “Pergunta 7”."),
        ("", "não perguntou nada"),
    ],
)
async def test_usual_question_gets_its_answer_in_portuguese(prompt: str, expected: str) -> None:
    assert expected in text_of(await answer(prompt))


async def test_half_of_a_surrogate_pair_does_no_harm() -> None:
    assert "emoji 😀 e ? sozinho" in text_of(await answer("emoji 😀 e \ud83d sozinho"))


async def test_story_has_several_sentences() -> None:
    assert text_of(await answer("Conte uma história curta.")).count(".") >= 4


async def test_name_said_earlier_is_remembered() -> None:
    told = [user("Oi, meu nome é João."), {"role": "assistant", "content": "Olá!"}]
    assert text_of(await answer([*told, user("Qual é o meu nome?")])) == "Seu nome é João."
    assert "não me disse" in text_of(await answer("Qual é o meu nome?"))


async def test_same_request_gets_the_same_text() -> None:
    assert text_of(await answer("Algo raro")) == text_of(await answer("Algo raro"))


async def test_plain_reply_has_the_documented_shape() -> None:
    reply = await answer("Olá!", model="sabiazinho-4")
    assert reply["object"] == "chat.completion"
    assert reply["model"] == "sabiazinho-4"
    assert isinstance(reply["created"], int)
    [choice] = reply["choices"]
    assert choice["message"] == {"role": "assistant", "content": "Olá! Como posso ajudar você hoje?"}
    assert (choice["index"], choice["finish_reason"], choice["logprobs"]) == (0, "stop", None)
    assert "service_tier" not in reply
    assert "extracted_files" not in reply


async def test_several_choices_are_told_apart() -> None:
    choices = (await answer("Olá!", n=3))["choices"]
    assert [choice["index"] for choice in choices] == [0, 1, 2]
    assert len({choice["message"]["content"] for choice in choices}) == 3


async def test_stop_sequence_ends_the_text_before_itself() -> None:
    whole = text_of(await answer("Conte até 9"))
    cut = await answer("Conte até 9", stop=["7", "5"])
    assert text_of(cut) == whole[: whole.index("5")]
    assert cut["choices"][0]["finish_reason"] == "stop"


async def test_token_limit_ends_the_text() -> None:
    cut = await answer("Conte até 9", max_tokens=3)
    assert text_of(cut) == "1 2 3"
    assert cut["choices"][0]["finish_reason"] == "length"
    assert cut["usage"]["completion_tokens"] == 3


# Usage


async def test_usage_adds_up_and_grows_with_the_prompt() -> None:
    short, long = (await answer("Olá"))["usage"], (await answer("Olá" + " olá" * 49))["usage"]
    for usage in (short, long):
        assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    assert long["prompt_tokens"] - short["prompt_tokens"] == 49
    assert "completion_tokens_details" not in short
    assert "tool_execution_details" not in short


async def test_repeated_prefix_is_reported_as_cached() -> None:
    async with Sandbox() as sandbox:
        system = {"role": "system", "content": "Você é um papagaio educado."}
        first = (await ask(sandbox, [system, user("Olá")]))["usage"]
        again = (await ask(sandbox, [system, user("Olá")]))["usage"]
        other = (await ask(sandbox, [system, user("Adeus")]))["usage"]
        model = (await ask(sandbox, [system, user("Olá")], model="sabiazinho-4"))["usage"]
    cached = [usage["prompt_tokens_details"]["cached_tokens"] for usage in (first, again, other, model)]
    assert cached[0] == cached[3] == 0
    assert cached[1] == again["prompt_tokens"]
    assert 0 < cached[2] < other["prompt_tokens"]


async def test_thinking_model_bills_its_reasoning_without_showing_it() -> None:
    reply = await answer("Olá!", model="sabia-4-thinking")
    thought = reply["usage"]["completion_tokens_details"]["reasoning_tokens"]
    assert 0 < thought < reply["usage"]["completion_tokens"]
    assert "reasoning_content" not in reply["choices"][0]["message"]


async def test_thinking_model_shows_its_reasoning_on_request() -> None:
    async with Sandbox(reasoning_content=True) as sandbox:
        message = (await ask(sandbox, "Olá!", model="sabia-4-thinking"))["choices"][0]["message"]
    chunks = await stream("Olá!", {"reasoning_content": True}, model="sabia-4-thinking")
    thought = "".join(delta.get("reasoning_content", "") for delta in deltas(chunks))
    assert thought == message["reasoning_content"]
    assert deltas(chunks)[0] == {"role": "assistant", "content": ""}
    assert streamed_text(chunks) == message["content"]


async def test_limit_smaller_than_the_reasoning_leaves_no_text() -> None:
    reply = await answer("Olá!", model="sabia-4-thinking", max_tokens=5)
    assert (text_of(reply), reply["choices"][0]["finish_reason"]) == ("", "length")
    assert reply["usage"]["completion_tokens"] == 5


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


# Built-in tools, files, tiers


@pytest.mark.parametrize(
    ("flag", "searches", "gigabytes", "minutes", "files"),
    [
        ("web_search", 1, 0, 0, False),
        ("code_execution", 0, 0, 1, True),
        ("data_ocean", 1, 0.000161, 1, True),
    ],
)
async def test_built_in_tool_reports_what_it_did(
    flag: str, searches: int, gigabytes: float, minutes: int, files: bool
) -> None:
    reply = await answer("Quanto choveu?", **{flag: True})
    assert reply["usage"]["tool_execution_details"] == {
        "web_search_calls": searches,
        "page_reads": searches,
        "data_ocean_gb_processed": gigabytes,
        "code_execution_minutes": minutes,
    }
    assert ("generated_files" in reply) == files
    for file in reply.get("generated_files", []):
        assert len(base64.b64decode(file["content_base64"])) == file["size_bytes"]


def file_part(name: str, media_type: str, data: bytes) -> dict[str, Any]:
    uri = f"data:{media_type};base64,{base64.b64encode(data).decode()}"
    return {"type": "file", "file": {"filename": name, "file_data": uri}}


async def test_files_come_back_as_extracted_text() -> None:
    pdf = b"%PDF-1.4 /Type /Pages /Type /Page ... /Type/Page %%EOF"
    parts = [
        {"type": "text", "text": "Resuma."},
        file_part("dados.csv", "text/csv", "cidade,açaí\n".encode()),
        file_part("contrato.pdf", "application/pdf", pdf),
        {"type": "image_url", "image_url": {"url": "https://example.com/foto.png"}},
    ]
    reply = await answer([user(parts)], extraction_effort="advanced")
    names = [file["filename"] for file in reply["extracted_files"]]
    assert names == ["dados.csv", "contrato.pdf", "https://example.com/foto.png"]
    assert reply["extracted_files"][0]["text"] == "cidade,açaí\n"
    assert reply["usage"]["extraction_details"] == {
        "medium_effort_pages_extracted": 0,
        "advanced_effort_pages_extracted": 2,
    }
    assert "cidade,açaí" in text_of(reply)


async def test_flex_tier_is_echoed_plain_and_streamed() -> None:
    assert (await answer("Olá", service_tier="flex"))["service_tier"] == "flex"
    chunks = await stream("Olá", service_tier="flex")
    assert {chunk["service_tier"] for chunk in chunks} == {"flex"}


# Streams


@pytest.mark.parametrize("prompt", ["Olá!", "Conte uma história curta.", "Write me 2 haikus."])
async def test_streamed_text_equals_the_plain_one(prompt: str) -> None:
    chunks = await stream(prompt)
    assert streamed_text(chunks) == text_of(await answer(prompt))
    assert len(chunks) > 5


async def test_stream_opens_with_the_role_and_ends_with_the_reason() -> None:
    chunks = await stream("Olá!")
    assert {chunk["object"] for chunk in chunks} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in chunks}) == 1
    assert chunks[0]["choices"] == [
        {"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}
    ]
    assert chunks[-1]["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    assert not any("usage" in chunk for chunk in chunks)


@pytest.mark.parametrize("place", ["chunk", "last", "never"])
async def test_usage_of_a_stream_is_where_the_knob_puts_it(place: str) -> None:
    chunks = await stream("Olá!", {"usage_with_stream": place}, stream_options={"include_usage": True})
    bearers = [chunk for chunk in chunks if "usage" in chunk]
    assert bearers == ([] if place == "never" else [chunks[-1]])
    if bearers:
        assert bearers[0]["usage"] == (await answer("Olá!"))["usage"]
        assert (bearers[0]["choices"] == []) == (place == "chunk")


async def test_streamed_calls_open_with_id_and_name_then_bring_fragments() -> None:
    chunks = await stream("Quanto é 2 + 3? E 4 * 5?", tools=[ADD, MULTIPLY])
    found = deltas(chunks)
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


async def test_streamed_choices_take_turns() -> None:
    chunks = await stream("Olá!", n=2)
    order = [chunk["choices"][0]["index"] for chunk in chunks]
    assert order[:4] == [0, 1, 0, 1]
    plain = (await answer("Olá!", n=2))["choices"]
    for index in (0, 1):
        assert streamed_text(chunks, index) == plain[index]["message"]["content"]
        assert deltas(chunks, index)[-1] == {}


async def test_streamed_files_come_with_the_last_choice_chunk() -> None:
    chunks = await stream([user([file_part("a.txt", "text/plain", b"oi")])])
    assert [chunk.get("extracted_files") for chunk in chunks if "extracted_files" in chunk] == [
        [{"filename": "a.txt", "text": "oi"}]
    ]


async def test_every_event_is_written_on_its_own() -> None:
    async with Sandbox(tokens_per_second=200) as sandbox, aiohttp.ClientSession(headers=KEY) as session:
        body = {"model": "sabia-4", "messages": [user("Conte até 20")], "stream": True}
        async with session.post(f"{sandbox.base_url}/chat/completions", json=body) as reply:
            pieces = [piece async for piece, _ in reply.content.iter_chunks()]
        assert len(pieces) == sandbox.requests[0].events_sent == 23
