"""Streamed responses put together again: complete and equal to the plain answer, or an error."""

from __future__ import annotations

import copy
import json
import logging
from typing import Any, get_args

import pytest
from mutants import places, spoilt
from response_streams import (
    ARGUMENTS,
    CALL,
    ENVELOPE,
    MESSAGE,
    PLACE,
    Event,
    call_stream,
    ending,
    failure,
    numbered,
    opening,
    text_stream,
    transcript,
)

from maritaca_async import APIError, APIResponseError, APIStreamError
from maritaca_async._core.sse import SSEDecoder
from maritaca_async.resources._response_decoder import ResponseDecoder, parse_response
from maritaca_async.types import Response, ResponseStreamEvent, ResponseUnknownEvent


def decoded(raw: bytes, *, size: int = 0) -> tuple[ResponseDecoder, list[ResponseStreamEvent]]:
    """Decode a body that arrives in pieces of a size, up to what ends it."""
    reader, decoder, found = SSEDecoder(10**6), ResponseDecoder(), []
    size = size or max(1, len(raw))
    pieces = [raw[i : i + size] for i in range(0, len(raw), size)]
    for events in [*(reader.feed(piece) for piece in pieces), reader.finish()]:
        for event in events:
            item = decoder.decode(event)
            if item is not None:
                found.append(item)
    return decoder, found


def final(events: list[Event], **how: Any) -> Response:
    decoder, _ = decoded(transcript(events, **how))
    assert decoder.may_end()
    return decoder.received()


def plain(events: list[Event]) -> Response:
    return parse_response(json.dumps(events[-1]["response"]).encode())


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("events", [text_stream(), call_stream()], ids=["text", "call"])
@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
def test_transcript_split_at_every_byte_gives_the_same_events(
    events: list[Event], line_end: str, named: bool
) -> None:
    raw = transcript(events, named=named, line_end=line_end)
    for size in range(1, 8):
        decoder, found = decoded(raw, size=size)
        assert [event.type for event in found] == [event["type"] for event in events]
        assert [event.sequence_number for event in found] == [event["sequence_number"] for event in events]
        assert decoder.received() == plain(events)
        assert not decoder.has_gap


@pytest.mark.parametrize("line_end", [b"\n", b"\r\n", b"\r"])
def test_transcript_split_in_two_at_every_byte_gives_the_same_answer(line_end: bytes) -> None:
    raw = transcript(call_stream(), line_end=line_end.decode())
    for place in range(len(raw) + 1):
        reader, decoder = SSEDecoder(10**6), ResponseDecoder()
        for event in [*reader.feed(raw[:place]), *reader.feed(raw[place:]), *reader.finish()]:
            decoder.decode(event)
        assert [call.arguments for call in decoder.received().function_calls] == [ARGUMENTS]


def test_every_event_of_the_documentation_has_its_type() -> None:
    _, found = decoded(transcript([*text_stream()[:-1], *call_stream()]))
    _, cut = decoded(transcript(numbered(ending(MESSAGE, kind="incomplete"))))
    kinds = {type(event) for event in [*found, *cut]}
    assert kinds == set(get_args(ResponseStreamEvent)) - {ResponseUnknownEvent}


def test_events_are_read_into_their_fields() -> None:
    _, found = decoded(transcript(text_stream()))
    by_type = {event.type: event for event in found}
    delta = by_type["response.output_text.delta"]
    assert delta.type == "response.output_text.delta"
    assert (delta.item_id, delta.output_index, delta.content_index, delta.delta) == ("msg-8", 0, 0, "dia!")
    done = by_type["response.output_item.done"]
    assert done.type == "response.output_item.done"
    assert done.item.type == "message"
    assert done.item.text == "Bom dia!"


@pytest.mark.parametrize("events", [text_stream(), call_stream()], ids=["text", "call"])
def test_answer_is_put_together_where_the_terminal_event_brings_no_output(events: list[Event]) -> None:
    for output in ([], None, "dropped"):
        changed = copy.deepcopy(events)
        if output == "dropped":
            del changed[-1]["response"]["output"]
        else:
            changed[-1]["response"]["output"] = output
        response = final(changed)
        assert response.output_text == plain(events).output_text
        assert response.function_calls == plain(events).function_calls
        assert response.usage == plain(events).usage
        assert response.status == "completed"


@pytest.mark.parametrize(
    "left_out",
    [
        {"response.output_item.done", "response.content_part.done", "response.output_text.done"},
        {"response.output_item.added", "response.content_part.added"},
        {"response.output_text.delta", "response.function_call_arguments.delta"},
        {"response.created", "response.in_progress"},
        {
            "response.output_item.added",
            "response.output_item.done",
            "response.content_part.added",
            "response.content_part.done",
        },
    ],
)
def test_answer_without_some_kinds_of_events_is_whole(left_out: set[str]) -> None:
    for events in (text_stream(), call_stream()):
        wanted = plain(events)
        kept = [event for event in events if event["type"] not in left_out]
        assert final(kept) == wanted
        kept[-1]["response"]["output"] = []
        response = final(kept)
        assert response.output_text == wanted.output_text
        found = [*response.function_calls, *response.invalid_function_calls]
        assert [call.arguments for call in found] == [call.arguments for call in wanted.function_calls]


@pytest.mark.parametrize("drop", [False, True], ids=["null", "dropped"])
@pytest.mark.parametrize("named", [True, False], ids=["named", "unnamed"])
@pytest.mark.parametrize("events", [text_stream(), call_stream()], ids=["text", "call"])
def test_each_field_missing_or_null_gives_the_answer_or_a_typed_error(
    events: list[Event], named: bool, drop: bool
) -> None:
    """Text or arguments are never shortened in silence."""
    wanted, whole, errors = plain(events), 0, 0
    for number, event in enumerate(events):
        for path in (place for place in places(event) if isinstance(place[-1], str)):
            document = spoilt(event, path, drop=drop)
            frames = [transcript([e], named=named) for e in events]
            name = f"event: {event['type']}\n" if named else ""
            frames[number] = f"{name}data: {json.dumps(document)}\n\n".encode()
            try:
                decoder, _ = decoded(b"".join(frames))
            except APIError:
                errors += 1
                continue
            response = decoder.received()
            if not decoder.may_end():
                assert response.function_calls == []
                continue
            whole += 1
            assert response.output_text == wanted.output_text, (number, path)
            calls = [*response.function_calls, *response.invalid_function_calls]
            assert len(calls) == len(wanted.function_calls), (number, path)
            for call in response.function_calls:
                assert (call.name, call.arguments) == ("somar", ARGUMENTS), (number, path)
    assert whole > 5 * errors > 0


def test_stream_cut_after_any_event_has_no_call_to_execute() -> None:
    for events in (text_stream(), call_stream()):
        for count in range(len(events)):
            decoder, _ = decoded(transcript(events[:count]))
            assert not decoder.may_end()
            response = decoder.received()
            assert response.status == "in_progress"
            assert response.function_calls == []
            assert plain(events).output_text.startswith(response.output_text)
            for call in response.invalid_function_calls:
                assert ARGUMENTS.startswith(call.arguments)
                assert "not complete" in call.error


@pytest.mark.parametrize("arguments", ['{"a": 2', "[]", "texto"])
def test_streamed_call_with_bad_arguments_is_invalid_with_its_raw_text(arguments: str) -> None:
    response = final(call_stream(arguments))
    assert response.function_calls == []
    assert [call.arguments for call in response.invalid_function_calls] == [arguments]


def test_call_of_a_response_that_was_cut_off_is_invalid() -> None:
    details = {"reason": "max_output_tokens"}
    for kind in ("incomplete", "completed"):
        events = [
            *call_stream()[:-1],
            *numbered(ending(CALL, kind=kind, incomplete_details=details), start=len(call_stream())),
        ]
        response = final(events)
        assert response.function_calls == []
        assert response.incomplete_reason == "max_output_tokens"


def test_several_items_and_parts_keep_their_places() -> None:
    part = {"type": "output_text", "text": ""}
    events = numbered(
        *opening(),
        {
            "type": "response.output_item.added",
            "output_index": 1,
            "item": {"type": "message", "id": "m", "content": []},
        },
        {
            "type": "response.output_item.added",
            "output_index": 0,
            "item": {"type": "reasoning", "summary": []},
        },
        {
            "type": "response.content_part.added",
            "output_index": 1,
            "content_index": 1,
            "part": {"type": "refusal", "refusal": "não"},
        },
        {"type": "response.content_part.added", "output_index": 1, "content_index": 0, "part": part},
        {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "Oi"},
        ending(),
    )
    first, second = final(events).output
    assert (first.type, second.type) == ("unknown", "message")
    assert second.type == "message"
    assert [part.type for part in second.content] == ["output_text", "unknown"]
    assert second.text == "Oi"


@pytest.mark.parametrize("start", [0, 1])
def test_numbers_may_start_at_zero_or_one(start: int, caplog: pytest.LogCaptureFixture) -> None:
    decoder, _ = decoded(transcript(text_stream(start=start)))
    assert not decoder.has_gap
    assert caplog.records == []


@pytest.mark.parametrize("lost", range(9))
def test_gap_in_the_numbers_is_logged_and_flagged_and_loses_nothing(
    lost: int, caplog: pytest.LogCaptureFixture
) -> None:
    events = text_stream()
    with caplog.at_level(logging.WARNING, "maritaca_async"):
        decoder, found = decoded(transcript(events[:lost] + events[lost + 1 :]))
    assert decoder.has_gap
    assert len(found) == len(events) - 1
    assert decoder.received().output_text == "Bom dia!"
    [record] = caplog.records
    assert "events may be missing" in record.getMessage()


def test_events_without_numbers_are_no_gap() -> None:
    events = [{key: value for key, value in e.items() if key != "sequence_number"} for e in text_stream()]
    decoder, _ = decoded(transcript(events))
    assert not decoder.has_gap


def test_unknown_event_is_handed_out_raw() -> None:
    odd = {"type": "response.futuro", "message": "nada de errado", "x": [1]}
    events = numbered(*(text_stream()[:2]), odd, *text_stream()[2:])
    decoder, found = decoded(transcript(events))
    event = found[2]
    assert event.type == "unknown"
    assert (event.name, event.data, event.sequence_number) == ("response.futuro", events[2], 3)
    assert decoder.received().output_text == "Bom dia!"


def test_unknown_fields_of_events_are_kept() -> None:
    delta = {"type": "response.output_text.delta", **PLACE, "delta": "x", "logprobs": []}
    _, [event] = decoded(transcript(numbered(delta)))
    assert event.model_extra == {"logprobs": []}
    assert event.model_dump(exclude_unset=True) == numbered(delta)[0]


def test_type_in_the_data_counts_for_more_than_the_name_of_the_event() -> None:
    raw = b"".join(
        transcript([e]).replace(f"event: {e['type']}".encode(), b"event: message") for e in text_stream()
    )
    decoder, found = decoded(raw)
    assert [event.type for event in found] == [event["type"] for event in text_stream()]
    assert decoder.may_end()
    _, [swapped] = decoded(
        transcript(text_stream()[4:5]).replace(
            b"event: response.output_text.delta", b"event: response.created"
        )
    )
    assert swapped.type == "response.output_text.delta"


@pytest.mark.parametrize("named", [True, False])
def test_terminal_event_is_known_before_it_is_decoded(named: bool) -> None:
    reader, decoder = SSEDecoder(10**6), ResponseDecoder()
    events = reader.feed(transcript(text_stream(), named=named))
    assert [decoder.is_end(event) for event in events] == [False] * 9 + [True]
    assert decoder.is_end(("", b"[DONE]"))
    assert not decoder.is_end(("", b"texto"))
    assert decoder.is_end(("", b'{"type": "response.failed"}'))


def test_nothing_after_the_terminal_event_counts() -> None:
    raw = transcript([*text_stream(), *numbered(failure())]) + b"data: [DONE]\n\ndata: {\n\n"
    decoder, found = decoded(raw)
    assert len(found) == len(text_stream())
    assert decoder.received().output_text == "Bom dia!"


def test_end_marker_alone_does_not_make_an_answer_complete() -> None:
    decoder, _ = decoded(transcript(text_stream()[:6]) + b"data: [DONE]\n\n")
    assert not decoder.may_end()


@pytest.mark.parametrize("named", [True, False])
@pytest.mark.parametrize(
    ("error", "said", "retryable"),
    [
        ({"code": "server_error", "message": "caiu"}, "the response failed: caiu", True),
        ({"code": "invalid_image", "message": "imagem"}, "imagem", False),
        ({}, "gave no reason", False),
    ],
)
def test_failed_response_is_raised_with_its_code_and_what_came_before(
    error: dict[str, str], said: str, retryable: bool, named: bool
) -> None:
    reader, decoder = SSEDecoder(10**6), ResponseDecoder()
    events = [*text_stream()[:5], *numbered(failure(**error), start=6)]
    *before, last = reader.feed(transcript(events, named=named))
    for event in before:
        decoder.decode(event)
    with pytest.raises(APIStreamError, match=said) as caught:
        decoder.decode(last)
    assert caught.value.code == error.get("code")
    assert caught.value.retryable is retryable
    received = decoder.received(failed=True)
    assert (received.status, received.output_text) == ("failed", "Bom ")


@pytest.mark.parametrize(
    ("payload", "said"),
    [
        ({"error": {"code": "server_error", "message": "caiu"}}, "caiu"),
        ({"error": "caiu"}, "caiu"),
        ({"response": {"error": "caiu"}}, "caiu"),
        ({"response": None}, "gave no reason"),
        ({"response": {"output": 5, "error": {"message": "x"}}}, "gave no reason"),
        ({}, "gave no reason"),
    ],
)
def test_failure_of_another_shape_is_raised_all_the_same(payload: dict[str, Any], said: str) -> None:
    decoder = ResponseDecoder()
    event = json.dumps({"type": "response.failed", **payload}).encode()
    with pytest.raises(APIStreamError, match=f"the response failed: .*{said}"):
        decoder.decode(("response.failed", event))
    assert decoder.received().status == "failed"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (
            '{"type": "error", "code": "server_error", "message": "caiu", "sequence_number": 3}',
            "server_error",
        ),
        ('{"type": "error", "error": {"message": "caiu", "code": "x"}}', "x"),
        ('{"error": {"message": "caiu", "code": "internal_error"}}', "internal_error"),
        ('{"error": "caiu"}', None),
        ('{"detail": "caiu"}', None),
        ('{"message": "caiu"}', None),
        ("caiu", None),
    ],
)
def test_error_event_of_any_shape_is_raised(data: str, code: str | None) -> None:
    with pytest.raises(APIStreamError, match="caiu") as caught:
        ResponseDecoder().decode(("error", data.encode()))
    assert caught.value.code == code
    if data.startswith("{"):
        with pytest.raises(APIStreamError, match="caiu"):
            ResponseDecoder().decode(("", data.encode()))


@pytest.mark.parametrize("bad", ["{", "null", "[]", "texto", '{"type": "response.completed"}'])
def test_malformed_event_is_an_error_and_never_skipped(bad: str) -> None:
    for name in ("", "response.completed"):
        with pytest.raises(APIResponseError, match="not the documented one") as caught:
            ResponseDecoder().decode((name, bad.encode()))
        assert caught.value.body == bad


def test_whole_document_instead_of_a_stream_is_its_terminal_event() -> None:
    decoder = ResponseDecoder()
    event = decoder.whole(json.dumps(ending(MESSAGE)["response"]).encode())
    assert event.type == "response.completed"
    assert decoder.may_end()
    assert decoder.received().output_text == "Bom dia!"
    with pytest.raises(APIStreamError, match="caiu"):
        ResponseDecoder().whole(b'{"detail": "caiu"}')
    with pytest.raises(APIStreamError, match="the response failed: caiu"):
        ResponseDecoder().whole(
            json.dumps({**ENVELOPE, "status": "failed", "error": {"message": "caiu"}}).encode()
        )
    for body in (b"{}", b"[]", b"texto"):
        with pytest.raises(ValueError):
            ResponseDecoder().whole(body)
