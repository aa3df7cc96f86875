"""Counting tokens, and what LangChain's middleware does by these counts."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.prompt_values import ChatPromptValue
from langchain_core.tools import tool

from langchain_maritaca import ChatMaritaca, _counting
from langchain_maritaca._payload import wire_messages
from langchain_maritaca._tools import wire_tools
from maritaca_async import count_prompt_tokens, count_tokens
from maritaca_async.sandbox import Sandbox

MakeModel = Callable[..., ChatMaritaca]
PIXEL = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+M8AAQUBAScY42YAAAAASUVORK5CYII="


def letters(text: str) -> list[int]:
    """One token for each letter, so that sizes can be read off a test."""
    return [ord(letter) for letter in text]


def model(**fields: Any) -> ChatMaritaca:
    return ChatMaritaca(api_key="chave", **fields)


def spelling(**fields: Any) -> ChatMaritaca:
    return model(custom_get_token_ids=letters, **fields)


@tool
def consultar_tempo(cidade: str) -> str:
    """Consulta o tempo em uma cidade."""
    return f"29 graus em {cidade}"


CALL = AIMessage("", tool_calls=[{"id": "c1", "name": "consultar_tempo", "args": {"cidade": "Recife"}}])
CONVERSATION: list[BaseMessage] = [
    SystemMessage("Responda em uma frase."),
    HumanMessage([{"type": "text", "text": "Como está o tempo em Recife?"}]),
    CALL,
    ToolMessage("29 graus em Recife", tool_call_id="c1"),
    AIMessage("Faz 29 graus em Recife."),
]


def test_text_counts_as_in_the_client() -> None:
    counted = model(model="sabiazinho-4").get_num_tokens("Com quantos paus se faz uma canoa?")
    expected = count_tokens("Com quantos paus se faz uma canoa?", model="sabiazinho-4")
    assert (counted, counted.exact) == (expected, expected.exact)


def test_prompt_counts_as_in_the_client() -> None:
    counted = model().get_num_tokens_from_messages(CONVERSATION, [consultar_tempo])
    expected = count_prompt_tokens(wire_messages(CONVERSATION), tools=wire_tools([consultar_tempo])[0])
    assert (counted, counted.exact) == (expected, expected.exact)
    assert counted > count_prompt_tokens(wire_messages(CONVERSATION))


@pytest.mark.parametrize(
    "written",
    [
        [("system", "abc"), ("human", "de"), ("ai", "f")],
        ["abc", {"role": "user", "content": "de"}, AIMessage("f")],
        [{"type": "human", "content": "abcdef"}],
        "abcdef",
        ChatPromptValue(messages=[HumanMessage("abcdef")]),
    ],
)
def test_prompt_is_counted_in_every_form_that_invoke_takes(written: Any) -> None:
    assert spelling().get_num_tokens_from_messages(written) == 6
    costs = spelling().estimate_cost(written)
    assert costs["input_tokens"] == 6
    assert asyncio.run(spelling().abatch_estimate_cost([written, written]))["total_input_tokens"] == 12


def test_count_of_an_unpublished_model_is_not_exact() -> None:
    assert not model(model="sabia-9").get_num_tokens("Olá").exact
    assert not model(model="sabia-9").get_num_tokens_from_messages(CONVERSATION).exact


def test_built_in_tools_add_nothing_that_could_be_counted() -> None:
    plain = model().get_num_tokens_from_messages(CONVERSATION)
    assert model().get_num_tokens_from_messages(CONVERSATION, [{"type": "web_search"}]) == plain


def test_images_and_files_count_nothing_and_are_not_fetched() -> None:
    nowhere = "http://127.0.0.1:9/imagem.png"
    parts: list[str | dict[str, Any]] = [
        {"type": "text", "text": "O que é?"},
        {"type": "image_url", "image_url": {"url": nowhere}},
        {"type": "image", "base64": PIXEL, "mime_type": "image/png"},
        {"type": "file", "base64": PIXEL, "mime_type": "application/pdf", "extras": {"filename": "a.pdf"}},
    ]
    counted = model().get_num_tokens_from_messages([HumanMessage(parts)])
    assert counted == model().get_num_tokens("O que é?") > 0


def test_message_that_cannot_be_sent_is_counted_by_its_text() -> None:
    audio = {"type": "audio", "base64": "AAAA", "mime_type": "audio/wav"}
    odd = [HumanMessage([{"type": "text", "text": "Ouça"}, audio]), RemoveMessage(id="1")]
    assert spelling().get_num_tokens_from_messages(odd) == 4


def test_encoder_of_the_caller_counts_everything() -> None:
    counted = spelling().get_num_tokens_from_messages([HumanMessage("Olá"), CALL])
    assert (counted, counted.exact) == (len("Olá" + "consultar_tempo" + '{"cidade": "Recife"}'), True)
    assert spelling().get_token_ids("Oi") == [79, 105]


def test_ids_without_an_encoder_say_what_to_do() -> None:
    with pytest.raises(ValueError, match="custom_get_token_ids"):
        model().get_token_ids("Olá")


def test_text_that_was_counted_before_is_not_counted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = []
    real = _counting.count_tokens
    monkeypatch.setattr(_counting, "_remembered", _counting._Remembered())
    monkeypatch.setattr(
        _counting, "count_tokens", lambda text, **more: texts.append(text) or real(text, **more)
    )
    monkeypatch.setattr(_counting, "_MOST_REMEMBERED", 2)
    same = model()
    first = same.get_num_tokens_from_messages([HumanMessage("um"), AIMessage("dois")])
    assert same.get_num_tokens_from_messages([HumanMessage("um"), AIMessage("dois")]) == first
    assert texts == ["um", "dois"]
    assert model(model="sabiazinho-4").get_num_tokens("um") == same.get_num_tokens("um")
    assert texts == ["um", "dois", "um", "um"], "another model counts anew; what is remembered has a bound"


# Middleware

agents = pytest.importorskip("langchain.agents")
middleware = pytest.importorskip("langchain.agents.middleware")

WEATHER = "Como está o tempo em Recife?"


@tool
def relatorio(cidade: str) -> str:
    """Consulta o relatório do tempo em uma cidade."""
    return f"Relatório de {cidade}: " + "sol e vento, " * 100


@pytest.mark.parametrize(("trigger", "cleared"), [(200, True), (20_000, False)])
def test_agent_clears_old_results_by_these_counts(
    make_model: MakeModel, sandbox: Sandbox, trigger: int, cleared: bool
) -> None:
    edit = middleware.ClearToolUsesEdit(trigger=trigger, keep=0)
    editing = middleware.ContextEditingMiddleware(edits=[edit], token_count_method="model")
    agent = agents.create_agent(make_model(), [relatorio], middleware=[editing])
    agent.invoke({"messages": [("user", WEATHER)]})
    (result,) = [
        message["content"] for message in sandbox.requests[-1].body["messages"] if message["role"] == "tool"
    ]
    assert (result == "[cleared]") is cleared


def test_agent_summarizes_from_a_share_of_the_callers_limit(make_model: MakeModel, sandbox: Sandbox) -> None:
    short = make_model(max_context_tokens=200, context_warning_threshold=1)
    summing_up = middleware.SummarizationMiddleware(
        model=make_model(model="sabiazinho-4", max_context_tokens=200),
        trigger=("fraction", 0.5),
        keep=("messages", 1),
        token_counter=short.get_num_tokens_from_messages,
        summarizer=lambda messages: f"{len(messages)} mensagens",
    )
    agent = agents.create_agent(short, [], middleware=[summing_up])
    brief: list[Any] = [("user", "Olá!"), ("assistant", "Olá!"), ("user", WEATHER)]
    agent.invoke({"messages": brief})
    assert len(sandbox.requests[-1].body["messages"]) == 3
    agent.invoke({"messages": [("user", "Olá! " * 80), ("assistant", "Olá!"), ("user", WEATHER)]})
    summary, question = sandbox.requests[-1].body["messages"]
    assert "2 mensagens" in summary["content"]
    assert question["content"] == WEATHER
