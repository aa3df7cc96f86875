"""CPU per call and per streamed event, beside raw aiohttp and the alternatives doing the same, in one run.

    make bench                 # all figures, with the budgets they must keep
    make bench ARGS=--quick    # fewer rounds
    make bench-peers           # the same, and the alternatives from PyPI beside it

The server runs in another process, so `process_time` counts the client alone. In each round every
contestant runs once, and ratios are taken within a round, so that a busy machine hits both sides alike.
The absolute budgets were set where raw aiohttp takes 2 us for an event; the ratios hold anywhere.
"""

from __future__ import annotations

import argparse
import asyncio
import compileall
import contextlib
import json
import statistics
import subprocess
import sys
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

import aiohttp
from contestants import KEY, PACED, PROMPTS, Contestant, contestants

from langchain_maritaca import ChatMaritaca

if TYPE_CHECKING:
    from collections.abc import Iterator

Figures = dict[str, list[float]]
HERE = Path(__file__).parent
FLOOR_MODULES = "import langchain_core.language_models.chat_models, aiohttp"


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """A server in another process; yields its root URL."""
    command = [sys.executable, str(HERE / "server.py")]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        server.terminate()


async def measure(root: str, rounds: int) -> Figures:
    """Microseconds of CPU per unit, by contestant, one figure a round."""
    timeout = aiohttp.ClientTimeout(total=None)
    async with aiohttp.ClientSession(timeout=timeout, cookie_jar=aiohttp.DummyCookieJar()) as session:
        field = contestants(root, session)
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


def import_milliseconds(rounds: int) -> Figures:
    """Wall time of import statements, each in a fresh interpreter, one figure a round.

    The packages are compiled first, as an installer does; a checkout just edited would be compiled each time.
    """
    compileall.compile_dir(HERE.parent / "src", quiet=1)
    statements = ["import aiohttp", "import maritaca_async", FLOOR_MODULES, "import langchain_maritaca"]

    def once(statement: str) -> float:
        code = f"from time import perf_counter; start = perf_counter(); {statement}; print(perf_counter() - start)"
        done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
        return float(done.stdout) * 1e3

    found: Figures = {statement: [] for statement in statements}
    for turn in range(rounds):
        for statement in reversed(statements) if turn % 2 else statements:
            found[statement].append(once(statement))
    return found


def batch_milliseconds(root: str) -> float:
    """Wall time of `batch` with 200 prompts at default settings, when an answer takes 200 milliseconds."""
    model = ChatMaritaca(api_key=KEY, base_url=f"{root}/late")
    model.batch(PROMPTS[:2])
    started = time.perf_counter()
    assert len(model.batch(PROMPTS)) == len(PROMPTS)
    return (time.perf_counter() - started) * 1e3


def kilobytes_per_open_stream(root: str) -> float:
    """Growth of the resident set per stream held open, over 500 of them."""
    code = f"""
import asyncio, resource
from maritaca_async import AsyncMaritaca
async def main():
    client = AsyncMaritaca({KEY!r}, base_url={root + "/paced"!r})
    async def one():
        return await client.chat.completions.create(
            model="sabia-4", messages=[{{"role": "user", "content": "x"}}], stream=True)
    warm = await one()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    held = [await one() for _ in range(500)]
    print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / len(held))
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return float(done.stdout)


def peer_figures(python: str, root: str, rounds: int) -> Figures:
    """What `peers.py` finds, run by an interpreter that has the alternatives installed."""
    command = [python, str(HERE / "peers.py"), root.rpartition(":")[2], str(rounds)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


def budgets(figures: Figures, imports: Figures, batch: float) -> list[tuple[str, float, float]]:
    """Name, value and limit of each budget."""
    floor = ("raw call", "empty model")

    def median(name: str) -> float:
        return statistics.median(figures[name])

    return [
        ("core call / raw call", ratio(figures, "core call", "raw call"), 1.6),
        ("core event, us", median("core event"), 8.0),
        ("core event / raw event", ratio(figures, "core event", "raw event"), 4.0),
        ("ainvoke / (raw call + empty model)", ratio(figures, "ChatMaritaca.ainvoke", *floor), 1.25),
        (
            "ainvoke / raw call in empty model",
            ratio(figures, "ChatMaritaca.ainvoke", "raw call in empty model"),
            1.25,
        ),
        ("astream chunk, us", median("ChatMaritaca.astream"), 14.0),
        ("astream chunk / raw event", ratio(figures, "ChatMaritaca.astream", "raw event"), 7.0),
        ("tool piece of 200 characters, us", median("ChatMaritaca.astream, tool piece"), 15.0),
        ("tool piece / raw event", ratio(figures, "ChatMaritaca.astream, tool piece", "raw event"), 7.5),
        ("v3 event, us", median("ChatMaritaca v3 event"), 10.0),
        ("v3 event / raw event", ratio(figures, "ChatMaritaca v3 event", "raw event"), 5.0),
        ("batch of 200 at 200 ms, ms", batch, 1000.0),
        ("import / (LangChain + aiohttp)", ratio(imports, "import langchain_maritaca", FLOOR_MODULES), 1.15),
    ]


def report(figures: Figures, imports: Figures, batch: float) -> bool:
    """Print all figures with their budgets; whether every budget was kept."""
    print("CPU, microseconds: median, fastest round")
    for name, values in figures.items():
        print(f"  {name:44} {statistics.median(values):8.1f} {min(values):8.1f}")
    print("Import, milliseconds: median, fastest round")
    for name, values in imports.items():
        print(f"  {name:60} {statistics.median(values):6.0f} {min(values):6.0f}")
    print("Budgets")
    found = budgets(figures, imports, batch)
    for name, value, most in found:
        print(f"  {name:36} {value:7.2f}  at most {most:g}  {'kept' if value <= most else 'BROKEN'}")
    return all(value <= most for _, value, most in found)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--quick", action="store_true", help="5 rounds instead of 25")
    parser.add_argument("--peers", metavar="PYTHON", help="an interpreter with the alternatives installed")
    arguments = parser.parse_args()
    rounds = 5 if arguments.quick else 25
    # The protocol events are a beta of LangChain's, and it says so at each call.
    warnings.filterwarnings("ignore", message=".*in beta.*")
    with serving() as root:
        figures = asyncio.run(measure(root, rounds))
        batch = batch_milliseconds(root)
        if arguments.peers:
            figures |= peer_figures(arguments.peers, root, 5)
        memory = kilobytes_per_open_stream(root)
    kept = report(figures, import_milliseconds(15), batch)
    print(f"Memory per open stream: {memory:.0f} KiB")
    sys.exit(0 if kept else 1)


if __name__ == "__main__":
    main()
