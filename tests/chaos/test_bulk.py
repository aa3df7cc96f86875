"""Runs over very many requests: memory stays flat, the order is right, and a killed run loses and repeats nothing.

The sizes here are those of CI; `make bulk` has the long ones.
"""

from __future__ import annotations

import asyncio
import http.client
import os
import random
import shutil
import signal
import sqlite3
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest
from conftest import KEY
from untraced import environment

from maritaca_async import AsyncMaritaca
from maritaca_async.sandbox import Sandbox

HERE = Path(__file__).parent
MAP_CALLS = int(os.environ.get("MAP_CALLS", "50000"))
BULK_REQUESTS = int(os.environ.get("BULK_REQUESTS", "5000"))
CONCURRENCY = 16  # of `bulk_running.py`

# By how many bytes memory may grow in the second half of a run, however long that is: allocators and the 2 MB cache of
# a journal are still filling up then, and each shard of batches moves the memory by up to 2 MB, up or down. Measured,
# also on a busy machine: at most 80 kB, 500 kB and 2 MB. One number kept for each call is too much for the first of
# these limits in CI's size, and one result kept for each request, of 3 kB, for all of them.
MAP, MAP_WITH_JOURNAL, BATCHES = 250_000, 1_000_000, 4_000_000

pytestmark = pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="reads memory from /proc")


@contextmanager
def program(name: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, str(HERE / name), *map(str, arguments)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment()
    ) as running:
        try:
            yield running
        finally:
            running.kill()


@contextmanager
def counting_server(calls: int) -> Iterator[str]:
    """The sandbox keeps every request, which a million of them make too many."""
    with program("counting_server.py", calls) as server:
        assert server.stdout is not None
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}/api"


def run_whole(kind: str, base_url: str, journal: object, count: int) -> tuple[list[str], float]:
    """What a run prints, and its seconds."""
    started = time.monotonic()
    with program("bulk_running.py", kind, base_url, journal, count) as running:
        lines = running.communicate()[0].splitlines()
    assert running.returncode == 0
    return lines, time.monotonic() - started


def run_half(kind: str, base_url: str, journal: Path, count: int) -> int:
    """Kill a run that has given half of its results; how many it had told of."""
    done = 0
    with program("bulk_running.py", kind, base_url, journal, count) as running:
        assert running.stdout is not None
        for line in running.stdout:
            phase, told, *_ = line.split()
            done = int(told) if phase == "done" else 0
            if done >= count // 2:
                time.sleep(random.random() * 0.1)
                break
        running.send_signal(signal.SIGKILL)
    assert running.returncode == -signal.SIGKILL
    return done


def rows(journal: Path, query: str) -> list[tuple[int]]:
    """From a copy: to look into the file itself would repair what the kill has left."""
    copies = journal.parent / "copies"
    copies.mkdir()
    for file in journal.parent.glob(f"{journal.name}*"):
        shutil.copy(file, copies)
    with closing(sqlite3.connect(copies / journal.name)) as database:
        return database.execute(query).fetchall()


def slope(lines: list[str], phase: str, count: int) -> float:
    """Bytes of memory per request in the second half of a run, while requests are `read` or results are `done`."""
    points = [tuple(map(int, line.split()[1:])) for line in lines if line.startswith(phase)]
    assert points[-1][0] >= count * 0.95
    assert max(tasks for _, _, tasks in points) < 60
    later = points[len(points) // 2 :]
    return statistics.linear_regression([p[0] for p in later], [p[1] for p in later]).slope


def report(capsys: pytest.CaptureFixture[str], text: str) -> None:
    with capsys.disabled():
        print(f"\n{text}", file=sys.stderr)  # the output of xdist's workers is lost


def times_asked(base_url: str, count: int) -> bytes:
    connection = http.client.HTTPConnection(base_url.split("/")[2])
    with closing(connection):
        connection.request("GET", "/")
        counts = connection.getresponse().read()
    assert len(counts) == count
    return counts


@pytest.mark.timeout(60 + MAP_CALLS // 400)
def test_map_keeps_its_order_and_its_memory(capsys: pytest.CaptureFixture[str]) -> None:
    with counting_server(MAP_CALLS) as base_url:
        lines, seconds = run_whole("map", base_url, "-", MAP_CALLS)
        assert times_asked(base_url, MAP_CALLS) == b"\1" * MAP_CALLS
    found = slope(lines, "done", MAP_CALLS)
    report(capsys, f"map: {MAP_CALLS:,} calls, {seconds:.1f} s, {found:.2f} bytes of memory per call")
    assert found * MAP_CALLS / 2 < MAP


@pytest.mark.timeout(60 + MAP_CALLS // 200)
def test_map_killed_in_the_middle_gives_every_result_exactly_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal, started = tmp_path / "run.sqlite", time.monotonic()
    with counting_server(MAP_CALLS) as base_url:
        done = run_half("map", base_url, journal, MAP_CALLS)
        stored = {int(key[1:]) for (key,) in rows(journal, "SELECT key FROM results")}
        lines, _ = run_whole("map", base_url, journal, MAP_CALLS)
        counts = times_asked(base_url, MAP_CALLS)
    assert set(range(done)) <= stored
    assert len(stored) < 0.9 * MAP_CALLS
    assert lines[-1] == f"stored {len(stored)}"
    again = {number for number, times in enumerate(counts) if times == 2}
    found = slope(lines, "done", MAP_CALLS)
    report(
        capsys,
        f"map with a journal: {MAP_CALLS:,} calls, killed with {len(stored):,} answers stored; {len(again)} that were "
        f"under way were sent again; {time.monotonic() - started:.1f} s, {found:.2f} bytes of memory per call",
    )
    assert found * MAP_CALLS / 2 < MAP_WITH_JOURNAL
    assert set(counts) <= {1, 2}
    assert not again & stored
    assert len(again) <= CONCURRENCY


@pytest.mark.timeout(60 + BULK_REQUESTS // 100)
def test_batches_keep_their_order_and_their_memory(capsys: pytest.CaptureFixture[str]) -> None:
    with Sandbox() as sandbox:
        lines, seconds = run_whole("batches", sandbox.base_url, "-", BULK_REQUESTS)
        assert each_is_in_one_batch(sandbox.base_url, BULK_REQUESTS)
    reading, giving = (slope(lines, phase, BULK_REQUESTS) for phase in ("read", "done"))
    report(
        capsys,
        f"batches: {BULK_REQUESTS:,} requests, {seconds:.1f} s, {reading:.2f} bytes of memory per request while they "
        f"are read, {giving:.2f} while results are given",
    )
    assert max(reading, giving) * BULK_REQUESTS / 2 < BATCHES


@pytest.mark.timeout(60 + BULK_REQUESTS // 50)
def test_batches_killed_in_the_middle_give_every_result_exactly_once(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    journal, started = tmp_path / "run.sqlite", time.monotonic()
    with Sandbox() as sandbox:
        done = run_half("batches", sandbox.base_url, journal, BULK_REQUESTS)
        query = "SELECT place FROM requests JOIN shards ON number = shard WHERE outcome IS NOT NULL"
        stored = {place for (place,) in rows(journal, query)}
        lines, _ = run_whole("batches", sandbox.base_url, journal, BULK_REQUESTS)
        assert each_is_in_one_batch(sandbox.base_url, BULK_REQUESTS)
    report(
        capsys,
        f"batches: {BULK_REQUESTS:,} requests, killed with {len(stored):,} answers stored; no request "
        f"is in two batches; {time.monotonic() - started:.1f} s",
    )
    assert set(range(done)) <= stored
    assert len(stored) < BULK_REQUESTS
    assert lines[-1] == f"stored {len(stored)}"


def each_is_in_one_batch(base_url: str, count: int) -> bool:
    async def asked() -> Counter[str]:
        questions: Counter[str] = Counter()
        async with AsyncMaritaca(KEY, base_url=base_url) as client:
            async for batch in client.batches.list():
                lines = (await client.files.stream(batch.input_file_id)).iter_lines()
                questions.update([line.partition('"content":"')[2].partition('"')[0] async for line in lines])
        return questions

    return asyncio.run(asked()) == {f"Quanto é {number} + 1?": 1 for number in range(count)}
