"""Parameters of the Responses API: what is refused before any I/O, and how the rest is written."""

from __future__ import annotations

import json
import math
import types
from typing import Any

import pytest
from conftest import KEY
from pydantic import BaseModel

from maritaca_async import AsyncMaritaca, ConfigurationError
from maritaca_async._core.request import encode_body
from maritaca_async.resources._response_request import KNOWN, OPTION_NAMES, response_body
from maritaca_async.types import Response

USER = {"role": "user", "content": "Olá"}
ASK: dict[str, Any] = {"model": "sabia-4", "input": "Olá"}
OUTPUT = {"type": "function_call_output", "call_id": "c1", "output": "{}"}

# Every parameter of contract section 8, and both that are documented for chat only.
EVERYTHING: dict[str, Any] = {
    "model": "sabia-4",
    "input": [
        {"role": "system", "content": "Seja breve."},
        {"role": "developer", "content": [{"type": "input_text", "text": "Em português."}]},
        {"type": "message", "role": "user", "content": "Quanto é 2 + 3?"},
        {"type": "function_call", "call_id": "c1", "name": "somar", "arguments": '{"a": 2, "b": 3}'},
        OUTPUT,
        {"role": "assistant", "content": "5"},
        {
            "role": "user",
            "content": [
                {"type": "input_image", "image_url": "https://example.com/a.png"},
                {"type": "input_file", "filename": "a.pdf", "file_data": "data:application/pdf;base64,AA=="},
            ],
        },
    ],
    "instructions": "Responda em uma frase.",
    "temperature": 2,
    "top_p": 0.5,
    "max_output_tokens": 32768,
    "stop": ["fim"],
    "tools": [
        {"type": "function", "name": "somar", "description": "Soma", "parameters": {}, "strict": False},
        {"type": "web_search"},
        {"type": "code_interpreter"},
        {"type": "data_ocean"},
    ],
    "tool_choice": {"type": "function", "name": "somar"},
    "parallel_tool_calls": False,
    "text": {"format": {"type": "json_schema", "name": "x", "schema": {"type": "object"}, "strict": True}},
    "metadata": {"k" * 64: "v" * 512, **{str(number): "" for number in range(15)}},
    "store": True,
    "web_search": True,
    "code_execution": True,
    "data_ocean": True,
    "service_tier": "flex",
    "extraction_effort": "advanced",
}
NULLABLE = sorted(EVERYTHING.keys() - {"model", "input"})

BAD = [
    ({"model": ""}, "model is missing"),
    ({"model": None}, "model is missing"),
    ({"model": 4}, "model must be the name"),
    ({"input": ""}, "input is empty"),
    ({"input": []}, "input is empty"),
    ({"input": None}, "input is empty"),
    ({"input": 5}, "input must be a text or a list"),
    ({"input": USER}, "input must be a text or a list"),
    ({"input": ["Olá"]}, r"input\[0\] must be a mapping"),
    ({"input": [USER, {"role": "tool", "content": "5"}]}, r"input\[1\]: .*function_call_output"),
    ({"input": [{"role": "human", "content": "x"}]}, r"input\[0\]: role must be one of assistant, developer"),
    ({"input": [{"role": ["user"], "content": "x"}]}, "role must be one of"),
    ({"input": [{"role": "user"}]}, r"input\[0\] has no content"),
    ({"input": [{"role": "user", "content": 5}]}, r"input\[0\].content must be a list"),
    ({"input": [{**OUTPUT, "output": {"a": 1}}]}, r"input\[0\] \(function_call_output\): output must be"),
    ({"input": [{**OUTPUT, "call_id": None}]}, "call_id must be a string"),
    ({"input": [{"type": "function_call", "call_id": "c", "name": "f"}]}, "arguments must be a string"),
    ({"temperature": 2.1}, "temperature must be a number from 0 to 2"),
    ({"temperature": "0"}, "temperature"),
    ({"temperature": math.nan}, "temperature"),
    ({"top_p": 1.1}, "top_p"),
    ({"max_output_tokens": 0}, "max_output_tokens must be a whole number of at least 1"),
    ({"max_output_tokens": 1.5}, "max_output_tokens must be a whole number of at least 1"),
    ({"input": b"x"}, "input must be a text or a list .*, not bytes"),
    ({"input": [{"role": "user", "content": b"x"}]}, r"input\[0\].content must be a list, not bytes"),
    ({"max_output_tokens": True}, "max_output_tokens"),
    ({"stop": 3}, "stop must be a list"),
    ({"tools": {"type": "web_search"}}, "tools must be a list"),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, r"tools\[0\]: .*flat form"),
    ({"text": "json"}, "text must be a mapping"),
    ({"text": {"format": {"type": "json_schema", "json_schema": {}}}}, "name and schema beside type"),
    ({"metadata": "x"}, "metadata must be a mapping"),
    ({"metadata": {str(number): "" for number in range(17)}}, "at most 16 pairs, not 17"),
    ({"metadata": {"k" * 65: ""}}, "a key has at most 64 characters, not 65"),
    ({"metadata": {"chave": "v" * 513}}, "the value of 'chave' has 513 characters"),
    ({"metadata": {"a": 1}}, "must be strings"),
    ({"metadata": {1: "a"}}, "must be strings"),
    ({"max_tokens": 5}, "unknown parameter 'max_tokens'"),
    ({"max_ouput_tokens": 5}, "did you mean 'max_output_tokens'"),
    ({"messages": [USER]}, "unknown parameter 'messages'"),
    ({"previous_response_id": "resp-1"}, r"goes into extra_body=\{"),
    ({"extra_body": [1]}, "extra_body must be a mapping"),
    ({"timeout": -1}, "timeout must be"),
    ({"metadata": types.MappingProxyType({"a": object()})}, "must be strings"),
    ({"text": {"format": {"x": math.inf}}}, "cannot be written as JSON"),
]


@pytest.mark.parametrize(("params", "said"), BAD)
@pytest.mark.parametrize("how", ["create", "stream"])
async def test_bad_parameter_is_refused_before_any_io(params: dict[str, Any], said: str, how: str) -> None:
    client = AsyncMaritaca(KEY, base_url="http://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match=said):
        if how == "create":
            await client.responses.create(**{**ASK, **params})
        else:
            client.responses.stream(**{**ASK, **params})


def test_every_documented_parameter_is_sent_as_it_is() -> None:
    assert response_body(EVERYTHING, stream=False) == EVERYTHING
    assert EVERYTHING.keys() == KNOWN - OPTION_NAMES


@pytest.mark.parametrize("name", NULLABLE)
def test_none_is_sent_as_null(name: str) -> None:
    assert response_body({**ASK, name: None}, stream=False) == {**ASK, name: None}


def test_only_what_was_set_is_sent() -> None:
    assert response_body(ASK, stream=False) == ASK
    assert response_body(ASK, stream=True) == {**ASK, "stream": True}


def test_options_of_the_call_stay_out_of_the_body() -> None:
    options = {"timeout": 3, "max_retries": 1, "extra_headers": {}, "extra_query": {}, "extra_body": {"a": 1}}
    assert response_body({**ASK, **options}, stream=False) == ASK


@pytest.mark.parametrize(
    "tools",
    [
        {"web_search": True},
        {"code_execution": True},
        {"data_ocean": True},
        {"tools": [{"type": "web_search"}]},
        {"tools": [{"type": "function", "name": "f"}, {"type": "code_interpreter"}]},
        {"tools": iter([{"type": "data_ocean"}])},
    ],
)
def test_built_in_tools_cannot_stream(tools: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="cannot stream: leave out stream=True"):
        response_body({**ASK, **tools}, stream=True)


def test_own_functions_and_tools_switched_off_can_stream() -> None:
    tools = [{"type": "function", "name": "f"}, {"type": ["odd"]}]
    body = response_body({**ASK, "tools": tools, "web_search": False}, stream=True)
    assert body == {**ASK, "tools": tools, "web_search": False, "stream": True}


def test_lists_may_come_as_any_iterable_and_a_single_stop_as_text() -> None:
    body = response_body(
        {"model": "m", "input": (item for item in [USER]), "stop": "fim", "tools": ({"type": "x"},)},
        stream=False,
    )
    assert body == {"model": "m", "input": [USER], "stop": ["fim"], "tools": [{"type": "x"}]}


def test_items_of_unknown_kinds_are_left_to_the_service() -> None:
    item = {"type": "futuro", "x": [1]}
    assert response_body({**ASK, "input": [item]}, stream=False)["input"] == [item]


def test_output_of_an_answer_can_be_given_back_as_it_is() -> None:
    answer = Response.model_validate(
        {
            "output": [
                {"type": "reasoning", "id": "rs-1", "summary": []},
                {"type": "message", "id": "m1", "content": [{"type": "output_text", "text": "Vou somar."}]},
                {
                    "type": "function_call",
                    "id": "fc-1",
                    "call_id": "c1",
                    "name": "somar",
                    "arguments": '{"a":2}',
                    "status": "completed",
                },
            ]
        }
    )
    call = {"type": "function_call", "call_id": "c1", "name": "somar", "arguments": '{"a":2}'}
    said = {"role": "assistant", "content": "Vou somar."}
    assert answer.to_input() == [said, call]
    body = response_body({**ASK, "input": [USER, *answer.output, OUTPUT]}, stream=False)
    reasoning = {"type": "reasoning", "id": "rs-1", "summary": []}
    assert json.loads(encode_body(body))["input"] == [USER, reasoning, said, call, OUTPUT]


def test_file_of_an_answer_is_not_sent_back() -> None:
    file = {"type": "code_execution_artifact", "filename": "a.csv", "content_base64": "YQ=="}
    answer = Response.model_validate({"output": [file]})
    assert answer.to_input() == []
    with pytest.raises(ConfigurationError, match=r"input\[1\] is a file .*response.to_input"):
        response_body({**ASK, "input": [USER, *answer.output]}, stream=False)


class Pessoa(BaseModel):
    nome: str


@pytest.mark.parametrize(
    ("params", "said"),
    [
        ({"text_format": 5}, "text_format must be a pydantic model"),
        ({"text_format": open}, "text_format must be a pydantic model"),
        ({"text_format": Pessoa, "text": {"format": {"type": "text"}}}, "leave that one out"),
        ({"text_format": Pessoa, "text": "x"}, "leave that one out"),
        ({"text_format": Pessoa, "temperatura": 1}, "did you mean 'temperature'"),
        ({"text_format": Pessoa, "stream": True}, "unknown parameter 'stream'"),
    ],
)
async def test_bad_text_format_is_refused_before_any_io(params: dict[str, Any], said: str) -> None:
    client = AsyncMaritaca(KEY, base_url="http://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match=said):
        await client.responses.parse(**{**ASK, **params})
