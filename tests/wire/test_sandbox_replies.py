"""What the sandbox answers: texts, calls, JSON, usage, and the same things as a stream."""

from __future__ import annotations

import asyncio
import base64
import json
import re
import struct
import zlib
from typing import Any

import aiohttp
import pytest

from maritaca_async.sandbox import Sandbox

KEY = {"Authorization": "Bearer chave"}


def user(text: Any) -> dict[str, Any]:
    return {"role": "user", "content": text}


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


async def stream(prompt: Any, knobs: dict[str, Any] | None = None, **params: Any) -> list[Any]:
    messages = prompt if isinstance(prompt, list) else [user(prompt)]
    body = {"model": "sabia-4", "messages": messages, "stream": True, **params}
    async with (
        Sandbox(**knobs or {}) as sandbox,
        aiohttp.ClientSession(headers=KEY) as session,
        session.post(f"{sandbox.base_url}/chat/completions", json=body) as reply,
    ):
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
        ("Olá! Meu nome é Ana.", "Muito prazer, Ana!"),
        ("O que houve em 2026-07-17?", "Você perguntou"),
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


# Built-in tools, files, tiers


@pytest.mark.parametrize(
    ("flag", "searches", "gigabytes", "minutes"),
    [("web_search", 1, 0, 0), ("code_execution", 0, 0, 1), ("data_ocean", 1, 0.000161, 1)],
)
async def test_built_in_tool_reports_what_it_did(
    flag: str, searches: int, gigabytes: float, minutes: int
) -> None:
    reply = await answer("Quanto choveu?", **{flag: True})
    assert reply["usage"]["tool_execution_details"] == {
        "web_search_calls": searches,
        "page_reads": searches,
        "data_ocean_gb_processed": gigabytes,
        "code_execution_minutes": minutes,
    }
    assert "generated_files" not in reply


@pytest.mark.parametrize(
    ("prompt", "names"),
    [
        ("Faça uma planilha das vendas.", ["resultado.csv"]),
        ("Salve em um arquivo.", ["resultado.csv"]),
        ("Desenhe um gráfico de barras.", ["grafico.png"]),
        ("Plot a chart and save the table", ["grafico.png", "resultado.csv"]),
    ],
)
@pytest.mark.parametrize("flag", ["code_execution", "data_ocean"])
async def test_code_execution_makes_the_files_that_the_prompt_asks_for(
    prompt: str, names: list[str], flag: str
) -> None:
    reply = await answer(prompt, **{flag: True})
    files = reply["generated_files"]
    assert [file["filename"] for file in files] == names
    assert all(name in text_of(reply) for name in names)
    for file in files:
        content = base64.b64decode(file["content_base64"])
        assert len(content) == file["size_bytes"]
        assert content.startswith(
            {"image/png": b"\x89PNG\r\n", "text/csv": b"mes,total\n"}[file["mime_type"]]
        )
    assert "generated_files" not in await answer(prompt, web_search=True)


async def test_chart_is_a_png_that_the_service_itself_takes() -> None:
    (file,) = (await answer("Desenhe um gráfico.", code_execution=True))["generated_files"]
    uri = f"data:image/png;base64,{file['content_base64']}"
    content = base64.b64decode(file["content_base64"])
    width, height = struct.unpack(">II", content[16:24])
    start = content.index(b"IDAT") + 4
    (length,) = struct.unpack(">I", content[start - 8 : start - 4])
    assert len(zlib.decompress(content[start : start + length])) == height * (1 + 3 * width)
    reply = await answer([user([{"type": "image_url", "image_url": {"url": uri}}])])
    assert len(reply["extracted_files"]) == 1


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


async def test_every_event_is_a_write_of_its_own() -> None:
    payload = json.dumps({"model": "sabia-4", "messages": [user("Conte até 20")], "stream": True}).encode()
    async with Sandbox() as sandbox:
        host, port = sandbox.base_url.removeprefix("http://").removesuffix("/api").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        head = f"Host: x\r\nAuthorization: Bearer x\r\nContent-Length: {len(payload)}\r\nConnection: close"
        writer.write(f"POST /v1/chat/completions HTTP/1.1\r\n{head}\r\n\r\n".encode() + payload)
        raw = await reader.read(-1)
        writer.close()
        await writer.wait_closed()
        http_chunks = re.findall(rb"\r\n[0-9a-f]+\r\ndata: ", raw)
        assert len(http_chunks) == sandbox.requests[0].events_sent == 23
