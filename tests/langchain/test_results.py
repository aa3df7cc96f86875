"""From completions and chunks to LangChain's messages."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest
from answers import USAGE, call, chunk, completion, in_pieces, invoked, merged, streamed
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.load import dumpd
from langchain_core.messages import AIMessageChunk

from langchain_maritaca._chunks import quick_chunk, usual_chunk
from langchain_maritaca._results import chat_result, combine_outputs
from maritaca_async.types import ChatCompletion

DETAILED = {
    **USAGE,
    "prompt_tokens_details": {"cached_tokens": 8},
    "completion_tokens_details": {"reasoning_tokens": 2},
    "tool_execution_details": {"web_search_calls": 1, "data_ocean_gb_processed": 0.25},
}
FILES = {
    "extracted_files": [{"filename": "a.pdf", "text": "CLÁUSULA 1"}],
    "generated_files": [
        {"filename": "g.png", "mime_type": "image/png", "size_bytes": 3, "content_base64": "QUJD"}
    ],
}


def test_plain_answer_has_text_usage_and_metadata() -> None:
    message = invoked(completion(system_fingerprint="fp", service_tier="flex", usage=DETAILED))
    assert (message.content, message.id, message.additional_kwargs) == ("Olá", None, {})
    assert message.usage_metadata == {
        "input_tokens": 9,
        "output_tokens": 3,
        "total_tokens": 12,
        "input_token_details": {"cache_read": 8},
        "output_token_details": {"reasoning": 2},
    }
    assert message.response_metadata == {
        "model_provider": "maritaca",
        "model_name": "sabia-4",
        "id": "k1",
        "finish_reason": "stop",
        "system_fingerprint": "fp",
        "service_tier": "flex",
        "token_usage": DETAILED,
    }


def test_files_are_in_the_metadata() -> None:
    message = invoked(completion(**FILES))
    assert {name: message.response_metadata[name] for name in FILES} == FILES


@pytest.mark.parametrize(
    ("body", "content"),
    [
        (completion({"content": None}), ""),
        (completion({"content": ""}), ""),
        (completion({"content": [{"type": "text", "text": "O"}, {"type": "text", "text": "i"}]}), "Oi"),
        (completion({"tool_calls": None}), "Olá"),
        (completion({"tool_calls": []}), "Olá"),
    ],
)
def test_null_and_listed_content_is_text(body: dict[str, Any], content: str) -> None:
    message = invoked(body)
    assert (message.content, message.tool_calls, message.invalid_tool_calls) == (content, [], [])


def test_nulls_and_gaps_are_left_out_of_the_metadata() -> None:
    body = {"model": None, "choices": [{"message": {"content": "Oi"}, "finish_reason": None}], "usage": None}
    message = invoked(body)
    assert message.usage_metadata is None
    assert message.response_metadata == {"model_provider": "maritaca", "model_name": "asked-for"}


def test_usage_without_details_or_total_is_still_counted() -> None:
    usage = {"prompt_tokens": 9, "completion_tokens": 3, "prompt_tokens_details": None, "total_tokens": None}
    message = invoked(completion(usage=usage))
    assert message.usage_metadata == {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12}


def test_reasoning_becomes_a_content_block() -> None:
    message = invoked(completion({"reasoning_content": "Hm"}))
    assert message.content == "Olá"
    assert message.content_blocks == [
        {"type": "reasoning", "reasoning": "Hm"},
        {"type": "text", "text": "Olá"},
    ]


def test_refusal_is_kept() -> None:
    assert invoked(completion({"refusal": "Não"})).additional_kwargs == {"refusal": "Não"}


def test_several_answers_carry_their_own_metadata_and_count_tokens_once() -> None:
    body = completion()
    body["choices"].append({"index": 1, "message": {"content": "Oi"}, "finish_reason": "length"})
    result = chat_result(ChatCompletion.model_validate(body), "m")
    first, second = [generation.message for generation in result.generations]
    assert [first.content, second.content] == ["Olá", "Oi"]
    assert [m.response_metadata["finish_reason"] for m in (first, second)] == ["stop", "length"]
    assert [m.response_metadata["model_name"] for m in (first, second)] == ["sabia-4", "sabia-4"]
    assert [m.usage_metadata is None for m in (first, second)] == [False, True]
    assert "token_usage" not in second.response_metadata


def test_summaries_of_several_calls_are_added_up() -> None:
    one = {"model_name": "sabia-4", "token_usage": DETAILED}
    combined = combine_outputs([one, None, one])
    assert combined["model_name"] == "sabia-4"
    assert combined["token_usage"]["total_tokens"] == 24
    assert combined["token_usage"]["prompt_tokens_details"] == {"cached_tokens": 16}
    assert combined["token_usage"]["tool_execution_details"]["data_ocean_gb_processed"] == 0.5
    assert combine_outputs([None]) == {}
    assert combine_outputs([{"token_usage": {"prompt_tokens": 1, "note": "x"}}, None]) == {
        "token_usage": {"prompt_tokens": 1}
    }


# Streams


def test_stream_ends_with_one_closing_chunk() -> None:
    pieces = streamed(in_pieces(completion(usage=DETAILED), [1]))
    assert [piece.text for piece in pieces] == ["O", "l", "á", ""]
    *texts, last = [piece.message for piece in pieces]
    assert isinstance(last, AIMessageChunk)
    assert (last.chunk_position, last.response_metadata["finish_reason"]) == ("last", "stop")
    assert last.usage_metadata is not None
    for message in texts:
        assert isinstance(message, AIMessageChunk)
        assert (message.chunk_position, message.usage_metadata) == (None, None)
        assert message.response_metadata == {"model_provider": "maritaca"}


CALL_PIECE = {"name": None, "args": '{"a"', "id": None, "index": 0, "type": "tool_call_chunk"}


@pytest.mark.parametrize(
    ("additional", "calls"), [({}, []), ({"reasoning_content": "Hm"}, []), ({}, [CALL_PIECE]), (None, None)]
)
def test_quick_chunk_is_what_the_constructors_would_make(additional: Any, calls: Any) -> None:
    made, usual = quick_chunk("Olá", additional, calls), usual_chunk("Olá", additional, calls)
    assert made == usual
    assert repr(made) == repr(usual)
    assert made.model_dump() == usual.model_dump()
    assert dumpd(made) == dumpd(usual)
    assert pickle.loads(pickle.dumps(made)) == usual
    assert copy.deepcopy(made) == usual
    assert made + quick_chunk("Oi") == usual + usual_chunk("Oi")
    assert made.message.content_blocks == usual.message.content_blocks
    for one, other in ((made, usual), (made.message, usual.message)):
        assert {**one.__getstate__(), "__pydantic_fields_set__": None} == {
            **other.__getstate__(),
            "__pydantic_fields_set__": None,
        }
    assert usual.message.model_fields_set <= made.message.model_fields_set


def test_streamed_text_is_such_a_chunk() -> None:
    first, _ = streamed([chunk(content="Olá")])
    assert first == usual_chunk("Olá")


def test_text_chunks_share_nothing_that_can_change() -> None:
    first, second, _ = streamed([chunk(content="a"), chunk(content="b")])
    first.message.additional_kwargs["x"] = 1
    first.message.response_metadata["x"] = 1
    first.message.tool_calls.append({"name": "f", "args": {}, "id": None})
    first.message.name = "n"
    assert second.message.additional_kwargs == {}
    assert second.message.response_metadata == {"model_provider": "maritaca"}
    assert (second.message.tool_calls, second.message.name) == ([], None)
    assert "name" not in second.message.model_fields_set


def test_stream_without_any_text_still_gives_its_closing_chunk() -> None:
    (last,) = streamed([chunk(role="assistant", content=""), chunk("stop")])
    assert (last.text, last.message.response_metadata["finish_reason"]) == ("", "stop")


def test_usage_on_the_chunk_with_the_finish_reason_counts_once() -> None:
    message = merged([chunk(content="Olá"), chunk("stop", extra={"usage": USAGE})])
    assert message.usage_metadata == {"input_tokens": 9, "output_tokens": 3, "total_tokens": 12}


def test_repeated_finish_reason_is_not_joined() -> None:
    message = merged([chunk(content="Olá"), chunk("stop"), chunk("stop")])
    assert message.response_metadata["finish_reason"] == "stop"


def test_other_answers_of_a_stream_are_not_mixed_in() -> None:
    other = chunk(content="outra")
    other["choices"][0]["index"] = 1
    assert merged([chunk(content="Olá"), other, chunk("stop")]).content == "Olá"


def test_refusal_is_streamed() -> None:
    assert merged([chunk(refusal="Nã"), chunk(refusal="o"), chunk("stop")]).additional_kwargs == {
        "refusal": "Não"
    }


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-1000, 1000) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
arguments = st.dictionaries(st.text(max_size=5), json_values, max_size=3).map(json.dumps) | st.just("")
calls = st.lists(arguments, max_size=3).map(
    lambda found: [call(text, name=f"f{place}", call_id=f"c{place}") for place, text in enumerate(found)]
)
bodies = st.builds(
    lambda text, reasoning, made, usage, fingerprint, tier, files: completion(
        {
            "content": text or None,
            **({"reasoning_content": reasoning} if reasoning else {}),
            **({"tool_calls": made} if made else {}),
        },
        "tool_calls" if made else "stop",
        usage=usage,
        **({"system_fingerprint": "fp"} if fingerprint else {}),
        **({"service_tier": "flex"} if tier else {}),
        **(FILES if files else {}),
    ),
    st.text(max_size=30),
    st.text(max_size=10),
    calls,
    st.sampled_from([USAGE, DETAILED, None]),
    st.booleans(),
    st.booleans(),
    st.booleans(),
)


@given(bodies, st.lists(st.integers(1, 7), max_size=4))
def test_merged_stream_equals_the_plain_answer(body: dict[str, Any], sizes: list[int]) -> None:
    plain, whole = invoked(body), merged(in_pieces(body, sizes))
    assert whole.content == plain.content
    assert whole.tool_calls == plain.tool_calls
    assert whole.invalid_tool_calls == plain.invalid_tool_calls == []
    assert whole.additional_kwargs == plain.additional_kwargs
    assert whole.usage_metadata == plain.usage_metadata
    assert whole.response_metadata == plain.response_metadata
    assert whole.content_blocks == plain.content_blocks
