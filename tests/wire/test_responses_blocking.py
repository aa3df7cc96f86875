"""The blocking Responses API: the same answers as the asynchronous one."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from conftest import KEY
from pydantic import BaseModel

from maritaca_async import (
    AnswerFormatError,
    APIStreamError,
    ConfigurationError,
    Maritaca,
    NotFoundError,
    Stream,
)
from maritaca_async.sandbox import Fault, Sandbox

ASK: dict[str, Any] = {"model": "sabia-4", "input": "Conte uma história curta."}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Maritaca]:
    with Maritaca(KEY, base_url=sandbox.base_url, max_retries=0) as made:
        yield made


def test_plain_call_and_streams_give_the_same_text(client: Maritaca) -> None:
    plain = client.responses.create(**ASK)
    assert plain.http.attempts == 1
    with client.responses.create(**ASK, stream=True) as stream:
        assert isinstance(stream, Stream)
        pieces = [event.delta for event in stream if event.type == "response.output_text.delta"]
    with client.responses.stream(**ASK) as events:
        texts = list(events.text_stream)
        final = events.get_final_response()
    assert plain.output_text == "".join(pieces) == "".join(texts) == final.output_text
    assert stream.received.output_text == events.received.output_text == plain.output_text
    assert events.http.status == final.http.status == 200
    assert not events.has_gap
    assert final.usage is not None
    assert plain.usage is not None
    assert final.usage.output_tokens == plain.usage.output_tokens


def test_typed_events_come_through(client: Maritaca) -> None:
    with client.responses.stream(**ASK) as stream:
        kinds = [event.type for event in stream]
        assert list(stream) == []
    assert (kinds[0], kinds[-1]) == ("response.created", "response.completed")


class Pessoa(BaseModel):
    nome: str
    idade: int


def test_answer_of_a_type_is_parsed(client: Maritaca) -> None:
    response = client.responses.parse(model="sabia-4", input="Ana tem 28 anos.", text_format=Pessoa)
    assert response.output_parsed == Pessoa(nome="Ana", idade=28)
    with client.responses.stream(model="sabia-4", input="Ana tem 28 anos.", text_format=Pessoa) as stream:
        assert stream.get_final_response().output_parsed == Pessoa(nome="Ana", idade=28)
    with pytest.raises(AnswerFormatError, match="cut off") as caught:
        client.responses.parse(
            model="sabia-4", input="Ana tem 28 anos.", text_format=Pessoa, max_output_tokens=3
        )
    assert caught.value.usage.output_tokens == 3


def test_errors_are_the_same_ones(client: Maritaca, sandbox: Sandbox) -> None:
    with pytest.raises(NotFoundError):
        client.responses.create(**{**ASK, "model": "inexistente"})
    with pytest.raises(ConfigurationError):
        client.responses.create(**{**ASK, "input": []})
    sandbox.inject(Fault(kind="error", after_events=6))
    with client.responses.stream(**ASK) as stream, pytest.raises(APIStreamError) as caught:
        stream.get_final_response()
    assert caught.value.code == "server_error"
    assert ASK["input"] not in caught.value.received.output_text
    assert caught.value.received.output_text


def test_stream_left_early_releases_its_connection() -> None:
    with Sandbox(tokens_per_second=20) as slow, Maritaca(KEY, base_url=slow.base_url) as client:
        with client.responses.stream(**ASK) as stream:
            assert next(iter(stream.text_stream))
        deadline = time.monotonic() + 2
        while slow.in_flight and time.monotonic() < deadline:
            time.sleep(0.01)
        assert slow.in_flight == 0


def test_iterables_of_the_caller_run_in_the_callers_thread(client: Maritaca) -> None:
    threads = []

    def items() -> Iterator[Any]:
        threads.append(threading.current_thread())
        yield {"role": "user", "content": "Oi"}

    client.responses.create(model="sabia-4", input=items())
    assert threads == [threading.current_thread()]
