"""Streams over real sockets: complete or an error, released at once, timed by content."""

from __future__ import annotations

import asyncio
import gc
import json
import time
import warnings

import pytest
from conftest import KEY
from scripted import ASK, GOOD_STREAM, Exchange, ScriptedServer, chunk, completion, streams

from maritaca_async import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStreamError,
    APITimeoutError,
    AsyncMaritaca,
    AsyncStream,
    AuthenticationError,
    ConfigurationError,
    Limits,
    RetryPolicy,
    StreamInterruptedError,
    Timeouts,
)

QUICK = RetryPolicy(delay=0.001, rate_limit_delay=0.001)


def client(server: ScriptedServer, **options: object) -> AsyncMaritaca:
    options.setdefault("max_retries", QUICK)
    return AsyncMaritaca(KEY, base_url=server.base_url, **options)  # type: ignore[arg-type]


async def text_of(stream: AsyncStream) -> str:
    return "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])


async def closed_soon(server: ScriptedServer) -> bool:
    for _ in range(40):
        if server.seen[-1].closed_at is not None:
            return True
        await asyncio.sleep(0.005)
    return False


async def endless(exchange: Exchange) -> None:
    await exchange.begin_stream()
    events = "".join(f"data: {json.dumps(chunk(text))}\n\n" for text in ("um ", "dois "))
    await exchange.piece(events.encode())
    await exchange.until_client_leaves()


async def test_stream_asks_for_events_uncompressed() -> None:
    async with ScriptedServer((streams(*GOOD_STREAM),)) as server, client(server) as maritaca:
        assert await text_of(await maritaca.chat.completions.create(**ASK, stream=True)) == "Bom dia!"
    seen = server.seen[0]
    assert seen.json == {**ASK, "stream": True}
    assert (seen.headers["accept"], seen.headers["accept-encoding"]) == ("text/event-stream", "identity")


async def test_status_is_checked_when_the_stream_is_opened() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(401, {"detail": "bad key"})

    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        with pytest.raises(AuthenticationError, match="bad key"):
            await maritaca.chat.completions.create(**ASK, stream=True)


async def test_stream_end_marker_ends_without_waiting_for_the_body() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        for event in GOOD_STREAM:
            await exchange.event(event)
        await exchange.until_client_leaves()

    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        async with asyncio.timeout(0.5):
            assert await text_of(await maritaca.chat.completions.create(**ASK, stream=True)) == "Bom dia!"


async def test_completed_stream_gives_its_connection_back() -> None:
    async with ScriptedServer((streams(*GOOD_STREAM),)) as server, client(server) as maritaca:
        for _ in range(5):
            await text_of(await maritaca.chat.completions.create(**ASK, stream=True))
            await asyncio.sleep(0.01)
    assert server.connections == 1


async def test_bytes_after_the_end_marker_are_ignored() -> None:
    async with (
        ScriptedServer((streams(*GOOD_STREAM, chunk("tarde demais")),)) as server,
        client(server) as maritaca,
    ):
        assert await text_of(await maritaca.chat.completions.create(**ASK, stream=True)) == "Bom dia!"


async def test_body_end_after_a_finish_reason_is_a_complete_answer() -> None:
    async with ScriptedServer((streams(*GOOD_STREAM[:-1]),)) as server, client(server) as maritaca:
        assert await text_of(await maritaca.chat.completions.create(**ASK, stream=True)) == "Bom dia!"


def cut_at(place: int, how: str):
    body = "".join(f"data: {e if isinstance(e, str) else json.dumps(e)}\n\n" for e in GOOD_STREAM).encode()

    async def script(exchange: Exchange) -> None:
        if how == "eof":  # a body without length or chunks: the transport reports no error at all
            await exchange.send(b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + body[:place])
            await exchange.cut()
            return
        await exchange.begin_stream()
        if place:
            await exchange.piece(body[:place])
        await asyncio.sleep(0.002)
        await (exchange.reset() if how == "rst" else exchange.cut())

    return script, body[:place]


@pytest.mark.parametrize("how", ["fin", "rst", "eof"])
async def test_stream_cut_at_any_byte_is_an_error_or_the_whole_answer(how: str) -> None:
    body = "".join(f"data: {e if isinstance(e, str) else json.dumps(e)}\n\n" for e in GOOD_STREAM)
    finish = body.index('"finish_reason": "stop"')
    whole_answers = errors = 0
    places = range(0, len(body) + 1, 7)
    scripts = [cut_at(place, how)[0] for place in places]
    async with ScriptedServer(tuple(scripts)) as server, client(server, max_retries=0) as maritaca:
        for place in places:
            got = ""
            try:
                async for piece in await maritaca.chat.completions.create(**ASK, stream=True):
                    got += piece.choices[0].delta.content or ""
            except APIConnectionError as error:
                errors += 1
                assert "Bom dia!".startswith(got)
                if got:
                    assert isinstance(error, StreamInterruptedError)
                    assert error.received.text == got
                    assert error.received.choices[0].finish_reason is None
            else:
                assert place > finish
                assert got == "Bom dia!"
                whole_answers += 1
    assert errors > 20
    assert whole_answers > 0


async def test_interrupted_stream_is_never_tried_again() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.event(chunk("Bom "))
        await exchange.reset()

    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        stream = await maritaca.chat.completions.create(**ASK, stream=True)
        with pytest.raises(StreamInterruptedError) as caught:
            await text_of(stream)
    assert len(server.seen) == 1
    assert caught.value.received.text == "Bom "
    assert not caught.value.retryable


async def test_failure_before_the_first_event_is_tried_again() -> None:
    async def broken(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.reset()

    async with ScriptedServer((broken, broken, streams(*GOOD_STREAM))) as server, client(server) as maritaca:
        stream = await maritaca.chat.completions.create(**ASK, stream=True)
        assert stream.http.attempts == 3
        assert await text_of(stream) == "Bom dia!"


ERRORS = [
    '{"error": {"message": "caiu", "code": "server_error"}}',
    '{"error": "caiu"}',
    '{"detail": "caiu"}',
    '{"detail": [{"loc": ["body"], "msg": "caiu", "type": "x"}]}',
]


@pytest.mark.parametrize("body", ERRORS)
@pytest.mark.parametrize("named", [False, True])
async def test_error_event_in_the_middle_is_raised_with_what_came_before(body: str, named: bool) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.event(chunk("Bom "))
        await exchange.piece((b"event: error\n" if named else b"") + f"data: {body}\n\n".encode())
        await exchange.end_stream()

    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        stream = await maritaca.chat.completions.create(**ASK, stream=True)
        with pytest.raises(APIStreamError, match="caiu") as caught:
            await text_of(stream)
    assert caught.value.received.text == "Bom "
    assert len(server.seen) == 1


async def test_error_named_event_with_plain_text_is_raised() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.piece(b"event: error\ndata: Internal Server Error\n\n")
        await exchange.end_stream()

    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        with pytest.raises(APIStreamError, match="Internal Server Error"):
            await maritaca.chat.completions.create(**ASK, stream=True)


async def test_transient_error_as_first_event_is_tried_again() -> None:
    failing = streams({"error": {"message": "busy", "code": "server_error"}})
    async with ScriptedServer((failing, streams(*GOOD_STREAM))) as server, client(server) as maritaca:
        assert await text_of(await maritaca.chat.completions.create(**ASK, stream=True)) == "Bom dia!"
    assert len(server.seen) == 2


async def test_text_that_mentions_an_error_is_no_error() -> None:
    text = 'o campo "error" e o campo "detail"'
    async with ScriptedServer((streams(chunk(text), chunk(finish="stop"), "[DONE]"),)) as server:
        async with client(server) as maritaca:
            assert await text_of(await maritaca.chat.completions.create(**ASK, stream=True)) == text


@pytest.mark.parametrize("bad", ["{", "null", "[]", '{"choices": [{"index": "x"}]}', "texto"])
async def test_malformed_event_is_an_error_and_never_skipped(bad: str) -> None:
    script = streams(chunk("Bom "), bad, chunk("dia!"), chunk(finish="stop"), "[DONE]")
    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        with pytest.raises(APIResponseError) as caught:
            await text_of(await maritaca.chat.completions.create(**ASK, stream=True))
    assert caught.value.body == bad
    assert caught.value.received.text == "Bom "


@pytest.mark.parametrize(
    ("content_type", "body", "kind", "said"),
    [
        ("application/json", b'{"detail": "sem saldo"}', APIStreamError, "sem saldo"),
        ("application/json", b"{}", APIResponseError, "neither a stream nor an answer"),
        ("application/json", b"", APIResponseError, "neither"),
        ("text/html", b"<html>proxy</html>", APIResponseError, "proxy"),
        ("text/event-stream", b'{\n "error": {\n "message": "caiu"}}\n', APIStreamError, "caiu"),
        ("text/event-stream", b"", APIConnectionError, "no data"),
        ("text/plain", b"Bad Gateway", APIConnectionError, "Bad Gateway"),
    ],
)
async def test_success_status_without_a_stream_is_a_typed_error(
    content_type: str, body: bytes, kind: type[APIError], said: str
) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(200, body, content_type=content_type)

    async with ScriptedServer((script,)) as server, client(server, max_retries=0) as maritaca:
        with pytest.raises(kind, match=said):
            await maritaca.chat.completions.create(**ASK, stream=True)


async def test_whole_answer_instead_of_a_stream_is_given_as_one_chunk() -> None:
    call = {"id": "t1", "type": "function", "function": {"name": "soma", "arguments": '{"a": 1}'}}
    body = completion("inteiro")
    body["choices"][0]["message"]["tool_calls"] = [call]

    async def script(exchange: Exchange) -> None:
        await exchange.answer(200, body)

    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        stream = await maritaca.chat.completions.create(**ASK, stream=True)
        (only,) = [piece async for piece in stream]
    assert only.choices[0].delta.content == "inteiro"
    assert only.usage is not None
    assert stream.received.choices[0].message.tool_calls[0].function.arguments == '{"a": 1}'


async def test_stream_labelled_as_plain_text_is_accepted() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream("text/plain; charset=latin-1")
        for event in (chunk("ação"), chunk(finish="stop"), "[DONE]"):
            await exchange.event(event)
        await exchange.end_stream()

    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        assert await text_of(await maritaca.chat.completions.create(**ASK, stream=True)) == "ação"


async def test_stream_releases_connection_when_left_early() -> None:
    async with ScriptedServer((endless,)) as server, client(server) as maritaca:
        async with await maritaca.chat.completions.create(**ASK, stream=True) as stream:
            async for _ in stream:
                break
        assert await closed_soon(server)


async def test_stream_releases_connection_when_abandoned() -> None:
    async with ScriptedServer((endless,)) as server, client(server) as maritaca:
        async for _ in await maritaca.chat.completions.create(**ASK, stream=True):
            break
        assert await closed_soon(server)


async def test_stream_releases_connection_when_the_body_raises() -> None:
    async with ScriptedServer((endless,)) as server, client(server) as maritaca:
        with pytest.raises(ZeroDivisionError):
            async with maritaca.chat.completions.stream(**ASK) as stream:
                async for _ in stream:
                    raise ZeroDivisionError
        assert await closed_soon(server)


async def test_stream_releases_connection_when_cancelled() -> None:
    async with ScriptedServer((endless,)) as server, client(server) as maritaca:
        task = asyncio.create_task(text_of(await maritaca.chat.completions.create(**ASK, stream=True)))
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await closed_soon(server)


async def test_stream_can_be_closed_from_another_task_while_it_is_read() -> None:
    async with ScriptedServer((endless,)) as server, client(server) as maritaca:
        stream = await maritaca.chat.completions.create(**ASK, stream=True)
        reading = asyncio.create_task(text_of(stream))
        await asyncio.sleep(0.05)
        await stream.aclose()
        await stream.aclose()
        with pytest.raises(StreamInterruptedError, match="closed before the answer was complete") as caught:
            await reading
        assert caught.value.received.text == "um dois "
        assert await closed_soon(server)


async def test_stream_refuses_a_second_reader() -> None:
    async with ScriptedServer((endless,)) as server, client(server) as maritaca:
        async with await maritaca.chat.completions.create(**ASK, stream=True) as stream:
            await anext(stream)
            await anext(stream)
            first = asyncio.create_task(anext(stream))
            await asyncio.sleep(0.02)
            with pytest.raises(ConfigurationError, match="another task"):
                await anext(stream)
            first.cancel()
            with pytest.raises(asyncio.CancelledError):
                await first


async def test_each_step_may_run_in_a_task_of_its_own() -> None:
    async with ScriptedServer((streams(*GOOD_STREAM),)) as server, client(server) as maritaca:
        stream = await maritaca.chat.completions.create(**ASK, stream=True)
        pieces = []
        while True:
            try:
                pieces.append(await asyncio.create_task(stream.__anext__()))
            except StopAsyncIteration:
                break
    assert len(pieces) == 4


async def test_silence_between_events_ends_at_the_idle_limit() -> None:
    async with ScriptedServer((endless,)) as server, client(server, timeout=Timeouts(idle=0.2)) as maritaca:
        stream = await maritaca.chat.completions.create(**ASK, stream=True)
        started = time.monotonic()
        with pytest.raises(APITimeoutError, match="idle limit") as caught:
            await text_of(stream)
        assert 0.15 < time.monotonic() - started < 0.35
        assert caught.value.phase == "idle"
        assert caught.value.received.text == "um dois "
        assert await closed_soon(server)


async def test_keep_alive_comments_do_not_count_as_events() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.event(chunk("um "))
        for _ in range(100):
            await exchange.piece(b": ping\n\n")
            await asyncio.sleep(0.02)

    async with ScriptedServer((script,)) as server, client(server, timeout=Timeouts(idle=0.2)) as maritaca:
        stream = await maritaca.chat.completions.create(**ASK, stream=True)
        started = time.monotonic()
        with pytest.raises(APITimeoutError):
            await text_of(stream)
        assert time.monotonic() - started < 0.4


async def test_waiting_in_the_consumer_is_not_idle_time() -> None:
    async with (
        ScriptedServer((streams(*GOOD_STREAM),)) as server,
        client(server, timeout=Timeouts(idle=0.1)) as maritaca,
    ):
        stream = await maritaca.chat.completions.create(**ASK, stream=True)
        await anext(stream)
        await asyncio.sleep(0.3)
        assert await text_of(stream) == "Bom dia!"


async def test_slow_events_may_take_longer_in_all_than_the_idle_limit() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        for number in range(8):
            await exchange.event(chunk(f"{number}"))
            await asyncio.sleep(0.05)
        await exchange.event(chunk(finish="stop"))
        await exchange.event("[DONE]")
        await exchange.end_stream()

    async with ScriptedServer((script,)) as server, client(server, timeout=0.15) as maritaca:
        assert await text_of(await maritaca.chat.completions.create(**ASK, stream=True)) == "01234567"


async def test_deadline_bounds_a_stream_that_keeps_talking() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        for _ in range(1000):
            await exchange.event(chunk("x"))
            await asyncio.sleep(0.02)

    async with (
        ScriptedServer((script,)) as server,
        client(server, timeout=Timeouts(deadline=0.3)) as maritaca,
    ):
        started = time.monotonic()
        stream = await maritaca.chat.completions.create(**ASK, stream=True)
        with pytest.raises(APITimeoutError, match="deadline") as caught:
            await text_of(stream)
        assert time.monotonic() - started < 0.5
        assert caught.value.phase == "deadline"


async def test_first_event_has_its_own_clock() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.until_client_leaves()

    async with (
        ScriptedServer((script,)) as server,
        client(server, timeout=Timeouts(first_event=0.2)) as maritaca,
    ):
        started = time.monotonic()
        with pytest.raises(APITimeoutError, match="first event") as caught:
            await maritaca.chat.completions.create(**ASK, stream=True)
        assert time.monotonic() - started < 0.4
        assert caught.value.phase == "first_event"
        assert await closed_soon(server)


async def test_outer_timeout_cancels_a_read_cleanly() -> None:
    async with ScriptedServer((endless,)) as server, client(server) as maritaca:
        stream = await maritaca.chat.completions.create(**ASK, stream=True)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):
                await text_of(stream)
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        assert await closed_soon(server)


async def test_event_larger_than_the_limit_is_refused() -> None:
    async with (
        ScriptedServer((streams(chunk("ok"), chunk("x" * 200_000), "[DONE]"),)) as server,
        client(server, limits=Limits(max_event_bytes=100_000)) as maritaca,
    ):
        stream = await maritaca.chat.completions.create(**ASK, stream=True)
        with pytest.raises(APIResponseError, match="max_event_bytes"):
            await text_of(stream)


async def test_large_event_arrives_whole() -> None:
    text = "ç" * 2_000_000
    script = streams(chunk(text), chunk(finish="stop"), "[DONE]")
    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        assert await text_of(await maritaca.chat.completions.create(**ASK, stream=True)) == text


async def test_abandoned_streams_leave_no_place_taken() -> None:
    async with (
        ScriptedServer((endless,)) as server,
        client(server, limits=Limits(max_connections=2)) as maritaca,
    ):
        for _ in range(10):
            async for _ in await maritaca.chat.completions.create(**ASK, stream=True, timeout=2):
                break
        home = maritaca._transport._sessions[asyncio.get_running_loop()]
        assert home._places._value == 2


def test_abandoned_stream_collected_in_another_thread_is_silent(recwarn: pytest.WarningsRecorder) -> None:
    import threading

    async def main() -> None:
        async with ScriptedServer((endless,)) as server, client(server) as maritaca:
            box = [await maritaca.chat.completions.create(**ASK, stream=True)]
            thread = threading.Thread(target=box.clear)
            thread.start()
            await asyncio.to_thread(thread.join)
            assert await closed_soon(server)

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        asyncio.run(main(), debug=True)
        gc.collect()


async def test_typed_events_tell_the_whole_story() -> None:
    script = streams(
        *GOOD_STREAM[:-1],
        {**chunk(), "choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12}},
        "[DONE]",
    )
    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        async with maritaca.chat.completions.stream(**ASK) as stream:
            kinds = [event.type async for event in stream]
            final = await stream.get_final_completion()
    assert server.seen[0].json["stream_options"] == {"include_usage": True}
    assert kinds == [
        "chunk",
        "chunk",
        "content.delta",
        "chunk",
        "content.delta",
        "chunk",
        "chunk",
        "content.done",
    ]
    assert final.text == "Bom dia!"
    assert final.choices[0].finish_reason == "stop"
    assert final.usage is not None
    assert final.usage.total_tokens == 12
    assert final.http.status == 200


async def test_text_stream_gives_text_only_and_the_final_answer_after_it() -> None:
    async with ScriptedServer((streams(*GOOD_STREAM),)) as server, client(server) as maritaca:
        async with maritaca.chat.completions.stream(**ASK, stream_options={"include_usage": False}) as stream:
            assert [text async for text in stream.text_stream] == ["Bom ", "dia!"]
            assert (await stream.get_final_completion()).text == "Bom dia!"
    assert server.seen[0].json["stream_options"] == {"include_usage": False}


async def test_final_completion_of_a_cut_stream_raises_with_what_arrived() -> None:
    async with ScriptedServer((streams(chunk("Bom "), end=True),)) as server, client(server) as maritaca:
        async with maritaca.chat.completions.stream(**ASK) as stream:
            with pytest.raises(StreamInterruptedError) as caught:
                await stream.get_final_completion()
            assert stream.received.text == "Bom "
    assert caught.value.received.text == "Bom "
    assert caught.value.http is not None
    assert caught.value.request is not None


async def test_stream_must_be_entered_once_and_before_use() -> None:
    async with ScriptedServer((streams(*GOOD_STREAM),)) as server, client(server) as maritaca:
        stream = maritaca.chat.completions.stream(**ASK)
        with pytest.raises(ConfigurationError, match="not open"):
            await anext(stream)
        assert server.seen == []
        async with stream:
            pass
        with pytest.raises(ConfigurationError, match="once"):
            await stream.__aenter__()


async def test_stream_closed_early_never_passes_for_a_whole_answer() -> None:
    async with ScriptedServer((endless,)) as server, client(server) as maritaca:
        async with maritaca.chat.completions.stream(**ASK) as stream:
            async for event in stream:
                if event.type == "content.delta":
                    break
        for _ in range(2):
            with pytest.raises(StreamInterruptedError, match="closed before"):
                await stream.get_final_completion()
        with pytest.raises(StreamInterruptedError):
            await anext(stream)
        assert stream.received.text == "um "


async def test_error_of_a_stream_is_raised_again_whenever_more_is_asked_for() -> None:
    async with ScriptedServer((endless,)) as server, client(server, timeout=Timeouts(idle=0.1)) as maritaca:
        stream = await maritaca.chat.completions.create(**ASK, stream=True)
        for _ in range(3):
            with pytest.raises(APITimeoutError, match="idle limit"):
                await text_of(stream)


async def test_stream_that_is_cancelled_in_a_wait_does_not_go_on_as_if_complete() -> None:
    async with ScriptedServer((endless,)) as server, client(server) as maritaca:
        stream = await maritaca.chat.completions.create(**ASK, stream=True)
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(text_of(stream), 0.1)
        with pytest.raises(StreamInterruptedError):
            await anext(stream)


async def test_stream_left_after_its_last_chunk_is_complete() -> None:
    async with ScriptedServer((streams(*GOOD_STREAM),)) as server, client(server) as maritaca:
        async with maritaca.chat.completions.stream(**ASK) as stream:
            async for event in stream:
                if event.type == "chunk" and event.chunk.choices[0].finish_reason:
                    break
        assert (await stream.get_final_completion()).text == "Bom dia!"


@pytest.mark.parametrize("events", [("[DONE]",), ()])
async def test_stream_without_any_chunk_is_an_error(events: tuple[str, ...]) -> None:
    async with (
        ScriptedServer((streams(*events),)) as server,
        client(server, max_retries=0, timeout=2) as maritaca,
    ):
        with pytest.raises(APIError, match="ended"):
            await maritaca.chat.completions.create(**ASK, stream=True)


async def test_stream_of_several_answers_needs_them_all_to_be_complete() -> None:
    first_only = streams(chunk("um"), chunk(finish="stop"))
    async with ScriptedServer((first_only,)) as server, client(server) as maritaca:
        stream = await maritaca.chat.completions.create(**ASK, stream=True, n=2)
        with pytest.raises(StreamInterruptedError):
            await text_of(stream)


async def test_text_that_arrived_with_the_reset_is_not_lost() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        for letter in "abcdef":
            exchange.writer.write(
                b"%x\r\n%s\r\n" % (len(data := f"data: {json.dumps(chunk(letter))}\n\n".encode()), data)
            )
        await exchange.writer.drain()
        await exchange.cut()

    async with ScriptedServer((script,)) as server, client(server, max_retries=0) as maritaca:
        stream = await maritaca.chat.completions.create(**ASK, stream=True)
        await asyncio.sleep(0.05)
        with pytest.raises(StreamInterruptedError) as caught:
            await text_of(stream)
        assert caught.value.received.text == "abcdef"


async def test_files_and_unknown_fields_of_a_stream_reach_the_final_answer() -> None:
    last = {**chunk(finish="stop"), "extracted_files": [{"filename": "a.pdf", "text": "x"}], "citations": [1]}
    script = streams(chunk("um", reasoning="pen"), chunk(" dois", reasoning="sei"), last, "[DONE]")
    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        async with maritaca.chat.completions.stream(**ASK) as stream:
            final = await stream.get_final_completion()
    assert final.extracted_files is not None
    assert final.extracted_files[0].text == "x"
    assert final.citations == [1]
    assert final.choices[0].message.reasoning == "pensei"


async def test_tool_call_of_a_stream_that_failed_is_never_callable() -> None:
    call = {"index": 0, "id": "c1", "type": "function", "function": {"name": "rm", "arguments": "{}"}}
    script = streams(chunk(tool_calls=[call]), chunk(finish="tool_calls"), {"error": {"message": "caiu"}})
    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        stream = await maritaca.chat.completions.create(**ASK, stream=True)
        with pytest.raises(APIStreamError) as caught:
            await text_of(stream)
    message = caught.value.received.choices[0].message
    assert not message.tool_calls
    assert message.invalid_tool_calls[0].function.name == "rm"


async def test_null_delta_is_an_empty_one() -> None:
    script = streams(
        chunk("um"),
        {"choices": [{"index": 0, "delta": None, "finish_reason": "stop"}], "created": 1.5},
        "[DONE]",
    )
    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        assert await text_of(await maritaca.chat.completions.create(**ASK, stream=True)) == "um"


async def test_chunk_with_a_message_field_is_no_error() -> None:
    script = streams({**chunk("um"), "message": "nota"}, chunk(finish="stop"), "[DONE]")
    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        assert await text_of(await maritaca.chat.completions.create(**ASK, stream=True)) == "um"


def test_stream_is_refused_in_another_event_loop() -> None:
    async def opened(server: ScriptedServer, maritaca: AsyncMaritaca) -> AsyncStream:
        return await maritaca.chat.completions.create(**ASK, stream=True)

    async def main() -> None:
        async with ScriptedServer((endless,)) as server, client(server) as maritaca:
            stream = await opened(server, maritaca)

            async def elsewhere() -> None:
                with pytest.raises(ConfigurationError, match="event loop in which it was opened"):
                    await text_of(stream)

            await asyncio.to_thread(asyncio.run, elsewhere())
            await stream.aclose()

    asyncio.run(main())


async def test_stream_closed_while_it_opens_is_closed_once_open() -> None:
    async def slow(exchange: Exchange) -> None:
        await asyncio.sleep(0.1)
        await endless(exchange)

    async with ScriptedServer((slow,)) as server, client(server) as maritaca:
        stream = maritaca.chat.completions.stream(**ASK)
        opening = asyncio.create_task(stream.__aenter__())
        await asyncio.sleep(0.03)
        await stream.aclose()
        await opening
        with pytest.raises(StreamInterruptedError):
            await anext(stream)
        assert await closed_soon(server)


async def test_failed_streams_leave_no_cycles_to_the_garbage_collector() -> None:
    async with ScriptedServer((streams(chunk("um")),)) as server, client(server) as maritaca:

        async def fail() -> None:
            with pytest.raises(StreamInterruptedError):
                await text_of(await maritaca.chat.completions.create(**ASK, stream=True))

        await fail()
        gc.collect()
        gc.disable()
        try:
            before = sum(isinstance(thing, AsyncStream) for thing in gc.get_objects())
            for _ in range(20):
                await fail()
            after = sum(isinstance(thing, AsyncStream) for thing in gc.get_objects())
        finally:
            gc.enable()
    assert after - before <= 1


async def test_complete_streams_leave_no_timers_in_the_loop() -> None:
    async with ScriptedServer((streams(*GOOD_STREAM),)) as server, client(server) as maritaca:
        for _ in range(20):
            await text_of(await maritaca.chat.completions.create(**ASK, stream=True))
        waiting = [handle for handle in asyncio.get_running_loop()._scheduled if not handle.cancelled()]
    assert len(waiting) < 10
