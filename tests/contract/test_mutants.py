"""Whatever is null or missing in an answer, alone and in pairs, there is a result or an error of ours.

All pairs are tried within one object, and within one event of a stream; across the events of a stream a
sample of them, which is the same in each run.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import pytest
from mutants import mutants
from pydantic import BaseModel

from maritaca_async import AnswerFormatError, APIError, APIResponseError, APIStatusError, HttpInfo
from maritaca_async._core.request import status_error
from maritaca_async.errors import RequestInfo
from maritaca_async.resources import _chat_answer, _response_answer
from maritaca_async.resources._answer_format import answer_format
from maritaca_async.resources._batch_lines import parse_result
from maritaca_async.resources._chat_decoder import ChatDecoder, parse_completion
from maritaca_async.resources._chat_delta_decoder import DeltaDecoder
from maritaca_async.resources._chat_events import ChatEvents
from maritaca_async.resources._response_decoder import ResponseDecoder, parse_response
from maritaca_async.types import ChatCompletion, ChatCompletionChunk, Response

from .accessors import exercise, is_ours
from .documents import (
    CALL_CHUNKS,
    ERRORS,
    OUTPUT_LINES,
    PLAIN_CHAT,
    PLAIN_RESPONSE,
    RESPONSE_STREAMS,
    TEXT_CHUNKS,
    TEXT_PART,
    WHOLE_CHAT,
    WHOLE_RESPONSE,
    Document,
)
from .fields import KINDS

ACROSS = 400
"""Of how many pairs of places in different events all four mutants are tried."""

Outcome = Callable[[Any], str]


def written(document: Any) -> bytes:
    return json.dumps(document).encode()


def outcomes(whole: Any, size: int, outcome: Outcome) -> Counter[str]:
    return Counter(map(outcome, mutants(whole, size)))


# Answers that are one object


def outcome_of_reading(kind: str) -> Outcome:
    described = KINDS[kind]

    def outcome(document: Any) -> str:
        try:
            result = described.read(written(document))
        except described.refusal:
            return "refused"
        exercise(result)
        return "read"

    return outcome


@pytest.mark.parametrize("kind", KINDS)
def test_answer_is_read_or_refused(kind: str) -> None:
    outcome = outcome_of_reading(kind)
    assert outcome(KINDS[kind].document) == "read"
    found = outcomes(KINDS[kind].document, 1, outcome)
    assert found["read"] > found["refused"]


SHARES = 3
"""Into how many tests the pairs of an answer are divided, for the time that a test has."""


@pytest.mark.parametrize("share", range(SHARES))
@pytest.mark.parametrize("kind", KINDS)
def test_answer_with_pairs_is_read_or_refused(kind: str, share: int) -> None:
    pairs = islice(mutants(KINDS[kind].document, 2), share, None, SHARES)
    assert Counter(map(outcome_of_reading(kind), pairs))["read"] > 0


class Person(BaseModel):
    nome: str


PERSON = answer_format(Person, "x")
REQUEST = RequestInfo("POST", "http://x", 1)


def outcome_of_parsing(parse: Any, parsed: Any, value: str) -> Outcome:
    def outcome(document: Any) -> str:
        try:
            answer = parse(written(document))
        except ValueError:
            return "no answer"
        answer.http = HttpInfo(200, (), 1, 0.1)
        try:
            found = parsed(answer, PERSON, REQUEST)
        except AnswerFormatError as error:
            assert error.completion is answer
            return error.reason
        assert getattr(found, value) == Person(nome="Ana")
        assert found.http is answer.http
        assert found.model_dump_json() == answer.model_dump_json()
        return "value"

    return outcome


CHAT_PERSON = outcome_of_parsing(parse_completion, _chat_answer.parsed_completion, "parsed")
RESPONSE_PERSON = outcome_of_parsing(parse_response, _response_answer.parsed_response, "output_parsed")


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize(
    ("whole", "outcome"),
    [(WHOLE_CHAT, CHAT_PERSON), (WHOLE_RESPONSE, RESPONSE_PERSON)],
    ids=["chat", "response"],
)
def test_answer_of_a_type_is_a_value_or_an_error(whole: Document, outcome: Outcome, size: int) -> None:
    assert outcome(whole) == "value"
    found = outcomes(whole, size, outcome)
    assert found.keys() <= {"value", "no answer", "tool_calls", "empty"}
    assert found["value"] > found["no answer"] > 0


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize(
    ("sample", "read"),
    [(PLAIN_CHAT, parse_completion), (PLAIN_RESPONSE, parse_response)],
    ids=["chat", "response"],
)
def test_sample_is_read_or_refused(sample: Document, read: Any, size: int) -> None:
    def outcome(document: Any) -> str:
        try:
            found = read(written(document))
        except ValueError:
            return "refused"
        # Its file is cut short, and no Base64.
        assert repr(found)
        assert type(found).model_validate_json(found.model_dump_json()) == found
        return "read"

    found = outcomes(sample, size, outcome)
    assert found["read"] > found["refused"] > 0


# Streams of chat completions


def outcome_of_chat(events: list[Any]) -> str:
    """What becomes of a transcript, as `.stream` goes through it."""
    decoder, told = DeltaDecoder(), ChatEvents()
    try:
        for data in events:
            item = decoder.decode(("", written(data)))
            decoder.brief = True  # as from the second event on
            assert item is not None
            if isinstance(item, ChatCompletionChunk):
                told.add(item, decoder.arrivals)
    except APIError as error:
        assert is_ours(error)
        exercise(decoder.received(failed=True))
        return "refused"
    completion = decoder.received()
    exercise(completion)
    if not decoder.may_end():
        assert not any(choice.message.tool_calls for choice in completion.choices)
        return "unfinished"
    told.finish(decoder.accumulator)
    assert all(event.type for event in told.queue)
    for choice in completion.choices:
        for ready in choice.message.tool_calls or ():
            assert ready.function.name
    return "read"


CHAT_STREAMS = {"text": TEXT_CHUNKS, "calls": CALL_CHUNKS}


@pytest.mark.parametrize("name", CHAT_STREAMS)
def test_chat_stream_is_read_or_refused(name: str) -> None:
    assert outcome_of_chat(CHAT_STREAMS[name]) == "read"
    found = outcomes(CHAT_STREAMS[name], 1, outcome_of_chat)
    assert found["read"] > 4 * (found["refused"] + found["unfinished"]) > 0


@pytest.mark.parametrize("name", CHAT_STREAMS)
def test_chat_stream_with_pairs_in_an_event_is_read_or_refused(name: str) -> None:
    found = Counter(map(outcome_of_chat, pairs_within(CHAT_STREAMS[name])))
    assert found["read"] > found["refused"] > 0


@pytest.mark.parametrize("name", CHAT_STREAMS)
def test_chat_stream_with_pairs_across_events_is_read_or_refused(name: str) -> None:
    found = Counter(map(outcome_of_chat, mutants(CHAT_STREAMS[name], 2, at_most=ACROSS)))
    assert found["read"] > found["refused"] > 0


def pairs_within(events: list[Document]) -> Iterator[list[Any]]:
    """Transcripts of which one event misses two of its values."""
    for place, event in enumerate(events):
        for mutant in mutants(event, 2):
            yield [*events[:place], mutant, *events[place + 1 :]]


# Streams of responses


def outcome_of_response(events: list[Any], names: list[str]) -> str:
    decoder = ResponseDecoder()
    try:
        for name, data in zip(names, events, strict=False):
            item = decoder.decode((name, written(data)))
            assert item is not None
            assert item.type
    except APIError as error:
        assert is_ours(error)
        exercise(decoder.received(failed=True))
        return "failed" if "the response failed" in str(error) else "refused"
    response = decoder.received()
    exercise(response)
    if not decoder.may_end():
        assert response.function_calls == []
        return "unfinished"
    assert response.output_text in ("", TEXT_PART["text"])
    return "read"


def with_names(ending: str, named: bool) -> Outcome:
    """Transcripts whose events are named by their `event:` line, or by their data alone."""
    names = [event["type"] if named else "" for event in RESPONSE_STREAMS[ending]]
    return lambda events: outcome_of_response(events, names)


USUAL = {"completed": "read", "incomplete": "read", "failed": "failed"}


@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
@pytest.mark.parametrize("ending", RESPONSE_STREAMS)
def test_response_stream_is_read_or_refused(ending: str, named: bool) -> None:
    outcome, events = with_names(ending, named), RESPONSE_STREAMS[ending]
    assert outcome(events) == USUAL[ending]
    found = outcomes(events, 1, outcome)
    assert found[USUAL[ending]] > 4 * (found["refused"] + found["unfinished"]) > 0


@pytest.mark.parametrize("ending", RESPONSE_STREAMS)
def test_response_stream_with_pairs_in_an_event_is_read_or_refused(ending: str) -> None:
    found = Counter(map(with_names(ending, named=True), pairs_within(RESPONSE_STREAMS[ending])))
    assert found[USUAL[ending]] > found["refused"] > 0


@pytest.mark.parametrize("ending", RESPONSE_STREAMS)
def test_response_stream_with_pairs_across_events_is_read_or_refused(ending: str) -> None:
    transcripts = mutants(RESPONSE_STREAMS[ending], 2, at_most=ACROSS)
    found = Counter(map(with_names(ending, named=True), transcripts))
    assert found[USUAL[ending]] > found["refused"] > 0


# Lines of a batch


def outcome_of_line(line: Any) -> str:
    result = parse_result(json.dumps(line), "/v1/chat/completions")
    exercise(result)
    if result.error is None:
        return "answered"
    assert is_ours(result.error)
    return type(result.error).__name__


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize(
    ("name", "usual"),
    [
        ("answered", "answered"),
        ("refused", "UnprocessableEntityError"),
        ("expired", "APIStreamError"),
    ],
)
def test_line_of_a_batch_is_an_answer_or_an_error(name: str, usual: str, size: int) -> None:
    assert outcome_of_line(OUTPUT_LINES[name]) == usual
    found = outcomes(OUTPUT_LINES[name], size, outcome_of_line)
    assert found[usual] > found["APIResponseError"] > 0
    assert sum(found.values()) == sum(1 for _ in mutants(OUTPUT_LINES[name], size))


# Errors


def check_status_error(body: Any) -> None:
    http = HttpInfo(422, ((b"retry-after", b"1"),), 1, 0.1)
    error = status_error(422, "Unprocessable Entity", written(body), http, REQUEST, 0.0)
    assert isinstance(error, APIStatusError)
    assert is_ours(error)
    assert error.body == written(body).decode()
    for detail in (error.code, error.type, error.param):
        assert detail is None or isinstance(detail, str)


def answered(body: Any, decoder: Any) -> str:
    """An error in the place of a stream's event: told as such, or an event of an unknown kind."""
    try:
        found = decoder.decode(("", written(body)))
    except APIError as error:
        assert is_ours(error)
        return type(error).__name__
    exercise(found)
    return "read"


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("shape", ERRORS)
def test_error_body_is_an_error_with_typed_details(shape: str, size: int) -> None:
    for body in [ERRORS[shape], None, *mutants(ERRORS[shape], size)]:
        check_status_error(body)


@pytest.mark.parametrize("shape", ERRORS)
@pytest.mark.parametrize("new", [ChatDecoder, ResponseDecoder])
def test_error_in_a_stream_is_an_error_or_an_event(shape: str, new: Any) -> None:
    assert answered(ERRORS[shape], new()) == "APIStreamError"
    for size in (1, 2):
        for body in mutants(ERRORS[shape], size):
            answered(body, new())


@pytest.mark.parametrize("shape", ERRORS)
@pytest.mark.parametrize("new", [ChatDecoder, ResponseDecoder])
def test_error_in_the_place_of_a_stream_is_an_error(shape: str, new: Any) -> None:
    for body in [ERRORS[shape], None, *mutants(ERRORS[shape], 1), *mutants(ERRORS[shape], 2)]:
        with pytest.raises((APIError, ValueError)):
            new().whole(written(body))


@pytest.mark.parametrize(
    ("whole", "new"), [(PLAIN_CHAT, ChatDecoder), (PLAIN_RESPONSE, ResponseDecoder)], ids=["chat", "response"]
)
@pytest.mark.parametrize("size", [1, 2])
def test_whole_answer_in_the_place_of_a_stream_is_read_or_refused(
    whole: Document, new: Any, size: int
) -> None:
    def outcome(document: Any) -> str:
        decoder = new()
        try:
            decoder.whole(written(document))
        except (APIResponseError, ValueError):
            return "refused"
        assert isinstance(decoder.received(), ChatCompletion | Response)
        assert decoder.may_end()
        return "read"

    found = outcomes(whole, size, outcome)
    assert found["read"] > found["refused"] > 0
