"""The logger is silent by itself, and never shows the key or a prompt."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
from scripted import ASK, GOOD_STREAM, Exchange, ScriptedServer, answers, completion, streams

from maritaca_async import (
    APIConnectionError,
    APIResponseError,
    APITimeoutError,
    AsyncMaritaca,
    BadRequestError,
    RetryPolicy,
)

PROGRAM = """
import asyncio, sys
from maritaca_async import AsyncMaritaca, RetryPolicy
from maritaca_async.sandbox import Sandbox
with Sandbox() as sandbox:
    client = AsyncMaritaca("sk-canary", base_url=sandbox.base_url)
    asyncio.run(client.chat.completions.create(model="sabia-4", messages=[{"role": "user", "content": "segredo"}]))
"""


@pytest.mark.parametrize(("level", "lines"), [("", 0), ("info", 1), ("debug", 2), ("nonsense", 0)])
def test_level_is_taken_from_the_environment(level: str, lines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARITACA_LOG", level)
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == lines
    assert "canary" not in done.stderr
    assert "segredo" not in done.stderr


def client(server: ScriptedServer, **options: object) -> AsyncMaritaca:
    options.setdefault("max_retries", RetryPolicy(delay=0.001))
    return AsyncMaritaca("sk-canary", base_url=server.base_url, **options)  # type: ignore[arg-type]


async def test_calls_are_logged_with_status_attempt_and_request_id(caplog: pytest.LogCaptureFixture) -> None:
    async def good(exchange: Exchange) -> None:
        await exchange.answer(200, completion(), X_Request_Id="req-7")

    caplog.set_level(logging.INFO, "maritaca_async")
    async with ScriptedServer((good,)) as server, client(server) as maritaca:
        await maritaca.chat.completions.create(**ASK, extra_query={"canary": "canary"})
    (line,) = caplog.messages
    assert line.startswith("<Request POST /chat/completions, ")
    assert "200 on attempt 1 after 0." in line
    assert line.endswith("s, request id req-7")
    assert "canary" not in line


async def test_retries_are_logged_with_their_reason(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "maritaca_async")
    async with ScriptedServer(answers(503, completion())) as server, client(server) as maritaca:
        await maritaca.chat.completions.create(**ASK)
    first, retried, second, answered = caplog.messages
    assert "attempt 1 begins" in first
    assert "attempt 1 failed (InternalServerError, 503), next in 0.00 s" in retried
    assert "attempt 2 begins" in second
    assert "200 on attempt 2" in answered


async def test_no_line_of_any_level_quotes_the_key_a_prompt_or_an_answer(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def echo(exchange: Exchange) -> None:
        said = exchange.seen.body.decode() + exchange.seen.headers["authorization"]
        await exchange.answer(400 + exchange.number, {"detail": said}, X_Request_Id="req-8")

    async def nonsense(exchange: Exchange) -> None:
        await exchange.answer(200, exchange.seen.body)

    caplog.set_level(logging.DEBUG, "maritaca_async")
    asked = {**ASK, "messages": [{"role": "user", "content": "segredo"}]}
    async with ScriptedServer((echo, nonsense)) as server, client(server) as maritaca:
        with pytest.raises(BadRequestError, match="segredo"):
            await maritaca.chat.completions.create(**asked)
        with pytest.raises(APIResponseError, match="segredo"):
            await maritaca.chat.completions.create(**asked)
    assert "failed on attempt 1" in caplog.text
    assert "(BadRequestError, 400, request id req-8)" in caplog.text
    assert "(APIResponseError)" in caplog.text
    assert "segredo" not in caplog.text
    assert "canary" not in caplog.text


async def test_failures_are_told_by_class_phase_cause_and_code(caplog: pytest.LogCaptureFixture) -> None:
    async def hang(exchange: Exchange) -> None:
        await exchange.until_client_leaves()

    async def coded(exchange: Exchange) -> None:
        await exchange.answer(400, {"error": {"message": "m", "code": "bad\nline"}})

    caplog.set_level(logging.INFO, "maritaca_async")
    async with ScriptedServer((hang, lambda exchange: exchange.reset(), coded)) as server:
        async with client(server, max_retries=0) as maritaca:
            with pytest.raises(APITimeoutError):
                await maritaca.chat.completions.create(**ASK, timeout=0.1)
            with pytest.raises(APIConnectionError):
                await maritaca.chat.completions.create(**ASK)
            with pytest.raises(BadRequestError):
                await maritaca.chat.completions.create(**ASK)
    timed_out, lost, coded_line = caplog.messages
    assert timed_out.endswith("(APITimeoutError, deadline)")
    assert "(APIConnectionError, caused by Client" in lost
    assert coded_line.endswith(r"(BadRequestError, 400, code 'bad\nline')")


async def test_stream_is_logged_when_it_opens(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "maritaca_async")
    async with (
        ScriptedServer((streams(*GOOD_STREAM),)) as server,
        client(server) as maritaca,
        maritaca.chat.completions.stream(**ASK) as stream,
    ):
        opened = caplog.messages[0]
        await stream.get_final_completion()
    assert "200 on attempt 1" in opened
    assert "Bom" not in caplog.text
