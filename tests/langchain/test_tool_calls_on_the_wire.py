"""Tool calls over real sockets: however the bytes arrive, and wherever they end."""

from __future__ import annotations

import asyncio
import itertools
import json
import warnings
from collections.abc import Callable, Iterator
from typing import Any, ClassVar

import pytest
from answers import call, chunk, completion
from dialects import DIALECTS, TWO
from hypothesis import given, settings
from hypothesis import strategies as st
from langchain_core._api import LangChainBetaWarning
from langchain_core.messages import AIMessage, AIMessageChunk, message_chunk_to_message
from scripted import Exchange, streams
from speaking import model_of, serving

from langchain_maritaca import ChatMaritaca, ChatMaritacaConnectionError, ChatMaritacaStreamInterruptedError

agents = pytest.importorskip("langchain.agents")

# Before the first event it is a failure to connect, afterwards an interruption.
BROKEN_OFF = (ChatMaritacaConnectionError, ChatMaritacaStreamInterruptedError)

pytestmark = pytest.mark.filterwarnings("ignore::langchain_core._api.LangChainBetaWarning")


def transcript(dialect: str, finish: str = "tool_calls") -> bytes:
    events = [*(chunk(tool_calls=pieces) for pieces in DIALECTS[dialect]), chunk(finish)]
    return "".join(f"data: {text}\n\n" for text in [*map(json.dumps, events), "[DONE]"]).encode()


class Wire:
    """Does what the last message asks for: which transcript, its cuts, where it ends, and how."""

    async def __call__(self, exchange: Exchange) -> None:
        body = exchange.seen.json
        if not body.get("stream"):
            made = [call(json.dumps(one["args"]), name=one["name"], call_id=one["id"]) for one in TWO]
            await exchange.answer(200, completion({"content": None, "tool_calls": made}, "tool_calls"))
            return
        if body["messages"][-1]["role"] == "tool":
            await streams(chunk("stop", content="Feito."), "[DONE]")(exchange)
            return
        order = json.loads(body["messages"][-1]["content"])
        data = transcript(order["dialect"], order.get("finish", "tool_calls"))[: order.get("end")]
        cuts = [0, *sorted(cut for cut in order.get("cuts", ()) if cut < len(data)), len(data)]
        await exchange.begin_stream()
        for start, end in itertools.pairwise(cuts):
            if end > start:
                await exchange.piece(data[start:end])
                await asyncio.sleep(0)
        await (exchange.end_stream() if order.get("properly", True) else exchange.cut())


def order(**asked: Any) -> str:
    return json.dumps(asked)


@pytest.fixture(scope="module")
def model() -> Iterator[ChatMaritaca]:
    with serving(Wire()) as server:
        yield model_of(server, max_retries=0)


@pytest.fixture(scope="module")
def runner() -> Iterator[asyncio.Runner]:
    with asyncio.Runner() as running:
        yield running


# Every way of asking ends in one message, or in an error

Way = Callable[[ChatMaritaca, asyncio.Runner, str], AIMessage]


def _whole(pieces: list[AIMessageChunk]) -> AIMessage:
    first, *rest = pieces
    message = message_chunk_to_message(first + rest if rest else first)
    assert isinstance(message, AIMessage)
    return message


def _astream(model: ChatMaritaca, runner: asyncio.Runner, asked: str) -> AIMessage:
    async def collect() -> list[Any]:
        return [piece async for piece in model.astream(asked)]

    return _whole(runner.run(collect()))


def _events(model: ChatMaritaca, runner: asyncio.Runner, asked: str) -> AIMessage:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LangChainBetaWarning)
        return model.stream_events(asked, version="v3").output


def _async_events(model: ChatMaritaca, runner: asyncio.Runner, asked: str) -> AIMessage:
    async def collect() -> AIMessage:
        return await (await model.astream_events(asked, version="v3"))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LangChainBetaWarning)
        return runner.run(collect())


STREAMS: dict[str, Way] = {
    "stream": lambda model, _, asked: _whole(list(model.stream(asked))),  # type: ignore[arg-type]
    "astream": _astream,
    "stream_events": _events,
    "astream_events": _async_events,
}


def test_plain_answers_give_the_two_calls(model: ChatMaritaca, runner: asyncio.Runner) -> None:
    assert model.invoke("Oi").tool_calls == TWO
    assert runner.run(model.ainvoke("Oi")).tool_calls == TWO


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_client_itself_finds_the_same_calls(model: ChatMaritaca, dialect: str) -> None:
    client, cuts = model._asynchronous_client(), list(range(0, 900, 7))
    ask: Any = {
        "model": "sabia-4",
        "messages": [{"role": "user", "content": order(dialect=dialect, cuts=cuts)}],
    }
    async with await client.chat.completions.create(stream=True, **ask) as stream:
        async for _ in stream:
            pass
    made = stream.received.choices[0].message.tool_calls
    assert [(one.id, one.function.name, one.function.parsed_arguments()) for one in made] == [
        (one["id"], one["name"], one["args"]) for one in TWO
    ]


@settings(max_examples=120, deadline=None)
@given(
    dialect=st.sampled_from(sorted(DIALECTS)),
    way=st.sampled_from(sorted(STREAMS)),
    cuts=st.lists(st.integers(1, 900), max_size=8) | st.just(list(range(1, 900))),
)
def test_calls_are_the_same_however_the_bytes_arrive(
    model: ChatMaritaca, runner: asyncio.Runner, dialect: str, way: str, cuts: list[int]
) -> None:
    message = STREAMS[way](model, runner, order(dialect=dialect, cuts=cuts))
    assert (message.tool_calls, message.invalid_tool_calls) == (TWO, [])


@pytest.mark.parametrize("properly", [True, False])
@pytest.mark.parametrize("way", STREAMS)
@settings(max_examples=60, deadline=None)
@given(dialect=st.sampled_from(sorted(DIALECTS)), share=st.floats(0, 0.999))
def test_stream_cut_anywhere_gives_all_calls_or_an_error(
    model: ChatMaritaca, runner: asyncio.Runner, way: str, properly: bool, dialect: str, share: float
) -> None:
    end = int(len(transcript(dialect)) * share)
    try:
        message = STREAMS[way](model, runner, order(dialect=dialect, end=end, properly=properly))
    except BROKEN_OFF:
        assert b'"finish_reason": "tool_calls"' not in transcript(dialect)[:end].rpartition(b"\n\n")[0]
    else:
        assert message.tool_calls == TWO


@pytest.mark.parametrize("dialect", ["the documented one", "every call under index 0"])
async def test_stream_cut_at_every_byte_never_gives_a_part_of_the_calls(
    model: ChatMaritaca, dialect: str
) -> None:
    places = asyncio.Semaphore(32)

    async def outcome(end: int) -> Any:
        async with places:
            return await attempt(end)

    async def attempt(end: int) -> Any:
        pieces = []
        try:
            async for piece in model.astream(order(dialect=dialect, end=end)):
                pieces.append(piece)
        except BROKEN_OFF:
            assert all(piece.chunk_position is None for piece in pieces)
            return "an error"
        return _whole(pieces).tool_calls

    length = len(transcript(dialect))
    found = await asyncio.gather(*(outcome(end) for end in range(length + 1)))
    whole = [end for end, calls in enumerate(found) if calls != "an error"]
    assert all(found[end] == TWO for end in whole)
    assert whole == list(range(whole[0], length + 1))
    assert b'"finish_reason": "tool_calls"' in transcript(dialect)[: whole[0]]


def _bridged(model: ChatMaritaca) -> ChatMaritaca:
    """The same model without event hooks of its own, as LangChain's bridge sees it."""

    class Bridged(ChatMaritaca):
        _stream_chat_model_events: ClassVar[Any] = None
        _astream_chat_model_events: ClassVar[Any] = None

    return Bridged(api_key="k", base_url=model.maritaca_api_base, max_retries=0)


@pytest.mark.parametrize("bridged", [False, True], ids=["native", "bridged"])
@pytest.mark.parametrize("finish", ["length", "content_filter"])
@pytest.mark.parametrize("way", STREAMS)
def test_whole_calls_of_an_answer_that_was_cut_off_are_invalid(
    model: ChatMaritaca, runner: asyncio.Runner, way: str, finish: str, bridged: bool
) -> None:
    asked = order(dialect="the documented one", finish=finish)
    message = STREAMS[way](_bridged(model) if bridged else model, runner, asked)
    assert message.tool_calls == []
    assert [broken["id"] for broken in message.invalid_tool_calls] == ["a", "b"]


@settings(max_examples=60, deadline=None)
@given(dialect=st.sampled_from(sorted(DIALECTS)), share=st.floats(0, 0.999), asynchronous=st.booleans())
def test_no_event_finishes_a_call_before_the_server_has(
    model: ChatMaritaca, runner: asyncio.Runner, dialect: str, share: float, asynchronous: bool
) -> None:
    data = transcript(dialect)
    asked = order(dialect=dialect, end=int(len(data) * share))
    seen: list[Any] = []

    async def collect() -> None:
        async for event in await model.astream_events(asked, version="v3"):
            seen.append(event)

    try:
        if asynchronous:
            runner.run(collect())
        else:
            seen.extend(model.stream_events(asked, version="v3"))
    except BROKEN_OFF:
        finished = [event["content"] for event in seen if event["event"] == "content-block-finish"]
        assert [block for block in finished if block["type"] == "tool_call"] == []
        assert not any(event["event"] == "message-finish" for event in seen)


# Inside an agent: what is not complete is not executed


class Tools:
    """The two functions of the transcripts, remembering that they were called."""

    def __init__(self) -> None:
        self.executed: list[str] = []

    def functions(self) -> list[Callable[..., str]]:
        def f(x: int) -> str:
            """Faz f."""
            self.executed.append(f"f{x}")
            return "feito"

        def g(y: int) -> str:
            """Faz g."""
            self.executed.append(f"g{y}")
            return "feito"

        return [f, g]


async def _through(agent: Any, mode: str, asked: str) -> None:
    request = {"messages": [("user", asked)]}
    if mode == "invoke":
        await agent.ainvoke(request)
    elif mode == "events":
        async with await agent.astream_events(request, version="v3") as run:
            async for _ in run:
                pass
    else:
        async for _ in agent.astream(request, stream_mode=mode):
            pass


@pytest.mark.parametrize("mode", ["messages", "updates", "values", "events"])
@pytest.mark.parametrize("share", [0.2, 0.5, 0.8, 0.9])
async def test_agent_executes_nothing_of_a_stream_that_broke_off(
    model: ChatMaritaca, mode: str, share: float
) -> None:
    tools = Tools()
    agent = agents.create_agent(model.model_copy(update={"streaming": True}), tools.functions())
    end = int(len(transcript("the documented one")) * share)
    with pytest.raises(BROKEN_OFF):
        await _through(agent, mode, order(dialect="the documented one", end=end))
    assert tools.executed == []


@pytest.mark.parametrize("mode", ["messages", "events"])
async def test_agent_executes_nothing_of_an_answer_that_reached_its_token_limit(
    model: ChatMaritaca, mode: str
) -> None:
    tools = Tools()
    agent = agents.create_agent(model, tools.functions())
    await _through(agent, mode, order(dialect="the documented one", finish="length"))
    assert tools.executed == []
