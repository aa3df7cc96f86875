"""The Responses API over real sockets: its route, its answers, and streams that are whole or an error."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest
from conftest import KEY
from pydantic import BaseModel, Field
from response_streams import (
    CALL,
    MESSAGE,
    Event,
    call_stream,
    ending,
    failure,
    frame,
    numbered,
    text_stream,
    transcript,
)
from scripted import Exchange, Script, ScriptedServer, answers

from maritaca_async import (
    AnswerFormatError,
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStreamError,
    AsyncMaritaca,
    AuthenticationError,
    ConfigurationError,
    Maritaca,
    NotFoundError,
    RetryPolicy,
    StreamInterruptedError,
)
from maritaca_async.types import ParsedResponse

QUICK = RetryPolicy(delay=0.001, rate_limit_delay=0.001)
ASK: dict[str, Any] = {"model": "sabiazinho-4", "input": "Olá"}
WHOLE = ending(MESSAGE)["response"]


def client(server: ScriptedServer, **options: Any) -> AsyncMaritaca:
    return AsyncMaritaca(KEY, **{"base_url": server.base_url, "max_retries": QUICK, **options})


def streams(events: list[Event], *, end: bool = True, **how: Any) -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.piece(transcript(events, **how))
        if end:
            await exchange.end_stream()
        else:
            await exchange.until_client_leaves()

    return script


def status(code: int, body: Any) -> Script:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(code, body)

    return script


NO_ROUTE = status(404, {"detail": "Not Found"})


# The route


@pytest.mark.parametrize(
    ("suffix", "path"),
    [("", "/api/v1/responses"), ("/", "/api/v1/responses"), ("/v1", "/api/v1/responses")],
)
async def test_request_goes_to_the_documented_route_whatever_the_base_url(suffix: str, path: str) -> None:
    async with ScriptedServer(answers(WHOLE)) as server:
        async with client(server, base_url=server.base_url + suffix) as maritaca:
            response = await maritaca.responses.create(**ASK, temperature=0, extra_body={"futuro": 1})
    [seen] = server.seen
    assert (seen.method, seen.path) == ("POST", path)
    assert seen.json == {**ASK, "temperature": 0, "futuro": 1}
    assert response.output_text == "Bom dia!"
    assert (response.http.status, response.http.attempts) == (200, 1)


@pytest.mark.parametrize("detail", [{"detail": "Not Found"}, {"message": "not found."}, b""])
async def test_other_documented_route_is_tried_once_and_kept(detail: Any) -> None:
    async with ScriptedServer((status(404, detail), *answers(WHOLE))) as server, client(server) as maritaca:
        for _ in range(2):
            assert (await maritaca.responses.create(**ASK)).output_text == "Bom dia!"
        stream = maritaca.responses.stream(**ASK)
        assert stream._request.path == "/responses"
    assert [seen.path for seen in server.seen] == ["/api/v1/responses", "/api/responses", "/api/responses"]


async def test_stream_tries_the_other_route_too() -> None:
    async with ScriptedServer((NO_ROUTE, streams(text_stream()))) as server, client(server) as maritaca:
        async with maritaca.responses.stream(**ASK) as stream:
            assert (await stream.get_final_response()).output_text == "Bom dia!"
    assert [seen.path for seen in server.seen] == ["/api/v1/responses", "/api/responses"]


@pytest.mark.parametrize(
    ("answer", "options", "suffix"),
    [
        (status(404, {"detail": "Model 'x' not found"}), {}, ""),
        (NO_ROUTE, {"max_retries": 0}, ""),
        (NO_ROUTE, {}, "/v1"),
    ],
)
async def test_404_of_a_model_or_without_retries_is_raised_at_once(
    answer: Script, options: dict[str, Any], suffix: str
) -> None:
    async with ScriptedServer((answer,)) as server:
        async with client(server, base_url=server.base_url + suffix, **options) as maritaca:
            with pytest.raises(NotFoundError):
                await maritaca.responses.create(**ASK)
    assert len(server.seen) == 1


async def test_route_that_nobody_knows_is_an_error() -> None:
    async with ScriptedServer((NO_ROUTE,)) as server, client(server) as maritaca:
        for _ in range(2):
            with pytest.raises(NotFoundError):
                await maritaca.responses.create(**ASK)
    assert [seen.path for seen in server.seen] == ["/api/v1/responses", "/api/responses"] * 2


# Plain answers


async def test_failed_response_is_returned_with_its_error() -> None:
    failed = failure(code="server_error", message="caiu")["response"]
    async with ScriptedServer(answers(failed)) as server, client(server) as maritaca:
        response = await maritaca.responses.create(**ASK)
    assert response.status == "failed"
    assert response.error is not None
    assert (response.error.code, response.error.message) == ("server_error", "caiu")
    assert len(server.seen) == 1


@pytest.mark.parametrize("body", [{}, {"detail": "x"}, {"error": {"message": "x"}}, b"", b"[]", b"<html>"])
async def test_success_without_a_response_is_a_typed_error(body: Any) -> None:
    async with ScriptedServer(answers(body)) as server, client(server) as maritaca:
        with pytest.raises(APIResponseError, match="not the documented answer"):
            await maritaca.responses.create(**ASK)


async def test_transient_status_is_tried_again() -> None:
    async with ScriptedServer(answers(503, 429, WHOLE)) as server, client(server) as maritaca:
        response = await maritaca.responses.create(**ASK)
    assert response.http.attempts == 3


# Answers of a type


class Cidade(BaseModel):
    nome: str = Field(min_length=2)
    habitantes: int = Field(gt=0)


def answering(text: str | None, **fields: Any) -> dict[str, Any]:
    content = [] if text is None else [{"type": "output_text", "text": text}]
    return {**WHOLE, "output": [{**MESSAGE, "content": content}], **fields}


async def test_parse_sends_the_schema_and_returns_the_typed_answer() -> None:
    body = answering('{"nome": "Recife", "habitantes": 1488920}')
    async with ScriptedServer(answers(body)) as server, client(server) as maritaca:
        response = await maritaca.responses.parse(**ASK, text_format=Cidade)
    assert isinstance(response, ParsedResponse)
    assert response.output_parsed == Cidade(nome="Recife", habitantes=1488920)
    assert response.http.attempts == 1
    assert response.usage is not None
    wanted = server.seen[0].json["text"]["format"]
    assert wanted == {
        "type": "json_schema",
        "name": "Cidade",
        "strict": True,
        "schema": {
            "title": "Cidade",
            "type": "object",
            "properties": {
                "nome": {"title": "Nome", "type": "string"},
                "habitantes": {"title": "Habitantes", "type": "integer"},
            },
            "required": ["nome", "habitantes"],
            "additionalProperties": False,
        },
    }


REFUSAL = {**MESSAGE, "content": [{"type": "refusal", "refusal": "não posso"}]}


@pytest.mark.parametrize(
    ("body", "reason", "said"),
    [
        (answering('{"nome": "R", "habitantes": 1}'), "mismatch", "does not fit Cidade: nome"),
        (answering('{"nome": "Recife"'), "invalid_json", "the answer is not JSON"),
        (answering(None), "empty", "the answer is empty"),
        (
            answering('{"nome": "Rec', incomplete_details={"reason": "max_output_tokens"}),
            "truncated",
            "cut off .max_output_tokens.",
        ),
        (answering('{"nome": "Rec', status="incomplete"), "truncated", "raise max_output_tokens"),
        ({**WHOLE, "output": [REFUSAL]}, "refused", "refused to answer: não posso"),
        ({**WHOLE, "output": [CALL]}, "tool_calls", "asked for functions instead"),
    ],
)
async def test_answer_that_does_not_fit_is_an_error_that_keeps_text_and_usage(
    body: dict[str, Any], reason: str, said: str
) -> None:
    async with ScriptedServer(answers(body)) as server, client(server) as maritaca:
        with pytest.raises(AnswerFormatError, match=said) as caught:
            await maritaca.responses.parse(**ASK, text_format=Cidade)
    error = caught.value
    assert len(server.seen) == 1
    assert error.reason == reason
    assert error.text == error.completion.output_text
    assert error.usage.total_tokens == 9
    assert error.http is not None
    assert error.request is not None
    assert error.request.url.endswith("/api/v1/responses")


async def test_failed_response_has_nothing_to_parse() -> None:
    failed = failure(code="server_error", message="caiu")["response"]
    async with ScriptedServer(answers(failed)) as server, client(server) as maritaca:
        with pytest.raises(APIResponseError, match="the response failed: caiu") as caught:
            await maritaca.responses.parse(**ASK, text_format=Cidade)
    assert caught.value.received.error.code == "server_error"


# Streams


async def test_stream_gives_events_texts_and_the_final_response() -> None:
    async with ScriptedServer((streams(text_stream()),)) as server, client(server) as maritaca:
        events = [event async for event in await maritaca.responses.create(**ASK, stream=True)]
        async with maritaca.responses.stream(**ASK) as stream:
            texts = [text async for text in stream.text_stream]
            final = await stream.get_final_response()
        assert [event async for event in stream] == []
    assert [event.type for event in events] == [event["type"] for event in text_stream()]
    assert texts == ["Bom ", "dia!"]
    assert final.output_text == stream.received.output_text == "Bom dia!"
    assert final.http is stream.http
    assert not stream.has_gap
    assert stream.ended
    assert server.seen[0].json == server.seen[1].json == {**ASK, "stream": True}
    assert server.seen[0].headers["accept"] == "text/event-stream"


async def test_text_that_no_piece_brought_is_part_of_the_text_stream() -> None:
    texts = ("Um. ", "Dois.")
    items = [{"type": "message", "content": [{"type": "output_text", "text": text}]} for text in texts]
    events = numbered(
        {"type": "response.output_item.done", "output_index": 0, "item": items[0]},
        {"type": "response.output_text.delta", "output_index": 1, "content_index": 0, "delta": "Dois."},
        ending(*items),
    )

    def read(base_url: str) -> tuple[list[str], str]:
        with Maritaca(KEY, base_url=base_url) as blocking, blocking.responses.stream(**ASK) as stream:
            return list(stream.text_stream), stream.get_final_response().output_text

    async with ScriptedServer((streams(events),)) as server, client(server) as maritaca:
        async with maritaca.responses.stream(**ASK) as stream:
            found = [text async for text in stream.text_stream]
            final = await stream.get_final_response()
        assert await asyncio.to_thread(read, server.base_url) == (found, final.output_text)
    assert found == list(texts)
    assert final.output_text == "Um. Dois."


@pytest.mark.parametrize("line_end", ["\n", "\r\n", "\r"])
async def test_transcript_sent_byte_by_byte_is_read(line_end: str) -> None:
    raw = transcript(call_stream(), line_end=line_end)

    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        for i in range(len(raw)):
            await exchange.piece(raw[i : i + 1])
            if i % 50 == 0:
                await asyncio.sleep(0)
        await exchange.end_stream()

    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        async with maritaca.responses.stream(**ASK) as stream:
            [call] = (await stream.get_final_response()).function_calls
    assert call.parsed_arguments() == {"a": 2, "b": "ação"}


async def test_stream_ends_with_its_terminal_event_and_gives_its_connection_back() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.piece(transcript(text_stream()))
        await asyncio.sleep(0.05)
        await exchange.end_stream()

    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        for _ in range(3):
            async with asyncio.timeout(1), maritaca.responses.stream(**ASK) as stream:
                await stream.get_final_response()
            await asyncio.sleep(0.1)
    assert server.connections == 1


async def test_incomplete_response_ends_the_stream_with_its_reason() -> None:
    end = ending(MESSAGE, kind="incomplete", incomplete_details={"reason": "max_output_tokens"})
    events = [*text_stream()[:-1], *numbered(end, start=10)]
    async with ScriptedServer((streams(events),)) as server, client(server) as maritaca:
        async with maritaca.responses.stream(**ASK) as stream:
            kinds = [event.type async for event in stream]
            final = await stream.get_final_response()
    assert kinds[-1] == "response.incomplete"
    assert (final.status, final.incomplete_reason) == ("incomplete", "max_output_tokens")


def cut_at(raw: bytes, how: str) -> Script:
    async def script(exchange: Exchange) -> None:
        if how == "eof":  # a body without length or chunks: the transport reports no error at all
            await exchange.send(b"HTTP/1.0 200 OK\r\nContent-Type: text/event-stream\r\n\r\n" + raw)
            await exchange.cut()
            return
        await exchange.begin_stream()
        if raw:
            await exchange.piece(raw)
        await asyncio.sleep(0.002)
        await (exchange.reset() if how == "rst" else exchange.cut())

    return script


@pytest.mark.parametrize("how", ["fin", "rst", "eof"])
@pytest.mark.parametrize("events", [text_stream(), call_stream()], ids=["text", "call"])
async def test_stream_cut_anywhere_is_an_error_or_the_whole_answer(events: list[Event], how: str) -> None:
    raw = transcript(events)
    places = [*range(0, len(raw), 23), len(raw) - 2, len(raw) - 1, len(raw)]
    scripts = tuple(cut_at(raw[:place], how) for place in places)
    whole = errors = 0
    async with ScriptedServer(scripts) as server, client(server, max_retries=0) as maritaca:
        for place in places:
            stream = maritaca.responses.stream(**ASK)
            try:
                async with stream:
                    response = await stream.get_final_response()
            except APIConnectionError as error:
                errors += 1
                if isinstance(error, StreamInterruptedError):
                    assert error.received.status == "in_progress"
                    assert error.received.function_calls == []
                    assert "Bom dia!".startswith(error.received.output_text)
            else:
                assert place >= len(raw) - 2
                whole += 1
                assert [response.output_text, len(response.function_calls)] in (["Bom dia!", 0], ["", 1])
    assert errors > 20
    assert whole >= 1


async def test_stream_failed_by_the_service_is_raised_with_what_came_before() -> None:
    events = [*text_stream()[:5], *numbered(failure(code="server_error", message="caiu"), start=6)]
    async with ScriptedServer((streams(events),)) as server, client(server) as maritaca:
        async with maritaca.responses.stream(**ASK) as stream:
            with pytest.raises(APIStreamError, match="the response failed: caiu") as caught:
                await stream.get_final_response()
            with pytest.raises(APIStreamError, match="caiu"):
                await anext(stream)
    assert caught.value.code == "server_error"
    assert (caught.value.received.status, caught.value.received.output_text) == ("failed", "Bom ")
    assert len(server.seen) == 1


async def test_transient_failure_as_first_event_is_tried_again() -> None:
    failing = streams(numbered(failure(code="server_error", message="caiu")))
    async with ScriptedServer((failing, streams(text_stream()))) as server, client(server) as maritaca:
        async with maritaca.responses.stream(**ASK) as stream:
            assert (await stream.get_final_response()).output_text == "Bom dia!"
        assert stream.http.attempts == 2


@pytest.mark.parametrize(
    "body", ['{"error": {"message": "caiu"}}', '{"detail": "caiu"}', '{"message": "caiu"}']
)
async def test_error_object_in_the_middle_is_raised(body: str) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.piece(transcript(text_stream()[:5]) + f"data: {body}\n\n".encode())
        await exchange.end_stream()

    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        with pytest.raises(APIStreamError, match="caiu") as caught:
            async for _ in await maritaca.responses.create(**ASK, stream=True):
                pass
    assert caught.value.received.output_text == "Bom "


async def test_gap_is_logged_and_flagged(caplog: pytest.LogCaptureFixture) -> None:
    events = [event for event in text_stream() if event["sequence_number"] != 6]
    async with ScriptedServer((streams(events),)) as server, client(server) as maritaca:
        with caplog.at_level(logging.WARNING, "maritaca_async"):
            async with maritaca.responses.stream(**ASK) as stream:
                final = await stream.get_final_response()
    assert stream.has_gap
    assert final.output_text == "Bom dia!"
    assert "from event 5 to 7" in caplog.text


async def test_whole_answer_instead_of_a_stream_is_its_only_event() -> None:
    async with ScriptedServer(answers(WHOLE)) as server, client(server) as maritaca:
        async with maritaca.responses.stream(**ASK) as stream:
            assert [event.type async for event in stream] == ["response.completed"]
            assert (await stream.get_final_response()).output_text == "Bom dia!"


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"detail": "sem saldo"}, APIStreamError),
        (failure(message="caiu")["response"], APIStreamError),
        ({}, APIResponseError),
        (b"", APIResponseError),
    ],
)
async def test_success_status_without_a_stream_is_a_typed_error(body: Any, kind: type[APIError]) -> None:
    async with ScriptedServer(answers(body)) as server, client(server, max_retries=0) as maritaca:
        with pytest.raises(kind):
            await maritaca.responses.create(**ASK, stream=True)


async def test_status_is_checked_when_the_stream_is_opened() -> None:
    async with ScriptedServer((status(401, {"detail": "bad key"}),)) as server, client(server) as maritaca:
        with pytest.raises(AuthenticationError, match="bad key"):
            async with maritaca.responses.stream(**ASK):
                pass


async def test_stream_left_early_releases_its_connection() -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.piece(b"".join(map(frame, text_stream()[:5])))
        await exchange.until_client_leaves()

    async with ScriptedServer((script,)) as server, client(server) as maritaca:
        async with maritaca.responses.stream(**ASK) as stream:
            async for _ in stream:
                break
        with pytest.raises(StreamInterruptedError, match="closed"):
            await stream.get_final_response()
        for _ in range(100):
            if server.seen[0].closed_at is not None:
                break
            await asyncio.sleep(0.005)
        assert server.seen[0].closed_at is not None


@pytest.mark.parametrize("kind", ["dropped", "shortened", "none"])
async def test_text_that_comes_in_no_delta_is_in_the_text_stream_all_the_same(kind: str) -> None:
    events = text_stream()
    if kind == "dropped":
        events = [event for event in events if event["type"] != "response.output_text.delta"]
    elif kind == "shortened":
        events = [event for event in events if event.get("delta") != "dia!"]
    else:
        events = events[-1:]
    async with ScriptedServer((streams(events), *answers(WHOLE))) as server, client(server) as maritaca:
        for _ in range(2):
            async with maritaca.responses.stream(**ASK) as stream:
                assert "".join([text async for text in stream.text_stream]) == "Bom dia!"
            async with maritaca.responses.stream(**ASK) as stream:
                async for event in stream:
                    if event.type == "response.output_text.delta":
                        break
                rest = "".join([text async for text in stream.text_stream])
                assert rest in ("", "dia!")


async def test_stream_of_a_type_ends_in_its_value() -> None:
    text = '{"nome": "Recife", "habitantes": 1488920}'
    good, bad = (numbered(ending(*answering(t)["output"])) for t in (text, text[:9]))
    async with ScriptedServer((streams(good), streams(bad))) as server, client(server) as maritaca:
        async with maritaca.responses.stream(**ASK, text_format=Cidade) as stream:
            response = await stream.get_final_response()
        assert response.output_parsed == Cidade(nome="Recife", habitantes=1488920)
        assert response.http is stream.http
        async with maritaca.responses.stream(**ASK, text_format=Cidade) as stream:
            with pytest.raises(AnswerFormatError) as caught:
                await stream.get_final_response()
    assert (caught.value.reason, caught.value.text) == ("invalid_json", text[:9])
    assert server.seen[0].json["text"]["format"]["name"] == "Cidade"
    assert server.seen[0].json["stream"] is True


async def test_stream_is_entered_once_and_used_inside_its_block() -> None:
    async with ScriptedServer((streams(text_stream()),)) as server, client(server) as maritaca:
        stream = maritaca.responses.stream(**ASK)
        with pytest.raises(ConfigurationError, match=r"async with client\.responses\.stream"):
            await anext(stream)
        assert stream.received.output == []
        async with stream:
            with pytest.raises(ConfigurationError, match="entered once"):
                await stream.__aenter__()


async def test_stream_closed_before_it_was_entered_reads_nothing() -> None:
    async with ScriptedServer((streams(text_stream()[:5], end=False),)) as server, client(server) as maritaca:
        stream = maritaca.responses.stream(**ASK)
        await stream.aclose()
        async with stream:
            with pytest.raises(StreamInterruptedError):
                await stream.get_final_response()


async def test_retry_of_a_stream_forgets_the_attempt_before() -> None:
    async def broken(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.reset()

    async with ScriptedServer((broken, streams(text_stream()))) as server, client(server) as maritaca:
        async with maritaca.responses.stream(**ASK) as stream:
            assert json.loads((await stream.get_final_response()).model_dump_json())["id"] == "resp-8"
        assert stream.http.attempts == 2
