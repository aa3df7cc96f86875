"""The answers of the Responses API: every documented field, and what the contract's section 27 tolerates."""

from __future__ import annotations

import base64
import copy
import json
import pickle
from decimal import Decimal
from pathlib import Path
from typing import Any, get_args

import pytest
from mutants import Place, places, spoilt

from maritaca_async import usage_cost
from maritaca_async.resources._response_decoder import parse_response
from maritaca_async.types import (
    CodeExecutionArtifact,
    Response,
    ResponseFunctionCall,
    ResponseMessage,
    UnknownObject,
)
from maritaca_async.types.responses import with_output_parsed

PNG = base64.b64encode(b"\x89PNG").decode()
# Composed like the sample of contract section 9, with every documented field.
WHOLE: dict[str, Any] = {
    "id": "resp-5",
    "object": "response",
    "created_at": 1784310100,
    "status": "completed",
    "model": "sabia-4-thinking",
    "output": [
        {
            "type": "code_execution_artifact",
            "id": "cea_1",
            "status": "completed",
            "filename": "../vendas.png",
            "mime_type": "image/png",
            "size_bytes": 4,
            "content_base64": PNG,
        },
        {
            "id": "msg-2",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [
                {"type": "output_text", "text": "Segue ", "annotations": []},
                {"type": "output_text", "text": "o gráfico.", "annotations": [{"type": "x"}]},
            ],
        },
        {
            "type": "function_call",
            "id": "fc-3",
            "call_id": "call_3",
            "name": "somar",
            "arguments": '{"a": 2}',
            "status": "completed",
        },
    ],
    "usage": {
        "input_tokens": 31,
        "output_tokens": 240,
        "total_tokens": 271,
        "input_tokens_details": {"cached_tokens": 10},
        "output_tokens_details": {"reasoning_tokens": 180},
        "tool_execution_details": {
            "web_search_calls": 1,
            "page_reads": 2,
            "data_ocean_gb_processed": 0.000161,
            "code_execution_minutes": 1,
        },
    },
    "error": None,
    "incomplete_details": None,
    "instructions": "Seja breve.",
    "temperature": 0.7,
    "top_p": 0.95,
    "max_output_tokens": 100,
    "metadata": {"a": "b"},
    "tools": [{"type": "code_interpreter"}],
    "tool_choice": "auto",
    "parallel_tool_calls": True,
    "store": False,
}
FUNCTION_CALL = {key: WHOLE["output"][2][key] for key in WHOLE["output"][2]}


def parsed(body: Any) -> Response:
    return parse_response(json.dumps(body).encode())


def with_output(*items: Any, **extra: Any) -> Response:
    return parsed({"id": "r", "status": "completed", "output": list(items), **extra})


def test_every_documented_field_is_read_into_its_type() -> None:
    response = parsed(WHOLE)
    file, message, call = response.output
    assert isinstance(file, CodeExecutionArtifact)
    assert isinstance(message, ResponseMessage)
    assert isinstance(call, ResponseFunctionCall)
    assert (file.id, file.status, file.size_bytes, file.mime_type) == ("cea_1", "completed", 4, "image/png")
    assert (message.id, message.role, message.status) == ("msg-2", "assistant", "completed")
    assert response.output_text == message.text == "Segue o gráfico."
    assert response.function_calls == [call]
    assert call.parsed_arguments() == {"a": 2}
    assert response.invalid_function_calls == []
    assert response.artifacts == [file]
    assert response.incomplete_reason == ""
    usage = response.usage
    assert usage is not None
    assert (usage.input_tokens, usage.output_tokens, usage.total_tokens) == (31, 240, 271)
    assert usage.input_tokens_details is not None
    assert usage.input_tokens_details.cached_tokens == 10
    assert usage.output_tokens_details is not None
    assert usage.output_tokens_details.reasoning_tokens == 180
    assert usage.tool_execution_details is not None
    assert usage.tool_execution_details.code_execution_minutes == 1
    echoed = ("instructions", "temperature", "top_p", "max_output_tokens", "metadata", "tools", "store")
    for name in ("id", "object", "created_at", "status", "model", "parallel_tool_calls", *echoed):
        assert getattr(response, name) == WHOLE[name], name


def test_documented_document_survives_the_round_trip() -> None:
    response = parsed(WHOLE)
    assert json.loads(response.model_dump_json(exclude_unset=True)) == WHOLE
    assert response.model_dump(mode="json", exclude_unset=True) == WHOLE
    assert Response.model_validate(response.model_dump()) == response


@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))])
def test_response_copies_and_pickles(duplicate: Any) -> None:
    response = parsed({**WHOLE, "output": [*WHOLE["output"], {"type": "futuro", "x": 1}]})
    assert duplicate(response) == response


NAMED = [place for place in places(WHOLE) if isinstance(place[-1], str)]


@pytest.mark.parametrize("drop", [False, True], ids=["null", "dropped"])
@pytest.mark.parametrize("path", NAMED, ids=lambda path: ".".join(map(str, path)))
def test_each_field_missing_or_null_gives_a_response(path: Place, drop: bool) -> None:
    document = spoilt(WHOLE, path, drop=drop)
    if path == ("output",) and drop:
        with pytest.raises(ValueError, match="the answer has no output"):
            parsed(document)
        return
    response = parsed(document)
    text = {"output": "", "content": ""}.get(str(path[-1]))
    if path == ("output", 1, "content", 0, "text"):
        text = "o gráfico."
    elif path == ("output", 1, "content", 1, "text"):
        text = "Segue "
    elif path == ("output", 1, "content"):
        text = ""
    assert response.output_text == ("Segue o gráfico." if text is None else text)
    assert isinstance(response.function_calls, list)
    assert len(response.to_input()) == (0 if path == ("output",) else 2)


def test_sample_without_ids_and_details_is_read() -> None:
    """The built-in tools sample omits id, status and annotations; that for functions all after usage."""
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Oi"}]}
    response = parsed(
        {
            "id": "r",
            "object": "response",
            "created_at": 1,
            "status": "completed",
            "model": "m",
            "output": [message],
            "usage": {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2},
        }
    )
    assert response.output_text == "Oi"
    assert response.usage is not None
    assert response.usage.input_tokens_details is None


def test_unknown_items_parts_and_fields_are_kept_and_skipped_in_the_text() -> None:
    reasoning = {"type": "reasoning", "summary": [{"text": "hm"}], "data": 1}
    refusal = {"type": "refusal", "refusal": "não"}
    odd = {"type": 5, "text": "x"}
    message = {
        "type": "message",
        "content": [refusal, odd, {"type": "output_text", "text": "Oi", "futuro": 1}],
        "novo": [1],
    }
    body = {"status": "completed", "output": [reasoning, message], "unidades": {"x": 1}}
    response = parsed(body)
    first = response.output[0]
    assert isinstance(first, UnknownObject)
    assert (first.type, first.data) == ("unknown", reasoning)
    assert response.output_text == "Oi"
    assert response.model_dump(mode="json", exclude_unset=True) == body


def test_unknown_values_of_enums_are_kept() -> None:
    assert with_output(status="queued_somewhere").status == "queued_somewhere"
    response = with_output({**FUNCTION_CALL, "status": "novo"})
    assert [call.status for call in response.function_calls] == ["novo"]


@pytest.mark.parametrize(
    "body", ["[]", "null", "{}", "texto", '{"error": {"message": "x"}}', '{"detail": "x"}']
)
def test_what_is_no_response_is_refused(body: str) -> None:
    with pytest.raises(ValueError):
        parse_response(body.encode())


def test_bare_texts_are_taken_for_what_they_mean() -> None:
    response = with_output({"type": "message", "content": "Oi"}, status="failed", error="caiu")
    assert response.output_text == "Oi"
    assert response.error is not None
    assert response.error.message == "caiu"


def test_failed_response_is_a_response() -> None:
    response = parsed({"id": "r", "status": "failed", "error": {"code": "server_error", "message": "caiu"}})
    assert response.error is not None
    assert (response.error.code, response.error.message, response.output_text) == ("server_error", "caiu", "")


BROKEN_CALLS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({"arguments": '{"a": 2'}, {}, "not a JSON object"),
    ({"arguments": "[1]"}, {}, "not a JSON object"),
    ({"arguments": "null"}, {}, "not a JSON object"),
    ({"name": ""}, {}, "names no function"),
    ({"name": None}, {}, "names no function"),
    ({"status": "in_progress"}, {}, "the call is not complete"),
    ({"status": "incomplete"}, {}, "the call is not complete"),
    ({}, {"status": "in_progress"}, "the response is not complete"),
    ({}, {"status": "failed"}, "the response is not complete"),
    ({}, {"status": "incomplete"}, "cut off (incomplete)"),
    ({}, {"incomplete_details": {"reason": "max_output_tokens"}}, "cut off (max_output_tokens)"),
    ({}, {"incomplete_details": {}}, "cut off (incomplete)"),
]


@pytest.mark.parametrize(("call", "response", "said"), BROKEN_CALLS)
def test_call_that_must_not_be_executed_is_invalid_and_keeps_its_raw_text(
    call: dict[str, Any], response: dict[str, Any], said: str
) -> None:
    wire = {**FUNCTION_CALL, **call}
    answer = with_output(wire, **response)
    assert answer.function_calls == []
    [invalid] = answer.invalid_function_calls
    assert said in invalid.error
    assert (invalid.call_id, invalid.arguments) == ("call_3", wire["arguments"])


def test_arguments_may_come_as_an_object() -> None:
    [call] = with_output({**FUNCTION_CALL, "arguments": {"a": 2}}).function_calls
    assert call.parsed_arguments() == {"a": 2}


def test_kind_of_an_item_without_type_is_told_by_its_fields() -> None:
    message = {"content": [{"text": "Oi"}]}
    call = {"call_id": "c", "name": "f", "arguments": "{}", "type": None}
    file = {"filename": "a", "content_base64": PNG}
    response = with_output(message, call, file, {"outro": 1})
    assert response.output_text == "Oi"
    assert [call.call_id for call in response.function_calls] == ["c"]
    assert [file.content for file in response.artifacts] == [b"\x89PNG"]
    assert response.output[3].type == "unknown"


def test_artifact_is_saved_inside_the_directory(tmp_path: Path) -> None:
    [file] = parsed(WHOLE).artifacts
    path = file.save(tmp_path / "saída")
    assert path == tmp_path / "saída" / "vendas.png"
    assert path.read_bytes() == b"\x89PNG"
    assert file["filename"] == "../vendas.png"


def test_usage_can_be_priced() -> None:
    usage = parsed(WHOLE).usage
    assert usage is not None
    cost = usage_cost(usage.to_chat_usage(), model="sabia-4-thinking")
    assert cost is not None
    assert cost.output == Decimal("0.0096")
    assert cost.tools > 0


def test_parsed_response_is_the_response_and_its_value() -> None:
    response = parsed({**WHOLE, "futuro": 1})
    made = with_output_parsed(response, {"a": 1})
    assert made.output_parsed == {"a": 1}
    assert made.output is response.output
    assert made.model_dump(exclude_unset=True) == response.model_dump(exclude_unset=True)
    assert pickle.loads(pickle.dumps(made)).output_parsed == {"a": 1}
    with pytest.raises(AttributeError, match="did not come from a call"):
        _ = made.http


def test_documented_statuses_are_offered_to_the_editor() -> None:
    from maritaca_async.types import ResponseStatus

    literal = get_args(ResponseStatus)[0]
    assert set(get_args(literal)) == {"completed", "failed", "in_progress", "incomplete"}
