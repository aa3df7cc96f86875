"""The text of a streamed response, in whichever of its events it comes: nothing lost, doubled or out of order."""

from __future__ import annotations

import json
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st
from response_streams import Event, ending, numbered, opening, text_stream

from maritaca_async.resources._response_decoder import ResponseDecoder

# Few letters, so that one text is often the beginning of another.
TEXTS = st.text("ab", max_size=4)
SAYS = st.sampled_from([None, "nothing", "all"])


@dataclass
class Part:
    """A part of a message, and how a server tells it."""

    text: str
    announced: bool
    streamed: int
    text_done: str | None
    part_done: str | None

    def events(self, place: Event) -> list[Event]:
        found: list[Event] = []
        if self.announced or not (self.text[: self.streamed] or self.text_done or self.part_done):
            found.append({"type": "response.content_part.added", **place, "part": output_text("")})
        found += [
            {"type": "response.output_text.delta", **place, "delta": letter}
            for letter in self.text[: self.streamed]
        ]
        if self.text_done:
            found.append({"type": "response.output_text.done", **place, "text": self.said(self.text_done)})
        if self.part_done:
            part = output_text(self.said(self.part_done))
            found.append({"type": "response.content_part.done", **place, "part": part})
        return found

    def said(self, how: str) -> str:
        return self.text if how == "all" else ""


@dataclass
class Item:
    """A message, and how a server tells it."""

    parts: list[Part]
    announced: bool
    done: str | None

    def message(self, how: str = "all") -> Event:
        content = [output_text(part.text) for part in self.parts] if how == "all" else []
        return {"type": "message", "content": content}

    def events(self, index: int) -> list[Event]:
        found: list[Event] = []
        if self.announced or not (self.parts or self.done):
            shell = {"output_index": index, "item": self.message("nothing")}
            found.append({"type": "response.output_item.added", **shell})
        for place, part in enumerate(self.parts):
            found += part.events({"output_index": index, "content_index": place})
        if self.done:
            item = self.message(self.done)
            found.append({"type": "response.output_item.done", "output_index": index, "item": item})
        return found


def output_text(text: str) -> Event:
    return {"type": "output_text", "text": text}


PARTS = st.builds(Part, TEXTS, st.booleans(), st.integers(0, 4), SAYS, SAYS)
ITEMS = st.builds(Item, st.lists(PARTS, max_size=3), st.booleans(), SAYS)


def texts_of(events: list[Event]) -> tuple[list[str], str]:
    """What each event adds to the text, and the text of the final response."""
    decoder = ResponseDecoder()
    pieces = []
    for event in numbered(*events):
        if decoder.decode((event["type"], json.dumps(event).encode())) is not None:
            pieces.append(decoder.accumulator.text)
    assert decoder.may_end()
    return pieces, decoder.received().output_text


def terminal(items: list[Item], how: str | None) -> Event:
    return ending(*([item.message(how) for item in items] if how else []))


@given(st.lists(ITEMS, max_size=3), SAYS)
def test_text_that_comes_in_any_mixture_of_events_is_the_text_of_the_answer(
    items: list[Item], at_the_end: str | None
) -> None:
    told = [event for index, item in enumerate(items) for event in item.events(index)]
    pieces, whole = texts_of([*opening(), *told, terminal(items, at_the_end)])
    assert "".join(pieces) == whole
    if at_the_end == "all":
        assert whole == "".join(part.text for item in items for part in item.parts)


@given(st.lists(ITEMS, max_size=3), SAYS, st.data())
def test_text_of_items_that_are_written_at_once_comes_in_the_order_of_the_output(
    items: list[Item], at_the_end: str | None, data: st.DataObject
) -> None:
    announced = [
        {"type": "response.output_item.added", "output_index": index, "item": item.message("nothing")}
        for index, item in enumerate(items)
    ]
    left = [found for index, item in enumerate(items) if (found := item.events(index))]
    mixed = []
    while left:
        chosen = data.draw(st.sampled_from(left))
        mixed.append(chosen.pop(0))
        left = [found for found in left if found]
    mixed = [event for event in mixed if event["type"] != "response.output_item.added"]
    pieces, whole = texts_of([*announced, *mixed, terminal(items, at_the_end)])
    assert "".join(pieces) == whole


def message(index: int, text: str, kind: str = "done") -> Event:
    item = {"type": "message", "content": [output_text(text)] if text else []}
    return {"type": f"response.output_item.{kind}", "output_index": index, "item": item}


def delta(index: int, text: str) -> Event:
    return {"type": "response.output_text.delta", "output_index": index, "content_index": 0, "delta": text}


def final(*texts: str) -> Event:
    return ending(*({"type": "message", "content": [output_text(text)]} for text in texts))


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        (text_stream(), ["Bom ", "dia!"]),
        ([message(0, "Um. "), delta(1, "Dois."), final("Um. ", "Dois.")], ["Um. ", "Dois."]),
        ([delta(0, "Um"), message(0, "Um. "), final("Um. ")], ["Um", ". "]),
        # Held back until the text before it is known.
        (
            [message(0, "", "added"), delta(1, "Dois."), message(0, "Um. "), final("Um. ", "Dois.")],
            ["Um. Dois."],
        ),
        ([message(0, ""), delta(1, "Dois."), final("Um. ", "Dois.")], ["Um. Dois."]),
    ],
)
def test_text_comes_as_early_as_its_place_is_known(events: list[Event], expected: list[str]) -> None:
    pieces, whole = texts_of(events)
    assert [piece for piece in pieces if piece] == expected
    assert "".join(expected) == whole


@pytest.mark.parametrize(
    ("events", "expected"),
    [
        # A message that nothing announced.
        ([delta(1, "Do"), final("Um. ", "Dois.")], "DoUm. is."),
        ([delta(1, "Dois."), final("Um. ", "Dois.")], "Dois.Um. "),
        # A terminal event that puts the message elsewhere, or tells it otherwise.
        ([delta(0, "Um. "), ending({"type": "reasoning"}, message(0, "Um. ")["item"])], "Um. "),
        ([delta(0, "Um. "), ending({"type": "reasoning"}, message(0, "Um.")["item"])], "Um. "),
        ([delta(0, "Um. "), final("Dois.")], "Um. "),
        ([delta(0, "Um. "), final("Um. Dois.")], "Um. Dois."),
    ],
)
def test_what_was_handed_out_is_neither_doubled_nor_is_the_rest_lost(
    events: list[Event], expected: str
) -> None:
    pieces, _ = texts_of(events)
    assert "".join(pieces) == expected
