"""Parameters of chat completions: what is refused before any I/O, and how the rest is written."""

from __future__ import annotations

import json
import math
from typing import Any

import pytest
from conftest import KEY

from maritaca_async import AsyncMaritaca, ConfigurationError
from maritaca_async._core.request import encode_body
from maritaca_async.resources._chat_request import completion_body
from maritaca_async.types import ChatCompletion

USER = {"role": "user", "content": "Olá"}
ASK: dict[str, Any] = {"model": "sabia-4", "messages": [USER]}

BAD = [
    ({"model": ""}, "model is missing"),
    ({"model": None}, "model is missing"),
    ({"model": 4}, "model must be the name"),
    ({"messages": []}, "messages is empty"),
    ({"messages": "Olá"}, "messages must be a list"),
    ({"messages": USER}, "messages must be a list"),
    ({"messages": None}, "messages is empty"),
    ({"messages": 5}, "messages must be a list"),
    ({"messages": ["Olá"]}, r"messages\[0\] must be a mapping"),
    ({"messages": [USER, {"role": "human", "content": "x"}]}, r"messages\[1\]: role must be one of"),
    ({"messages": [{"role": "user"}]}, r"messages\[0\] has no content"),
    ({"temperature": 2.1}, "temperature must be a number from 0 to 2"),
    ({"temperature": "0"}, "temperature"),
    ({"temperature": math.nan}, "temperature"),
    ({"top_p": 1.1}, "top_p"),
    ({"frequency_penalty": -3}, "frequency_penalty"),
    ({"presence_penalty": True}, "presence_penalty"),
    ({"max_tokens": 0}, "max_tokens must be a whole number of at least 1, not 0"),
    ({"max_tokens": 1.5}, "max_tokens must be a whole number of at least 1, not 1.5"),
    ({"max_tokens": 5.0}, "max_tokens must be a whole number"),
    ({"max_tokens": True}, "max_tokens must be a whole number"),
    ({"max_completion_tokens": 1.5}, "max_completion_tokens must be a whole number"),
    ({"n": 0}, "n must be"),
    ({"n": 1.5}, "n must be a whole number of at least 1, not 1.5"),
    ({"tools": []}, "tools is empty"),
    ({"tools": {"type": "function"}}, "tools must be a list"),
    ({"tools": 3}, "tools must be a list"),
    ({"stop": 3}, "stop must be a list"),
    ({"stream_options": {"include_usage": True}}, "stream_options needs stream=True"),
    ({"temperatura": 1}, "unknown parameter 'temperatura': did you mean 'temperature'"),
    ({"zzz": 1}, "unknown parameter 'zzz': A parameter this library does not know goes into extra_body"),
    ({"extra_body": [1]}, "extra_body must be a mapping"),
    ({"extra_headers": {"authorization": "x"}}, "authorization"),
    ({"extra_headers": {"Content-Length": "3"}}, "Content-Length"),
    ({"extra_headers": {"X Y": "x"}}, "not the name of a header"),
    ({"extra_headers": {1: "x"}}, "not the name of a header"),
    ({"extra_query": {"a": True}}, "extra_query"),
    ({"messages": [{"role": ["user"], "content": "x"}]}, "role must be one of"),
    ({"messages": [{"role": "user", "content": 5}]}, "content must be a list"),
    ({"messages": [{"role": "user", "content": b"x"}]}, r"messages\[0\].content must be a list, not bytes"),
    ({"messages": [{"role": "user", "content": bytearray(b"x")}]}, "must be a list, not bytearray"),
    ({"messages": [{"role": "user", "content": memoryview(b"x")}]}, "must be a list, not memoryview"),
    ({"messages": b"x"}, "messages must be a list .*, not bytes"),
    ({"stop": b"x"}, "stop must be a list, not bytes"),
    ({"timeout": 10**400}, "timeout must be"),
    ({"extra_headers": {"X-A": "a\r\nX-B: b"}}, "printable"),
    ({"extra_headers": {"X-A": 1}}, "must be a string"),
    ({"timeout": -1}, "timeout must be"),
    ({"max_retries": -1}, "max_retries must be"),
    ({"response_format": {"x": math.inf}}, "cannot be written as JSON"),
    ({"response_format": {"x": object()}}, "cannot be written as JSON"),
]


@pytest.mark.parametrize(("params", "said"), BAD)
async def test_bad_parameter_is_refused_before_any_io(params: dict[str, Any], said: str) -> None:
    client = AsyncMaritaca(KEY, base_url="http://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match=said):
        await client.chat.completions.create(**{**ASK, **params})
    assert client._transport._sessions == {}


@pytest.mark.parametrize("more", [{1: 2}, {None: 2}, {1: 2, "zz": 1}, {(1, 2): 3, 4: 5}])
def test_name_of_a_parameter_that_is_no_string_is_refused(more: dict[Any, Any]) -> None:
    with pytest.raises(ConfigurationError, match="names of parameters are strings, not"):
        completion_body({**ASK, **more}, stream=False)


@pytest.mark.parametrize("flag", ["web_search", "code_execution", "data_ocean"])
def test_built_in_tools_cannot_stream(flag: str) -> None:
    with pytest.raises(ConfigurationError, match=f"{flag} cannot stream"):
        completion_body({**ASK, flag: True}, stream=True)
    assert completion_body({**ASK, flag: False}, stream=True)["stream"] is True
    assert "stream" not in completion_body({**ASK, flag: True}, stream=False)


def test_options_of_the_call_stay_out_of_the_body() -> None:
    options = {"timeout": 3, "max_retries": 1, "extra_headers": {}, "extra_query": {}, "extra_body": {"a": 1}}
    assert completion_body({**ASK, **options}, stream=False) == ASK


def test_lists_may_come_as_any_iterable() -> None:
    body = completion_body(
        {"model": "m", "messages": (m for m in [USER]), "stop": ("a", "b"), "tools": ({"type": "function"},)},
        stream=False,
    )
    assert body == {"model": "m", "messages": [USER], "stop": ["a", "b"], "tools": [{"type": "function"}]}


def test_single_stop_text_becomes_a_list() -> None:
    assert completion_body({**ASK, "stop": "fim"}, stream=False)["stop"] == ["fim"]


def test_answered_message_can_be_sent_back_as_it_is() -> None:
    wire = {
        "role": "assistant",
        "content": None,
        "tool_calls": [
            {"id": "c1", "type": "function", "function": {"name": "soma", "arguments": '{"a":1}'}, "novo": 1}
        ],
        "refusal": None,
        "futuro": {"x": 1},
    }
    answer = ChatCompletion.model_validate({"choices": [{"message": wire}]})
    body = completion_body({"model": "m", "messages": [USER, answer.choices[0].message]}, stream=False)
    assert body["messages"][1] == {**{k: v for k, v in wire.items() if k != "refusal"}}


@pytest.mark.parametrize("text", ["ação 🦜", "\x00", "NaN", "Infinity e -Infinity", "\u2028", "a" * 10_000])
def test_text_of_any_kind_is_written_as_json(text: str) -> None:
    assert json.loads(encode_body({"x": text})) == {"x": text}


def test_lone_surrogate_is_written_in_its_escaped_form() -> None:
    assert encode_body({"x": "a\ud83d"}) == b'{"x": "a\\ud83d"}'


def test_accents_are_not_escaped() -> None:
    assert "ção".encode() in encode_body({"x": "ação"})


@pytest.mark.parametrize("text", ["Olá", "NaN", "Infinity war"])
def test_iterables_and_models_are_written_whatever_the_text_says(text: str) -> None:
    import types

    from maritaca_async.types import Function, ToolCall

    messages = [
        {"role": "user", "content": (part for part in [{"type": "text", "text": text}])},
        {"role": "assistant", "tool_calls": [ToolCall(id="c", function=Function(name="f", arguments="{}"))]},
        {"role": "tool", "content": text, "tool_call_id": "c"},
    ]
    schema = types.MappingProxyType({"type": "json_object"})
    body = completion_body({"model": "m", "messages": messages, "response_format": schema}, stream=False)
    written = json.loads(encode_body(body))
    assert written["messages"][0]["content"] == [{"type": "text", "text": text}]
    assert written["messages"][1]["tool_calls"] == [
        {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    ]
    assert written["response_format"] == {"type": "json_object"}


@pytest.mark.parametrize(("wrong", "meant"), [("mesages", "messages"), ("modle", "model")])
def test_misspelt_parameter_is_not_called_missing(wrong: str, meant: str) -> None:
    params: Any = {"model": "sabia-4", "messages": [{"role": "user", "content": "Olá"}]}
    params[wrong] = params.pop(meant)
    with pytest.raises(ConfigurationError, match=f"unknown parameter '{wrong}': did you mean '{meant}'"):
        completion_body(params, stream=False)
