"""What one event has in common with the next: the text between is read as JSON reads it, or not at all."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from maritaca_async.resources._chat_frame import EventFrame

FIELDS = ["content", "arguments"]


def event_of(field: str, text: Any, **more: Any) -> dict[str, Any]:
    return {"id": "k1", "choices": [{"index": 0, "delta": {field: text}, "finish_reason": None}], **more}


def spelled(field: str, text: Any, **style: Any) -> bytes:
    return json.dumps(event_of(field, text), **style).encode()


def frame_of(field: str, data: bytes) -> EventFrame:
    frame = EventFrame.around(field, data)
    assert frame is not None
    return frame


# The bytes around the text, and any text between them


SPELLINGS: dict[str, Callable[[str, Any], bytes]] = {
    "usual": spelled,
    "compact": lambda field, text: spelled(field, text, separators=(",", ":")),
    "spaced": lambda field, text: spelled(field, text, separators=(" , ", " :\t")),
    "in lines": lambda field, text: spelled(field, text, indent=1),
    "in UTF-8": lambda field, text: spelled(field, text, ensure_ascii=False),
    "text last": lambda field, text: json.dumps({"id": "k1", field: text}, ensure_ascii=False).encode(),
    "text first": lambda field, text: json.dumps({field: text, "id": "k1"}).encode(),
}


def text_of(field: str, data: bytes) -> Any:
    """The text of an event, read with the rest of it; None if the event is no JSON."""
    try:
        found = json.loads(data)
    except ValueError:
        return None
    return (found["choices"][0]["delta"] if "choices" in found else found)[field]


@settings(deadline=None)
@given(
    first=st.text(min_size=1, max_size=8),
    second=st.text(max_size=8),
    field=st.sampled_from(FIELDS),
    name=st.sampled_from(sorted(SPELLINGS)),
)
def test_text_between_the_same_bytes_is_read(first: str, second: str, field: str, name: str) -> None:
    spell = SPELLINGS[name]
    frame = frame_of(field, spell(field, first))
    assert frame.text_in(spell(field, second)) == second
    assert frame.text_in(spell(field, first)) == first


@pytest.mark.parametrize("name", SPELLINGS)
def test_texts_that_look_like_the_frame_are_read(name: str) -> None:
    spell = SPELLINGS[name]
    whole = spell("content", "a").decode()
    start = whole.index('"a"')
    frame = frame_of("content", whole.encode())
    for text in (
        whole,
        whole[:start],
        whole[start:],
        whole[start + 2 :],
        '"content": "b"',
        '"',
        "\\",
        '\\"',
        "",
    ):
        assert frame.text_in(spell("content", text)) == text
        again = EventFrame.around("content", spell("content", text))
        assert again is not None
        assert again.text_in(whole.encode()) == "a"


def test_text_is_read_however_it_is_escaped() -> None:
    frame = frame_of("content", spelled("content", "a"))
    for literal, text in {
        rb"\u0061\/\b\f\n\r\t\"\\": 'a/\b\f\n\r\t"\\',
        rb"\ud83e\udd9c": "🦜",
        "🦜".encode(): "🦜",
        b"\x7f": "\x7f",
    }.items():
        assert frame.text_in(spelled("content", "a").replace(b'"a"', b'"%b"' % literal)) == text


NOT_A_TEXT = {
    "half a pair": rb'"\ud83e"',
    "the other half": rb'"\udd9c"',
    "half a pair in bytes": b'"\xed\xa0\xbe"',
    "broken UTF-8": b'"\xc3"',
    "overlong UTF-8": b'"\xc0\xaf"',
    "a control character": b'"\x01"',
    "a line feed": b'"\n"',
    "an unknown escape": rb'"\a"',
    "a cut escape": rb'"\u00e"',
    "an open text": rb'"\"',
    "two texts": b'"a", "b"',
    "two texts in a row": b'"a""b"',
    "a field more": b'"a", "id": "k2"',
    "blanks": b'"a" ',
    "a number": b"1",
    "null": b"null",
    "a list": b'["a"]',
    "an object": b'{"a": "b"}',
    "one quote": b'"',
    "nothing": b"",
}


@pytest.mark.parametrize("name", NOT_A_TEXT)
def test_anything_but_a_text_is_not_read(name: str) -> None:
    event = spelled("content", "a")
    assert frame_of("content", event).text_in(event.replace(b'"a"', NOT_A_TEXT[name])) is None


# Every change of an event


INSERTED = [b'"', b"\\", b",", b":", b"{", b"}", b"]", b" ", b"\n", b"0", b"a", b"\x00", b"\xc3", b"\xff"]


def changes(event: bytes) -> Iterator[bytes]:
    """The event without one or two of its bytes, with another byte in their place, or with one more; or cut off."""
    for place in range(len(event) + 1):
        yield event[:place]
        yield event[place:]
        for gone in (0, 1, 2):
            yield event[:place] + event[place + gone :]
            for new in INSERTED:
                yield event[:place] + new + event[place + gone :]


@pytest.mark.parametrize("field", FIELDS)
@pytest.mark.parametrize("text", ["a", 'é\\"🦜', '"}}]}'])
@pytest.mark.parametrize("escaped", [True, False])
def test_changed_event_is_read_as_json_reads_it_or_not_at_all(field: str, text: str, escaped: bool) -> None:
    event = spelled(field, text, ensure_ascii=escaped)
    frame = frame_of(field, event)
    read = 0
    for changed in changes(event):
        found = frame.text_in(changed)
        if found is None:
            continue
        assert json.loads(changed) == event_of(field, found)
        read += 1
    assert read > 10


@pytest.mark.parametrize("field", FIELDS)
def test_changes_outside_the_text_are_never_read(field: str) -> None:
    event = spelled(field, "a")
    frame, start = frame_of(field, event), event.index(b'"a"')
    for changed in changes(event):
        same = changed.startswith(event[: start + 1]) and changed.endswith(event[start + 2 :])
        assert same or frame.text_in(changed) is None


def test_bytes_of_beginning_and_end_must_not_overlap() -> None:
    event = b'{"content":"a","x":"a"}'
    frame = frame_of("content", event)
    for size in range(len(event)):
        for start in range(len(event) - size + 1):
            changed = event[: start + 1] + event[start + size :]
            if (found := frame.text_in(changed)) is not None:
                assert json.loads(changed) == {"content": found, "x": "a"}
    assert frame_of("content", b'{"content":"a"}').text_in(b'{"content":"}') is None


# Which events have a frame


NO_FRAME = {
    "the field twice": '{"content": "a", "content": "a"}',
    "the field in another object": '{"content": "a", "x": {"content": "a"}}',
    "the field in another object, with another text": '{"x": {"content": "b"}, "content": "a"}',
    "another field": '{"text": "a"}',
    "parts": '{"content": ["a"]}',
    "an escaped name": r'{"c\u006fntent": "a"}',
    "a number": '{"content": 1}',
}


@pytest.mark.parametrize("name", NO_FRAME)
def test_no_frame_without_exactly_one_such_text(name: str) -> None:
    assert EventFrame.around("content", NO_FRAME[name].encode()) is None


def test_event_with_another_text_is_read_back() -> None:
    frame = frame_of("content", spelled("content", "a"))
    assert (
        text_of("content", frame.event_with(b"another"))
        == frame.text_in(frame.event_with(b"another"))
        == "another"
    )


def test_texts_that_name_the_field_do_not_hide_it() -> None:
    for text in ('"content": "x"', 'content": "x', '\\"content": "x"'):
        event = json.dumps({"content": text}).encode()
        assert frame_of("content", event).text_in(event) == text
