"""Each field of the contract is typed, may be null or missing, and hides no field that is not known yet."""

from __future__ import annotations

import json
from typing import Any

import pytest
from mutants import UNKNOWN, Place, places, spoilt, value_at, with_unknown_fields

from maritaca_async.resources._chat_decoder import ChatDecoder

from .documents import CALL_CHUNKS, CHAT_USAGE, FILES, TEXT_CHUNKS, Document
from .fields import KINDS
from .kinds import REFUSED, Kind, place_of, plain, typed
from .values import BATCH_STATUSES, VALUES

FIELDS = [(kind, name) for kind, described in KINDS.items() for name in described.unset]


def read(kind: Kind, document: Any) -> Any:
    return kind.read(json.dumps(document).encode())


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_field_is_a_typed_attribute_with_its_value(kind: str, name: str) -> None:
    described, place = KINDS[kind], place_of(name)
    wire = value_at(described.document, place)
    assert plain(typed(read(described, described.document), place)) == described.reads.get(name, wire)


@pytest.mark.parametrize(("kind", "name"), FIELDS)
def test_null_and_missing_field_are_equal(kind: str, name: str) -> None:
    described, place = KINDS[kind], place_of(name)
    null, missing = (spoilt(described.document, place, drop=drop) for drop in (False, True))
    unset = described.unset[name]
    for document in (null, missing):
        if unset is REFUSED or (document is missing and name in described.required):
            with pytest.raises(described.refusal):
                read(described, document)
        else:
            assert plain(typed(read(described, document), place)) == unset
    if unset is not REFUSED and name not in described.required:
        assert read(described, null) == read(described, missing)


def with_value(kind: Kind, name: str, value: Any) -> Any:
    document = json.loads(json.dumps(kind.document))
    *way, last = place_of(name)
    value_at(document, tuple(way))[last] = value
    return typed(read(kind, document), place_of(name))


@pytest.mark.parametrize(("kind", "name"), VALUES)
def test_named_and_unknown_values_are_read_as_they_are_written(kind: str, name: str) -> None:
    for value in (*VALUES[kind, name], "cansado"):
        assert with_value(KINDS[kind], name, value) == value


@pytest.mark.parametrize("word", BATCH_STATUSES)
def test_status_of_a_batch_means_the_same_in_both_vocabularies(word: str) -> None:
    found = read(KINDS["guide batch"], {**KINDS["guide batch"].document, "status": word})
    assert (found.status, found.ended) == BATCH_STATUSES[word]


def names_in(document: Document) -> set[str]:
    """Fields of a document, whichever item of a list they are in."""
    return {str(place[-1]) for place in places(document) if isinstance(place[-1], str)}


# Free-form objects, and what the contract does not name.
FREE = {"lote", "summary", "code", "line", "refusal"}


@pytest.mark.parametrize("kind", KINDS)
def test_table_names_every_field_of_the_document(kind: str) -> None:
    named = {place_of(name)[-1] for described in KINDS.values() for name in described.unset}
    assert names_in(KINDS[kind].document) <= named | FREE


def unknown_places(document: Any) -> list[Place]:
    return [place for place in places(document) if place[-1] == "campo_novo"]


# The objects of errors become messages, as the contract asks.
NORMALISED = "errors"


@pytest.mark.parametrize("kind", KINDS)
def test_unknown_field_of_every_object_survives_the_round_trip(kind: str) -> None:
    described = KINDS[kind]
    strange = with_unknown_fields(described.document)
    first = read(described, strange)
    again = type(first).model_validate_json(first.model_dump_json(exclude_unset=True))
    assert again == first
    for dumped in (first.model_dump(mode="json", exclude_unset=True), json.loads(again.model_dump_json())):
        for place in unknown_places(strange):
            if NORMALISED not in place:
                assert value_at(dumped, place) == UNKNOWN, place
    assert first.campo_novo == UNKNOWN


@pytest.mark.parametrize("kind", [kind for kind, described in KINDS.items() if not described.reads])
def test_answer_is_written_back_as_it_came(kind: str) -> None:
    strange = with_unknown_fields(KINDS[kind].document)
    found = read(KINDS[kind], strange)
    assert found.model_dump(mode="json", exclude_unset=True) == strange
    assert json.loads(found.model_dump_json(exclude_unset=True)) == strange


def answer_of(*chunks: Document) -> Any:
    decoder = ChatDecoder()
    for data in chunks:
        decoder.decode(("", json.dumps(data).encode()))
    return decoder.received()


@pytest.mark.parametrize("chunks", [TEXT_CHUNKS, CALL_CHUNKS], ids=["text", "calls"])
def test_unknown_fields_of_a_stream_are_in_its_answer(chunks: list[Document]) -> None:
    """Each object of the answer has what the objects had that it was put together from."""
    answer = plain(answer_of(*map(with_unknown_fields, chunks)))
    [choice] = answer["choices"]
    calls = choice["message"].get("tool_calls", ())
    inner = [choice, choice["message"], *calls, *(call["function"] for call in calls), answer["usage"]]
    for node in (answer, *inner):
        assert node.get("campo_novo") == UNKNOWN, node


def test_null_in_a_later_chunk_takes_nothing_away() -> None:
    first, last = json.loads(json.dumps([TEXT_CHUNKS[2], TEXT_CHUNKS[4]]))
    first["choices"][0]["logprobs"] = {"content": [{"token": "Bom"}]}
    last["choices"][0]["logprobs"] = last["usage"] = last["extracted_files"] = None
    answer = answer_of({**first, **FILES, "usage": CHAT_USAGE, "novo": "a"}, {**last, "novo": None})
    assert answer.choices[0].logprobs == {"content": [{"token": "Bom"}]}
    assert plain(answer.usage) == CHAT_USAGE
    assert plain(answer.extracted_files) == FILES["extracted_files"]
    assert answer.novo == "a"


@pytest.mark.parametrize("wire", [5, [], [None], {"x": 1}, "texto"])
def test_service_has_no_say_in_which_calls_are_invalid(wire: Any) -> None:
    chunks = json.loads(json.dumps(TEXT_CHUNKS))
    chunks[2]["choices"][0]["delta"]["invalid_tool_calls"] = wire
    message = answer_of(*chunks).choices[0].message
    assert (message.text, message.invalid_tool_calls) == ("Bom dia!", None)
