"""The SSE decoder: the WHATWG rules, any split into reads, any line end."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from maritaca_async import APIResponseError
from maritaca_async._core.sse import ServerSentEvent, SSEDecoder

TRANSCRIPTS = {
    "chat": (
        'data: {"id":"k1","choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
        'data: {"id":"k1","choices":[{"index":0,"delta":{"content":"Bom dia, ação! 🦜"}}]}\n\n'
        'data: {"id":"k1","choices":[],"usage":{"prompt_tokens":9}}\n\n'
        "data: [DONE]\n\n",
        4,
    ),
    "responses": (
        'event: response.created\ndata: {"type":"response.created","sequence_number":1}\n\n'
        'event: response.completed\ndata: {"type":"response.completed","sequence_number":9}\n\n',
        2,
    ),
    "comments and unknown fields": (": ping\n\nretry: 10\nid: 7\nfoo: bar\ndata:no space\n\n: ping\n\n", 1),
    "several data lines": ("data: a\ndata:  b\ndata\ndata: \n\n", 1),
    "line ends inside the text": ("data: um\u2028dois\u2029três\u0085quatro\x0bcinco\x0cseis\n\n", 1),
    "byte order mark": ("\ufeffdata: first\n\ndata: \ufeffsecond\n\n", 2),
    "prefix in the text": ("data: use data: aqui\n\n", 1),
}


def decode(pieces: list[bytes]) -> list[ServerSentEvent]:
    decoder = SSEDecoder(2**20)
    events = [event for piece in pieces for event in decoder.feed(piece)]
    return events + decoder.finish()


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
@pytest.mark.parametrize("name", TRANSCRIPTS)
def test_transcript_decodes_the_same_when_split_at_every_byte(name: str, end: str) -> None:
    text, count = TRANSCRIPTS[name]
    whole = decode([text.encode()])
    assert len(whole) == count
    data = text.replace("\n", end).encode()
    assert decode([data]) == whole
    assert decode([data[i : i + 1] for i in range(len(data))]) == whole
    for cut in range(len(data) + 1):
        assert decode([data[:cut], data[cut:]]) == whole


@given(
    st.lists(st.integers(1, 40), min_size=1),
    st.sampled_from(["\n", "\r\n", "\r"]),
    st.sampled_from(sorted(TRANSCRIPTS)),
)
def test_transcript_decodes_the_same_in_random_pieces(sizes: list[int], end: str, name: str) -> None:
    text = TRANSCRIPTS[name][0]
    data = text.replace("\n", end).encode()
    pieces, place = [], 0
    for size in sizes * (len(data) // sum(sizes) + 1):
        pieces.append(data[place : place + size])
        place += size
    assert decode(pieces) == decode([text.encode()])


@pytest.mark.parametrize(
    ("raw", "events"),
    [
        (b"data: a\ndata: b\n\n", [("", b"a\nb")]),
        (b"data:a\n\n", [("", b"a")]),
        (b"data:  a\n\n", [("", b" a")]),
        (b"data\n\n", [("", b"")]),
        (b"event: x\n\ndata: a\n\n", [("", b"a")]),
        (b"event: x\ndata: a\n\ndata: b\n\n", [("x", b"a"), ("", b"b")]),
        (b"event:x\ndata:a\n\n", [("x", b"a")]),
        (b"\n\n\n", []),
        (b": only a comment\n\n", []),
        (b"data: a", [("", b"a")]),
        (b"data: a\n", [("", b"a")]),
        (b"\xef\xbb\xbfdata: a", [("", b"a")]),
        (b"datax: a\n\n", []),
        (b"\xef\xbb\xbf\xef\xbb\xbfdata: a\n\n", []),
        (b"", []),
    ],
)
def test_fields_follow_the_standard(raw: bytes, events: list[tuple[str, bytes]]) -> None:
    assert decode([raw]) == events


def test_event_in_many_pieces_takes_linear_time() -> None:
    piece = b"x" * 1024

    def seconds(count: int) -> float:
        decoder = SSEDecoder(2**27)
        started = time.process_time()
        decoder.feed(b"data: ")
        for _ in range(count):
            decoder.feed(piece)
        (event,) = decoder.feed(b"\n\n")
        assert len(event[1]) == count * 1024
        return time.process_time() - started

    small = min(seconds(10_000) for _ in range(3))
    large = min(seconds(40_000) for _ in range(3))
    assert large < 10 * small  # 16 times as long if it were quadratic


def test_event_over_the_limit_is_refused_with_advice() -> None:
    decoder = SSEDecoder(1000)
    with pytest.raises(APIResponseError, match="max_event_bytes"):
        for _ in range(3):
            decoder.feed(b"data: " + b"x" * 500)


def test_many_data_lines_over_the_limit_are_refused() -> None:
    decoder = SSEDecoder(1000)
    with pytest.raises(APIResponseError, match="max_event_bytes"):
        decoder.feed(b"data: xxxxxxxxxxxxxxxxxxxx\n" * 100)
        decoder.finish()


def test_events_complete_before_an_oversized_one_are_not_lost() -> None:
    decoder = SSEDecoder(1000)
    assert [event[1] for event in decoder.feed(b"data: a\n\ndata: " + b"x" * 2000)] == [b"a"]
    with pytest.raises(APIResponseError, match="max_event_bytes"):
        decoder.feed(b"x")


def test_limit_counts_one_event_and_not_the_stream() -> None:
    decoder = SSEDecoder(1000)
    for number in range(100):
        text = json.dumps({"n": number, "pad": "x" * 400}).encode()
        assert decoder.feed(b"data: " + text[:50]) == []
        assert decoder.feed(text[50:] + b"\n\n")[0][1] == text


def test_event_just_under_the_limit_passes_however_it_is_split() -> None:
    raw = b"data: " + b"x" * 900 + b"\n\n"
    for cut in (10, 500, 906, 907):
        decoder = SSEDecoder(1000)
        events = decoder.feed(raw[:cut]) + decoder.feed(raw[cut:]) + decoder.finish()
        assert [len(data) for _, data in events] == [900]
