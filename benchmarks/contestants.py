"""What `run.py` measures in its own process: raw aiohttp, the core, and ChatMaritaca, doing the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TYPE_CHECKING, Any

import orjson
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from server import EVENTS

from langchain_maritaca import ChatMaritaca
from maritaca_async import AsyncMaritaca

if TYPE_CHECKING:
    import aiohttp

KEY = "benchmark-key"
PROMPT = "Qual é a capital do Brasil?"
PROMPTS = [f"Pergunta {number}" for number in range(200)]
ASK: dict[str, Any] = {"model": "sabia-4", "messages": [{"role": "user", "content": PROMPT}]}
HEADERS = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}

PACED = ", one a read"
Contestant = Callable[[], Awaitable[None]]


class EmptyModel(BaseChatModel):
    """What LangChain itself costs: a model that answers without doing anything."""

    @property
    def _llm_type(self) -> str:
        return "empty"

    def _generate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        raise NotImplementedError

    async def _agenerate(
        self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
    ) -> ChatResult:
        return ChatResult(generations=[ChatGeneration(message=AIMessage(content="Brasília"))])


def calling(call: Contestant) -> EmptyModel:
    """A model that makes a call and answers without looking at what it brought: the least any adapter can cost.

    It is more than call and model cost by themselves, for they push each other out of the processor's caches.
    """

    class CallingModel(EmptyModel):
        async def _agenerate(
            self, messages: Any, stop: Any = None, run_manager: Any = None, **kwargs: Any
        ) -> ChatResult:
            await call()
            return await super()._agenerate(messages, stop, run_manager, **kwargs)

    return CallingModel()


async def raw_events(session: aiohttp.ClientSession, url: str) -> AsyncIterator[Any]:
    body = orjson.dumps({**ASK, "stream": True})
    rest = b""
    async with session.post(f"{url}/chat/completions", data=body, headers=HEADERS) as response:
        async for data in response.content.iter_any():
            *events, rest = (rest + data).split(b"\n\n")
            for event in events:
                if event != b"data: [DONE]":
                    yield orjson.loads(event[6:])


def plain_calls(root: str, session: aiohttp.ClientSession) -> dict[str, Contestant]:
    """One plain call each, by name."""
    url = f"{root}/burst"
    client = AsyncMaritaca(KEY, base_url=url)
    model = ChatMaritaca(api_key=KEY, base_url=url)
    empty = EmptyModel()

    async def raw() -> None:
        async with session.post(
            f"{url}/chat/completions", data=orjson.dumps(ASK), headers=HEADERS
        ) as response:
            assert orjson.loads(await response.read())["choices"]

    calling_model = calling(raw)

    async def raw_in_empty_model() -> None:
        await calling_model.ainvoke(PROMPT)

    async def core() -> None:
        assert (await client.chat.completions.create(**ASK)).choices

    async def empty_model() -> None:
        await empty.ainvoke(PROMPT)

    async def chat_model() -> None:
        assert (await model.ainvoke(PROMPT)).content

    return {
        "raw call": raw,
        "core call": core,
        "empty model": empty_model,
        "raw call in empty model": raw_in_empty_model,
        "ChatMaritaca.ainvoke": chat_model,
    }


def streams(root: str, session: aiohttp.ClientSession) -> dict[str, Contestant]:
    """One stream of EVENTS events each, by name."""
    client = AsyncMaritaca(KEY, base_url=f"{root}/burst")
    paced_client = AsyncMaritaca(KEY, base_url=f"{root}/paced")

    def raw(mode: str) -> Contestant:
        async def read() -> None:
            seen = 0
            async for _ in raw_events(session, f"{root}/{mode}"):
                seen += 1
            assert seen == EVENTS

        return read

    def core(asked: AsyncMaritaca) -> Contestant:
        async def read() -> None:
            seen = 0
            async for _ in await asked.chat.completions.create(**ASK, stream=True):
                seen += 1
            assert seen == EVENTS

        return read

    async def typed() -> None:
        async with client.chat.completions.stream(**ASK) as stream:
            async for _ in stream.text_stream:
                pass

    return {
        "raw event": raw("burst"),
        "core event": core(client),
        "core text event": typed,
        f"raw event{PACED}": raw("paced"),
        f"core event{PACED}": core(paced_client),
    }


def model_streams(root: str) -> dict[str, Contestant]:
    """The same streams through ChatMaritaca: chunks of text, pieces of a tool call, protocol events."""
    model = ChatMaritaca(api_key=KEY, base_url=f"{root}/burst")
    calling = ChatMaritaca(api_key=KEY, base_url=f"{root}/tools")

    async def text() -> None:
        async for _ in model.astream(PROMPT):
            pass

    async def pieces() -> None:
        async for _ in calling.astream(PROMPT):
            pass

    async def events() -> None:
        async for _ in await model.astream_events(PROMPT, version="v3"):
            pass

    return {
        "ChatMaritaca.astream": text,
        "ChatMaritaca.astream, tool piece": pieces,
        "ChatMaritaca v3 event": events,
    }


def contestants(root: str, session: aiohttp.ClientSession) -> dict[str, tuple[int, Contestant]]:
    """By name: how many units one run makes, and the run."""
    field = {name: (200, repeat(call, 200)) for name, call in plain_calls(root, session).items()}
    for name, stream in {**streams(root, session), **model_streams(root)}.items():
        times = 1 if PACED in name else 5
        field[name] = (EVENTS * times, repeat(stream, times))
    return field


def repeat(call: Contestant, times: int) -> Contestant:
    async def run() -> None:
        for _ in range(times):
            await call()

    return run
