"""The sandbox as a server: its life, its routes, what it records, how its knobs work."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from typing import Any

import aiohttp
import pytest

from maritaca_async.catalogue import MODELS, find_model
from maritaca_async.sandbox import Sandbox

KEY = {"Authorization": "Bearer qualquer-chave"}


def body(prompt: str = "Olá!", **params: Any) -> dict[str, Any]:
    return {"model": "sabia-4", "messages": [{"role": "user", "content": prompt}], **params}


async def post(
    sandbox: Sandbox, payload: Any, headers: dict[str, str] = KEY, path: str = "/api/chat/completions"
) -> tuple[int, Any, Any]:
    url = sandbox.base_url.removesuffix("/api") + path
    async with aiohttp.ClientSession() as session, session.post(url, json=payload, headers=headers) as reply:
        return reply.status, await reply.json(), reply.headers


async def until(condition: Any, seconds: float = 2.0) -> None:
    async with asyncio.timeout(seconds):
        while not condition():
            await asyncio.sleep(0.005)


# Life


async def test_async_sandbox_serves_and_stops_listening() -> None:
    async with Sandbox() as sandbox:
        url = sandbox.base_url
        assert url.startswith("http://127.0.0.1:")
        assert url.endswith("/api")
        status, _, _ = await post(sandbox, body())
        assert status == 200
    with pytest.raises(aiohttp.ClientConnectorError):
        async with aiohttp.ClientSession() as session:
            await session.get(f"{url}/models")


def test_blocking_sandbox_serves_a_program_without_an_event_loop() -> None:
    before = set(threading.enumerate())
    with Sandbox() as sandbox:
        request = urllib.request.Request(f"{sandbox.base_url}/models", headers=KEY)
        with urllib.request.urlopen(request, timeout=5) as reply:
            assert b"sabia-4" in reply.read()
    assert set(threading.enumerate()) <= before


def test_sandbox_has_no_address_before_it_runs() -> None:
    with pytest.raises(RuntimeError, match="not running"):
        _ = Sandbox().base_url


def test_running_sandbox_cannot_be_started_twice() -> None:
    sandbox = Sandbox(api_key="segredo")
    assert repr(sandbox) == "<Sandbox not running>"
    with sandbox:
        assert repr(sandbox) == f"<Sandbox {sandbox.base_url}>"
        with pytest.raises(RuntimeError, match="running already"), sandbox:
            pass


def test_taken_port_is_reported_to_the_caller() -> None:
    with Sandbox() as first:
        port = int(first.base_url.removesuffix("/api").rsplit(":", 1)[1])
        with pytest.raises(OSError), Sandbox(port=port):
            pass


def test_sandbox_can_be_started_again() -> None:
    sandbox = Sandbox()
    for _ in range(2):
        with sandbox:
            assert sandbox.base_url


async def test_sandbox_stops_at_once_while_a_stream_is_open() -> None:
    async with aiohttp.ClientSession(headers=KEY) as session:
        async with Sandbox(tokens_per_second=1) as sandbox:
            reply = await session.post(f"{sandbox.base_url}/chat/completions", json=body(stream=True))
            await reply.content.readany()
            started = time.monotonic()
        assert time.monotonic() - started < 0.5
        reply.close()


def test_sandbox_leaves_no_warning_behind_in_development_mode() -> None:
    program = """
import http.client, json
from maritaca_async.sandbox import Sandbox
with Sandbox(tokens_per_second=5) as sandbox:
    host = sandbox.base_url.removeprefix("http://").removesuffix("/api")
    connection = http.client.HTTPConnection(host)
    body = {"model": "sabia-4", "messages": [{"role": "user", "content": "Olá"}], "stream": True}
    connection.request("POST", "/api/chat/completions", json.dumps(body), {"Authorization": "Bearer x"})
    reply = connection.getresponse()
    print(reply.status, reply.readline()[:6])
reply.close()
connection.close()
"""
    result = subprocess.run(
        [sys.executable, "-X", "dev", "-W", "error", "-c", program],
        capture_output=True, text=True, timeout=15, check=False,
    )  # fmt: skip
    assert result.stderr == ""
    assert result.stdout == "200 b'data: '\n"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_command_prints_its_address_and_ends_quietly(number: signal.Signals) -> None:
    command = [sys.executable, "-m", "maritaca_async.sandbox", "--port", "0", "--latency", "0.01"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        with urllib.request.urlopen(urllib.request.Request(f"{url}/models", headers=KEY), timeout=5) as reply:
            assert reply.status == 200
        os.kill(process.pid, number)
        rest, complaints = process.communicate(timeout=5)
    assert (process.returncode, rest, complaints) == (0, "", "")


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [(["--latency", "-1"], "latency must be at least 0"), (["--tempo"], "unrecognized arguments")],
)
def test_command_refuses_bad_arguments(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    from maritaca_async.sandbox.__main__ import main

    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_command_says_when_the_port_is_taken(capsys: pytest.CaptureFixture[str]) -> None:
    from maritaca_async.sandbox.__main__ import main

    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        with Sandbox() as sandbox:
            port = sandbox.base_url.removesuffix("/api").rsplit(":", 1)[1]
            with pytest.raises(SystemExit) as ended:
                main(["--port", port])
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
    assert ended.value.code == 1
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


def test_plugin_hands_out_a_sandbox_and_sets_the_environment(tmp_path: Any) -> None:
    (tmp_path / "conftest.py").write_text('pytest_plugins = ["maritaca_async.sandbox.pytest_plugin"]\n')
    (tmp_path / "test_it.py").write_text(
        "import os, urllib.request\n"
        "def test_it(maritaca_sandbox):\n"
        "    assert os.environ['MARITACA_API_BASE'] == maritaca_sandbox.base_url\n"
        "    key = os.environ['MARITACA_API_KEY']\n"
        "    url = os.environ['MARITACA_API_BASE'] + '/models'\n"
        "    request = urllib.request.Request(url, headers={'Authorization': f'Key {key}'})\n"
        "    with urllib.request.urlopen(request) as reply:\n"
        "        assert reply.status == 200\n"
        "    assert len(maritaca_sandbox.requests) == 1\n"
        "def test_next(maritaca_sandbox):\n"
        "    assert maritaca_sandbox.requests == []\n"
    )
    options = ["-q", "-p", "no:cacheprovider", "-p", "no:asyncio", "-W", "error", str(tmp_path)]
    command = [sys.executable, "-m", "pytest", *options]
    result = subprocess.run(command, capture_output=True, text=True, timeout=15, cwd=tmp_path, check=False)
    assert "2 passed" in result.stdout, result.stdout


# Routes and keys


@pytest.mark.parametrize("prefix", ["/api", "/api/v1", "/v1"])
async def test_every_prefix_leads_to_the_same_routes(prefix: str) -> None:
    async with Sandbox() as sandbox:
        status, reply, _ = await post(sandbox, body(), path=f"{prefix}/chat/completions")
        assert (status, reply["object"]) == (200, "chat.completion")
        url = sandbox.base_url.removesuffix("/api") + f"{prefix}/models"
        async with aiohttp.ClientSession(headers=KEY) as session, session.get(url) as models:
            assert [model["id"] for model in (await models.json())["data"]] == [
                "sabia-4-thinking", "sabia-4", "sabiazinho-4",
            ]  # fmt: skip


async def test_unknown_route_and_wrong_method_are_refused_in_json() -> None:
    async with Sandbox() as sandbox, aiohttp.ClientSession(headers=KEY) as session:
        async with session.post(f"{sandbox.base_url}/embeddings", json={}) as reply:
            assert (reply.status, await reply.json()) == (404, {"detail": "Not Found"})
        async with session.get(f"{sandbox.base_url}/chat/completions") as reply:
            assert (reply.status, await reply.json()) == (405, {"detail": "Method Not Allowed"})
            assert reply.headers["Allow"] == "POST"


@pytest.mark.parametrize(
    ("header", "status"),
    [
        ("Bearer certa", 200),
        ("Key certa", 200),
        ("bearer certa", 200),
        ("Bearer errada", 401),
        ("Bearer ", 401),
        ("Basic certa", 401),
        ("certa", 401),
        (None, 401),
    ],
)
async def test_only_the_right_key_opens_the_api(header: str | None, status: int) -> None:
    headers = {} if header is None else {"Authorization": header}
    async with Sandbox(api_key="certa") as sandbox:
        got, reply, _ = await post(sandbox, body(), headers=headers)
    assert got == status
    assert isinstance(reply.get("detail", ""), str)


async def test_any_key_will_do_when_none_is_set() -> None:
    async with Sandbox() as sandbox:
        assert (await post(sandbox, body(), headers={"Authorization": "Bearer x"}))[0] == 200
        assert (await post(sandbox, body(), headers={}))[0] == 401
        assert sandbox.api_key


# Records


async def test_requests_are_recorded_as_they_were_sent() -> None:
    async with Sandbox() as sandbox:
        before = time.monotonic()
        await post(sandbox, body("Olá, ação!"))
        [record] = sandbox.requests
    assert (record.method, record.path) == ("POST", "/api/chat/completions")
    assert record.headers["authorization"] == KEY["Authorization"]
    assert record.body == body("Olá, ação!")
    assert before <= record.received_at <= time.monotonic()
    assert (record.status, record.completed, record.disconnected_at) == (200, True, None)
    assert "qualquer-chave" not in repr(record)


async def test_peer_port_tells_whether_a_connection_was_reused() -> None:
    async with Sandbox() as sandbox:
        async with aiohttp.ClientSession(headers=KEY) as session:
            for _ in range(2):
                async with session.get(f"{sandbox.base_url}/models") as reply:
                    await reply.read()
        await post(sandbox, body())
        first, second, third = sandbox.requests
    assert first.peer_port == second.peer_port != third.peer_port


async def test_client_that_leaves_a_stream_is_recorded() -> None:
    async with Sandbox(tokens_per_second=50) as sandbox:
        async with aiohttp.ClientSession(headers=KEY) as session:
            url = f"{sandbox.base_url}/chat/completions"
            async with session.post(url, json=body("Conte até 500", stream=True)) as reply:
                await reply.content.readany()
                left_at = time.monotonic()
        await until(lambda: sandbox.requests[0].disconnected_at is not None)
        [record] = sandbox.requests
        assert record.disconnected_at is not None
        assert record.disconnected_at - left_at < 0.2
        assert not record.completed
        assert 0 < record.events_sent < 20
        assert sandbox.in_flight == 0


async def test_client_that_leaves_before_the_reply_is_recorded() -> None:
    async with Sandbox(latency=5) as sandbox:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await post(sandbox, body())
        await until(lambda: sandbox.requests[0].disconnected_at is not None)
        assert sandbox.requests[0].status is None


async def test_client_that_leaves_in_the_middle_of_a_write_is_no_error(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with Sandbox() as sandbox:
        for _ in range(5):
            async with aiohttp.ClientSession(headers=KEY) as session:
                url = f"{sandbox.base_url}/chat/completions"
                reply = await session.post(url, json=body("Conte até 20000", stream=True))
                await reply.content.readany()
                reply.close()
        await until(lambda: sandbox.in_flight == 0)
        assert all(record.disconnected_at for record in sandbox.requests)
        assert not any(record.completed for record in sandbox.requests)
    assert caplog.records == []


async def test_gauges_count_requests_under_way() -> None:
    async with Sandbox(latency=0.2) as sandbox:
        calls = asyncio.gather(*(post(sandbox, body()) for _ in range(5)))
        await until(lambda: sandbox.in_flight == 5)
        await calls
        await until(lambda: sandbox.in_flight == 0)
        assert sandbox.max_in_flight == 5


async def test_reset_forgets_what_happened_but_keeps_the_options() -> None:
    async with Sandbox(api_key="certa") as sandbox:
        headers = {"Authorization": "Bearer certa"}
        await post(sandbox, body(), headers)
        sandbox.fail_next()
        sandbox.reset()
        assert (sandbox.requests, sandbox.max_in_flight) == ([], 0)
        status, reply, _ = await post(sandbox, body(), headers)
        assert status == 200
        assert reply["usage"]["prompt_tokens_details"]["cached_tokens"] == 0
        assert sandbox.options.api_key == "certa"


# The catalogue


def test_catalogue_resolves_aliases_to_the_model_they_mean() -> None:
    small = find_model("sabia-4-small")
    assert small is not None
    assert small.id == "sabiazinho-4"
    assert find_model("sabiá-4") is None
    names = [name for model in MODELS for name in (model.id, *model.aliases)]
    assert len(names) == len(set(names))
    assert {(model.context_tokens, model.max_output_tokens) for model in MODELS} == {(128_000, 32_768)}
