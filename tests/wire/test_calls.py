"""Plain calls over real sockets: what is sent, what comes back, what is tried again."""

from __future__ import annotations

import asyncio
import gc
import time
import warnings

import pytest
from conftest import KEY
from scripted import ASK, GOOD_STREAM, Exchange, ScriptedServer, answers, completion, streams

from maritaca_async import (
    APIConnectionError,
    APIResponseError,
    APIStatusError,
    APIStreamError,
    APITimeoutError,
    AsyncMaritaca,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConflictError,
    InternalServerError,
    Limits,
    NotFoundError,
    PayloadTooLargeError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    RetryPolicy,
    Timeouts,
    UnprocessableEntityError,
)

QUICK = RetryPolicy(delay=0.001, rate_limit_delay=0.001)


def client(server: ScriptedServer, **options: object) -> AsyncMaritaca:
    options.setdefault("max_retries", QUICK)
    return AsyncMaritaca(KEY, base_url=server.base_url, **options)  # type: ignore[arg-type]


async def test_request_carries_only_what_was_set() -> None:
    async with ScriptedServer(answers(completion())) as server, client(server) as maritaca:
        await maritaca.chat.completions.create(**ASK)
    seen = server.seen[0]
    assert (seen.method, seen.path) == ("POST", "/api/chat/completions")
    assert seen.json == {"model": "sabia-4", "messages": [{"role": "user", "content": "Olá"}]}
    assert seen.headers["authorization"] == f"Bearer {KEY}"
    assert seen.headers["content-type"] == "application/json"
    assert seen.headers["user-agent"].startswith("maritaca-async/")


async def test_none_is_sent_as_null_and_absent_is_not_sent() -> None:
    async with ScriptedServer(answers(completion())) as server, client(server) as maritaca:
        await maritaca.chat.completions.create(**ASK, temperature=None, top_p=0.5)
    assert server.seen[0].json == {**ASK, "temperature": None, "top_p": 0.5}


async def test_extra_body_headers_and_query_go_through_unchanged() -> None:
    async with ScriptedServer(answers(completion())) as server, client(server) as maritaca:
        await maritaca.chat.completions.create(
            **ASK,
            extra_body={"new_field": {"a": [1]}},
            extra_headers={"X-Trace": "t1", "user-agent": "mine"},
            extra_query={"beta": "sim e não"},
        )
    seen = server.seen[0]
    assert seen.json["new_field"] == {"a": [1]}
    assert (seen.headers["x-trace"], seen.headers["user-agent"]) == ("t1", "mine")
    assert seen.path.startswith("/api/chat/completions?beta=sim")


async def test_result_tells_how_it_came_over_http() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(200, completion(), X_Request_Id="req-7", X_Twice="a")

    async with ScriptedServer((*answers(500), script)) as server, client(server) as maritaca:
        answer = await maritaca.chat.completions.create(**ASK)
    assert answer.http.status == 200
    assert answer.http.request_id == "req-7"
    assert answer.http.headers["x-twice"] == "a"
    assert answer.http.attempts == 2
    assert 0 < answer.http.elapsed < 5


async def test_accented_text_survives_a_lying_charset() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(
            200, completion("ação é çã"), content_type="application/json; charset=iso-8859-1"
        )

    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        assert (await maritaca.chat.completions.create(**ASK)).text == "ação é çã"


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, BadRequestError),
        (401, AuthenticationError),
        (402, PaymentRequiredError),
        (403, PermissionDeniedError),
        (404, NotFoundError),
        (408, RequestTimeoutError),
        (409, ConflictError),
        (413, PayloadTooLargeError),
        (418, APIStatusError),
        (422, UnprocessableEntityError),
        (429, RateLimitError),
        (500, InternalServerError),
        (503, InternalServerError),
    ],
)
async def test_each_status_has_its_error_class(status: int, kind: type[APIStatusError]) -> None:
    async with ScriptedServer(answers(status)) as server, client(server, max_retries=0) as maritaca:
        with pytest.raises(kind) as caught:
            await maritaca.chat.completions.create(**ASK)
    error = caught.value
    assert type(error) is kind
    assert error.status_code == status
    assert f"status {status}" in str(error)
    assert error.http is not None
    assert error.http.status == status
    assert error.request is not None
    assert error.request.url == f"{server.base_url}/chat/completions"


@pytest.mark.parametrize("retries", range(4))
async def test_max_retries_counts_further_attempts_exactly(retries: int) -> None:
    policy = RetryPolicy(max_retries=retries, delay=0.001)
    async with ScriptedServer(answers(503)) as server, client(server, max_retries=policy) as maritaca:
        with pytest.raises(InternalServerError) as caught:
            await maritaca.chat.completions.create(**ASK)
    assert len(server.seen) == retries + 1
    assert caught.value.request is not None
    assert caught.value.request.attempt == retries + 1


@pytest.mark.parametrize("status", [400, 401, 402, 403, 404, 413, 422])
async def test_errors_of_the_caller_are_not_tried_again(status: int) -> None:
    async with ScriptedServer(answers(status)) as server, client(server) as maritaca:
        with pytest.raises(APIStatusError):
            await maritaca.chat.completions.create(**ASK)
    assert len(server.seen) == 1


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
async def test_passing_trouble_is_tried_again_with_the_same_bytes(status: int) -> None:
    async with (
        ScriptedServer(answers(status, status, completion("enfim"))) as server,
        client(server) as maritaca,
    ):
        answer = await maritaca.chat.completions.create(**ASK)
    assert answer.text == "enfim"
    assert [seen.body for seen in server.seen] == [server.seen[0].body] * 3


async def test_exhausted_quota_is_not_tried_again() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(429, {"error": {"message": "no credit", "code": "insufficient_quota"}})

    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        with pytest.raises(RateLimitError) as caught:
            await maritaca.chat.completions.create(**ASK)
    assert len(server.seen) == 1
    assert caught.value.code == "insufficient_quota"
    assert not caught.value.retryable


async def test_long_retry_after_is_raised_at_once() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(429, {"detail": "later"}, Retry_After="100000")

    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        started = time.monotonic()
        with pytest.raises(RateLimitError) as caught:
            await maritaca.chat.completions.create(**ASK)
        assert time.monotonic() - started < 0.5
    assert caught.value.retry_after == 100000


async def test_retry_after_is_honoured() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(429, {"detail": "soon"}, retry_after_ms="200")

    async with ScriptedServer((script, *answers(completion()))) as server, client(server) as maritaca:
        started = time.monotonic()
        await maritaca.chat.completions.create(**ASK)
    assert 0.19 < time.monotonic() - started < 1


async def test_reset_connection_is_tried_again() -> None:
    async with (
        ScriptedServer((lambda exchange: exchange.reset(), *answers(completion("ok")))) as server,
        client(server) as maritaca,
    ):
        assert (await maritaca.chat.completions.create(**ASK)).text == "ok"
    assert len(server.seen) == 2


async def test_body_cut_in_the_middle_is_tried_again() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(
            b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"
        )
        await exchange.cut()

    async with ScriptedServer((script, *answers(completion("ok")))) as server, client(server) as maritaca:
        assert (await maritaca.chat.completions.create(**ASK)).text == "ok"
    assert len(server.seen) == 2


async def test_body_cut_without_a_length_is_an_error_and_no_short_answer() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(b'HTTP/1.0 200 OK\r\nContent-Type: application/json\r\n\r\n{"choices": [')
        await exchange.cut()

    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        with pytest.raises(APIResponseError) as caught:
            await maritaca.chat.completions.create(**ASK)
    assert caught.value.body == '{"choices": ['


async def test_stale_connections_are_never_seen_by_the_caller() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(200, completion())
        await asyncio.sleep(0.001 * (exchange.number % 5))
        await exchange.cut()

    async with ScriptedServer((script,)) as server, client(server, max_retries=0) as maritaca:

        async def calls() -> None:
            for _ in range(50):
                answer = await maritaca.chat.completions.create(**ASK)
                assert answer.http.attempts <= 2
                await asyncio.sleep(0.001)

        await asyncio.gather(*(calls() for _ in range(4)))
    assert len(server.seen) >= 200


async def test_refused_connection_names_the_host() -> None:
    async with ScriptedServer(answers(completion())) as server:
        port = server.port
    maritaca = AsyncMaritaca(KEY, base_url=f"http://127.0.0.1:{port}/api", max_retries=QUICK)
    with pytest.raises(APIConnectionError, match=f"127.0.0.1:{port}") as caught:
        await maritaca.chat.completions.create(**ASK)
    assert caught.value.request is not None
    assert caught.value.request.attempt == 3


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        (b"", "application/json"),
        (b"<html>Bad gateway</html>", "text/html"),
        (b"[]", "application/json"),
        (b'{"choices":[]}', "application/json"),
        (b'{"choices":null}', "application/json"),
        (b'{"choices":[{"index":"x"}]}', "application/json"),
    ],
)
async def test_success_status_with_unusable_body_is_a_typed_error(body: bytes, content_type: str) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(200, body, content_type=content_type, X_Request_Id="r9")

    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        with pytest.raises(APIResponseError) as caught:
            await maritaca.chat.completions.create(**ASK)
    assert caught.value.body == body.decode()
    assert caught.value.request_id == "r9"
    assert len(server.seen) == 1


async def test_redirect_is_an_error_that_names_the_host_and_keeps_the_key() -> None:
    async with ScriptedServer(answers(completion())) as other:

        async def script(exchange: Exchange) -> None:
            await exchange.answer(307, b"", Location=f"{other.base_url}/elsewhere")

        async with ScriptedServer((script,)) as server, client(server) as maritaca:
            with pytest.raises(APIStatusError, match=f"redirect to 127.0.0.1:{other.port} not followed"):
                await maritaca.chat.completions.create(**ASK)
        assert (len(server.seen), len(other.seen)) == (1, 0)


async def test_cookies_are_not_kept() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(200, completion(), Set_Cookie="tenant=a")

    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        for _ in range(2):
            await maritaca.chat.completions.create(**ASK)
    assert "cookie" not in server.seen[1].headers


async def test_large_response_headers_are_accepted() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(200, completion(), X_Large="x" * 60_000)

    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        assert len((await maritaca.chat.completions.create(**ASK)).http.headers["x-large"]) == 60_000


async def test_malformed_http_is_a_connection_error_not_a_bad_request() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(b"NONSENSE\r\n\r\n")
        await exchange.cut()

    async with ScriptedServer((script,)) as server, client(server, max_retries=0) as maritaca:
        with pytest.raises(APIConnectionError):
            await maritaca.chat.completions.create(**ASK)


async def test_answer_larger_than_the_limit_is_refused() -> None:
    async with (
        ScriptedServer(answers(completion("x" * 100_000))) as server,
        client(server, limits=Limits(max_body_bytes=50_000)) as maritaca,
    ):
        with pytest.raises(APIResponseError, match="max_body_bytes"):
            await maritaca.chat.completions.create(**ASK)


async def test_early_answer_to_a_large_upload_is_read() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(413, {"detail": "too large"})
        await exchange.cut()

    class Early(ScriptedServer):
        async def _read(self, reader, writer):  # type: ignore[no-untyped-def]
            await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(65536)
            from scripted import Seen

            return Seen("POST", "/", {}, b"", 0)

    big = {**ASK, "messages": [{"role": "user", "content": "x" * 8_000_000}]}
    async with Early((script,)) as server, client(server, max_retries=0) as maritaca:
        with pytest.raises(PayloadTooLargeError):
            await maritaca.chat.completions.create(**big)


async def test_large_body_arrives_whole_and_again_on_retry() -> None:
    big = {**ASK, "messages": [{"role": "user", "content": "ç" * 3_000_000}]}
    async with ScriptedServer(answers(503, completion())) as server, client(server) as maritaca:
        await maritaca.chat.completions.create(**big)
    assert server.seen[0].body == server.seen[1].body
    assert server.seen[1].json["messages"] == big["messages"]


async def hang(exchange: Exchange) -> None:
    await exchange.until_client_leaves()


async def test_timeout_bounds_the_whole_call_with_its_retries() -> None:
    async with ScriptedServer((hang,)) as server, client(server, timeout=0.3) as maritaca:
        started = time.monotonic()
        with pytest.raises(APITimeoutError, match="within 0.3 s") as caught:
            await maritaca.chat.completions.create(**ASK)
        assert time.monotonic() - started < 0.6
        assert caught.value.phase == "deadline"
        assert isinstance(caught.value, TimeoutError)
        await asyncio.sleep(0.05)
        assert server.seen[0].closed_at is not None, "the connection of the timed-out call stays open"


async def test_waits_between_attempts_count_towards_the_deadline() -> None:
    async with ScriptedServer(answers(503)) as server:
        slow = RetryPolicy(max_retries=50, delay=0.2, multiplier=1)
        async with client(server, timeout=0.5, max_retries=slow) as maritaca:
            started = time.monotonic()
            with pytest.raises((InternalServerError, APITimeoutError)):
                await maritaca.chat.completions.create(**ASK)
            assert time.monotonic() - started < 0.7


async def test_waiting_for_a_place_is_told_apart_from_a_slow_server() -> None:
    async with ScriptedServer((hang,)) as server:
        async with client(server, limits=Limits(max_connections=1)) as maritaca:
            first = asyncio.create_task(maritaca.chat.completions.create(**ASK))
            await asyncio.sleep(0.05)
            with pytest.raises(APITimeoutError, match="max_connections") as caught:
                await maritaca.chat.completions.create(**ASK, timeout=0.1)
            assert caught.value.phase == "queue"
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first


async def test_callers_queue_in_order_and_all_get_their_own_answer() -> None:
    async def script(exchange: Exchange) -> None:
        await asyncio.sleep(0.002)
        await exchange.answer(200, completion(exchange.seen.json["messages"][0]["content"]))

    async with (
        ScriptedServer((script,)) as server,
        client(server, limits=Limits(max_connections=5)) as maritaca,
    ):
        asked = [{"model": "sabia-4", "messages": [{"role": "user", "content": f"n{i}"}]} for i in range(200)]
        got = await asyncio.gather(*(maritaca.chat.completions.create(**ask) for ask in asked))
    assert [answer.text for answer in got] == [f"n{i}" for i in range(200)]
    assert server.connections <= 5


async def test_connect_timeout_has_its_own_phase() -> None:
    # A listening socket whose backlog is full accepts no further connection.
    import socket

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(0)
    fillers = []
    for _ in range(8):
        filler = socket.socket()
        filler.setblocking(False)
        filler.connect_ex(listener.getsockname())
        fillers.append(filler)
    await asyncio.sleep(0.05)
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/api"
    maritaca = AsyncMaritaca(KEY, base_url=url, timeout=Timeouts(connect=0.2), max_retries=0)
    with pytest.raises(APITimeoutError, match="connect timeout") as caught:
        await maritaca.chat.completions.create(**ASK)
    assert caught.value.phase == "connect"
    for made in (*fillers, listener):
        made.close()


async def test_cancellation_passes_through_and_closes_the_connection() -> None:
    async with ScriptedServer((hang,)) as server, client(server) as maritaca:
        task = asyncio.create_task(maritaca.chat.completions.create(**ASK))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert task.cancelled()
        await asyncio.sleep(0.05)
        assert server.seen[0].closed_at is not None


async def test_outer_timeout_fires_cleanly() -> None:
    async with ScriptedServer((hang,)) as server, client(server) as maritaca:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.05):
                await maritaca.chat.completions.create(**ASK)
        assert not isinstance(caught.value, APITimeoutError)
        current = asyncio.current_task()
        assert current is not None
        assert current.cancelling() == 0


async def test_cancel_storm_loses_no_place_and_mixes_no_answers() -> None:
    async def script(exchange: Exchange) -> None:
        await asyncio.sleep(0.001 * (exchange.number % 4))
        await exchange.answer(200, completion(exchange.seen.json["messages"][0]["content"]))

    async with (
        ScriptedServer((script,)) as server,
        client(server, limits=Limits(max_connections=8)) as maritaca,
    ):

        async def ask(number: int) -> None:
            answer = await maritaca.chat.completions.create(
                model="sabia-4", messages=[{"role": "user", "content": f"n{number}"}]
            )
            assert answer.text == f"n{number}"

        for wave in range(30):
            tasks = [asyncio.create_task(ask(wave * 100 + i)) for i in range(30)]
            await asyncio.sleep(0.0005 * (wave % 7))
            for task in tasks[::3]:
                task.cancel()
                if wave % 2:
                    task.cancel()
            results = await asyncio.gather(*tasks, return_exceptions=True)
            assert not [r for r in results if r is not None and not isinstance(r, asyncio.CancelledError)]
        home = maritaca._transport._sessions[asyncio.get_running_loop()]
        assert home._places._value == 8
        assert not home.open


async def test_closed_client_says_so_before_any_io() -> None:
    async with ScriptedServer(answers(completion())) as server:
        maritaca = client(server)
        await maritaca.chat.completions.create(**ASK)
        await maritaca.aclose()
        await maritaca.aclose()
        with pytest.raises(ConfigurationError, match="closed"):
            await maritaca.chat.completions.create(**ASK)
    assert len(server.seen) == 1


async def test_closing_ends_a_wait_between_attempts() -> None:
    async with ScriptedServer(answers(503)) as server:
        maritaca = client(server, max_retries=RetryPolicy(delay=30, max_delay=30))
        call = asyncio.create_task(maritaca.chat.completions.create(**ASK))
        while not server.seen:
            await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        started = time.monotonic()
        await maritaca.aclose()
        with pytest.raises((ConfigurationError, InternalServerError)):
            await call
        assert time.monotonic() - started < 0.1


async def test_outage_does_not_multiply_requests() -> None:
    async with ScriptedServer(answers(503)) as server, client(server) as maritaca:
        for _ in range(400):
            with pytest.raises(InternalServerError):
                await maritaca.chat.completions.create(**ASK)
    assert len(server.seen) <= 400 + 100


async def test_kept_connections_probe_a_silent_network() -> None:
    import socket

    async with ScriptedServer(answers(completion())) as server, client(server) as maritaca:
        await maritaca.chat.completions.create(**ASK)
        (made,) = maritaca._transport._sessions[asyncio.get_running_loop()].sockets
        assert made.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
        assert made.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE) == 60


async def test_request_that_kills_its_worker_is_sent_at_most_twice() -> None:
    async def script(exchange: Exchange) -> None:
        if exchange.number < 10:
            await asyncio.sleep(0.02)
            await exchange.answer(200, completion())
        else:
            await exchange.cut()

    async with ScriptedServer((script,)) as server, client(server, max_retries=0) as maritaca:
        await asyncio.gather(*(maritaca.chat.completions.create(**ASK) for _ in range(10)))
        with pytest.raises(APIConnectionError):
            await maritaca.chat.completions.create(**ASK)
    assert len(server.seen) == 12


async def test_error_status_counts_even_when_its_body_does_not_arrive() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.send(
            b"HTTP/1.1 401 No\r\nContent-Type: application/json\r\nContent-Length: 500\r\n\r\n{"
        )
        await exchange.cut()

    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        with pytest.raises(AuthenticationError):
            await maritaca.chat.completions.create(**ASK)
    assert len(server.seen) == 1


async def test_key_that_the_server_echoes_is_hidden_in_the_error() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(401, {"detail": f"bad header {exchange.seen.headers['authorization']}"})

    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        with pytest.raises(AuthenticationError) as caught:
            await maritaca.chat.completions.create(**ASK)
    assert KEY not in str(caught.value) + caught.value.body
    assert "**********" in str(caught.value)


async def test_key_that_the_server_echoes_is_hidden_in_a_stream_too() -> None:
    echo = {"error": {"message": f"Incorrect API key provided: {KEY}", "code": "invalid_api_key"}}
    later = [*GOOD_STREAM[:2], echo]
    for script in (streams(echo), streams(*later), *answers(echo)):
        async with ScriptedServer((script,)) as server, client(server) as maritaca:
            with pytest.raises(APIStreamError) as caught:
                async for _ in await maritaca.chat.completions.create(**ASK, stream=True):
                    pass
        assert KEY not in str(caught.value) + caught.value.body
        assert "**********" in str(caught.value)


async def test_list_of_models_that_is_no_list_is_an_error() -> None:
    async with ScriptedServer(answers({"detail": "unavailable"})) as server, client(server) as maritaca:
        with pytest.raises(APIResponseError, match="no list of models"):
            await maritaca.models.list()


async def test_unreadable_redirect_is_a_status_error() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(302, b"", Location="http://[bad")

    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        with pytest.raises(APIStatusError, match="unreadable address"):
            await maritaca.chat.completions.create(**ASK)


def test_loop_closed_with_a_call_pending_does_not_break_the_next_loop() -> None:
    from maritaca_async.sandbox import Sandbox

    with Sandbox(latency=0.2) as sandbox:
        maritaca = AsyncMaritaca(KEY, base_url=sandbox.base_url)
        loop = asyncio.new_event_loop()
        pending = loop.create_task(maritaca.chat.completions.create(**ASK))
        loop.run_until_complete(asyncio.sleep(0.05))
        loop.close()
        pending._log_destroy_pending = False
        # asyncio warns of the connection that the closed loop left open.
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            assert asyncio.run(maritaca.chat.completions.create(**ASK)).text
            del pending
            gc.collect()


async def test_client_closed_from_two_sides_at_once_closes_quietly() -> None:
    async with ScriptedServer(answers(completion())) as server:
        for _ in range(10):
            maritaca = client(server)
            await maritaca.chat.completions.create(**ASK)
            await asyncio.gather(asyncio.to_thread(asyncio.run, maritaca.aclose()), maritaca.aclose())
        await asyncio.sleep(0.05)
