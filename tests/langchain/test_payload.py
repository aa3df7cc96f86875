"""From LangChain's messages and tools to what goes on the wire."""

from __future__ import annotations

import copy
import json
from typing import Annotated, Any, TypedDict

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
from langchain_core.tools import tool
from pydantic import BaseModel, Field
from pydantic.v1 import BaseModel as BaseModelV1

from langchain_maritaca._payload import (
    request_params,
    wire_messages,
    wire_response_format,
    wire_tool_choice,
    wire_tools,
)

CALL = {"name": "soma", "args": {"a": 1, "texto": "ação"}, "id": "c1", "type": "tool_call"}
WIRE_CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "soma", "arguments": '{"a": 1, "texto": "ação"}'},
}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,QUJD"}}
PDF_URI = "data:application/pdf;base64,QUJD"


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
    ("block", "part"),
    [
        ("Olá", {"type": "text", "text": "Olá"}),
        (
            {"type": "text", "text": "Olá", "cache_control": {}, "id": "x"},
            {"type": "text", "text": "Olá"},
        ),
        ({**IMAGE, "extras": {}}, IMAGE),
        ({"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "high"}}, "https://x/y.png"),
        ({"type": "image_url", "image_url": "https://x/y.png"}, "https://x/y.png"),
        ({"type": "image", "url": "https://x/y.png", "id": "lc_1"}, "https://x/y.png"),
        ({"type": "image", "base64": "QUJD", "mime_type": "image/png"}, IMAGE),
        ({"type": "image", "source_type": "base64", "data": "QUJD", "mime_type": "image/png"}, IMAGE),
        (
            {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": "QUJD"}},
            IMAGE,
        ),
        ({"type": "image", "source": {"type": "url", "url": "https://x/y.png"}}, "https://x/y.png"),
        ({"type": "text-plain", "text": "Olá", "mime_type": "text/plain"}, {"type": "text", "text": "Olá"}),
    ],
)
def test_user_block_becomes_a_part(block: Any, part: Any) -> None:
    if isinstance(part, str):
        part = {"type": "image_url", "image_url": {"url": part}}
    assert one(HumanMessage([block]))["content"] == [part]


@pytest.mark.parametrize(
    ("block", "filename"),
    [
        ({"base64": "QUJD", "mime_type": "application/pdf", "filename": "a.pdf"}, "a.pdf"),
        ({"base64": "QUJD", "mime_type": "application/pdf", "extras": {"filename": "b.pdf"}}, "b.pdf"),
        ({"base64": "QUJD", "mime_type": "application/pdf", "metadata": {"filename": "c.pdf"}}, "c.pdf"),
        ({"base64": "QUJD", "mime_type": "application/pdf"}, "file.pdf"),
        ({"file": {"filename": "d.pdf", "file_data": PDF_URI}}, "d.pdf"),
        ({"file": {"file_data": PDF_URI}}, "file.pdf"),
    ],
)
def test_document_always_has_a_name_with_an_extension(block: dict[str, Any], filename: str) -> None:
    wire = one(HumanMessage([{"type": "file", **block}]))
    assert wire["content"] == [{"type": "file", "file": {"filename": filename, "file_data": PDF_URI}}]


@pytest.mark.parametrize(
    ("mime", "filename"),
    [("text/csv", "file.csv"), ("text/plain", "file.txt"), ("image/jpeg", "file.jpeg"), ("x/y", "file.pdf")],
)
def test_default_name_of_a_document_follows_its_type(mime: str, filename: str) -> None:
    wire = one(HumanMessage([{"type": "file", "base64": "QUJD", "mime_type": mime}]))
    assert wire["content"][0]["file"]["filename"] == filename


def test_plain_text_by_value_becomes_a_text_file() -> None:
    wire = one(HumanMessage([{"type": "text-plain", "base64": "QUJD"}]))
    assert wire["content"][0]["file"] == {
        "filename": "file.txt",
        "file_data": "data:text/plain;base64,QUJD",
    }


@pytest.mark.parametrize(
    ("block", "said"),
    [
        ({"type": "audio", "base64": "QUJD", "mime_type": "audio/wav"}, "'audio'"),
        ({"type": "video", "url": "https://x/y.mp4"}, "'video'"),
        ({"type": "tool_result", "content": "x"}, "'tool_result'"),
        ({"type": "file", "url": "https://x/y.pdf"}, "by value"),
        ({"type": "file", "file_id": "f1"}, "by value"),
        ({"type": "file", "file": {"file_id": "f1"}}, "by value"),
        ({"type": "text-plain", "url": "https://x/y.txt"}, "by value"),
        ({"type": "image", "file_id": "f1"}, "needs a url"),
        ({"type": "image", "base64": "QUJD"}, "mime_type"),
        ({"type": "image_url"}, "image_url"),
        ({"type": "text"}, "'text'"),
    ],
)
def test_block_that_cannot_be_sent_is_named(block: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        wire_messages([HumanMessage([block])])


def test_system_message_takes_text_only() -> None:
    with pytest.raises(ValueError, match="image_url"):
        wire_messages([SystemMessage([IMAGE])])


@pytest.mark.parametrize("message", [FunctionMessage(content="x", name="f"), RemoveMessage(id="1")])
def test_other_kinds_of_messages_are_refused(message: BaseMessage) -> None:
    with pytest.raises(TypeError, match=type(message).__name__):
        wire_messages([message])


def test_unknown_role_is_refused() -> None:
    with pytest.raises(ValueError, match="developer"):
        wire_messages([ChatMessage("Oi", role="developer")])


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


def test_parameters_the_client_does_not_know_travel_in_the_body() -> None:
    params = request_params([], {"model": "m", "novidade": 1, "extra_body": {"outra": 2}})
    assert params == {"model": "m", "extra_body": {"novidade": 1, "outra": 2}, "messages": []}


@pytest.mark.parametrize(
    ("choice", "wire"),
    [
        (None, None),
        (False, None),
        (True, "required"),
        ("any", "required"),
        ("auto", "auto"),
        ("none", "none"),
        ("required", "required"),
        ("soma", {"type": "function", "function": {"name": "soma"}}),
        (
            {"type": "function", "function": {"name": "f"}},
            {"type": "function", "function": {"name": "f"}},
        ),
    ],
)
def test_tool_choice_becomes_the_documented_form(choice: Any, wire: Any) -> None:
    assert wire_tool_choice(choice) == wire


def test_tool_choice_of_another_kind_is_refused() -> None:
    with pytest.raises(ValueError, match="tool_choice must be"):
        wire_tool_choice(["soma"])


class Soma(BaseModel):
    """Soma dois números."""

    a: int
    b: int


class SomaV1(BaseModelV1):
    """Soma dois números."""

    a: int
    b: int


class SomaDict(TypedDict):
    """Soma dois números."""

    a: Annotated[int, ..., "um"]
    b: int


def somar(a: int, b: int) -> int:
    """Soma dois números."""
    return a + b


JSON_SCHEMA = {
    "title": "soma",
    "description": "Soma dois números.",
    "type": "object",
    "properties": {"a": {"type": "integer"}, "b": {"type": "integer"}},
    "required": ["a", "b"],
}
ANTHROPIC = {"name": "soma", "description": "Soma.", "input_schema": JSON_SCHEMA}


@pytest.mark.parametrize("given_tool", [Soma, SomaV1, SomaDict, somar, tool(somar), JSON_SCHEMA, ANTHROPIC])
def test_every_kind_of_tool_becomes_a_function(given_tool: Any) -> None:
    (function,), flags = wire_tools([given_tool])
    assert (function["type"], flags) == ("function", {})
    assert function["function"]["parameters"]["required"] == ["a", "b"]
    assert "strict" not in function["function"]


def test_strict_is_sent_with_the_function_when_it_was_set() -> None:
    (function,), _ = wire_tools([Soma], strict=True)
    assert function["function"]["strict"] is True


def test_tools_that_run_on_the_service_become_flags() -> None:
    kinds = ("web_search", "code_interpreter", "data_ocean")
    functions, flags = wire_tools([*({"type": kind} for kind in kinds), somar])
    assert [function["function"]["name"] for function in functions] == ["somar"]
    assert flags == {"web_search": True, "code_execution": True, "data_ocean": True}


@pytest.mark.parametrize("schema", [Soma, SomaV1, SomaDict, JSON_SCHEMA])
def test_every_kind_of_schema_becomes_a_response_format(schema: Any) -> None:
    wanted = wire_response_format(schema)
    assert wanted["type"] == "json_schema"
    assert set(wanted["json_schema"]) == {"name", "schema"}
    assert wanted["json_schema"]["name"] == wanted["json_schema"]["schema"]["title"]
    assert set(wanted["json_schema"]["schema"]["properties"]) == {"a", "b"}


def test_ready_made_response_formats_stay_as_they_are() -> None:
    inner = {"name": "soma", "schema": JSON_SCHEMA}
    whole = {"type": "json_schema", "json_schema": inner}
    assert wire_response_format(inner) == whole
    assert wire_response_format(whole) is whole
    assert wire_response_format({"type": "json_object"}) == {"type": "json_object"}
    assert wire_response_format(None) is None


def test_strict_schema_forbids_other_properties() -> None:
    wanted = wire_response_format(Soma, strict=True)["json_schema"]
    assert (wanted["strict"], wanted["schema"]["additionalProperties"]) == (True, False)


class Pessoa(BaseModel):
    """Uma pessoa."""

    nome: str = Field(min_length=1, pattern="^[A-Z]")
    idade: int = Field(ge=0, description="anos")
    format: list[str] = Field(default_factory=list, max_length=3)


def test_class_keeps_to_itself_the_keywords_that_the_service_refuses() -> None:
    properties = wire_response_format(Pessoa)["json_schema"]["schema"]["properties"]
    assert properties["nome"] == {"type": "string"}
    assert properties["idade"] == {"type": "integer", "description": "anos"}
    assert properties["format"] == {"type": "array", "items": {"type": "string"}}


def test_schema_given_as_a_dictionary_is_sent_as_it_is() -> None:
    schema = {"title": "p", "type": "object", "properties": {"idade": {"type": "integer", "minimum": 0}}}
    sent = wire_response_format(schema)["json_schema"]["schema"]
    assert sent["properties"]["idade"] == {"type": "integer", "minimum": 0}
