"""CPU per call and per streamed event, beside raw aiohttp doing the same, in one run.

    make bench                 # all figures, with the budgets they must keep
    make bench ARGS=--quick    # fewer rounds

The server runs in another process, so `process_time` counts the client alone. In each round every
contestant runs once, and ratios are taken within a round, so that a busy machine hits both sides alike.
The absolute budget of 8 us was set where raw aiohttp takes 2 us for an event; the ratio holds anywhere.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from server import EVENTS

from langchain_maritaca import ChatMaritaca
from maritaca_async import AsyncMaritaca

KEY = "benchmark-key"
PROMPT = "Qual é a capital do Brasil?"
ASK: dict[str, Any] = {"model": "sabia-4", "messages": [{"role": "user", "content": PROMPT}]}
HEADERS = {"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"}

PACED = ", one a read"
Contestant = Callable[[], Awaitable[None]]
Figures = dict[str, list[float]]


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


@contextlib.contextmanager
def serving() -> Iterator[str]:
    command = [sys.executable, str(Path(__file__).with_name("server.py"))]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}/api"
        server.terminate()


async def raw_events(session: aiohttp.ClientSession, url: str, **headers: str) -> AsyncIterator[Any]:
    body = orjson.dumps({**ASK, "stream": True})
    rest = b""
    async with session.post(url, data=body, headers={**HEADERS, **headers}) as response:
        async for data in response.content.iter_any():
            *events, rest = (rest + data).split(b"\n\n")
            for event in events:
                if event != b"data: [DONE]":
                    yield orjson.loads(event[6:])


def plain_calls(base_url: str, session: aiohttp.ClientSession) -> dict[str, Contestant]:
    """One plain call each, by name."""
    url = f"{base_url}/chat/completions"
    client = AsyncMaritaca(KEY, base_url=base_url)
    model = ChatMaritaca(api_key=KEY, base_url=base_url)
    empty = EmptyModel()

    async def raw() -> None:
        async with session.post(url, data=orjson.dumps(ASK), headers=HEADERS) as response:
            assert orjson.loads(await response.read())["choices"]

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
        "ChatMaritaca.ainvoke": chat_model,
    }


def streams(base_url: str, session: aiohttp.ClientSession) -> dict[str, Contestant]:
    """One stream of EVENTS events each, by name."""
    url = f"{base_url}/chat/completions"
    client = AsyncMaritaca(KEY, base_url=base_url)
    model = ChatMaritaca(api_key=KEY, base_url=base_url)

    async def raw(**headers: str) -> None:
        seen = 0
        async for _ in raw_events(session, url, **headers):
            seen += 1
        assert seen == EVENTS

    async def core(**options: Any) -> None:
        seen = 0
        async for _ in await client.chat.completions.create(**ASK, stream=True, **options):
            seen += 1
        assert seen == EVENTS

    async def typed() -> None:
        async with client.chat.completions.stream(**ASK) as stream:
            async for _ in stream.text_stream:
                pass

    async def chat_model() -> None:
        async for _ in model.astream(PROMPT):
            pass

    return {
        "raw event": raw,
        "core event": core,
        "core text event": typed,
        "ChatMaritaca.astream": chat_model,
        f"raw event{PACED}": lambda: raw(**{"X-Paced": "1"}),
        f"core event{PACED}": lambda: core(extra_headers={"X-Paced": "1"}),
    }


def contestants(base_url: str, session: aiohttp.ClientSession) -> dict[str, tuple[int, Contestant]]:
    """By name: how many units one run makes, and the run."""
    field = {name: (200, repeat(call, 200)) for name, call in plain_calls(base_url, session).items()}
    for name, stream in streams(base_url, session).items():
        times = 1 if PACED in name else 5
        field[name] = (EVENTS * times, repeat(stream, times))
    return field


def repeat(call: Contestant, times: int) -> Contestant:
    async def run() -> None:
        for _ in range(times):
            await call()

    return run


async def measure(base_url: str, rounds: int) -> Figures:
    """Microseconds of CPU per unit, by contestant, one figure a round."""
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        field = contestants(base_url, session)
        busy = {name: entry for name, entry in field.items() if PACED not in name}
        idle = {name: entry for name, entry in field.items() if PACED in name}
        return {**await run_rounds(busy, rounds), **await run_rounds(idle, rounds)}


async def run_rounds(field: dict[str, tuple[int, Contestant]], rounds: int) -> Figures:
    """One figure a round for each contestant, in an order that turns round every time.

    Whoever ran first would always run on a rested processor, which is up to a third faster; so paced
    streams, in which it rests most of the time, have rounds of their own.
    """
    found: Figures = {name: [] for name in field}
    for turn in range(rounds + 1):
        for name, (units, run) in sorted(field.items(), reverse=turn % 2 == 1):
            started = time.process_time()
            await run()
            if turn:  # the first round warms up
                found[name].append((time.process_time() - started) / units * 1e6)
    return found


def ratio(figures: Figures, name: str, *floor: str) -> float:
    """Median over the rounds of one contestant's figure to the sum of others' in the same round."""
    rounds = zip(figures[name], *(figures[other] for other in floor), strict=True)
    return statistics.median(value / sum(parts) for value, *parts in rounds)


def import_milliseconds(statement: str) -> float:
    """Median wall time of an import in a fresh interpreter, above that of an empty one."""

    def once(code: str) -> float:
        started = time.perf_counter()
        subprocess.run([sys.executable, "-c", code], check=True)
        return (time.perf_counter() - started) * 1e3

    return statistics.median(once(statement) for _ in range(7)) - statistics.median(
        once("") for _ in range(7)
    )


def kilobytes_per_open_stream(base_url: str) -> float:
    """Growth of the resident set per stream held open, over 500 of them."""
    code = f"""
import asyncio, resource
from maritaca_async import AsyncMaritaca
async def main():
    client = AsyncMaritaca({KEY!r}, base_url={base_url!r})
    async def one():
        return await client.chat.completions.create(
            model="sabia-4", messages=[{{"role": "user", "content": "x"}}], stream=True,
            extra_headers={{"X-Paced": "1"}})
    warm = await one()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    held = [await one() for _ in range(500)]
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / len(held))
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout)


def report(figures: Figures, base_url: str) -> bool:
    """Print all figures with their budgets; whether every budget was kept."""
    print("CPU, microseconds: median, fastest round")
    for name, values in figures.items():
        print(f"  {name:24} {statistics.median(values):8.1f} {min(values):8.1f}")
    budgets = [
        ("core call / raw call", ratio(figures, "core call", "raw call"), 1.6),
        ("core event, us", statistics.median(figures["core event"]), 8.0),
        ("core event / raw event", ratio(figures, "core event", "raw event"), 4.0),
        (
            "ainvoke / (raw call + empty model)",
            ratio(figures, "ChatMaritaca.ainvoke", "raw call", "empty model"),
            1.4,
        ),
    ]
    print("Budgets")
    for name, value, most in budgets:
        print(f"  {name:36} {value:6.2f}  at most {most:g}  {'kept' if value <= most else 'BROKEN'}")
    print("Import, median milliseconds above an empty interpreter")
    floor_modules = "import langchain_core.language_models.chat_models, aiohttp"
    for statement in ("import aiohttp", "import maritaca_async", floor_modules, "import langchain_maritaca"):
        print(f"  {statement:60} {import_milliseconds(statement):6.0f}")
    print(f"Memory per open stream: {kilobytes_per_open_stream(base_url):.0f} KiB")
    return all(value <= most for _, value, most in budgets)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="5 rounds instead of 25")
    arguments = parser.parse_args()
    with serving() as base_url:
        figures = asyncio.run(measure(base_url, 5 if arguments.quick else 25))
        kept = report(figures, base_url)
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
