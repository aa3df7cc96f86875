"""The sandbox's Responses API, seen from a plain HTTP client and from the official OpenAI SDK."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import aiohttp
import jsonschema
import openai
import pytest
from pydantic import BaseModel

from maritaca_async.sandbox import Fault, Sandbox

KEY = {"Authorization": "Bearer chave"}
ASK: dict[str, Any] = {"model": "sabia-4", "input": "Qual é a capital do Brasil?"}
ANSWER = "A capital do Brasil é Brasília."
STORY: dict[str, Any] = {"model": "sabia-4", "input": "Conte uma história curta."}
ADD: dict[str, Any] = {
    "type": "function",
    "name": "somar",
    "description": "Soma dois números.",
    "parameters": {
        "type": "object",
        "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
        "required": ["a", "b"],
    },
}
SUM: dict[str, Any] = {"model": "sabia-4", "input": "Quanto é 2 + 3?", "tools": [ADD]}
PERSON: dict[str, Any] = {
    "type": "object",
    "properties": {"nome": {"type": "string"}, "idade": {"type": "integer"}},
    "required": ["nome", "idade"],
    "additionalProperties": False,
}
AS_PERSON = {"format": {"type": "json_schema", "name": "pessoa", "schema": PERSON, "strict": True}}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
async def client(sandbox: Sandbox) -> AsyncIterator[openai.AsyncOpenAI]:
    async with openai.AsyncOpenAI(api_key="x", base_url=sandbox.base_url, max_retries=0) as opened:
        yield opened


async def post(sandbox: Sandbox, body: Any, *, path: str = "/v1/responses") -> tuple[int, Any]:
    async with aiohttp.ClientSession(headers=KEY) as session:
        async with session.post(sandbox.base_url + path, json=body) as reply:
            return reply.status, await reply.json()


async def stream(sandbox: Sandbox, body: Any) -> tuple[str, list[tuple[str, Any]]]:
    """The raw body, and each frame as its `event:` name and its data."""
    async with aiohttp.ClientSession(headers=KEY) as session:
        async with session.post(f"{sandbox.base_url}/v1/responses", json={**body, "stream": True}) as reply:
            assert (reply.status, reply.content_type) == (200, "text/event-stream")
            raw = (await reply.read()).decode()
    frames = []
    for frame in raw.split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in frame.splitlines())
        frames.append((fields.get("event", ""), json.loads(fields["data"])))
    return raw, frames


# Plain answers


@pytest.mark.parametrize("path", ["/v1/responses", "/responses"])
async def test_both_routes_answer_with_every_documented_field(sandbox: Sandbox, path: str) -> None:
    status, body = await post(sandbox, ASK, path=path)
    assert status == 200
    created = body.pop("created_at")
    [message] = body.pop("output")
    assert isinstance(created, int)
    assert body.pop("id").startswith("resp-")
    assert message.pop("id").startswith("msg-")
    assert message == {
        "type": "message",
        "role": "assistant",
        "status": "completed",
        "content": [{"type": "output_text", "text": ANSWER, "annotations": []}],
    }
    usage = body.pop("usage")
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    assert usage["input_tokens_details"] == {"cached_tokens": 0}
    assert body == {
        "object": "response",
        "status": "completed",
        "model": "sabia-4",
        "error": None,
        "incomplete_details": None,
        "instructions": None,
        "temperature": None,
        "top_p": None,
        "max_output_tokens": None,
        "metadata": {},
        "tools": [],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "store": False,
    }


async def test_request_is_echoed(sandbox: Sandbox) -> None:
    sent = {
        "instructions": "Seja breve.",
        "temperature": 0.1,
        "top_p": 0.5,
        "max_output_tokens": 50,
        "metadata": {"a": "b"},
        "tools": [ADD, {"type": "web_search"}],
        "tool_choice": {"type": "function", "name": "somar"},
        "parallel_tool_calls": False,
        "store": True,
        "service_tier": "flex",
    }
    status, body = await post(sandbox, {**ASK, **sent})
    assert status == 200
    assert {name: body[name] for name in sent} == sent


async def test_every_parameter_may_be_null(sandbox: Sandbox) -> None:
    nulls = "instructions temperature top_p max_output_tokens stop stream tools tool_choice parallel_tool_calls text metadata store"
    status, body = await post(sandbox, {**ASK, **dict.fromkeys(nulls.split())})
    assert (status, body["output"][0]["content"][0]["text"]) == (200, ANSWER)


@pytest.mark.parametrize(
    ("change", "status", "said"),
    [
        ({"input": None}, 422, "input"),
        ({"input": []}, 422, "at least 1 item"),
        ({"input": [{"role": "tool", "content": "x"}]}, 422, "role"),
        ({"input": [{"type": "futuro"}]}, 422, "type"),
        ({"input": [{"role": "user", "content": [{"type": "text", "text": "x"}]}]}, 422, "input_text"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": "x"}]}, 400, "no earlier"),
        ({"input": [{"type": "function_call_output", "call_id": "c", "output": {}}]}, 422, "output"),
        ({"model": None}, 422, "model"),
        ({"model": "gpt-9"}, 404, "gpt-9"),
        ({"temperature": 2.5}, 422, "temperature"),
        ({"max_output_tokens": 40_000}, 422, "max_output_tokens"),
        ({"stop": "fim"}, 422, "stop"),
        ({"stream": "sim"}, 422, "stream"),
        ({"max_tokens": 5}, 400, "Unsupported parameter: 'max_tokens'"),
        ({"previous_response_id": "resp-1"}, 400, "previous_response_id"),
        ({"reasoning": {}}, 400, "reasoning"),
        ({"tools": [{"type": "function", "function": {"name": "f"}}]}, 400, "tools[0].function"),
        ({"tools": [{"type": "file_search"}]}, 422, "web_search, code_interpreter"),
        ({"tools": [ADD, ADD]}, 400, "distinct names"),
        ({"tool_choice": "required"}, 400, "tool_choice"),
        ({"tool_choice": {"type": "function", "name": "x"}, "tools": [ADD]}, 400, "unknown tool: 'x'"),
        ({"tools": [{"type": "web_search"}], "stream": True}, 400, "'web_search' is not supported with"),
        ({"data_ocean": True, "stream": True}, 400, "'data_ocean' is not supported with"),
        ({"tools": [{"type": "code_interpreter"}], "model": "sabiazinho-4"}, 400, "not supported by model"),
        ({"text": {"format": {"type": "json_schema", "json_schema": {}}}}, 400, "json_schema"),
        (
            {"text": {"format": {"type": "json_schema", "name": "x", "schema": {"minimum": 1}}}},
            400,
            "keyword 'minimum' is not supported",
        ),
        ({"text": {"verbosity": "low"}}, 400, "text.verbosity"),
        ({"metadata": {str(n): "" for n in range(17)}}, 422, "16"),
        ({"metadata": {"k" * 65: ""}}, 422, "64"),
        ({"metadata": {"k": "v" * 513}}, 422, "512"),
    ],
)
async def test_bad_request_is_refused(
    sandbox: Sandbox, change: dict[str, Any], status: int, said: str
) -> None:
    found, body = await post(sandbox, {**ASK, **change})
    assert (found, said in json.dumps(body["detail"])) == (status, True), body


async def test_key_is_required(sandbox: Sandbox) -> None:
    async with aiohttp.ClientSession() as session:
        async with session.post(f"{sandbox.base_url}/v1/responses", json=ASK) as reply:
            assert reply.status == 401


async def test_limit_cuts_the_answer_and_says_so(sandbox: Sandbox) -> None:
    _, body = await post(sandbox, {**STORY, "max_output_tokens": 3})
    assert (body["status"], body["incomplete_details"]) == ("incomplete", {"reason": "max_output_tokens"})
    assert body["output"][0]["status"] == "incomplete"
    assert body["usage"]["output_tokens"] == 3
    _, frames = await stream(sandbox, {**STORY, "max_output_tokens": 3})
    assert frames[-1][0] == "response.incomplete"


async def test_stop_ends_the_answer(sandbox: Sandbox) -> None:
    _, body = await post(sandbox, {**ASK, "stop": [" Brasil"]})
    assert body["output"][0]["content"][0]["text"] == "A capital do"


async def test_conversation_is_remembered_from_the_input(sandbox: Sandbox) -> None:
    items = [
        {"role": "developer", "content": "Seja breve."},
        {"role": "user", "content": "Meu nome é Ana."},
        {"role": "assistant", "content": [{"type": "output_text", "text": "Prazer!", "annotations": []}]},
        {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "Qual é o meu nome?"}],
        },
    ]
    _, body = await post(sandbox, {**ASK, "input": items})
    assert body["output"][0]["content"][0]["text"] == "Seu nome é Ana."


async def test_files_and_images_are_read(sandbox: Sandbox) -> None:
    data = "data:text/plain;base64," + base64.b64encode(b"CLAUSULA 1").decode()
    parts = [
        {"type": "input_text", "text": "Resuma."},
        {"type": "input_file", "filename": "contrato.txt", "file_data": data},
        {"type": "input_image", "image_url": "https://example.com/a.png"},
    ]
    _, body = await post(sandbox, {**ASK, "input": [{"role": "user", "content": parts}]})
    assert "CLAUSULA 1" in body["output"][0]["content"][0]["text"]


async def test_function_round_trip_ends_in_a_text_with_the_result(sandbox: Sandbox) -> None:
    _, asked = await post(sandbox, SUM)
    [call] = asked["output"]
    assert call["id"].startswith("fc-")
    assert call["call_id"].startswith("call_")
    assert (call["type"], call["name"], call["status"]) == ("function_call", "somar", "completed")
    assert json.loads(call["arguments"]) == {"a": 2, "b": 3}
    result = {"type": "function_call_output", "call_id": call["call_id"], "output": "5"}
    items = [{"role": "user", "content": SUM["input"]}, call, result]
    _, final = await post(sandbox, {**SUM, "input": items})
    assert final["output"][0]["content"][0]["text"] == "Consultei as ferramentas. somar respondeu: 5"


async def test_several_calls_come_as_several_items_unless_forbidden(sandbox: Sandbox) -> None:
    weather = {"type": "function", "name": "clima", "description": "O clima de uma cidade."}
    body = {**SUM, "input": "Quanto é 2 + 3? E o clima em Recife?", "tools": [ADD, weather]}
    _, both = await post(sandbox, body)
    assert [item["name"] for item in both["output"]] == ["somar", "clima"]
    _, one = await post(sandbox, {**body, "parallel_tool_calls": False})
    assert [item["name"] for item in one["output"]] == ["somar"]
    _, none = await post(sandbox, {**body, "tool_choice": "none"})
    assert [item["type"] for item in none["output"]] == ["message"]
    calls = [{key: item[key] for key in ("type", "call_id", "name", "arguments")} for item in both["output"]]
    results = [{"type": "function_call_output", "call_id": c["call_id"], "output": "ok"} for c in calls]
    items = [{"role": "user", "content": body["input"]}, *calls, *results]
    _, final = await post(sandbox, {**body, "input": items})
    assert "clima respondeu: ok" in final["output"][0]["content"][0]["text"]


async def test_schema_and_json_mode_are_honoured(sandbox: Sandbox) -> None:
    _, body = await post(sandbox, {**ASK, "input": "Ana tem 28 anos.", "text": AS_PERSON})
    value = json.loads(body["output"][0]["content"][0]["text"])
    jsonschema.validate(value, PERSON)
    assert value == {"nome": "Ana", "idade": 28}
    text = {"format": {"type": "json_object"}}
    _, body = await post(sandbox, {**ASK, "input": "Responda em JSON.", "text": text})
    assert isinstance(json.loads(body["output"][0]["content"][0]["text"]), dict)


@pytest.mark.parametrize("switch", [{"tools": [{"type": "code_interpreter"}]}, {"code_execution": True}])
async def test_code_execution_gives_files_before_the_message(
    sandbox: Sandbox, switch: dict[str, Any]
) -> None:
    _, body = await post(sandbox, {**ASK, "input": "Faça um gráfico e uma planilha.", **switch})
    chart, table, message = body["output"]
    assert [chart["type"], table["type"], message["type"]] == ["code_execution_artifact"] * 2 + ["message"]
    assert chart["id"].startswith("cea_")
    assert (chart["status"], chart["mime_type"]) == ("completed", "image/png")
    assert len(base64.b64decode(chart["content_base64"])) == chart["size_bytes"]
    assert body["usage"]["tool_execution_details"] == {
        "web_search_calls": 0,
        "page_reads": 0,
        "data_ocean_gb_processed": 0,
        "code_execution_minutes": 1,
    }


async def test_data_ocean_turns_the_others_on(sandbox: Sandbox) -> None:
    _, body = await post(sandbox, {**ASK, "tools": [{"type": "data_ocean"}]})
    details = body["usage"]["tool_execution_details"]
    assert all(details.values())


async def test_repeated_prompt_is_cached(sandbox: Sandbox) -> None:
    await post(sandbox, ASK)
    _, body = await post(sandbox, ASK)
    usage = body["usage"]
    assert usage["input_tokens_details"]["cached_tokens"] == usage["input_tokens"] > 0


async def test_thinking_model_bills_its_reasoning_and_may_show_it() -> None:
    async with Sandbox(reasoning_content=True) as sandbox:
        _, body = await post(sandbox, {**ASK, "model": "sabia-4-thinking"})
        _, frames = await stream(sandbox, {**ASK, "model": "sabia-4-thinking"})
    assert [item["type"] for item in body["output"]] == ["reasoning", "message"]
    assert body["usage"]["output_tokens_details"]["reasoning_tokens"] > 0
    assert frames[-1][1]["response"]["output"][0]["type"] == "reasoning"


# Streams


async def test_stream_follows_the_documented_transcript(sandbox: Sandbox) -> None:
    raw, frames = await stream(sandbox, ASK)
    pieces = len([name for name, _ in frames if name == "response.output_text.delta"])
    assert [name for name, _ in frames] == [
        "response.created",
        "response.in_progress",
        "response.output_item.added",
        "response.content_part.added",
        *["response.output_text.delta"] * pieces,
        "response.output_text.done",
        "response.content_part.done",
        "response.output_item.done",
        "response.completed",
    ]
    assert pieces > 3
    assert [data["sequence_number"] for _, data in frames] == list(range(1, len(frames) + 1))
    assert all(data["type"] == name for name, data in frames)
    assert raw.startswith("event: response.created\ndata: {")
    assert "[DONE]" not in raw
    created, end = frames[0][1]["response"], frames[-1][1]["response"]
    assert (created["status"], created["output"], "usage" in created) == ("in_progress", [], False)
    _, plain = await post(sandbox, ASK)
    for changing in ("id", "created_at", "usage", "output"):
        end.pop(changing), plain.pop(changing)
    assert end == plain
    assert "".join(data.get("delta", "") for _, data in frames) == ANSWER
    [record, *_] = sandbox.requests
    assert record.completed
    assert record.events_sent == len(frames)


async def test_streamed_call_brings_its_arguments_in_pieces(sandbox: Sandbox) -> None:
    _, frames = await stream(sandbox, SUM)
    names = [name.removeprefix("response.") for name, _ in frames]
    pieces = names.count("function_call_arguments.delta")
    assert pieces > 3
    assert names[2:] == [
        "output_item.added",
        *["function_call_arguments.delta"] * pieces,
        "function_call_arguments.done",
        "output_item.done",
        "completed",
    ]
    added, done = frames[2][1]["item"], frames[-2][1]["item"]
    assert (added["arguments"], added["status"]) == ("", "in_progress")
    assert "".join(data.get("delta", "") for _, data in frames) == done["arguments"]


async def test_default_error_is_a_failed_response(sandbox: Sandbox) -> None:
    sandbox.inject(Fault(kind="error", after_events=5), Fault(kind="error"))
    _, frames = await stream(sandbox, STORY)
    assert len(frames) == 6
    last = frames[-1][1]
    assert (last["type"], last["sequence_number"]) == ("response.failed", 6)
    assert last["response"]["status"] == "failed"
    assert last["response"]["error"]["code"] == "server_error"
    assert last["response"]["id"] == frames[0][1]["response"]["id"]
    status, body = await post(sandbox, STORY)
    assert (status, body["status"], body["error"]["code"]) == (200, "failed", "server_error")


@pytest.mark.parametrize(
    ("fault", "last"),
    [
        (Fault(kind="error", after_events=2, body={"error": {"message": "x"}}), {"error": {"message": "x"}}),
        (Fault(kind="detail", after_events=2), {"detail": "falha simulada pela sandbox"}),
    ],
)
async def test_other_faults_work_as_for_chat(sandbox: Sandbox, fault: Fault, last: Any) -> None:
    sandbox.inject(fault)
    _, frames = await stream(sandbox, STORY)
    assert len(frames) == 3
    assert frames[-1][1] == last
    assert not sandbox.requests[-1].completed


async def test_stream_can_end_well_without_its_terminal_event(sandbox: Sandbox) -> None:
    sandbox.inject(Fault(kind="end", after_events=4))
    _, frames = await stream(sandbox, STORY)
    assert len(frames) == 4
    assert not sandbox.requests[-1].completed


@pytest.mark.parametrize("kind", ["close", "reset"])
async def test_connection_can_break(sandbox: Sandbox, kind: Any) -> None:
    sandbox.inject(Fault(kind=kind, after_events=4), Fault(kind=kind))
    with pytest.raises(aiohttp.ClientError):
        await stream(sandbox, STORY)
    with pytest.raises(aiohttp.ClientError):
        await post(sandbox, STORY)


async def test_status_fault_and_rate_limit_work_as_for_chat() -> None:
    async with Sandbox(requests_per_minute=1) as sandbox:
        sandbox.fail_next(status=503)
        assert (await post(sandbox, ASK))[0] == 503
        assert (await post(sandbox, ASK))[0] == 200
        assert (await post(sandbox, ASK))[0] == 429


async def test_pace_holds_for_whole_answers_too() -> None:
    async with Sandbox(tokens_per_second=1000) as sandbox:
        assert (await post(sandbox, ASK))[0] == 200
        assert len((await stream(sandbox, ASK))[1]) > 8


async def test_full_flex_tier_refuses() -> None:
    async with Sandbox(flex_capacity=0, flex_wait=0) as sandbox:
        assert (await post(sandbox, {**ASK, "service_tier": "flex"}))[0] == 429
        assert (await post(sandbox, ASK))[0] == 200


# The official OpenAI SDK


async def test_openai_sdk_creates_a_response(client: openai.AsyncOpenAI) -> None:
    response = await client.responses.create(**ASK, instructions="Seja breve.", metadata={"a": "b"})
    assert (response.output_text, response.status) == (ANSWER, "completed")
    assert response.usage is not None
    assert response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens
    assert response.metadata == {"a": "b"}


def test_blocking_openai_sdk_creates_and_streams(sandbox: Sandbox) -> None:
    with openai.OpenAI(api_key="x", base_url=sandbox.base_url, max_retries=0) as client:
        plain = client.responses.create(**STORY)
        events = list(client.responses.create(**STORY, stream=True))
        with client.responses.stream(**STORY) as stream:
            final = stream.get_final_response()
    text = "".join(event.delta for event in events if event.type == "response.output_text.delta")
    assert text == plain.output_text == final.output_text


async def test_openai_sdk_assembles_a_streamed_call(client: openai.AsyncOpenAI) -> None:
    async with client.responses.stream(**SUM) as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_response()
    assert kinds.count("response.function_call_arguments.delta") > 3
    [call] = final.output
    assert call.type == "function_call"
    assert json.loads(call.arguments) == {"a": 2, "b": 3}


async def test_openai_sdk_answers_a_call_with_the_items_it_received(client: openai.AsyncOpenAI) -> None:
    asked = await client.responses.create(**SUM)
    [call] = asked.output
    assert call.type == "function_call"
    result: Any = {"type": "function_call_output", "call_id": call.call_id, "output": "5"}
    items: list[Any] = [{"role": "user", "content": SUM["input"]}, *asked.output, result]
    final = await client.responses.create(**{**SUM, "input": items})
    assert "somar respondeu: 5" in final.output_text
    again: Any = [*items, *final.output, {"role": "user", "content": "Obrigado!"}]
    assert (await client.responses.create(**{**SUM, "input": again})).output_text.startswith("De nada")


async def test_openai_sdk_parses_a_structured_answer(client: openai.AsyncOpenAI) -> None:
    class Pessoa(BaseModel):
        nome: str
        idade: int

    response = await client.responses.parse(model="sabia-4", input="Ana tem 28 anos.", text_format=Pessoa)
    assert response.output_parsed == Pessoa(nome="Ana", idade=28)


async def test_openai_sdk_reaches_the_built_in_tools(client: openai.AsyncOpenAI) -> None:
    tools: Any = [{"type": "code_interpreter"}, {"type": "web_search"}]
    response = await client.responses.create(model="sabia-4", input="Faça um gráfico.", tools=tools)
    assert response.output_text == "Executei o código e gerei grafico.png."
    assert response.usage is not None
    assert response.usage.model_dump()["tool_execution_details"]["web_search_calls"] == 1
    flagged = await client.responses.create(**ASK, extra_body={"web_search": True})
    assert flagged.usage is not None
    assert flagged.usage.model_dump()["tool_execution_details"]["page_reads"] == 1
    with pytest.raises(openai.BadRequestError):
        await client.responses.create(**ASK, tools=tools, stream=True)


async def test_openai_sdk_sees_the_failed_response(client: openai.AsyncOpenAI, sandbox: Sandbox) -> None:
    sandbox.inject(Fault(kind="error"), Fault(kind="error", after_events=5))
    response = await client.responses.create(**ASK)
    assert response.status == "failed"
    assert response.error is not None
    assert response.error.code == "server_error"
    events = [event async for event in await client.responses.create(**ASK, stream=True)]
    assert events[-1].type == "response.failed"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({"temperature": 5}, openai.UnprocessableEntityError),
        ({"previous_response_id": "resp-1"}, openai.BadRequestError),
        ({"model": "gpt-9"}, openai.NotFoundError),
    ],
)
async def test_refusals_become_the_errors_of_the_openai_sdk(
    client: openai.AsyncOpenAI, change: dict[str, Any], expected: type[openai.APIStatusError]
) -> None:
    with pytest.raises(expected):
        await client.responses.create(**{**ASK, **change})
