"""Chunks that are added in one go: the sum is LangChain's own, and takes a time linear in the answer."""

from __future__ import annotations

import copy
import json
import pickle
import time
import warnings
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core._api import LangChainBetaWarning
from langchain_core.load import dumpd, dumps, load
from langchain_core.messages import AIMessageChunk, HumanMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk
from langchain_core.outputs.chat_generation import merge_chat_generation_chunks

from langchain_maritaca._chunks import Chunk, quick_chunk, usual_chunk

MARITACA = {"model_provider": "maritaca"}


class Named(AIMessageChunk):
    """A message of a kind of its own."""


def said(content: Any = "", *calls: Any, kind: type[AIMessageChunk] = AIMessageChunk, **fields: Any) -> Chunk:
    """A chunk of ours, with whatever somebody has changed in it."""
    info = fields.pop("generation_info", None)
    fields.setdefault("response_metadata", dict(MARITACA))
    message = kind(content=content, **fields)
    message.tool_call_chunks = list(calls)  # as our chunks are made: nothing is parsed
    return Chunk(message=message, generation_info=info)


def piece(arguments: str | None = None, index: Any = 0, name: Any = None, call_id: Any = None) -> Any:
    return tool_call_chunk(name=name, args=arguments, id=call_id, index=index)


def plain(chunk: ChatGenerationChunk) -> ChatGenerationChunk:
    """The same chunk of LangChain's class."""
    return ChatGenerationChunk(
        message=copy.deepcopy(chunk.message), generation_info=copy.deepcopy(chunk.generation_info)
    )


def outcome(chunks: list[ChatGenerationChunk]) -> Any:
    """The sum, or the error that there is none."""
    first, *rest = chunks
    try:
        return first + rest
    except Exception as error:
        return type(error)


def check(chunks: list[Chunk]) -> ChatGenerationChunk:
    """Adding chunks gives what LangChain makes of them, and changes none of them."""
    before = copy.deepcopy(chunks)
    right, found = outcome([plain(chunk) for chunk in chunks]), outcome(list(chunks))
    assert chunks == before
    if not isinstance(right, ChatGenerationChunk):
        assert found == right
        return right
    assert isinstance(found, ChatGenerationChunk)
    assert found == right
    assert repr(found) == repr(right)
    assert type(found) is type(right) is ChatGenerationChunk
    assert type(found.message) is type(right.message)
    assert repr(found.message) == repr(right.message)
    assert found.model_dump() == right.model_dump()
    assert dumps(found) == dumps(right)
    if len(chunks) > 1:
        merged = merge_chat_generation_chunks([plain(chunk) for chunk in chunks])
        assert merge_chat_generation_chunks(list(chunks)) == merged == found
    return found


# Random chunks

texts = st.sampled_from(["", "a", "é", " ", '{"x":', "1}", "{}", "]"])
indexes = st.sampled_from([0, 0, 0, 1, 1, 2, None])
identities = st.sampled_from([None, None, None, "", "lc_1", "lc_run--1", "run-1", "chatcmpl-1"])
metadata = st.sampled_from(
    [
        *[MARITACA] * 12,
        {},
        {"model_provider": "maritaca", "output_version": "v1"},
        {"model_name": "sabia-4"},
        {"model_provider": "maritaca", "created": 1},
    ]
)
blocks = st.sampled_from(
    [
        [],
        ["a"],
        [{"type": "text", "text": "a", "index": 0}],
        [{"type": "text", "text": "b", "index": "lc_txt_0"}],
        [{"type": "reasoning", "reasoning": "c", "index": 1}, "d"],
    ]
)
usages = st.sampled_from(
    [None] * 5
    + [{"input_tokens": 1, "output_tokens": 2, "total_tokens": 3, "input_token_details": {"cache_read": 1}}]
)
bare_pieces = st.builds(piece, texts, indexes)
any_pieces = st.builds(
    piece,
    st.none() | texts,
    indexes,
    st.sampled_from([None, None, "", "f"]),
    st.sampled_from([None, None, "", "a", "b"]),
)
answers = st.builds(said, texts) | st.builds(lambda arguments: said("", arguments), bare_pieces)
anything = st.builds(
    lambda content, calls, kind, identity, more, known, usage, position, info, name: said(
        content,
        *calls,
        kind=kind,
        id=identity,
        additional_kwargs=more,
        response_metadata=dict(known),
        usage_metadata=usage,
        chunk_position=position,
        generation_info=info,
        name=name,
    ),
    texts | blocks,
    st.lists(any_pieces, max_size=2),
    st.sampled_from([AIMessageChunk] * 5 + [Named]),
    identities,
    st.sampled_from([{}, {}, {"reasoning_content": "hm"}, {"refusal": "x", "parsed": None}]),
    metadata,
    usages,
    st.sampled_from([None, None, None, "last"]),
    st.sampled_from([None, None, {}, {"finish_reason": "stop"}]),
    st.sampled_from([None, None, "assistente"]),
)
identified = st.builds(lambda content, identity: said(content, id=identity), texts, identities) | st.builds(
    lambda arguments, identity: said("", arguments, id=identity), bare_pieces, identities
)


@settings(max_examples=200, deadline=None)
@given(st.lists(answers | answers | identified | anything, min_size=1, max_size=12))
def test_sum_is_the_one_of_langchain(chunks: list[Chunk]) -> None:
    check(chunks)


@settings(max_examples=100, deadline=None)
@given(st.lists(answers | identified, min_size=1, max_size=12), st.integers(1, 11))
def test_sum_of_sums_is_the_one_of_langchain(chunks: list[Chunk], place: int) -> None:
    right = outcome([plain(chunk) for chunk in chunks])
    first, rest = chunks[:place], chunks[place:]
    assert outcome([outcome(list(first)), *rest]) == right
    if rest:
        assert outcome([*first, outcome(list(rest))]) == right
    total: ChatGenerationChunk = chunks[0]
    for chunk in chunks[1:]:
        total = total + chunk
    assert total.text == right.text
    assert total.message.additional_kwargs == right.message.additional_kwargs


# Chunks made by hand

TEXT, CALL = (
    [said("a"), said("b")],
    [said("", piece("", 0, "f", "a")), said("", piece('{"x":')), said("", piece("1}"))],
)
MUTATED: dict[str, list[Chunk]] = {
    "nothing else": [said("a")],
    "no text at all": [said(""), said("")],
    "text alone": TEXT,
    "a call alone": CALL,
    "a call without a beginning": CALL[1:],
    "text, a call, text": [*TEXT, *CALL, *TEXT],
    "two calls in turns": [
        said("", piece("", 0, "f", "a"), piece("", 1, "g", "b")),
        *[said("", piece(text, index)) for text in '{"x":1}' for index in (0, 1)],
    ],
    "two pieces at once": [*CALL, said("", piece("a"), piece("b")), said("", piece("a", 0), piece("b", 1))],
    "two calls of one index": [*CALL, said("", piece("", 0, "g", "b")), said("", piece("{")), said("", piece("}"))],
    "pieces without arguments": [*CALL[:1], said("", piece(None)), said("", piece(None)), said("", piece("{}"))],
    "pieces without an index": [*CALL[:1], said("", piece("{", None)), said("", piece("}", None))],
    "names that grow": [said("", piece("", 0, name)) for name in "fgh"],
    "ids that are empty": [said("", piece("", 0, "f", "a")), *[said("", piece(text, 0, "", "")) for text in "{}"]],
    "ids that are repeated": [said("", piece(text, 0, None, "a")) for text in "{}"],
    "text beside pieces": [said("a", piece("{")), said("b", piece("}"))],
    "ids that change": [said(text, id=identity) for text, identity in zip("abcd", ["", None, "lc_1", "x"], strict=True)],
    "an id that comes late": [*TEXT, said("c", id="lc_1"), said("d", id="lc_run--1"), said("e", id="x")],
    "the id of a call that changes": [said("", piece(text), id=identity) for text, identity in [("{", "x"), ("}", "y")]],
    "blocks first": [said([{"type": "text", "text": "a", "index": 0}]), *TEXT],
    "blocks in the middle": [*TEXT, said(["x"]), *TEXT, said([]), *TEXT],
    "no blocks first": [said([]), *TEXT],
    "no text before blocks": [said(""), said(""), said([{"type": "text", "text": "a", "index": 0}])],
    "blocks of v1": [
        said([{"type": "text", "text": text, "index": "lc_txt_0"}], response_metadata={**MARITACA, "output_version": "v1"})
        for text in "abc"
    ],
    "text under v1": [said(text, response_metadata={**MARITACA, "output_version": "v1"}) for text in "abc"],
    "reasoning": [said("", additional_kwargs={"reasoning_content": text}) for text in "abc"] + TEXT,
    "counts": [said("a", usage_metadata={"input_tokens": 1, "output_tokens": 2, "total_tokens": 3})] * 2 + TEXT,
    "the last one": [*TEXT, said("", chunk_position="last")],
    "text after the last one": [said("", chunk_position="last"), *TEXT],
    "names": [said("a", name="x"), said("b", name="y")],
    "information": [said("a", generation_info={"x": "1"}), *TEXT, said("b", generation_info={"x": "2"})],
    "no metadata": [said("a", response_metadata={}), *TEXT],
    "metadata of its own": [said("a", response_metadata={"seed": "1"}), said("b", response_metadata={"seed": "2"})],
    "metadata that grow": [said(text, response_metadata={**MARITACA, "x": text}) for text in "abc"],
    "messages of another kind": [said("a", kind=Named), *TEXT, said("b", kind=Named), *TEXT],
    "metadata that do not add up": [said("a", response_metadata={"x": 1}), said("b", response_metadata={"x": "1"})],
}  # fmt: skip


@pytest.mark.parametrize("name", MUTATED)
def test_sum_is_the_one_of_langchain_for(name: str) -> None:
    check(MUTATED[name])
    check([*TEXT, *MUTATED[name], *CALL])


def changed(chunk: Chunk, **fields: Any) -> Chunk:
    """A chunk somebody has written to, which checks nothing."""
    for name, value in fields.items():
        setattr(chunk.message, name, value)
    return chunk


WRITTEN: dict[str, Any] = {
    "tool calls": lambda: changed(said("a"), tool_calls=[{"name": "f", "args": {}, "id": "a", "type": "tool_call"}]),
    "invalid tool calls": lambda: changed(said("a"), invalid_tool_calls=[{"name": "f", "args": "", "id": "a", "error": "x"}]),
    "empty counts": lambda: changed(said("a"), usage_metadata={}),
    "a piece with more fields": lambda: said("", {**piece("{"), "extras": {"x": "y"}}),
    "a piece of a name of no type": lambda: said("", {"name": None, "args": "{", "id": None, "index": 0}),
    "an index that is a text": lambda: said("", piece("{", "x")),
    "an index that LangChain made": lambda: said("", piece("{", "lc_0")),
    "an index that is a fraction": lambda: said("", piece("{", 0.0)),
    "another text of the chunk": lambda: said("a").model_copy(update={"text": "x"}),
}  # fmt: skip


@pytest.mark.parametrize("name", WRITTEN)
def test_sum_is_the_one_of_langchain_after_somebody_wrote(name: str) -> None:
    write = WRITTEN[name]
    for chunks in (
        [write()],
        [write(), write()],
        [said("a"), write(), write(), said("b")],
        [write(), said("a"), *CALL],
    ):
        check(chunks)


def test_messages_of_people_are_added_as_langchain_adds_them() -> None:
    person = Chunk(message=HumanMessageChunk(content="Olá"))
    check([person, *TEXT])
    check([*TEXT, person, *TEXT, *CALL])


@pytest.mark.parametrize(
    "wrong", ["a", AIMessageChunk(content="a"), None, 1], ids=lambda wrong: type(wrong).__name__
)
def test_what_is_no_chunk_is_refused_as_langchain_refuses_it(wrong: Any) -> None:
    for other in (wrong, [wrong], [*TEXT, wrong]):
        with pytest.raises(TypeError):
            plain(TEXT[0]) + other
        with pytest.raises(TypeError):
            TEXT[0] + other


def test_one_chunk_and_nothing_is_a_new_chunk() -> None:
    for chunk in (said("a"), CALL[0], CALL[1]):
        total = check([chunk])
        assert total is not chunk
        assert total.message is not chunk.message


def test_chunk_and_chunk_is_a_chunk() -> None:
    assert TEXT[0] + TEXT[1] == plain(TEXT[0]) + plain(TEXT[1])


# Time


def seconds(chunks: Iterable[Chunk]) -> float:
    first, *rest = chunks
    started = time.process_time()
    first + rest
    return time.process_time() - started


def test_a_long_call_is_added_in_little_time() -> None:
    arguments = json.dumps({"texto": "a" * 2_000_000})
    cut = [quick_chunk("", None, [piece(arguments[at : at + 40])]) for at in range(0, len(arguments), 40)]
    assert len(cut) > 50_000  # LangChain's own addition copies 50 GB
    begun = said("", piece("", 0, "f", "a"))
    assert seconds([begun, *cut]) < 0.5
    (call,) = check([begun, *cut[:3], said("", piece('"}'))]).message.tool_calls
    assert call["args"] == {"texto": "a" * (120 - len('{"texto": "'))}


def test_a_long_text_is_added_in_little_time() -> None:
    assert seconds([quick_chunk("a" * 20)] * 20_000) < 0.5


# Chunks as objects


@pytest.mark.parametrize(
    ("text", "additional", "calls"),
    [
        ("Olá", None, None),
        ("", None, None),
        ("", {"reasoning_content": "hm"}, None),
        ("", None, [piece("{")]),
        ("", None, [piece("", 0, "f", "a"), piece("{", 1)]),
    ],
)
def test_quick_chunk_is_the_usual_one(text: str, additional: Any, calls: Any) -> None:
    quick, usual = quick_chunk(text, additional, calls), usual_chunk(text, additional, calls)
    for ours, theirs in ((quick, usual), (quick.message, usual.message)):
        assert ours == theirs
        assert type(ours) is type(theirs)
        assert (repr(ours), str(ours)) == (repr(theirs), str(theirs))
        assert ours.model_dump() == theirs.model_dump()
        assert ours.model_dump_json() == theirs.model_dump_json()
        assert ours.__getstate__().keys() == theirs.__getstate__().keys()
        assert ours.__dict__ == theirs.__dict__
        assert list(ours.__dict__) == list(theirs.__dict__)
        assert ours.model_fields_set >= theirs.model_fields_set
    assert quick.text == usual.text == text


def test_quick_chunks_share_nothing() -> None:
    one, other = quick_chunk("a"), quick_chunk("a")
    one.message.response_metadata["x"] = one.message.additional_kwargs["x"] = 1
    for name in ("tool_calls", "invalid_tool_calls", "tool_call_chunks"):
        getattr(one.message, name).append(piece("{"))
    one.message.id, one.generation_info = "x", {"x": 1}
    assert other == quick_chunk("a") == usual_chunk("a")
    assert other.message.response_metadata == MARITACA


def loaded(chunk: ChatGenerationChunk) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LangChainBetaWarning)
        return load(dumpd(chunk), allowed_objects="core")


@pytest.mark.parametrize("make", [quick_chunk, usual_chunk])
@pytest.mark.parametrize("calls", [None, [piece("{")]], ids=["text", "call"])
def test_chunks_are_copied_and_stored_as_those_of_langchain(make: Any, calls: Any) -> None:
    chunk = make("" if calls else "a", None, calls)
    for again in (
        pickle.loads(pickle.dumps(chunk)),
        copy.deepcopy(chunk),
        copy.copy(chunk),
        chunk.model_copy(),
    ):
        assert type(again) is Chunk
        assert again == chunk
        assert again.__getstate__() == chunk.__getstate__()
        assert check([again, again]) == check([chunk, chunk])
    assert copy.deepcopy(chunk).message is not chunk.message
    assert dumpd(chunk) == dumpd(plain(chunk))
    stored = loaded(chunk)
    assert type(stored) is ChatGenerationChunk
    assert stored == loaded(plain(chunk))
    assert Chunk.model_validate_json(chunk.model_dump_json()).message.content == chunk.message.content
    assert chunk.lc_attributes == plain(chunk).lc_attributes
    assert chunk.lc_id() == plain(chunk).lc_id()
    assert isinstance(chunk, ChatGenerationChunk)
