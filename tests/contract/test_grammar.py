"""Streams made by the grammars of the contract (sections 7 and 10), whatever they choose to say."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maritaca_async import APIStreamError
from maritaca_async._core.sse import SSEDecoder
from maritaca_async.resources._chat_decoder import ChatDecoder
from maritaca_async.resources._response_decoder import ResponseDecoder
from maritaca_async.types import ChatCompletion

from .documents import CHAT_USAGE, RESPONSE_USAGE, Document, sample


def test_grammars_are_those_of_the_contract() -> None:
    """What the strategies below follow."""
    assert 'stream     := chunk+ [usage-chunk] "data: [DONE]" LF LF' in sample("07-grammar.txt")
    assert "stream   := created in_progress item* terminal" in sample("10-grammar.txt")


# Chat completions

TEXT = st.text(max_size=8)
ROLE = st.just({"role": "assistant"})
CONTENT = st.builds(lambda text: {"content": text}, TEXT)
NOTHING: st.SearchStrategy[Document] = st.just({})
OPTIONAL = st.fixed_dictionaries(
    {}, optional={"system_fingerprint": st.just("fp9"), "service_tier": st.just("flex")}
)


def call_deltas(index: int, pieces: list[str]) -> list[Document]:
    first = {"index": index, "id": f"call_{index}", "type": "function"}
    opening = {**first, "function": {"name": f"f{index}", "arguments": ""}}
    more = [{"index": index, "function": {"arguments": piece}} for piece in pieces]
    return [{"tool_calls": [piece]} for piece in (opening, *more)]


def pieces_of(arguments: dict[str, str]) -> list[str]:
    text = json.dumps(arguments, ensure_ascii=False)
    return [text[start : start + 3] for start in range(0, len(text), 3)]


ARGUMENTS = st.dictionaries(TEXT, TEXT, max_size=2).map(pieces_of)


def chunk_frame(delta: Document, finish: str | None, more: Document) -> bytes:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    body = {
        "id": "k1",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "sabia-4",
        "choices": [choice],
        **more,
    }
    return b"data: " + json.dumps(body, ensure_ascii=False).encode() + b"\n\n"


def usage_frame() -> bytes:
    body = {"id": "k1", "object": "chat.completion.chunk", "created": 1, "model": "sabia-4", "choices": []}
    return b"data: " + json.dumps({**body, "usage": CHAT_USAGE}).encode() + b"\n\n"


def chat_answer(raw: bytes, size: int) -> ChatCompletion:
    reader, decoder = SSEDecoder(10**6), ChatDecoder()
    for start in range(0, len(raw), size):
        for event in reader.feed(raw[start : start + size]):
            decoder.decode(event)
    assert decoder.may_end()
    return decoder.received()


@given(
    said=st.lists(ROLE | CONTENT | NOTHING, max_size=6),
    calls=st.lists(ARGUMENTS, max_size=3),
    finish=st.sampled_from(["stop", "tool_calls", None]),
    more=OPTIONAL,
    usage=st.booleans(),
    size=st.integers(1, 64),
)
def test_chat_stream_of_the_grammar_is_put_together(
    said: list[Document],
    calls: list[list[str]],
    finish: str | None,
    more: Document,
    usage: bool,
    size: int,
) -> None:
    deltas = [*said, *(delta for index, pieces in enumerate(calls) for delta in call_deltas(index, pieces))]
    frames = [chunk_frame(delta, None, more) for delta in deltas] + [chunk_frame({}, finish, more)]
    answer = chat_answer(b"".join([*frames, *([usage_frame()] * usage), b"data: [DONE]\n\n"]), size)
    [choice] = answer.choices
    assert choice.message.text == "".join(delta.get("content", "") for delta in said)
    found = [
        (call.id, call.function.name, call.function.arguments) for call in choice.message.tool_calls or ()
    ]
    wanted = [(f"call_{index}", f"f{index}", "".join(pieces)) for index, pieces in enumerate(calls)]
    assert found == wanted
    assert choice.finish_reason == finish
    assert answer.system_fingerprint == more.get("system_fingerprint")
    assert answer.service_tier == more.get("service_tier")
    dumped = answer.usage.model_dump(exclude_unset=True) if answer.usage else None
    assert dumped == (CHAT_USAGE if usage else None)


# Responses


def message_events(place: int, pieces: list[str]) -> tuple[Document, list[Document]]:
    text = "".join(pieces)
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"id": f"msg-{place}", "type": "message", "role": "assistant", "content": [part]}
    where = {"item_id": item["id"], "output_index": place, "content_index": 0}
    return item, [
        {"type": "response.output_item.added", "output_index": place, "item": {**item, "content": []}},
        {"type": "response.content_part.added", **where, "part": {**part, "text": ""}},
        *({"type": "response.output_text.delta", **where, "delta": piece} for piece in pieces),
        {"type": "response.output_text.done", **where, "text": text},
        {"type": "response.content_part.done", **where, "part": part},
        {"type": "response.output_item.done", "output_index": place, "item": item},
    ]


def call_events(place: int, pieces: list[str], *, spelt_out: bool) -> tuple[Document, list[Document]]:
    item = {"id": f"fc-{place}", "type": "function_call", "call_id": f"call_{place}", "name": "f"}
    item["arguments"] = "".join(pieces)
    where = {"item_id": item["id"], "output_index": place}
    kind = "response.function_call_arguments"
    body = [
        *({"type": f"{kind}.delta", **where, "delta": piece} for piece in pieces),
        {"type": f"{kind}.done", **where, "arguments": item["arguments"]},
    ]
    return item, [
        {"type": "response.output_item.added", "output_index": place, "item": {**item, "arguments": ""}},
        *(body if spelt_out else ()),
        {"type": "response.output_item.done", "output_index": place, "item": item},
    ]


MESSAGES = st.lists(TEXT, max_size=4).map(lambda pieces: lambda place: message_events(place, pieces))
CALLS = st.builds(
    lambda pieces, spelt_out: lambda place: call_events(place, pieces, spelt_out=spelt_out),
    ARGUMENTS,
    st.booleans(),
)
ENDINGS: dict[str, Document] = {
    "completed": {"usage": RESPONSE_USAGE},
    "incomplete": {"incomplete_details": {"reason": "max_output_tokens"}},
    "failed": {"error": {"code": "server_error", "message": "Caiu."}},
}


def response_stream(items: list[Any], ending: str, start: int) -> tuple[list[Document], bytes]:
    envelope = {"id": "resp-8", "object": "response", "status": "in_progress", "output": []}
    made = [make(place) for place, make in enumerate(items)]
    output = [item for item, _ in made]
    closing = {**envelope, "status": ending, "output": output, **ENDINGS[ending]}
    events: list[Document] = [
        {"type": "response.created", "response": envelope},
        {"type": "response.in_progress", "response": envelope},
        *(event for _, body in made for event in body),
        {"type": f"response.{ending}", "response": closing},
    ]
    numbered = [{**event, "sequence_number": number} for number, event in enumerate(events, start)]
    frames = [
        f"event: {event['type']}\ndata: {json.dumps(event, ensure_ascii=False)}\n\n" for event in numbered
    ]
    return output, "".join(frames).encode()


@given(
    items=st.lists(MESSAGES | CALLS, max_size=3),
    ending=st.sampled_from(sorted(ENDINGS)),
    start=st.integers(0, 1),
    size=st.integers(1, 64),
)
def test_response_stream_of_the_grammar_is_put_together(
    items: list[Any], ending: str, start: int, size: int
) -> None:
    output, raw = response_stream(items, ending, start)
    reader, decoder = SSEDecoder(10**6), ResponseDecoder()
    events = [event for begin in range(0, len(raw), size) for event in reader.feed(raw[begin : begin + size])]
    *before, last = events
    for event in before:
        assert decoder.decode(event) is not None
    if ending == "failed":
        with pytest.raises(APIStreamError, match=r"Caiu\."):
            decoder.decode(last)
    else:
        decoder.decode(last)
    response = decoder.received()
    assert decoder.may_end()
    assert not decoder.has_gap
    assert response.status == ending
    assert response.model_dump(mode="json", exclude_unset=True)["output"] == output
