"""The same work by the alternatives, each at its best settings: run by an interpreter that has them installed.

    python benchmarks/peers.py PORT ROUNDS

Prints JSON: by name, the CPU microseconds per unit of each round (of `batch`: wall milliseconds).
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

from langchain_openai import ChatOpenAI
from openai import AsyncOpenAI
from server import EVENTS

from langchain_maritaca import ChatMaritaca

KEY = "benchmark-key"
PROMPT = "Qual é a capital do Brasil?"
PROMPTS = [f"Pergunta {number}" for number in range(200)]
Run = Callable[[], Awaitable[None]]


def models(root: str) -> dict[str, Callable[[str], Any]]:
    """By name: makes the peer's model for one mode of the server."""
    return {
        "ChatOpenAI": lambda mode: ChatOpenAI(
            model="sabia-4", api_key=KEY, base_url=f"{root}/{mode}", stream_usage=True
        ),
        "langchain-maritaca": lambda mode: ChatMaritaca(api_key=KEY, base_url=f"{root}/{mode}"),
    }


def openai_runs(root: str) -> dict[str, tuple[int, Run]]:
    """The official SDK, one plain call and one stream."""
    client = AsyncOpenAI(api_key=KEY, base_url=f"{root}/burst")
    ask: dict[str, Any] = {"model": "sabia-4", "messages": [{"role": "user", "content": PROMPT}]}

    async def call() -> None:
        for _ in range(20):
            assert (await client.chat.completions.create(**ask)).choices

    async def stream() -> None:
        seen = 0
        async for _ in await client.chat.completions.create(**ask, stream=True):
            seen += 1
        assert seen == EVENTS

    return {"openai, call": (20, call), "openai, event": (EVENTS, stream)}


def model_runs(name: str, make: Callable[[str], Any]) -> dict[str, tuple[int, Run]]:
    """A LangChain model: plain calls, a stream of text, a stream of a tool call."""
    model, tools = make("burst"), make("tools")

    async def call() -> None:
        for _ in range(20):
            assert (await model.ainvoke(PROMPT)).content

    async def text() -> None:
        async for _ in model.astream(PROMPT):
            pass

    async def pieces() -> None:
        async for _ in tools.astream(PROMPT):
            pass

    runs: dict[str, tuple[int, Run]] = {
        f"{name}.ainvoke": (20, call),
        f"{name}.astream, chunk": (EVENTS, text),
    }
    # langchain-maritaca drops streamed tool calls, so there is nothing to measure.
    return runs if name == "langchain-maritaca" else {**runs, f"{name}.astream, tool piece": (EVENTS, pieces)}


async def measure(field: dict[str, tuple[int, Run]], rounds: int) -> dict[str, list[float]]:
    """Microseconds of CPU per unit, one figure a round, after a round that warms up."""
    figures: dict[str, list[float]] = {name: [] for name in field}
    for turn in range(rounds + 1):
        for name, (units, run) in field.items():
            started = time.process_time()
            await run()
            if turn:
                figures[name].append((time.process_time() - started) / units * 1e6)
    return figures


def batch_milliseconds(model: Any) -> float:
    """Wall time of `batch` with 200 prompts at default settings, when an answer takes 200 milliseconds."""
    model.batch(PROMPTS[:2])
    started = time.perf_counter()
    assert len(model.batch(PROMPTS)) == len(PROMPTS)
    return (time.perf_counter() - started) * 1e3


def main() -> None:
    warnings.simplefilter("ignore")
    root, rounds = f"http://127.0.0.1:{sys.argv[1]}", int(sys.argv[2])
    makers = models(root)
    field = openai_runs(root)
    for name, make in makers.items():
        field |= model_runs(name, make)
    figures = asyncio.run(measure(field, rounds))
    for name, make in makers.items():
        figures[f"{name}.batch, ms"] = [batch_milliseconds(make("late"))]
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
