"""Batches without a network: both vocabularies, the input file and its limits, and the lines of the output."""

from __future__ import annotations

import json
from typing import Any

import pytest
from scripted import completion

from maritaca_async import (
    APIResponseError,
    APIStatusError,
    APIStreamError,
    ConfigurationError,
    InternalServerError,
    RateLimitError,
    UnprocessableEntityError,
    batch_file,
    batch_line,
)
from maritaca_async.resources import batch_input
from maritaca_async.resources._batch_lines import parse_result
from maritaca_async.types import Batch, BatchStatus

MESSAGES: Any = [{"role": "user", "content": "Olá"}]
WHOLE = {
    "id": "batch_1",
    "object": "batch",
    "endpoint": "/v1/chat/completions",
    "input_file_id": "file-1",
    "completion_window": "24h",
    "status": "completed",
    "output_file_id": "file-2",
    "error_file_id": "file-3",
    "errors": ["one"],
    "request_counts": {"total": 3, "completed": 2, "failed": 1},
    "created_at": 1784310000,
    "in_progress_at": 1784310001,
    "finalizing_at": 1784310002,
    "completed_at": 1784310003,
    "failed_at": 0,
    "expired_at": 0,
    "cancelling_at": 0,
    "cancelled_at": 0,
    "expires_at": 1784390000,
    "metadata": {"lote": "7"},
}
VOCABULARIES = {
    "validating": BatchStatus.VALIDATING,
    "queued": BatchStatus.VALIDATING,
    "in_progress": BatchStatus.IN_PROGRESS,
    "running": BatchStatus.IN_PROGRESS,
    "finalizing": BatchStatus.FINALIZING,
    "cancelling": BatchStatus.CANCELLING,
    "canceling": BatchStatus.CANCELLING,
    "completed": BatchStatus.COMPLETED,
    "succeeded": BatchStatus.COMPLETED,
    "Succeeded": BatchStatus.COMPLETED,
    "failed": BatchStatus.FAILED,
    "expired": BatchStatus.EXPIRED,
    "cancelled": BatchStatus.CANCELLED,
    "canceled": BatchStatus.CANCELLED,
}
ENDED = {BatchStatus.COMPLETED, BatchStatus.FAILED, BatchStatus.EXPIRED, BatchStatus.CANCELLED}


def batch(**changes: Any) -> Batch:
    return Batch.model_validate({**WHOLE, **changes})


@pytest.mark.parametrize(("word", "status"), VOCABULARIES.items())
def test_both_vocabularies_mean_the_same(word: str, status: BatchStatus) -> None:
    found = batch(status=word)
    assert found.status is status
    assert found.status == status.value
    assert found.ended is (status in ENDED)


@pytest.mark.parametrize("word", ["paused", "", None])
def test_unknown_status_is_kept_and_means_not_ended(word: str | None) -> None:
    found = batch(status=word)
    assert found.status == (word or "")
    assert not isinstance(found.status, BatchStatus)
    assert not found.ended


@pytest.mark.parametrize("name", sorted(WHOLE))
def test_every_field_of_a_batch_may_be_null_or_missing(name: str) -> None:
    assert batch(**{name: None})
    assert Batch.model_validate({key: WHOLE[key] for key in WHOLE if key != name})


@pytest.mark.parametrize("name", [name for name in WHOLE if name.endswith("_at")])
def test_null_zero_and_missing_times_are_none(name: str) -> None:
    dropped = Batch.model_validate({key: WHOLE[key] for key in WHOLE if key != name})
    assert [getattr(batch(**{name: unset}), name) for unset in (None, 0)] == [None, None]
    assert getattr(dropped, name) is None
    assert getattr(batch(**{name: 1784310009}), name) == 1784310009


@pytest.mark.parametrize(
    ("errors", "messages"),
    [
        (None, []),
        ([], []),
        ({}, []),
        ("broken", ["broken"]),
        (["one", "two", None, ""], ["one", "two"]),
        ({"object": "list", "data": [{"code": "x", "message": "bad", "line": 3}]}, ["line 3: bad"]),
        ({"object": "list", "data": None}, []),
        ([{"message": "bad"}, {"code": "only"}], ["bad", "{'code': 'only'}"]),
        ({"message": "alone"}, ["alone"]),
    ],
)
def test_errors_are_a_list_of_messages(errors: object, messages: list[str]) -> None:
    assert batch(errors=errors).errors == messages


def test_counts_and_unknown_fields_are_kept() -> None:
    found = batch(usage={"total_tokens": 3}, request_counts={"total": 5, "completed": None})
    assert (found.request_counts.total, found.request_counts.completed) == (5, 0)
    assert found.usage == {"total_tokens": 3}
    assert batch(request_counts=None).request_counts.total == 0
    assert batch(output_file_id="").output_file_id is None


def test_line_has_the_shape_of_the_guide() -> None:
    line = batch_line("linha-1", model="sabiazinho-4", messages=MESSAGES, max_tokens=300, extra_body={"x": 1})
    assert (line.custom_id, line.model) == ("linha-1", "sabiazinho-4")
    assert line.data.endswith(b"\n")
    assert line.data.count(b"\n") == 1
    assert json.loads(line.data) == {
        "custom_id": "linha-1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "sabiazinho-4", "messages": MESSAGES, "max_tokens": 300, "x": 1},
    }


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"timeout": 3}, "timeout"),
        ({"stream": True}, "stream"),
        ({"extra_body": {"stream": True}}, "stream"),
        ({"extra_body": 3}, "extra_body"),
        ({"temperatura": 1}, "temperatura"),
        ({"messages": []}, "messages"),
        ({"model": ""}, "model"),
        ({"stream_options": {"include_usage": True}}, "stream"),
        ({"temperature": 7}, "temperature"),
        ({"custom_id": ""}, "custom_id"),
        ({"custom_id": 3}, "custom_id"),
    ],
)
def test_line_that_cannot_work_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        batch_line(**{"custom_id": "a", "model": "sabia-4", "messages": MESSAGES, **changes})


def test_file_holds_its_lines_in_order() -> None:
    lines = [batch_line(f"q-{n}", model="sabia-4", messages=MESSAGES) for n in range(3)]
    assert batch_file(iter(lines)) == b"".join(line.data for line in lines)


def test_file_has_one_model_and_each_name_once() -> None:
    first = batch_line("a", model="sabia-4", messages=MESSAGES)
    with pytest.raises(ConfigurationError, match="one model"):
        batch_file([first, batch_line("b", model="sabiazinho-4", messages=MESSAGES)])
    with pytest.raises(ConfigurationError, match="'a' is there twice"):
        batch_file([first, first])
    with pytest.raises(ConfigurationError, match="at least one"):
        batch_file([])
    with pytest.raises(ConfigurationError, match="batch_line"):
        batch_file([first.data])  # type: ignore[list-item]


def test_file_keeps_the_documented_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (batch_input.MAX_LINES, batch_input.MAX_BYTES) == (50_000, 200_000_000)
    lines = [batch_line(f"q-{n}", model="sabia-4", messages=MESSAGES) for n in range(4)]
    monkeypatch.setattr(batch_input, "MAX_LINES", 3)
    with pytest.raises(ConfigurationError, match="more than 3 lines"):
        batch_file(lines)
    monkeypatch.setattr(batch_input, "MAX_BYTES", 200)
    with pytest.raises(ConfigurationError, match="more than 200 bytes"):
        batch_file(lines[:3])


def line(**changes: Any) -> str:
    response = {"status_code": 200, "request_id": "req_4", "body": completion("Pronto.")}
    return json.dumps({"id": "b", "custom_id": "linha-1", "response": response, "error": None, **changes})


def test_answered_line_is_a_completion() -> None:
    result = parse_result(line(), "/v1/chat/completions")
    assert result.completion is not None
    assert result.completion.text == "Pronto."
    assert (result.custom_id, result.status_code, result.request_id) == ("linha-1", 200, "req_4")
    assert (result.error, result.raw) == (None, line())


@pytest.mark.parametrize("status", [None, 200, "200", 201])
def test_answer_counts_whatever_its_good_status(status: object) -> None:
    answered = {"status_code": status, "body": json.dumps(completion("Texto em texto."))}
    result = parse_result(line(response=answered), "/x")
    assert result.completion is not None
    assert result.completion.text == "Texto em texto."


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (422, {"detail": [{"loc": ["body", "temperature"], "msg": "too hot"}]}, UnprocessableEntityError),
        (429, {"error": {"message": "slow down", "code": "rate"}}, RateLimitError),
        (500, None, InternalServerError),
        (503, "<html>", InternalServerError),
        (418, {}, APIStatusError),
    ],
)
def test_line_with_an_error_status_has_the_error_of_that_status(
    status: int, body: Any, kind: type[APIStatusError]
) -> None:
    response = {"status_code": status, "request_id": "req_9", "body": body}
    result = parse_result(line(response=response), "/v1/chat/completions")
    assert type(result.error) is kind
    assert isinstance(result.error, APIStatusError)
    assert (result.error.status_code, result.status_code) == (status, status)
    assert result.error.request_id == result.request_id == "req_9"
    assert result.error.request is not None
    assert result.error.request.url == "/v1/chat/completions"
    assert result.completion is None


def test_error_of_the_line_fills_in_for_a_missing_body() -> None:
    told = parse_result(line(response={"status_code": 400, "body": None}, error={"message": "why"}), "/x")
    assert "why" in str(told.error)


def test_expired_line_says_so_and_may_be_tried_again() -> None:
    result = parse_result(line(response=None, error={"code": "batch_expired", "message": "late"}), "/x")
    assert isinstance(result.error, APIStreamError)
    assert (result.error.code, result.error.retryable, result.status_code) == ("batch_expired", True, None)
    assert "late" in str(result.error)
    other = parse_result(line(response={}, error="just text"), "/x")
    assert "just text" in str(other.error)
    assert not other.error.retryable  # type: ignore[union-attr]
    odd = parse_result(line(response=None, error=[1]), "/x")
    assert isinstance(odd.error, APIStreamError)


@pytest.mark.parametrize(
    "raw",
    [
        '{"custom_id": "a", "resp',
        "not json",
        "[1]",
        "null",
        "{}",
        '{"custom_id": null}',
        '{"custom_id": 7, "response": {"status_code": 200}}',
        '{"custom_id": "a", "response": {"status_code": 200, "body": {"choices": []}}}',
        '{"custom_id": "a", "response": "text"}',
        '{"custom_id": "a", "response": {"status_code": 200, "body": "not json"}}',
    ],
)
def test_line_that_cannot_be_read_is_kept_whole(raw: str) -> None:
    result = parse_result(raw, "/x")
    assert isinstance(result.error, APIResponseError)
    assert result.completion is None
    assert result.raw == result.error.body == raw


@pytest.mark.parametrize("name", ["id", "custom_id", "error"])
def test_fields_of_a_line_may_be_missing(name: str) -> None:
    parsed = json.loads(line())
    del parsed[name]
    assert parse_result(json.dumps(parsed), "/x").completion is not None


def test_both_an_answer_and_an_error_is_an_error() -> None:
    assert isinstance(parse_result(line(error={"message": "no"}), "/x").error, APIStreamError)
