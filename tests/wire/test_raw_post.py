"""Routes without a method of their own: `post` and `post_many` over real sockets."""

from __future__ import annotations

import asyncio
import copy
import pickle
from typing import Any

import pytest
from conftest import KEY
from scripted import Exchange, ScriptedServer, Seen, answers

from maritaca_async import (
    APIResponseError,
    APITimeoutError,
    AsyncMaritaca,
    BadRequestError,
    ConfigurationError,
    Maritaca,
    RetryPolicy,
)

LEGACY = {"model": "sabia-4", "messages": "Qual é a capital do Brasil?", "chat_mode": False}
ANSWER = {"answer": "Brasília", "usage": {"total_tokens": 9}}
QUICK = RetryPolicy(delay=0.001, rate_limit_delay=0.001)


def client(server: ScriptedServer, **options: Any) -> AsyncMaritaca:
    return AsyncMaritaca(KEY, base_url=server.base_url, **{"max_retries": QUICK, **options})


async def echo(exchange: Exchange) -> None:
    await exchange.answer(200, {"echo": exchange.seen.json})


async def test_body_reaches_the_route_and_the_answer_comes_back_as_it_is() -> None:
    async with ScriptedServer(answers(ANSWER)) as server, client(server) as maritaca:
        answer = await maritaca.post("/chat/inference", body=LEGACY)
    seen = server.seen[0]
    assert (seen.method, seen.path) == ("POST", "/api/chat/inference")
    assert seen.json == LEGACY
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert answer == ANSWER
    assert answer["usage"]["total_tokens"] == 9
    assert (answer.http.status, answer.http.attempts) == (200, 1)


async def test_answer_survives_copy_and_pickle_with_its_http_information() -> None:
    async with ScriptedServer(answers(ANSWER)) as server, client(server) as maritaca:
        answer = await maritaca.post("/chat/inference", body=LEGACY)
    for twin in (copy.deepcopy(answer), pickle.loads(pickle.dumps(answer))):
        assert (twin, twin.http) == (answer, answer.http)


async def test_options_of_the_call_are_heeded() -> None:
    async with ScriptedServer(answers(ANSWER)) as server, client(server) as maritaca:
        await maritaca.post(
            "/chat/inference",
            body=LEGACY,
            extra_headers={"X-Trace": "t1"},
            extra_query={"beta": "sim"},
            extra_body={"do_sample": False},
        )
    seen = server.seen[0]
    assert seen.path == "/api/chat/inference?beta=sim"
    assert seen.headers["x-trace"] == "t1"
    assert seen.json == {**LEGACY, "do_sample": False}


@pytest.mark.parametrize("status", [429, 500])
async def test_failure_is_tried_again_unless_told_otherwise(status: int) -> None:
    async with ScriptedServer(answers(status, ANSWER)) as server, client(server) as maritaca:
        answer = await maritaca.post("/chat/inference", body=LEGACY)
    assert (answer, answer.http.attempts) == (ANSWER, 2)
    async with ScriptedServer(answers(status, ANSWER)) as server, client(server) as maritaca:
        with pytest.raises(Exception, match=f"{status}"):
            await maritaca.post("/chat/inference", body=LEGACY, max_retries=0)
    assert len(server.seen) == 1


async def test_timeout_of_the_call_ends_it() -> None:
    async def silent(exchange: Exchange) -> None:
        await exchange.until_client_leaves()

    async with ScriptedServer((silent,)) as server, client(server) as maritaca:
        with pytest.raises(APITimeoutError):
            await maritaca.post("/chat/inference", body=LEGACY, timeout=0.05)


@pytest.mark.parametrize(
    "path",
    [
        "chat/inference",
        "",
        "/",
        "//evil.example/x",
        "https://evil.example/x",
        "@evil.example/x",
        "/../admin",
        "/chat/../../admin",
        "/chat/..",
        "/./chat",
        "/%2e%2e/admin",
        "/chat//inference",
        "/chat\\..\\admin",
        "/chat?x=1",
        "/chat#x",
        "/chat inference",
        "/chat\n",
        "/..\n",
        "/ação",
        None,
        b"/chat",
    ],
)
async def test_path_that_could_lead_elsewhere_is_refused_before_any_request(path: Any) -> None:
    async with ScriptedServer(answers(ANSWER)) as server, client(server) as maritaca:
        with pytest.raises(ConfigurationError, match="path must be"):
            await maritaca.post(path, body=LEGACY)
        with pytest.raises(ConfigurationError, match="path must be"):
            await maritaca.post_many(path, bodies=[LEGACY])
    assert server.seen == []


@pytest.mark.parametrize(
    "path", ["/embeddings", "/chat/inference/", "/inference/intfloat/e5.large-v2", "/a:b/c@d/~e"]
)
async def test_plain_path_arrives_unchanged(path: str) -> None:
    async with ScriptedServer(answers(ANSWER)) as server, client(server) as maritaca:
        await maritaca.post(path, body={})
    assert server.seen[0].path == f"/api{path}"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"body": [1]}, "body must be a mapping, not list"),
        ({"body": {"stream": True}}, "leave out stream"),
        ({"body": {"a": float("nan")}}, "NaN"),
        ({"body": {}, "temperature": 1}, "unknown parameter 'temperature'"),
        ({"body": {}, "timeout": -1}, "timeout"),
        ({"body": {}, "extra_headers": {"Authorization": "x"}}, "Authorization"),
    ],
)
async def test_bad_body_or_option_is_refused_before_any_request(arguments: Any, said: str) -> None:
    async with ScriptedServer(answers(ANSWER)) as server, client(server) as maritaca:
        with pytest.raises(ConfigurationError, match=said):
            await maritaca.post("/chat/inference", **arguments)
    assert server.seen == []


@pytest.mark.parametrize("body", [b"[1]", b"7", b"null", b'"x"', b"", b"<html>", b'{"a": NaN}', b'{"a":'])
async def test_answer_that_is_no_json_object_is_an_error_that_shows_it(body: bytes) -> None:
    async with ScriptedServer(answers(body)) as server, client(server) as maritaca:
        with pytest.raises(APIResponseError) as caught:
            await maritaca.post("/chat/inference", body=LEGACY)
    assert caught.value.body == body.decode()
    assert caught.value.request is not None
    assert caught.value.request.url.endswith("/api/chat/inference")


async def test_key_is_not_sent_along_a_redirect_and_shows_in_no_error() -> None:
    async with ScriptedServer(answers(ANSWER)) as elsewhere:

        async def redirect(exchange: Exchange) -> None:
            await exchange.answer(307, {"detail": f"moved, {KEY}"}, Location=f"{elsewhere.base_url}/x")

        async with ScriptedServer((redirect,)) as server, client(server) as maritaca:
            with pytest.raises(Exception, match="not followed") as caught:
                await maritaca.post("/chat/inference", body=LEGACY)
    assert elsewhere.seen == []
    assert KEY not in str(caught.value)


async def test_many_answers_keep_the_order_of_the_bodies() -> None:
    async def later_ones_first(exchange: Exchange) -> None:
        await asyncio.sleep(0.02 * (5 - exchange.seen.json["n"]))
        await echo(exchange)

    async with ScriptedServer((later_ones_first,)) as server, client(server) as maritaca:
        got = await maritaca.post_many("/echo", bodies=({"n": n} for n in range(6)))
    assert [answer["echo"]["n"] for answer in got] == list(range(6))
    assert all(answer.http.status == 200 for answer in got)


async def test_many_requests_never_exceed_their_concurrency() -> None:
    under_way = most = 0

    async def count(exchange: Exchange) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.01)
        under_way -= 1
        await echo(exchange)

    async with ScriptedServer((count,)) as server, client(server) as maritaca:
        await maritaca.post_many("/echo", bodies=[{}] * 12, max_concurrency=3)
    assert most == 3
    assert len(server.seen) == 12


async def test_first_failure_of_many_ends_the_others() -> None:
    hanging: list[Seen] = []

    async def script(exchange: Exchange) -> None:
        if exchange.seen.json["n"] == 1:
            await exchange.answer(400, {"detail": "texto longo demais"})
        else:
            hanging.append(exchange.seen)
            await exchange.until_client_leaves()

    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        async with asyncio.timeout(5):
            with pytest.raises(BadRequestError, match="texto longo"):
                await maritaca.post_many("/echo", bodies=[{"n": n} for n in range(9)], max_concurrency=3)
            while any(seen.closed_at is None for seen in hanging):
                await asyncio.sleep(0.01)
    assert len(server.seen) <= 3


async def test_cancelled_caller_leaves_no_request_behind() -> None:
    async def silent(exchange: Exchange) -> None:
        await exchange.until_client_leaves()

    async with ScriptedServer((silent,)) as server, client(server) as maritaca:
        task = asyncio.create_task(maritaca.post_many("/echo", bodies=[{}] * 3))
        while len(server.seen) < 3:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        async with asyncio.timeout(5):
            while any(seen.closed_at is None for seen in server.seen):
                await asyncio.sleep(0.01)


async def test_no_bodies_make_no_request() -> None:
    async with ScriptedServer(answers(ANSWER)) as server, client(server) as maritaca:
        assert await maritaca.post_many("/echo", bodies=[]) == []
    assert server.seen == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"bodies": {"a": 1}}, "bodies must be a list"),
        ({"bodies": "abc"}, "bodies must be a list"),
        ({"bodies": [{}, 7]}, "body must be a mapping, not int"),
        ({"bodies": [{}], "max_concurrency": 0}, "max_concurrency must be a whole number"),
    ],
)
async def test_bad_arguments_of_many_are_refused_before_any_request(arguments: Any, said: str) -> None:
    async with ScriptedServer(answers(ANSWER)) as server, client(server) as maritaca:
        with pytest.raises(ConfigurationError, match=said):
            await maritaca.post_many("/echo", **arguments)
    assert server.seen == []


async def test_blocking_twin_gives_the_same_answers() -> None:
    async with ScriptedServer((echo,)) as server:

        def block() -> None:
            with Maritaca(KEY, base_url=server.base_url) as maritaca:
                assert maritaca.post("/echo", body=LEGACY) == {"echo": LEGACY}
                many = maritaca.post_many("/echo", bodies=[{"n": n} for n in range(20)])
                assert [answer["echo"]["n"] for answer in many] == list(range(20))
                assert many[0].http.status == 200
                with pytest.raises(ConfigurationError, match="path must be"):
                    maritaca.post("https://evil.example", body={})

        await asyncio.to_thread(block)
