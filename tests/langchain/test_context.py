"""Conversations that have to fit the model's context."""

from __future__ import annotations

import asyncio
import logging
import threading
import warnings
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from langchain_core.messages import (
    AIMessage,
    BaseMessage,
    HumanMessage,
    SystemMessage,
    ToolMessage,
)
from langchain_core.tools import tool
from pydantic import ValidationError

from langchain_maritaca import ChatMaritaca, _context
from langchain_maritaca._tools import wire_tools
from maritaca_async.sandbox import Sandbox

MakeModel = Callable[..., ChatMaritaca]


def letters(text: str) -> list[int]:
    """One token for each letter, so that sizes can be read off a test."""
    return [ord(letter) for letter in text]


def model(**fields: Any) -> ChatMaritaca:
    return ChatMaritaca(api_key="chave", **fields)


def spelling(**fields: Any) -> ChatMaritaca:
    return model(custom_get_token_ids=letters, **fields)


def asked(*ids: str) -> AIMessage:
    return AIMessage("", tool_calls=[{"id": call_id, "name": "f", "args": {}} for call_id in ids])


@tool
def consultar_tempo(cidade: str) -> str:
    """Consulta o tempo em uma cidade."""
    return f"29 graus em {cidade}"


# The limit


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({}, 128_000),
        ({"model": "sabia-4-small"}, 128_000),
        ({"model": "sabia-4-br-sp"}, 128_000),
        ({"model": "sabia-9"}, 128_000),
        ({"max_context_tokens": 5000}, 5000),
        ({"max_context_tokens": 5000, "max_tokens": 8000}, 5000),
    ],
)
def test_context_limit_is_the_callers_or_the_catalogues(fields: dict[str, Any], limit: int) -> None:
    assert model(**fields).get_context_limit() == limit


@pytest.mark.parametrize(
    ("fields", "limit"),
    [
        ({}, 128_000),
        ({"max_tokens": 8000}, 120_000),
        ({"model_kwargs": {"max_completion_tokens": 8000}}, 120_000),
        ({"max_tokens": 8000, "max_context_tokens": 5000}, 5000),
        ({"max_tokens": 8000, "max_context_tokens": 125_000}, 120_000),
        ({"max_tokens": 8000, "max_context_tokens": 200_000, "model": "sabia-9"}, 192_000),
    ],
)
def test_prompt_leaves_room_for_the_answer(fields: dict[str, Any], limit: int) -> None:
    assert model(**fields).check_context_usage([])["limit"] == limit


@pytest.mark.parametrize(
    "fields",
    [{"max_context_tokens": 0}, {"context_warning_threshold": 1.1}, {"context_warning_threshold": -0.1}],
)
def test_settings_that_cannot_work_are_refused(fields: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match=next(iter(fields))):
        model(**fields)


def test_usage_names_tokens_limit_and_share() -> None:
    assert spelling(max_context_tokens=10).check_context_usage([HumanMessage("12345")]) == {
        "tokens": 5,
        "limit": 10,
        "usage_percent": 0.5,
        "exceeds_limit": False,
        "exceeds_threshold": False,
    }


def test_usage_counts_the_tools_of_the_constructor() -> None:
    plain, equipped = spelling(), spelling(tools=[consultar_tempo])
    added = equipped.get_num_tokens_from_messages([], [consultar_tempo])
    usage = equipped.check_context_usage(HISTORY)
    assert usage["tokens"] == plain.check_context_usage(HISTORY)["tokens"] + added


@pytest.mark.parametrize(
    ("text", "said"), [("123456789", "9 of at most 10"), ("12345678901", "11 tokens, above")]
)
def test_usage_warns_where_it_was_called(text: str, said: str) -> None:
    with pytest.warns(UserWarning, match=said) as caught:
        spelling(max_context_tokens=10).check_context_usage([HumanMessage(text)])
    assert [warning.filename for warning in caught] == [__file__]


def test_usage_can_be_had_without_a_warning() -> None:
    usage = spelling(max_context_tokens=10).check_context_usage([HumanMessage("12345678901")], warn=False)
    assert usage["exceeds_limit"]
    assert usage["exceeds_threshold"]


# Cutting

HISTORY: list[BaseMessage] = [
    SystemMessage("sss"),
    HumanMessage("11111"),
    AIMessage("2"),
    HumanMessage("33333"),
    SystemMessage("t"),
    AIMessage("4"),
    HumanMessage("5"),
]


def texts(messages: list[BaseMessage]) -> list[str]:
    return [str(message.content) for message in messages]


@pytest.mark.parametrize(
    ("limit", "fields", "kept"),
    [
        (17, {}, ["sss", "11111", "2", "33333", "t", "4", "5"]),
        (16, {}, ["sss", "2", "33333", "t", "4", "5"]),
        (11, {}, ["sss", "33333", "t", "4", "5"]),
        # Although "2" would fit, it is older than what does not.
        (10, {}, ["sss", "t", "4", "5"]),
        (5, {}, ["sss", "t", "5"]),
        (4, {"preserve_recent": 0}, ["sss", "t"]),
        (6, {"preserve_recent": 0}, ["sss", "t", "4", "5"]),
        (3, {"preserve_system": False}, ["t", "4", "5"]),
    ],
)
def test_oldest_messages_go_first_and_order_stays(
    limit: int, fields: dict[str, Any], kept: list[str]
) -> None:
    before = [message.model_copy(deep=True) for message in HISTORY]
    cut = spelling().truncate_messages(HISTORY, limit, **fields)
    assert texts(cut) == kept
    assert before == HISTORY
    assert cut is not HISTORY


def test_what_was_cut_fits_the_limit_of_the_usage() -> None:
    short = spelling(max_context_tokens=12)
    assert short.check_context_usage(HISTORY, warn=False)["exceeds_limit"]
    assert not short.check_context_usage(short.truncate_messages(HISTORY), warn=False)["exceeds_limit"]


def test_result_stays_only_with_its_call() -> None:
    messages = [
        HumanMessage("1"),
        asked("a", "b"),
        *(ToolMessage("2222", tool_call_id=i) for i in "ab"),
        AIMessage("3"),
    ]
    assert texts(spelling().truncate_messages(messages, 9)) == ["3"]
    assert texts(spelling().truncate_messages(messages, 15)) == ["", "2222", "2222", "3"]


def test_call_stays_where_its_result_has_to() -> None:
    messages = [HumanMessage("11111"), asked("a"), ToolMessage("2", tool_call_id="a")]
    assert texts(spelling().truncate_messages(messages, 4)) == ["", "2"]


def result(text: str, call_id: str) -> ToolMessage:
    return ToolMessage(text, tool_call_id=call_id)


@pytest.mark.parametrize(
    ("messages", "limit", "kept"),
    [
        ([HumanMessage("1"), result("2", "?"), HumanMessage("3")], 2, ["1", "3"]),
        ([HumanMessage("1"), result("2", "?"), HumanMessage("3")], 1, ["3"]),
        ([HumanMessage("1"), AIMessage("2"), HumanMessage("3"), result("4", "?")], 2, ["2", "3"]),
        (
            [HumanMessage("1"), asked("a"), result("2", "a"), result("3", "?"), HumanMessage("4")],
            5,
            ["", "2", "4"],
        ),
        ([result("1", "a"), asked("a"), result("2", "a"), HumanMessage("3")], 5, ["", "2", "3"]),
    ],
)
def test_result_without_a_call_before_it_goes_first_and_holds_nothing_up(
    messages: list[BaseMessage], limit: int, kept: list[str]
) -> None:
    assert texts(spelling().truncate_messages(messages, limit)) == kept


def test_conversation_within_the_limit_keeps_even_what_the_service_will_refuse() -> None:
    messages = [HumanMessage("1"), result("2", "?")]
    assert spelling().truncate_messages(messages, 2) == messages


def test_question_is_kept_where_the_system_prompt_alone_is_too_long() -> None:
    with pytest.warns(UserWarning, match="cannot be cut to 3 tokens.* 5") as caught:
        cut = spelling().truncate_messages(HISTORY, 3)
    assert texts(cut) == ["sss", "t", "5"]
    assert [warning.filename for warning in caught] == [__file__]


def test_number_of_messages_left_out_is_logged(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="langchain_maritaca"):
        spelling().truncate_messages(HISTORY, 11)
        spelling().truncate_messages(HISTORY, 17)
    assert [record.getMessage() for record in caplog.records] == [
        "left out 2 of 7 messages: 11 tokens remain of at most 11"
    ]


@pytest.mark.parametrize("fields", [{"max_tokens": 0}, {"preserve_recent": -1}])
def test_numbers_that_are_too_small_are_refused(fields: dict[str, int]) -> None:
    with pytest.raises(ValueError, match=next(iter(fields))):
        model().truncate_messages(HISTORY, **fields)


@st.composite
def conversations(draw: st.DrawFn) -> list[BaseMessage]:
    messages: list[BaseMessage] = []
    for turn in range(draw(st.integers(0, 5))):
        messages += [SystemMessage(draw(word))] * draw(st.integers(0, 1))
        messages.append(HumanMessage(draw(word)))
        for step in range(draw(st.integers(0, 2))):
            ids = [f"{turn}-{step}-{number}" for number in range(draw(st.integers(1, 3)))]
            messages.append(asked(*ids))
            messages += [ToolMessage(draw(word), tool_call_id=call_id) for call_id in ids]
        messages += [ToolMessage(draw(word), tool_call_id="?")] * draw(st.integers(0, 1))
        messages.append(AIMessage(draw(word)))
    return messages


def is_orphan(message: BaseMessage) -> bool:
    return isinstance(message, ToolMessage) and message.tool_call_id == "?"


word = st.text("a", min_size=0, max_size=8)
SPELLING = spelling()


@given(conversations(), st.integers(1, 80), st.integers(0, 4), st.booleans())
def test_cut_conversation_is_recent_whole_and_as_long_as_may_be(
    messages: list[BaseMessage], limit: int, recent: int, system: bool
) -> None:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        cut = SPELLING.truncate_messages(messages, limit, preserve_system=system, preserve_recent=recent)
    assert len(cut) == len(messages) or not any(is_orphan(message) for message in cut)
    messages = messages if len(cut) == len(messages) else [each for each in messages if not is_orphan(each)]
    stays = [any(message is other for other in cut) for message in messages]
    assert [message for message, kept in zip(messages, stays, strict=True) if kept] == cut
    fixed = [system and isinstance(message, SystemMessage) for message in messages]
    movable = [kept for kept, always in zip(stays, fixed, strict=True) if not always]
    assert movable == sorted(movable), "there is a gap"
    assert all(kept for kept, always in zip(stays, fixed, strict=True) if always)
    assert all(movable[len(movable) - min(recent, len(movable)) :])
    calls = {call["id"] for message in cut if isinstance(message, AIMessage) for call in message.tool_calls}
    results = [message for message in cut if isinstance(message, ToolMessage) and not is_orphan(message)]
    assert calls == {message.tool_call_id for message in results}
    tokens = SPELLING.get_num_tokens_from_messages(cut)
    assert (tokens > limit) == bool(caught)
    assert sum(stays) == len(messages) or more_would_not_fit(messages, stays, fixed, limit)


def more_would_not_fit(messages: list[BaseMessage], stays: list[bool], fixed: list[bool], limit: int) -> bool:
    """Whether the cut could not have been made one place earlier."""
    gone = [place for place, kept in enumerate(stays) if not kept]
    start = next(place for place in reversed(gone) if not isinstance(messages[place], ToolMessage))
    longer = [message for place, message in enumerate(messages) if place >= start or fixed[place]]
    return SPELLING.get_num_tokens_from_messages(longer) > limit


def test_conversation_may_be_written_as_for_invoke() -> None:
    written = ["11111", ("ai", "2"), {"role": "user", "content": "333"}]
    short = spelling(max_context_tokens=5)
    assert short.check_context_usage(written, warn=False)["tokens"] == 9
    assert short.truncate_messages(written) == [AIMessage("2"), HumanMessage("333")]


# Calls


def sent_texts(sandbox: Sandbox) -> list[str]:
    return [message["content"] for message in sandbox.requests[-1].body["messages"]]


LONG: list[BaseMessage] = [
    SystemMessage("Seja breve."),
    HumanMessage("Olá! " * 50),
    AIMessage("Olá!"),
    HumanMessage("Tudo bem?"),
]


def test_every_kind_of_call_sends_the_conversation_cut(
    make_model: MakeModel, sandbox: Sandbox, caplog: pytest.LogCaptureFixture
) -> None:
    short = make_model(auto_truncate=True, max_context_tokens=40)

    async def call() -> None:
        await short.ainvoke(LONG)
        assert [piece async for piece in short.astream(LONG)]

    with caplog.at_level(logging.INFO, logger="langchain_maritaca"):
        short.invoke(LONG)
        assert list(short.stream(LONG))
        asyncio.run(call())
    assert len(caplog.records) == 4
    bodies = [[message["content"] for message in request.body["messages"]] for request in sandbox.requests]
    assert bodies == [["Seja breve.", "Olá!", "Tudo bem?"]] * 4
    assert len(LONG) == 4


def test_question_that_cannot_be_cut_is_sent_with_a_warning(make_model: MakeModel, sandbox: Sandbox) -> None:
    short = make_model(auto_truncate=True, max_context_tokens=5)
    with pytest.warns(UserWarning, match="cannot be cut to 5 tokens"):
        short.invoke([HumanMessage("Olá! " * 50)])
    assert sent_texts(sandbox) == ["Olá! " * 50]


def test_long_prompt_is_sent_whole_with_a_warning_unless_it_may_be_cut(
    make_model: MakeModel, sandbox: Sandbox
) -> None:
    with pytest.warns(UserWarning, match="above the limit of 40"):
        make_model(max_context_tokens=40).invoke(LONG)
    assert len(sent_texts(sandbox)) == 4


def test_prompt_within_the_limit_makes_no_warning(make_model: MakeModel, sandbox: Sandbox) -> None:
    make_model(max_context_tokens=4000).invoke(LONG)
    assert len(sent_texts(sandbox)) == 4


def test_nothing_is_counted_where_no_limit_was_set(
    make_model: MakeModel, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_context, "counted_prompt", None)
    make_model().invoke(LONG)
    assert len(sent_texts(sandbox)) == 4


@pytest.mark.parametrize(
    ("length", "elsewhere"), [(20_000, True), (200, False)], ids=["a long one", "a short one"]
)
@pytest.mark.parametrize("role", ["human", "call"])
@pytest.mark.parametrize("way", ["ainvoke", "astream", "astream_events"])
async def test_only_a_long_conversation_is_counted_off_the_event_loop(
    make_model: MakeModel, sandbox: Sandbox, way: str, role: str, length: int, elsewhere: bool
) -> None:
    threads: set[int] = set()

    def watched(text: str) -> list[int]:
        threads.add(threading.get_ident())
        return letters(text)

    call = {"id": "c1", "name": "escrever", "args": {"texto": "1" * length}}
    long = HumanMessage("1" * length) if role == "human" else AIMessage("", tool_calls=[call])
    messages = [long, HumanMessage("2")]
    short = make_model(custom_get_token_ids=watched, auto_truncate=True, max_context_tokens=100)
    if way == "ainvoke":
        await short.ainvoke(messages)
    else:
        assert [piece async for piece in getattr(short, way)(messages)]
    assert sent_texts(sandbox) == ["2"]
    assert (threading.get_ident() not in threads) is elsewhere


def test_context_of_a_model_may_be_put_into_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(_context.MODEL_CONTEXT_LIMITS, "sabia-9", 9000)
    assert model(model="sabia-9").get_context_limit() == 9000
    monkeypatch.setitem(_context.MODEL_CONTEXT_LIMITS, "sabia-4", 7000)
    assert model(model="sabia-4").check_context_usage([])["limit"] == 7000


def test_limit_is_that_of_the_call_with_its_tools_and_its_model() -> None:
    short = spelling(auto_truncate=True, model="sabia-4", max_context_tokens=150)
    messages = [HumanMessage("1" * 60), HumanMessage("2" * 30)]
    assert short._fitting(messages, {"model": "sabia-4"}) == messages
    tools, _ = wire_tools([{"name": "f", "description": "", "parameters": {}}])
    assert short._fitting(messages, {"model": "sabia-4", "tools": tools}) == messages[1:]
    wide = spelling(auto_truncate=True)
    assert wide._fitting(messages, {"model": "sabia-4", "max_tokens": 127_950}) == messages[1:]


def test_profile_follows_the_limit_of_the_caller() -> None:
    assert (model(max_context_tokens=5000).profile or {})["max_input_tokens"] == 5000
    assert (model().profile or {})["max_input_tokens"] == 128_000
    assert model(model="sabia-9", max_context_tokens=5000).profile is None
