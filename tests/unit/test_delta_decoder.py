"""The decoder of deltas: whatever it leaves unparsed, it says the same as one that makes a chunk of every event."""

from __future__ import annotations

import json
import sys
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maritaca_async import APIError
from maritaca_async._core.sse import ServerSentEvent
from maritaca_async.resources._chat_decoder import ChatDecoder
from maritaca_async.resources._chat_delta_decoder import DeltaDecoder
from maritaca_async.resources._chat_events import ChatEvents
from maritaca_async.types import (
    ChatCompletion,
    ChatCompletionChunk,
    ChunkEvent,
    ContentDeltaEvent,
    ReasoningDeltaEvent,
    RefusalDeltaEvent,
    ToolCallDeltaEvent,
)

sys.path.append(str(Path(__file__).parents[1] / "langchain"))

from dialects import DIALECTS

USAGE = {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}


@dataclass
class Told:
    """What a decoder makes of a transcript."""

    events: list[Any]
    """All events but those of chunks."""
    received: list[Any]
    """The completion as it was after each of some events, then at the end, as a whole one and as a failed one."""
    error: Any = None
    made: int = field(default=0, compare=False)
    """How many chunks were made."""


def told(
    transcript: Iterable[ServerSentEvent], decoder: Any, brief: Iterable[bool] = (), looks: Iterable[int] = ()
) -> Told:
    """What a decoder makes of a transcript, asked for deltas or for chunks event by event."""
    events, found, brief = ChatEvents(), Told([], []), iter(brief)
    try:
        for place, event in enumerate(transcript):
            decoder.brief = next(brief, True)
            item = decoder.decode(event)
            if isinstance(item, ChatCompletionChunk):
                found.made += 1
                events.add(item, decoder.arrivals)
            elif item is not None:
                events.queue.append(item)
            if place in looks:
                found.received.append(contents(decoder.received()))
        if decoder.may_end():
            events.finish(decoder.accumulator)
    except APIError as error:
        found.error = (type(error), str(error), vars(error))
    assert not decoder.arrivals
    found.events = [event for event in events.queue if not isinstance(event, ChunkEvent)]
    found.received += [contents(decoder.received()), contents(decoder.received(failed=True))]
    return found


def contents(completion: ChatCompletion) -> dict[str, Any]:
    return completion.model_dump(exclude_unset=True)


class Thorough(ChatDecoder):
    """The decoder of chunks, with what `told` asks of one."""

    def __init__(self, expected: int = 1) -> None:
        self.arrivals: deque[Any] = deque()
        super().__init__(expected, self.arrivals)


def check(
    transcript: list[ServerSentEvent],
    *,
    brief: Iterable[bool] = (),
    looks: Iterable[int] = (),
    expected: int = 1,
) -> Told:
    """All decoders must tell the same; returns what the one of deltas told."""
    looks = frozenset(looks)
    right = told(transcript, Thorough(expected), looks=looks)
    assert told(transcript, DeltaDecoder(expected), [False] * len(transcript), looks) == right
    assert told(transcript, DeltaDecoder(expected), brief, looks) == right
    found = told(transcript, DeltaDecoder(expected), looks=looks)
    assert found == right
    return found


def unnamed(*events: Any) -> list[ServerSentEvent]:
    return [("", event if isinstance(event, bytes) else json.dumps(event).encode()) for event in events]


def saying(delta: dict[str, Any], *, index: int | None = 0, **more: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": delta, **more.pop("choice", {})}
    return {"id": "k1", "model": "sabia-4", "choices": [choice], **more}


def calling(arguments: Any, function: dict[str, Any] | None = None, **piece: Any) -> dict[str, Any]:
    return {"tool_calls": [{**piece, "function": {**(function or {}), "arguments": arguments}}]}


TEXTS = [saying({"content": text}) for text in ("Bom", " dia", ', "', "\\", "ção", "🦜", "\u2028", "}]}")]
ENDING = saying({}, choice={"finish_reason": "stop"})


# Random transcripts

HOSTILE = [
    "",
    '"',
    "\\",
    '\\"',
    '"}}]}',
    '"}}]}{"id":"k1"',
    '"content":"a"',
    '\\"content\\": \\"a',
    '"arguments": "a"',
    "[DONE]",
    "\x00\x1f\x7f",
    "\ud83d",
    "\ufeff",
    "é🦜\u2028",
    "0" * 3000,
    json.dumps(saying({"content": "a"})),
]
texts = st.text(max_size=4) | st.sampled_from(HOSTILE) | st.sampled_from(['{"a": ', '"b"', "}", "{}", " "])
unknown = st.sampled_from(
    [
        {},
        {},
        {"audio": "UklG"},
        {"audio": None},
        {"audio": {"content": "a", "data": "UklG"}},
        {"parts": [{"content": "a"}, {"arguments": "a"}]},
        {"content_type": "text"},
        {"refusal": None},
        {"refusal": "não"},
        {"refusal": ["não"]},
        {"invalid_tool_calls": [1]},
    ]
)
envelopes = st.sampled_from(
    [
        {},
        {},
        {"created": 1784310000, "system_fingerprint": "fp", "service_tier": "flex"},
        {"usage": USAGE},
        {"usage": None, "meta": {"content": "a"}},
        {"note": "x", "error": None},
        {"id": "k2", "generated_files": []},
    ]
)
endings = st.sampled_from(
    [
        *[{}, {"finish_reason": None}, {"logprobs": {"content": [{"token": "a"}]}}] * 3,
        {"logprobs": {"content": "a"}},
        {"finish_reason": "stop"},
        {"finish_reason": "length", "reason": "x"},
    ]
)
pieces = st.fixed_dictionaries(
    {},
    optional={
        "index": st.sampled_from([0, 0, 1, None]),
        "id": st.sampled_from(["", "a", "b", None]),
        "type": st.just("function"),
        "note": st.sampled_from(["x", None]),
    },
)
functions = st.fixed_dictionaries(
    {}, optional={"name": st.sampled_from(["", "f", "g", None]), "strict": st.booleans()}
)
bare = st.sampled_from([{"index": 0}, {"index": 1}, {}])

Delta = Callable[[str], dict[str, Any]]


@st.composite
def kinds(draw: st.DrawFn) -> Delta:
    """What events of a kind say, given the text that is theirs alone."""
    more, piece, function = draw(unknown), draw(pieces), draw(functions)
    bare_piece, other_piece = draw(bare), draw(bare)
    said: list[Delta] = [
        lambda text: {"content": text},
        lambda text: calling(text, **bare_piece),
        lambda text: {"content": text, **more},
        lambda text: {**more, "role": "assistant", "content": text, "tool_calls": []},
        lambda text: {"content": [{"type": "text", "text": text}], **more},
        lambda text: {"content": ["?"], "role": text},
        lambda text: {"reasoning_content": text, **more},
        lambda text: {"reasoning_content": "hm", "content": text},
        lambda text: {"content": "a", "refusal": text},
        lambda text: {"content": "a", "thought": text},
        lambda text: calling(text, function, **piece),
        lambda text: {"content": text, **calling("a", **bare_piece)},
        lambda text: {**calling({"arguments": text}, **bare_piece)},
        lambda text: {"tool_calls": [*calling(text, **bare_piece)["tool_calls"], {"index": 0}]},
        lambda text: {"tool_calls": [{**other_piece, "function": {"arguments": text}, "id": ""}], **more},
    ]
    return draw(st.sampled_from(said))


@st.composite
def spellings(draw: st.DrawFn) -> Callable[[Any], bytes]:
    compact, escaped, backwards = draw(st.booleans()), draw(st.booleans()), draw(st.booleans())

    def spell(event: dict[str, Any]) -> bytes:
        event = dict(reversed(event.items())) if backwards else event
        separators = (",", ":") if compact else None
        return json.dumps(event, separators=separators, ensure_ascii=escaped).encode(errors="surrogatepass")

    return spell


@st.composite
def runs(draw: st.DrawFn) -> list[bytes]:
    """Events that differ by one text."""
    delta, spell, index = draw(kinds()), draw(spellings()), draw(st.sampled_from([0, 0, 0, 1, None]))
    envelope, ending, second = draw(envelopes), draw(endings), draw(st.sampled_from([None] * 9 + [0, 1]))
    events = []
    for text in draw(st.lists(texts, min_size=1, max_size=5)):
        event = saying(delta(text), index=index, choice=ending, **envelope)
        if second is not None:
            event["choices"] += saying(delta(text), index=second)["choices"]
        events.append(spell(event))
    return events


ODD = [
    b"[DONE]",
    b"[DONE] ",
    b'{"choices": []}',
    b'{"error": {"message": "cheio", "code": "overloaded"}}',
    b'{"detail": "falha", "choices": []}',
    b"null",
    b"{}",
    b"",
]
WEDGES = [
    b"",
    b'"',
    b"\\",
    b"{",
    b"}",
    b",",
    b" ",
    b"\n",
    b"\x00",
    b"\xff",
    b"a",
    b"\xef\xbb\xbf",
    b'","content":"b',
]


@st.composite
def transcripts(draw: st.DrawFn) -> list[ServerSentEvent]:
    events = [event for run in draw(st.lists(runs(), max_size=4)) for event in run]
    if draw(st.booleans()):
        events = draw(st.permutations(events))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        events.insert(draw(st.integers(0, len(events))), draw(st.sampled_from(ODD)))
    if events and draw(st.sampled_from([True, False, False])):
        place = draw(st.integers(0, len(events) - 1))
        start, end = draw(st.integers(0, len(events[place]))), draw(st.integers(0, 3))
        events[place] = events[place][:start] + draw(st.sampled_from(WEDGES)) + events[place][start + end :]
    name = st.sampled_from([""] * 30 + ["message", "chunk", "error"])
    return [(draw(name), event) for event in events]


@settings(max_examples=200, deadline=None)
@given(
    transcript=transcripts(),
    brief=st.lists(st.booleans(), min_size=1, max_size=6),
    looks=st.sets(st.integers(0, 20), max_size=3),
    expected=st.integers(1, 2),
)
def test_deltas_say_the_same_as_chunks(
    transcript: list[ServerSentEvent], brief: list[bool], looks: set[int], expected: int
) -> None:
    turns = islice(cycle(brief), len(transcript))
    check(transcript, brief=turns, looks=looks, expected=expected)


# Transcripts made by hand


@pytest.mark.parametrize("name", DIALECTS)
def test_tool_calls_of_every_dialect_are_the_same(name: str) -> None:
    events = [saying({"tool_calls": pieces}) for pieces in DIALECTS[name]]
    longer = [event for event in events for _ in range(3)]
    for transcript in (events, longer):
        for brief in ([True, False], [False, True], [True, True, False]):
            check(unnamed(*transcript, ENDING, b"[DONE]"), brief=cycle(brief), looks=range(99))


A, B = saying({"content": "a"}), saying({"content": "b"})
LIST = [{"type": "text", "text": "a"}]
FRAME = json.dumps(A).encode()
FOLLOWED: dict[str, list[Any]] = {
    "another text": [A, B],
    "no text": [A, saying({"content": ""}), B],
    "null": [A, saying({"content": None}), B],
    "a number": [A, saying({"content": 1})],
    "parts": [A, saying({"content": LIST}), B],
    "another answer": [A, saying({"content": "b"}, index=1), B],
    "another id": [A, {**B, "id": "k2"}, A],
    "usage": [A, {**B, "usage": USAGE}, {**A, "usage": USAGE}, {**B, "usage": {**USAGE, "total_tokens": 13}}],
    "the end of the answer": [A, saying({"content": "b"}, choice={"finish_reason": "length"}), A],
    "a text that ends like the event": [A, saying({"content": '"}}]}'}), B],
    "a text that is the event": [A, saying({"content": FRAME.decode()}), B],
    "half a pair of surrogates": [A, FRAME.replace(b'"a"', rb'"\ud83d"')],
    "a pair of surrogates": [A, FRAME.replace(b'"a"', rb'"\ud83e\udd9c"')],
    "an escape that is none": [A, FRAME.replace(b'"a"', rb'"\x"')],
    "bytes that are no text": [A, FRAME.replace(b'"a"', b'"\xff"')],
    "a surrogate in UTF-8": [A, FRAME.replace(b'"a"', b'"\xed\xa0\x80"')],
    "a control character": [A, FRAME.replace(b'"a"', b'"\n"')],
    "an open escape": [A, FRAME.replace(b'"a"', rb'"\"')],
    "another field": [A, FRAME.replace(b'"a"', b'"a", "reasoning_content": "b"')],
    "the field again": [A, FRAME.replace(b'"a"', b'"a", "content": "b"')],
    "an object": [A, FRAME.replace(b'"a"', b'{"a": "b"}')],
    "a byte order mark": [A, b"\xef\xbb\xbf" + FRAME],
    "only its beginning": [A, FRAME[: FRAME.index(b'"a"') + 1]],
    "only its end": [A, FRAME[FRAME.index(b'"a"') :]],
    "its ends pushed together": [A, FRAME.replace(b'"a"', b'"')],
    "its beginning twice": [A, FRAME[: FRAME.index(b'"a"')] + FRAME],
    "blanks after it": [A, FRAME + b" ", B],
    "the end marker": [A, b"[DONE]", B],
    "text in other chunks of JSON": [A, FRAME + FRAME],
    "an error": [A, {**B, "error": {"message": "cheio"}}],
    "the same text in parts and beside them": [
        saying({"content": LIST, "copy": {"content": "a"}}),
        saying({"content": LIST, "copy": {"content": "b"}}),
    ],
    "text in parts, and in the probabilities": [
        saying({"content": LIST}, choice={"logprobs": {"content": "a"}}),
        saying({"content": LIST}, choice={"logprobs": {"content": "b"}}),
    ],
    "a key twice, once escaped": [
        FRAME.replace(b'"a"', rb'"a", "c\u006fntent": "a"'),
        FRAME.replace(b'"a"', rb'"b", "c\u006fntent": "a"'),
    ],
    "a key twice, once escaped, whatever the text is tried with": [
        FRAME.replace(b'"a"', rb'"another text", "c\u006fntent": "another text"'),
        FRAME.replace(b'"a"', rb'"b", "c\u006fntent": "another text"'),
    ],
    "an escaped key": [FRAME.replace(b"content", rb"c\u006fntent"), B, FRAME],
    "a key that ends like the field": [
        FRAME.replace(b"content", rb"c\u006fntent").replace(b'"id"', rb'"meta": {"my\"content": "a"}, "id"'),
        FRAME.replace(b"content", rb"c\u006fntent").replace(b'"id"', rb'"meta": {"my\"content": "b"}, "id"'),
    ],
    "choices twice": [
        FRAME.replace(b'"id"', b'"choices": [{"delta": {"content": "a"}}], "id"'),
        FRAME.replace(b'"id"', b'"choices": [{"delta": {"content": "b"}}], "id"'),
    ],
    "choices twice, then in parts": [
        b'{"choices": [{"delta": {"content": "a"}}], "choices": [{"delta": {"content": [{"text": "a"}]}}]}',
        b'{"choices": [{"delta": {"content": "b"}}], "choices": [{"delta": {"content": [{"text": "a"}]}}]}',
    ],
    "text of the second answer": [saying({"content": text}, index=1) for text in "abc"],
    **{
        f"{field} of another answer beside text": [
            {**event, "choices": [*event["choices"], {"index": 1, "delta": {field: value}}]}
            for event in (saying({"content": text}) for text in "abc")
        ]
        for field, value in {
            "reasoning_content": "x",
            "refusal": "x",
            "tool_calls": calling("x", index=0)["tool_calls"],
        }.items()
    },
    "a field that grows": [saying({"content": text, "thought": "x"}) for text in "abc"],
    "a field that stays": [saying({"content": text, "thought": {"x": "y"}}) for text in "abc"],
    "fields of the answer": [saying({"content": text}, choice={"why": "x"}, note="y") for text in "abc"],
    "reasoning beside text": [saying({"content": text, "reasoning_content": "x"}) for text in "abc"],
    "a refusal beside text": [saying({"content": text, "refusal": "x"}) for text in "abc"],
    "text beside a call": [saying({"content": text, **calling("1", index=0)}) for text in "abc"],
    "arguments beside text": [saying({"content": "x", **calling(text, index=0)}) for text in "abc"],
    "arguments of a call with an id": [saying(calling(text, index=0, id=text)) for text in "aab"],
    "arguments of named functions": [saying(calling(text, {"name": "f"}, index=0)) for text in ["{}"] * 4],
    "arguments of a call that is not the last": [
        saying(calling("", {"name": "f"}, index=0, id="a")),
        saying(calling("", {"name": "g"}, index=1, id="b")),
        *[saying(calling(text, index=0)) for text in '{"a'],
        *[saying(calling(text, index=1)) for text in "{}"],
        *[saying(calling(text, index=0)) for text in '":1}'],
        saying({}, choice={"finish_reason": "tool_calls"}),
    ],
    "arguments without a call": [saying(calling(text, index=0)) for text in "{} "],
    "arguments of another answer": [
        saying(calling(text, index=0), index=index)
        for text, index in zip("{{{}}}", [0, 1, 0, 1, 1, 0], strict=True)
    ],
    "arguments in other types": [
        saying(calling(value, index=0)) for value in ("{", {"a": "b"}, 1, None, "}")
    ],
    "a number and its text": [
        saying({"tool_calls": [{"index": 0, "arguments": text, "function": {"arguments": 1}}]})
        for text in "12"
    ],
    "fields of a call": [saying(calling(text, {"strict": "x"}, index=0, note="y")) for text in "{} "],
    "the text of arguments": [
        saying({"content": text, "tool_calls": [], "arguments": ["x"]})
        for text in ('"', '"arguments": "x"', "c")
    ],
}


@pytest.mark.parametrize("name", FOLLOWED)
@pytest.mark.parametrize("ending", [[], [b"[DONE]"]], ids=["open", "ended"])
def test_event_is_followed_by(name: str, ending: list[bytes]) -> None:
    events = [*FOLLOWED[name], *ending]
    for brief in ([True], [False, True], [True, False], [True, True, False]):
        check(unnamed(*events), brief=cycle(brief), looks=range(99))
        check(unnamed(TEXTS[0], *events, TEXTS[1]), brief=cycle(brief), looks=range(99), expected=2)


def test_events_say_what_each_chunk_brings() -> None:
    everything = {
        "reasoning_content": "r",
        "content": "c",
        "refusal": "n",
        **calling("{}", {"name": "f"}, id="a"),
    }
    found = check(
        unnamed(saying(everything, index=1), *[saying({"content": text}, index=1) for text in "de"])
    )
    assert found.events == [
        ReasoningDeltaEvent("r", 1),
        ContentDeltaEvent("c", 1),
        RefusalDeltaEvent("n", 1),
        ToolCallDeltaEvent(0, "a", "f", "{}", 1),
        ContentDeltaEvent("d", 1),
        ContentDeltaEvent("e", 1),
    ]


@pytest.mark.parametrize("name", ["error", "message", "content", ""])
def test_named_events_are_the_same(name: str) -> None:
    found = check([*unnamed(A, B), (name, FRAME), *unnamed(B)])
    assert (found.error is not None) == (name == "error")


# What is left unparsed


def test_only_the_first_of_like_events_becomes_a_chunk() -> None:
    found = check(unnamed(*TEXTS, ENDING, b"[DONE]"))
    assert found.made == 2
    assert found.received[-2]["choices"][0]["message"]["content"] == 'Bom dia, "\\ção🦜\u2028}]}'


def test_only_the_first_pieces_of_a_call_become_chunks() -> None:
    pieces = [saying(calling(text, index=0)) for text in '{"olá": ["\\n", 1, {}]}']
    found = check(unnamed(saying(calling("", {"name": "f"}, index=0, id="a")), *pieces, ENDING, b"[DONE]"))
    assert found.made == 3
    (done,) = found.events[-1:]
    assert (done.name, done.arguments) == ("f", '{"olá": ["\\n", 1, {}]}')


def test_every_event_becomes_a_chunk_for_who_wants_chunks() -> None:
    decoder = DeltaDecoder()
    assert told(unnamed(*TEXTS), decoder, [False] * len(TEXTS)).made == len(TEXTS)
    assert told(unnamed(*TEXTS), decoder, [True] * len(TEXTS)).made == 1
    assert told(unnamed(*TEXTS), decoder, cycle([True, False])).made >= len(TEXTS) // 2


def test_events_that_never_repeat_stop_the_search_for_what_repeats() -> None:
    changing = [saying({"content": "a"}, created=second) for second in range(50)]
    assert check(unnamed(*changing, *TEXTS)).made == 50 + len(TEXTS)


def test_search_goes_on_while_something_repeats_now_and_then() -> None:
    changing = [saying({"content": text}, created=second) for second in range(50) for text in "abc"]
    assert check(unnamed(*changing)).made == 50


def test_reasoning_before_the_text_does_not_stop_the_search() -> None:
    reasoning = [saying({"reasoning_content": str(n)}) for n in range(50)]
    assert check(unnamed(*reasoning, *TEXTS)).made == 51


def test_long_text_is_told_apart_in_little_memory() -> None:
    text = '\\"' + "a" * 500_000
    transcript = unnamed(saying({"content": text}), saying({"content": text + "b"}))
    decoder = DeltaDecoder()
    tracemalloc.start()
    try:
        found = told(transcript, decoder)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.made == 1
    assert peak < 20 * len(text)  # a pattern that can go back notes every character
