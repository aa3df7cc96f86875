"""`with_options`, resolvers, sessions of the caller's, and what the server says of its limits."""

from __future__ import annotations

import asyncio
import copy
import gc
import pickle
import socket
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from conftest import KEY
from scripted import ASK, GOOD_STREAM, Exchange, ScriptedServer, answers, completion, streams

from maritaca_async import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    AsyncMaritaca,
    ConfigurationError,
    InternalServerError,
    Limits,
    Maritaca,
    RateLimitError,
    RetryPolicy,
    Timeouts,
)
from maritaca_async._core.hooks import Hooks
from maritaca_async.sandbox import Sandbox

QUICK = RetryPolicy(delay=0.001, rate_limit_delay=0.001)


def client(server: ScriptedServer, **options: Any) -> AsyncMaritaca:
    return AsyncMaritaca(KEY, base_url=server.base_url, **{"max_retries": QUICK, **options})


# with_options


async def test_clients_made_with_options_share_one_pool() -> None:
    async with ScriptedServer(answers(completion())) as server, client(server) as maritaca:
        for number in range(5):
            other = maritaca.with_options(timeout=5 + number, extra_headers={"X-Number": str(number)})
            await other.chat.completions.create(**ASK)
            await maritaca.chat.completions.create(**ASK)
    assert server.connections == 1
    assert [seen.headers.get("x-number") for seen in server.seen] == [
        value for number in range(5) for value in (str(number), None)
    ]


async def test_closing_either_client_closes_both() -> None:
    for closes_copy in (True, False):
        async with ScriptedServer(answers(completion())) as server:
            maritaca = client(server)
            other = maritaca.with_options(max_retries=0)
            await maritaca.chat.completions.create(**ASK)
            await (other if closes_copy else maritaca).aclose()
            for closed in (maritaca, other):
                with pytest.raises(ConfigurationError, match="closed"):
                    await closed.chat.completions.create(**ASK)


async def test_a_copy_keeps_the_pool_open_when_the_first_client_is_gone() -> None:
    async with ScriptedServer(answers(completion())) as server:
        maritaca = client(server)
        await maritaca.chat.completions.create(**ASK)
        other = maritaca.with_options(timeout=5)
        del maritaca
        gc.collect()
        await other.chat.completions.create(**ASK)
        assert server.connections == 1
        await other.aclose()


async def test_timeout_of_the_copy_leaves_the_first_client_alone() -> None:
    async def slow(exchange: Exchange) -> None:
        await asyncio.sleep(0.3)
        await exchange.answer(200, completion("oi"))

    async with ScriptedServer((slow,)) as server, client(server) as maritaca:
        with pytest.raises(APITimeoutError, match=r"within 0.1 s"):
            await maritaca.with_options(timeout=0.1).chat.completions.create(**ASK)
        clocks = maritaca.with_options(timeout=Timeouts(deadline=0.1))
        with pytest.raises(APITimeoutError, match=r"within 0.1 s"):
            await clocks.chat.completions.create(**ASK)
        assert (await clocks.chat.completions.create(**ASK, timeout=5)).text == "oi"
        assert (await maritaca.chat.completions.create(**ASK)).text == "oi"


async def test_number_of_retries_keeps_the_rest_of_the_policy() -> None:
    async with ScriptedServer(answers(503)) as server:
        policy = RetryPolicy(max_retries=1, delay=0.001, max_delay=0.001)
        async with client(server, max_retries=policy) as maritaca:
            with pytest.raises(InternalServerError):
                await maritaca.with_options(max_retries=3).chat.completions.create(**ASK)
            assert len(server.seen) == 4
            with pytest.raises(InternalServerError):
                await maritaca.with_options(max_retries=0).models.list()
            assert len(server.seen) == 5


async def test_budget_of_retries_is_one_for_all_copies() -> None:
    async with ScriptedServer(answers(503)) as server, client(server) as maritaca:
        for _ in range(200):
            with pytest.raises(InternalServerError):
                await maritaca.with_options(timeout=30).chat.completions.create(**ASK)
    assert len(server.seen) <= 200 + 100


async def test_headers_and_query_add_up_from_client_to_copy_to_call() -> None:
    async with ScriptedServer(
        (*answers(completion()), streams(*GOOD_STREAM), *answers({"data": []}))
    ) as server:
        first = client(
            server, extra_headers={"X-A": "1", "X-B": "1", "User-Agent": "mine"}, extra_query={"a": "1"}
        )
        async with first:
            other = first.with_options(extra_headers={"x-b": "2", "X-C": "2"}, extra_query={"b": "2"})
            await other.chat.completions.create(
                **ASK, extra_headers={"X-C": "3", "X-D": "3"}, extra_query={"b": "3"}
            )
            async with other.chat.completions.stream(**ASK) as stream:
                await stream.get_final_completion()
            await first.models.list()
    called, streamed, listed = server.seen
    assert {name: called.headers[f"x-{name}"] for name in "abcd"} == {"a": "1", "b": "2", "c": "3", "d": "3"}
    assert called.path.endswith("?a=1&b=3")
    assert (streamed.headers["x-b"], streamed.headers["accept"]) == ("2", "text/event-stream")
    assert (listed.headers["x-b"], listed.headers["user-agent"]) == ("1", "mine")
    assert "x-c" not in listed.headers
    assert listed.path.endswith("/models?a=1")


async def test_key_of_a_copy_is_its_own() -> None:
    async with ScriptedServer(answers(completion())) as server, client(server) as maritaca:
        other = maritaca.with_options(api_key=" sk-other ")
        await other.chat.completions.create(**ASK)
        await maritaca.chat.completions.create(**ASK)
        assert str(copy.copy(other)._api_key) == "sk-other"
    assert [seen.headers["authorization"] for seen in server.seen] == ["Bearer sk-other", f"Bearer {KEY}"]
    assert server.connections == 1


async def test_hooks_of_the_copy_take_the_place_of_the_clients() -> None:
    told: list[str] = []

    def teller(name: str) -> Hooks:
        return Hooks(on_request=lambda event: told.append(name))

    async with ScriptedServer(answers(completion())) as server, client(server, hooks=teller("a")) as maritaca:
        for copied in (
            maritaca,
            maritaca.with_options(hooks=teller("b")),
            maritaca.with_options(hooks=None),
            maritaca.with_options(timeout=3),
        ):
            await copied.chat.completions.create(**ASK)
    assert told == ["a", "b", "a"]


class Tenant(AsyncMaritaca):
    """A client that someone extended."""

    name = "nobody"


async def test_copy_is_of_the_same_class_with_the_same_attributes() -> None:
    tenant = Tenant(KEY)
    tenant.name = "acme"
    other = tenant.with_options(timeout=3)
    assert type(other) is Tenant
    assert other.name == "acme"
    assert other.base_url == tenant.base_url


@pytest.mark.parametrize("kind", [AsyncMaritaca, Maritaca])
@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"base_url": "http://x"}, "'base_url': both clients share it"),
        ({"proxy": None}, "'proxy': both"),
        ({"limits": Limits()}, "'limits': both"),
        ({"timout": 3}, "unknown option 'timout': did you mean 'timeout'"),
        (
            {"foo": 3},
            "unknown option 'foo': there are extra_headers, extra_query, hooks, max_retries, timeout",
        ),
        ({"timeout": -1}, "timeout must be"),
        ({"max_retries": None}, "max_retries must be"),
        ({"extra_headers": {"Authorization": "x"}}, "cannot replace Authorization"),
        ({"extra_query": {"a": 1}}, "extra_query"),
        ({"hooks": print}, "hooks must be"),
        ({"api_key": "sk canary"}, "position 3"),
    ],
)
def test_option_that_cannot_be_changed_is_refused(
    kind: type[AsyncMaritaca | Maritaca], options: dict[str, Any], said: str
) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        kind(KEY).with_options(**options)
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize("kind", [AsyncMaritaca, Maritaca])
@pytest.mark.parametrize("bad", [{"http_client": 1}, {"timout": 1}])
def test_client_refuses_options_it_does_not_know(
    kind: type[AsyncMaritaca | Maritaca], bad: dict[str, Any]
) -> None:
    with pytest.raises(ConfigurationError, match=f"unknown option '{next(iter(bad))}'"):
        kind(KEY, **bad)


def test_pickled_copy_keeps_its_options(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARITACA_API_KEY", "sk-env")
    made = AsyncMaritaca(KEY).with_options(timeout=3, max_retries=7, extra_headers={"X-A": "1"})
    restored = pickle.loads(pickle.dumps(made))
    assert restored._settings["timeout"] == 3
    assert restored._settings["max_retries"].max_retries == 7
    assert restored._settings["extra_headers"] == {"X-A": "1"}
    assert str(restored._api_key) == "sk-env"


def test_blocking_copy_shares_the_connections_and_the_close() -> None:
    with Sandbox() as sandbox:
        with Maritaca(KEY, base_url=sandbox.base_url) as blocking:
            other = blocking.with_options(timeout=5, max_retries=0)
            assert type(other) is Maritaca
            assert other._twin._transport is blocking._twin._transport
            assert other.chat.completions.create(**ASK).text
        with pytest.raises(ConfigurationError, match="closed"):
            other.models.list()


# The resolver


class Resolver(AbstractResolver):
    """Knows one address for every name, after some failures."""

    def __init__(self, port: int, failures: int = 0) -> None:
        self.port = port
        self.failures = failures
        self.asked: list[str] = []
        self.closed = False

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        self.asked.append(host)
        await asyncio.sleep(0.02)
        if len(self.asked) <= self.failures:
            raise OSError(None, "the resolver failed")
        return [
            ResolveResult(
                hostname=host, host="127.0.0.1", port=self.port, family=socket.AF_INET, proto=0, flags=0
            )
        ]

    async def close(self) -> None:
        self.closed = True


async def test_own_resolver_is_asked_once_for_many_calls_and_left_open() -> None:
    async with ScriptedServer(answers(completion())) as server:
        resolver = Resolver(server.port)
        async with AsyncMaritaca(KEY, base_url="http://api.example.test/api", resolver=resolver) as maritaca:
            await asyncio.gather(*(maritaca.chat.completions.create(**ASK) for _ in range(50)))
    assert resolver.asked == ["api.example.test"]
    assert not resolver.closed
    assert server.seen[0].headers["host"] == "api.example.test"


async def test_failing_resolver_is_tried_again() -> None:
    async with ScriptedServer(answers(completion())) as server:
        resolver = Resolver(server.port, failures=2)
        url = "http://api.example.test/api"
        async with AsyncMaritaca(KEY, base_url=url, resolver=resolver, max_retries=QUICK) as maritaca:
            await maritaca.chat.completions.create(**ASK)
            assert len(resolver.asked) == 3
        resolver = Resolver(server.port, failures=9)
        async with AsyncMaritaca(KEY, base_url=url, resolver=resolver, max_retries=0) as maritaca:
            with pytest.raises(APIConnectionError, match="host name could not be resolved"):
                await maritaca.chat.completions.create(**ASK)


def test_own_resolver_serves_one_loop_after_another_and_the_blocking_client() -> None:
    with Sandbox() as sandbox:
        port = int(sandbox.base_url.split(":")[2].split("/")[0])
        url = sandbox.base_url.replace("127.0.0.1", "api.example.test")
        resolver = Resolver(port)
        maritaca = AsyncMaritaca(KEY, base_url=url, resolver=resolver)
        for _ in range(2):
            assert asyncio.run(maritaca.models.list()).data
        with Maritaca(KEY, base_url=url, resolver=resolver) as blocking:
            assert blocking.models.list().data
    assert resolver.asked == ["api.example.test"] * 3


# A session of the caller's


async def test_own_session_is_used_and_never_closed() -> None:
    async with ScriptedServer((*answers(completion()), streams(*GOOD_STREAM))) as server:
        async with aiohttp.ClientSession(headers={"X-Mine": "1", "Authorization": "Basic x"}) as session:
            async with client(server, session=session) as maritaca:
                await maritaca.chat.completions.create(**ASK)
                async with maritaca.chat.completions.stream(**ASK) as stream:
                    assert (await stream.get_final_completion()).text == "Bom dia!"
            assert not session.closed
            with pytest.raises(ConfigurationError, match="closed"):
                await maritaca.chat.completions.create(**ASK)
            async with session.get(f"{server.base_url}/other") as response:
                await response.read()
    assert server.connections == 1
    assert [seen.headers["authorization"] for seen in server.seen[:2]] == [f"Bearer {KEY}"] * 2
    assert server.seen[0].headers["x-mine"] == "1"


async def test_own_session_changes_neither_errors_nor_redirects() -> None:
    async with ScriptedServer(answers(completion())) as other:

        async def redirect(exchange: Exchange) -> None:
            await exchange.answer(307, b"", Location=f"{other.base_url}/elsewhere")

        async with ScriptedServer((*answers(429, 429, 429), redirect)) as server:
            async with (
                aiohttp.ClientSession(raise_for_status=True) as session,
                client(server, session=session) as maritaca,
            ):
                with pytest.raises(RateLimitError):
                    await maritaca.chat.completions.create(**ASK)
                assert len(server.seen) == 3
                with pytest.raises(APIStatusError, match="not followed"):
                    await maritaca.chat.completions.create(**ASK)
        assert other.seen == []


async def test_lost_connection_of_an_own_session_costs_a_retry_like_any_other() -> None:
    async with (
        ScriptedServer((lambda exchange: exchange.reset(), *answers(completion()))) as server,
        aiohttp.ClientSession() as session,
        client(server, session=session) as maritaca,
    ):
        with pytest.raises(APIConnectionError):
            await maritaca.chat.completions.create(**ASK, max_retries=0)
        assert len(server.seen) == 1
        assert (await maritaca.chat.completions.create(**ASK)).http.attempts == 1


async def test_small_pool_of_an_own_session_is_waited_for_in_the_queue() -> None:
    async def hang(exchange: Exchange) -> None:
        await exchange.until_client_leaves()

    async with (
        ScriptedServer((hang,)) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=1)) as session,
        client(server, session=session) as maritaca,
    ):
        first = asyncio.create_task(maritaca.chat.completions.create(**ASK))
        await asyncio.sleep(0.05)
        with pytest.raises(APITimeoutError) as caught:
            await maritaca.chat.completions.create(**ASK, timeout=0.1)
        assert caught.value.phase == "queue"
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)


async def test_own_session_is_refused_in_another_loop() -> None:
    async with ScriptedServer(answers(completion())) as server, aiohttp.ClientSession() as session:
        maritaca = client(server, session=session)

        def elsewhere() -> None:
            with pytest.raises(ConfigurationError, match="belongs to another event loop"):
                asyncio.run(maritaca.chat.completions.create(**ASK))

        await asyncio.to_thread(elsewhere)
        await maritaca.chat.completions.create(**ASK)
        await maritaca.aclose()
    assert len(server.seen) == 1


async def test_closed_session_is_an_error_and_not_tried_again() -> None:
    async with ScriptedServer(answers(completion())) as server:
        session = aiohttp.ClientSession()
        before, during = client(server, session=session), client(server, session=session)
        await during.chat.completions.create(**ASK)
        await session.close()
        with pytest.raises(ConfigurationError, match="session of yours .* is closed"):
            await before.chat.completions.create(**ASK)
        with pytest.raises(APIConnectionError, match="Session is closed") as caught:
            await during.chat.completions.create(**ASK)
        assert caught.value.request is not None
        assert caught.value.request.attempt == 1
        await during.aclose()
    assert len(server.seen) == 1


async def test_own_session_that_cannot_work_is_refused_when_the_client_is_made() -> None:
    with pytest.raises(ConfigurationError, match=r"session must be an aiohttp.ClientSession, not int"):
        AsyncMaritaca(KEY, session=5)  # type: ignore[arg-type]
    with pytest.raises(ConfigurationError, match=r"resolver must be an aiohttp.abc.AbstractResolver"):
        AsyncMaritaca(KEY, resolver="8.8.8.8")  # type: ignore[arg-type]
    async with aiohttp.ClientSession() as session:
        with pytest.raises(ConfigurationError, match="set proxy on the session"):
            AsyncMaritaca(KEY, session=session, proxy="http://h:1")
        with pytest.raises(ConfigurationError, match=r"session=.* one event loop.*AsyncMaritaca"):
            Maritaca(KEY, session=session)
    with pytest.warns(DeprecationWarning, match="auth"):
        guarded = aiohttp.ClientSession(auth=aiohttp.BasicAuth("a", "b"))
    with pytest.raises(ConfigurationError, match="collides with the API key"):
        AsyncMaritaca(KEY, session=guarded)
    await guarded.close()


async def test_what_belongs_to_the_process_is_named_when_pickled() -> None:
    import ssl

    async with aiohttp.ClientSession() as session:
        for option in (
            {"session": session},
            {"ssl_context": ssl.create_default_context()},
            {"resolver": Resolver(1)},
        ):
            made = AsyncMaritaca(KEY, **option)  # type: ignore[arg-type]
            with pytest.raises(ConfigurationError, match=f"{next(iter(option))}=.* cannot be pickled"):
                pickle.dumps(made)
            assert type(copy.deepcopy(made)) is AsyncMaritaca


# What the server says of its limits


async def test_rate_limit_is_read_from_answers_streams_and_errors() -> None:
    said = {
        "X_RateLimit_Limit_Requests": "60",
        "X_RateLimit_Remaining_Requests": "59",
        "X_RateLimit_Reset_Requests": "1s",
        "X_RateLimit_Limit_Tokens": "150000",
        "X_RateLimit_Remaining_Tokens": "149984",
        "X_RateLimit_Reset_Tokens": "6m0.5s",
    }

    async def limited(exchange: Exchange) -> None:
        await exchange.answer(429, {"detail": "later"}, X_RateLimit_Remaining="0", X_RateLimit_Reset="120ms")

    async def answered(exchange: Exchange) -> None:
        await exchange.answer(200, completion(), **said)

    async with (
        ScriptedServer((answered, limited, *answers(completion()))) as server,
        client(server) as maritaca,
    ):
        limit = (await maritaca.chat.completions.create(**ASK)).http.rate_limit
        with pytest.raises(RateLimitError) as caught:
            await maritaca.chat.completions.create(**ASK, max_retries=0)
        assert (await maritaca.chat.completions.create(**ASK)).http.rate_limit is None
    assert limit is not None
    assert (limit.limit_requests, limit.remaining_requests, limit.reset_requests) == (60, 59, 1.0)
    assert (limit.limit_tokens, limit.remaining_tokens, limit.reset_tokens) == (150000, 149984, 360.5)
    assert caught.value.http is not None
    refused = caught.value.http.rate_limit
    assert refused is not None
    assert (refused.limit_requests, refused.remaining_requests, refused.reset_requests) == (None, 0, 0.12)
    assert refused.remaining_tokens is None
