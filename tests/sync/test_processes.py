"""The blocking face and the loops' life, in processes of their own: exit, fork, Ctrl-C, threads."""

from __future__ import annotations

import os
import random
import subprocess
import sys
from pathlib import Path

import pytest
from scripted import Exchange, ScriptedServer, completion

from maritaca_async.sandbox import Sandbox

PROGRAMS = Path(__file__).with_name("programs.py")


def run(
    name: str, base_url: str, *, dev: bool = True, **environment: str
) -> subprocess.CompletedProcess[str]:
    flags = ["-X", "dev", "-W", "error"] if dev else []
    return subprocess.run(
        [sys.executable, *flags, str(PROGRAMS), name, base_url],
        capture_output=True,
        text=True,
        timeout=18,
        env={**os.environ, **environment},
        check=False,
    )


def assert_clean(done: subprocess.CompletedProcess[str], *, said: str = "end") -> None:
    noise = [line for line in done.stderr.splitlines() if not line.startswith("Executing <")]
    assert noise == []
    assert done.returncode == 0
    assert said in done.stdout


@pytest.mark.parametrize(
    "name",
    [
        "three_runs",
        "two_threads_with_loops",
        "blocking_inside_a_running_loop",
        "nothing_closed",
        "streams_left_open_in_generators",
        "context_variables_travel",
        "call_on_the_loop_thread",
        "gevent_is_refused",
        "exit_in_a_call_ends_only_that_call",
    ],
)
def test_program_ends_well_and_silently(name: str) -> None:
    with Sandbox() as sandbox:
        assert_clean(run(name, sandbox.base_url))


def test_threads_share_one_blocking_client_without_mixing_answers() -> None:
    with Sandbox() as sandbox:
        assert_clean(run("many_threads", sandbox.base_url, dev=False))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork here")
@pytest.mark.parametrize("name", ["fork", "fork_with_an_open_stream"])
def test_client_works_in_parent_and_forked_children(name: str) -> None:
    with Sandbox() as sandbox:
        assert_clean(run(name, sandbox.base_url, dev=False))


@pytest.mark.parametrize("name", ["exit_during_a_call", "exit_during_a_stream"])
def test_process_exits_quickly_and_silently_at_any_moment(name: str) -> None:
    chance = random.Random(7)
    with Sandbox(latency=0.05, tokens_per_second=200) as sandbox:
        for _ in range(8):
            assert_clean(run(name, sandbox.base_url, dev=False, EXIT_AFTER=str(chance.uniform(0, 0.3))))


def test_blocking_call_made_at_exit_is_answered_or_refused_but_never_hangs() -> None:
    with Sandbox() as sandbox:
        done = run("call_at_exit", sandbox.base_url, dev=False)
    assert "end" in done.stdout


def test_loop_that_other_code_stopped_is_noticed_and_replaced() -> None:
    with Sandbox() as sandbox:
        done = run("loop_stopped_by_others", sandbox.base_url, dev=False)
    assert done.returncode == 0, done.stderr
    assert "noticed" in done.stdout
    assert "end" in done.stdout


async def test_interrupt_cancels_the_call_on_the_server_and_leaves_the_client_usable() -> None:
    import asyncio

    async def script(exchange: Exchange) -> None:
        if "x-hang" in exchange.seen.headers:
            await exchange.until_client_leaves()
        else:
            await exchange.answer(200, completion())

    async with ScriptedServer((script,)) as server:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            str(PROGRAMS),
            "interrupt_a_call",
            server.base_url,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 15)
    assert process.returncode == 0, err.decode()
    assert out.decode().split("\n")[:3] == ["interrupted", "still works", "end"]
    assert server.seen[0].closed_at is not None
