"""The logger is silent by itself, and never shows the key or a prompt."""

from __future__ import annotations

import logging
import subprocess
import sys

import pytest
from scripted import ASK, ScriptedServer, answers, completion

from maritaca_async import AsyncMaritaca, RetryPolicy

PROGRAM = """
import asyncio, sys
from maritaca_async import AsyncMaritaca, RetryPolicy
from maritaca_async.sandbox import Sandbox
with Sandbox() as sandbox:
    client = AsyncMaritaca("sk-canary", base_url=sandbox.base_url)
    asyncio.run(client.chat.completions.create(model="sabia-4", messages=[{"role": "user", "content": "segredo"}]))
"""


@pytest.mark.parametrize(("level", "lines"), [("", 0), ("info", 0), ("debug", 1), ("nonsense", 0)])
def test_level_is_taken_from_the_environment(level: str, lines: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARITACA_LOG", level)
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == lines
    assert "canary" not in done.stderr
    assert "segredo" not in done.stderr


async def test_retries_are_logged_with_their_reason(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG, "maritaca_async")
    async with ScriptedServer(answers(503, completion())) as server:
        async with AsyncMaritaca(
            "sk-canary", base_url=server.base_url, max_retries=RetryPolicy(delay=0.001)
        ) as client:
            await client.chat.completions.create(**ASK)
    retried, answered = caplog.messages
    assert "attempt 1 failed (503 Reason: status 503)" in retried
    assert "attempt 2" in answered
    assert "canary" not in caplog.text
    assert "Olá" not in caplog.text
