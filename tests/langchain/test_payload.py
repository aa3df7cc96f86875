"""From LangChain's messages and tools to what goes on the wire."""

from __future__ import annotations

import copy
import json
import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    AIMessageChunk,
    BaseMessage,
    ChatMessage,
    FunctionMessage,
    HumanMessage,
    HumanMessageChunk,
    RemoveMessage,
    SystemMessage,
    ToolMessage,
)

from langchain_maritaca import ChatMaritacaConfigurationError
from langchain_maritaca._payload import request_params, wire_messages

CALL = {"name": "soma", "args": {"a": 1, "texto": "ação"}, "id": "c1", "type": "tool_call"}
WIRE_CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "soma", "arguments": '{"a": 1, "texto": "ação"}'},
}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}


def one(message: BaseMessage) -> dict[str, Any]:
    (wire,) = wire_messages([message])
    return wire


@pytest.mark.parametrize(
    ("message", "wire"),
    [
        (SystemMessage("Seja breve."), {"role": "system", "content": "Seja breve."}),
        (
            SystemMessage([{"type": "text", "text": "Um"}, "Dois"]),
            {"role": "system", "content": "Um\nDois"},
        ),
        (HumanMessage("Olá"), {"role": "user", "content": "Olá"}),
        (HumanMessageChunk(content="Olá"), {"role": "user", "content": "Olá"}),
        (HumanMessage("Olá", name="ana", id="x"), {"role": "user", "content": "Olá", "name": "ana"}),
        (HumanMessage([]), {"role": "user", "content": ""}),
        (AIMessage("Oi", name="agente", id="x"), {"role": "assistant", "content": "Oi"}),
        (AIMessage(""), {"role": "assistant", "content": ""}),
        (AIMessage([]), {"role": "assistant", "content": ""}),
        (AIMessageChunk(content="Oi"), {"role": "assistant", "content": "Oi"}),
        (AIMessage("", tool_calls=[CALL]), {"role": "assistant", "content": None, "tool_calls": [WIRE_CALL]}),
        (
            AIMessage("Já vejo", tool_calls=[CALL]),
            {"role": "assistant", "content": "Já vejo", "tool_calls": [WIRE_CALL]},
        ),
        (
            ToolMessage("3", tool_call_id="c1", name="soma", status="error", artifact=object()),
            {"role": "tool", "content": "3", "tool_call_id": "c1"},
        ),
        (
            ToolMessage([{"type": "text", "text": "um"}, "dois"], tool_call_id="c1"),
            {"role": "tool", "content": "um\ndois", "tool_call_id": "c1"},
        ),
        (
            ToolMessage([{"type": "json", "dado": "ação"}], tool_call_id="c1"),
            {"role": "tool", "content": '[{"type": "json", "dado": "ação"}]', "tool_call_id": "c1"},
        ),
        (ChatMessage("Oi", role="user"), {"role": "user", "content": "Oi"}),
        (ChatMessage("Oi", role="system"), {"role": "system", "content": "Oi"}),
        (ChatMessage("Oi", role="assistant"), {"role": "assistant", "content": "Oi"}),
    ],
)
def test_message_becomes_the_documented_form(message: BaseMessage, wire: dict[str, Any]) -> None:
    assert one(message) == wire


@pytest.mark.parametrize(
    "content",
    [
        [
            {"type": "thinking", "thinking": "Hm", "signature": "s"},
            {"type": "text", "text": "Olá, ", "index": 1, "id": "lc_1"},
            {"type": "text", "text": "mundo", "annotations": [{"type": "citation"}], "extras": {"a": 1}},
            {"type": "tool_use", "id": "c1", "name": "soma", "input": {"a": 1}},
        ],
        [
            {"type": "reasoning", "reasoning": "Hm"},
            {"type": "text", "text": "Olá, mundo"},
            {"type": "tool_call", "id": "c1", "name": "soma", "args": {"a": 1}},
        ],
        [
            {"type": "reasoning", "summary": []},
            "Olá, ",
            {"type": "text", "text": "mundo"},
            {"type": "refusal"},
        ],
    ],
)
def test_assistant_message_of_another_provider_sends_its_text_and_its_calls_only(content: list[Any]) -> None:
    message = AIMessage(content, tool_calls=[CALL], additional_kwargs={"reasoning_content": "Hm"})
    assert one(message) == {"role": "assistant", "content": "Olá, mundo", "tool_calls": [WIRE_CALL]}


def test_invalid_tool_calls_go_back_with_their_raw_text() -> None:
    invalid = {"name": "soma", "args": '{"a": 1', "id": "c2", "error": "cut", "type": "invalid_tool_call"}
    calls = one(AIMessage("", tool_calls=[CALL], invalid_tool_calls=[invalid]))["tool_calls"]
    assert calls == [
        WIRE_CALL,
        {"id": "c2", "type": "function", "function": {"name": "soma", "arguments": '{"a": 1'}},
    ]


def test_raw_tool_calls_are_sent_when_there_are_no_parsed_ones() -> None:
    raw = {**WIRE_CALL, "index": 0, "extra_content": {"x": 1}}
    message = AIMessage("", additional_kwargs={"tool_calls": [raw, {"id": "c2", "type": "custom"}]})
    assert one(message)["tool_calls"] == [WIRE_CALL]


@pytest.mark.parametrize(
    "block",
    [
        {"type": "tool_use", "id": "c1", "name": "soma", "input": CALL["args"]},
        {"type": "tool_call", "id": "c1", "name": "soma", "args": CALL["args"]},
        {
            "type": "function_call",
            "call_id": "c1",
            "id": "fc_1",
            "name": "soma",
            "arguments": '{"a": 1, "texto": "ação"}',
        },
    ],
)
def test_calls_that_stand_in_the_content_only_are_sent(block: dict[str, Any]) -> None:
    wire = one(AIMessage(["Já vejo", block]))
    assert wire == {"role": "assistant", "content": "Já vejo", "tool_calls": [WIRE_CALL]}


@pytest.mark.parametrize(
    ("message", "said"),
    [
        (SystemMessage([IMAGE]), "system message takes text only, not a block of type 'image_url'"),
        (FunctionMessage(content="x", name="f"), "FunctionMessage"),
        (RemoveMessage(id="1"), "RemoveMessage"),
        (ChatMessage("Oi", role="developer"), "'developer'"),
        (ChatMessage("Oi", role="tool"), "'tool'"),
        (ToolMessage([IMAGE], tool_call_id="c1"), "type 'image_url': put it into a human message"),
        (
            ToolMessage([{"type": "image", "base64": "QUJD", "mime_type": "image/png"}], tool_call_id="c1"),
            "type 'image': put it into a human message",
        ),
        (ToolMessage([{"type": "json", "dado": object()}], tool_call_id="c1"), "written as JSON"),
        (AIMessage("", tool_calls=[{**CALL, "id": None}]), "'soma' has no id"),
        (AIMessage("", tool_calls=[{**CALL, "args": {"a": object()}}]), "written as JSON"),
    ],
)
def test_message_that_cannot_be_sent_is_named_by_its_place(message: BaseMessage, said: str) -> None:
    with pytest.raises(ChatMaritacaConfigurationError, match=re.escape(said)) as caught:
        wire_messages([HumanMessage("Oi"), message])
    assert str(caught.value).startswith("messages[1]: ")


texts = st.text(max_size=20)
blocks = st.one_of(
    texts,
    st.builds(lambda text: {"type": "text", "text": text}, texts),
    st.builds(lambda url: {"type": "image", "url": f"https://x/{url}", "id": "lc_1"}, texts),
    st.just({"type": "file", "base64": "QUJD", "mime_type": "application/pdf"}),
)
messages = st.one_of(
    st.builds(HumanMessage, st.one_of(texts, st.lists(blocks, max_size=4))),
    st.builds(SystemMessage, texts),
    st.builds(lambda text: AIMessage(text, tool_calls=[CALL]), texts),
    st.builds(lambda text: ToolMessage(text, tool_call_id="c1"), texts),
)


@given(st.lists(messages, max_size=5))
def test_messages_stay_as_they_are_and_the_wire_is_json(given_messages: list[BaseMessage]) -> None:
    before = copy.deepcopy(given_messages)
    wire = wire_messages(given_messages)
    assert given_messages == before
    assert json.loads(json.dumps(wire)) == wire
    for message, sent in zip(given_messages, wire, strict=True):
        assert sent["role"] in {"system", "user", "assistant", "tool"}
        if isinstance(message.content, str):
            assert (sent["content"] or "") == message.content


# Parameters


def test_none_and_empty_lists_are_not_sent() -> None:
    params = request_params(
        [HumanMessage("Oi")],
        {"model": "m", "temperature": None, "stop": [], "tools": [], "tool_choice": "auto", "top_p": 0.0},
    )
    assert params == {"model": "m", "top_p": 0.0, "messages": [{"role": "user", "content": "Oi"}]}


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        (
            {"type": "function", "function": {"name": "raiz"}},
            "'raiz', which is not a bound function; bound are: soma",
        ),
        ("raiz", "'raiz'"),
    ],
)
def test_choice_of_a_tool_that_is_not_bound_is_refused_whichever_way_it_was_set(
    choice: Any, said: str
) -> None:
    tools = [{"type": "function", "function": {"name": "soma"}}]
    with pytest.raises(ChatMaritacaConfigurationError, match=said):
        request_params([HumanMessage("Oi")], {"model": "m", "tools": tools, "tool_choice": choice})


@pytest.mark.parametrize("choice", ["required", "any", "soma"])
def test_demand_for_a_call_without_tools_is_refused(choice: str) -> None:
    with pytest.raises(ChatMaritacaConfigurationError, match="no function is bound"):
        request_params([HumanMessage("Oi")], {"model": "m", "tool_choice": choice})


def test_parameters_the_client_does_not_know_travel_in_the_body() -> None:
    params = request_params([], {"model": "m", "novidade": 1, "extra_body": {"outra": 2}})
    assert params == {"model": "m", "extra_body": {"novidade": 1, "outra": 2}, "messages": []}
