"""The blocking client: same names, same parameters, same behaviour as the asynchronous one."""

from __future__ import annotations

import copy
import gc
import inspect
import pickle
import time
from collections.abc import Iterator

import pytest
from conftest import KEY

from maritaca_async import (
    APITimeoutError,
    AsyncChatCompletionStream,
    AsyncMaritaca,
    AsyncStream,
    ChatCompletionStream,
    ConfigurationError,
    Maritaca,
    NotFoundError,
    Stream,
)
from maritaca_async._core import pagination
from maritaca_async._sync import batches as blocking_batches
from maritaca_async._sync import files as blocking_files
from maritaca_async._sync import items as blocking_items
from maritaca_async._sync import resources as blocking
from maritaca_async._sync import responses as blocking_responses
from maritaca_async._sync import streams as blocking_streams
from maritaca_async.resources import batch_results, batches, chat, file_stream, files, models, responses
from maritaca_async.sandbox import Sandbox

ASK = {"model": "sabia-4", "messages": [{"role": "user", "content": "Conte uma história curta."}]}
PAIRS = [
    (AsyncMaritaca, Maritaca),
    (chat.AsyncChat, blocking.Chat),
    (chat.AsyncChatCompletions, blocking.ChatCompletions),
    (models.AsyncModels, blocking.Models),
    (AsyncStream, Stream),
    (AsyncChatCompletionStream, ChatCompletionStream),
    (chat.AsyncParsedCompletionStream, blocking_streams.ParsedCompletionStream),
    (responses.AsyncResponses, blocking_responses.Responses),
    (responses.AsyncResponseStream, blocking_responses.ResponseStream),
    (responses.AsyncParsedResponseStream, blocking_responses.ParsedResponseStream),
    (files.AsyncFiles, blocking_files.Files),
    (file_stream.AsyncFileStream, blocking_files.FileStream),
    (batches.AsyncBatches, blocking_batches.Batches),
    (batch_results.AsyncBatchResults, blocking_batches.BatchResults),
    (pagination.AsyncPage, blocking_items.Page),
]
LOOP_SIDE = {"aclose", "close", "fill", "start", "ended", "check_time", "occupy"} | {
    "take",
    "take_delta",
    "take_text",
}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Maritaca]:
    with Maritaca(KEY, base_url=sandbox.base_url) as made:
        yield made


def public(kind: type) -> dict[str, object]:
    return {
        name: member
        for name, member in inspect.getmembers(kind)
        if not name.startswith("_") and name not in LOOP_SIDE
    }


@pytest.mark.parametrize(("asynchronous", "twin"), PAIRS, ids=lambda kind: kind.__name__)
def test_twins_have_the_same_names_and_parameters(asynchronous: type, twin: type) -> None:
    assert public(asynchronous).keys() == public(twin).keys()
    for name, member in public(asynchronous).items():
        if inspect.isfunction(member):
            ours, theirs = (
                inspect.signature(getattr(kind, name)).parameters for kind in (asynchronous, twin)
            )
            assert list(ours) == list(theirs)
            assert [p.kind for p in ours.values()] == [p.kind for p in theirs.values()]
            assert [p.default for p in ours.values()] == [p.default for p in theirs.values()]


def test_constructors_take_the_same_arguments() -> None:
    assert inspect.signature(AsyncMaritaca).parameters == inspect.signature(Maritaca).parameters


def test_plain_call_and_streams_give_the_same_text(client: Maritaca) -> None:
    plain = client.chat.completions.create(**ASK)
    assert plain.http.attempts == 1
    with client.chat.completions.create(**ASK, stream=True) as stream:
        chunks = "".join(c.choices[0].delta.content or "" for c in stream if c.choices)
    with client.chat.completions.stream(**ASK) as events:
        texts = "".join(events.text_stream)
        final = events.get_final_completion()
    assert plain.text == chunks == texts == final.text
    assert stream.received.text == plain.text
    assert stream.http.status == events.http.status == final.http.status == 200
    assert final.usage is not None
    assert plain.usage is not None
    assert final.usage.completion_tokens == plain.usage.completion_tokens


def test_typed_events_come_through(client: Maritaca) -> None:
    with client.chat.completions.stream(**ASK) as stream:
        kinds = [event.type for event in stream]
        assert list(stream) == []
        assert stream.received.text
    assert kinds[0] == "chunk"
    assert kinds[-1] == "content.done"


def test_models_are_listed(client: Maritaca) -> None:
    assert "sabia-4" in [model.id for model in client.models.list().data]


def test_errors_are_the_same_ones(client: Maritaca) -> None:
    with pytest.raises(NotFoundError):
        client.chat.completions.create(**{**ASK, "model": "inexistente"})
    with pytest.raises(ConfigurationError):
        client.chat.completions.create(**{**ASK, "messages": []})


def test_timeout_of_a_call_is_not_taken_for_the_wait_of_the_thread() -> None:
    with Sandbox(latency=2) as slow, Maritaca(KEY, base_url=slow.base_url) as client:
        started = time.monotonic()
        with pytest.raises(APITimeoutError):
            client.chat.completions.create(**ASK, timeout=0.2)
        assert time.monotonic() - started < 1


def test_closed_client_says_so(sandbox: Sandbox) -> None:
    client = Maritaca(KEY, base_url=sandbox.base_url)
    client.close()
    client.close()
    with pytest.raises(ConfigurationError, match="closed"):
        client.models.list()


def test_abandoned_stream_releases_its_connection(sandbox: Sandbox) -> None:
    with Sandbox(tokens_per_second=20) as slow, Maritaca(KEY, base_url=slow.base_url) as client:
        for _ in client.chat.completions.create(**ASK, stream=True):
            break
        deadline = time.monotonic() + 2
        while slow.in_flight and time.monotonic() < deadline:
            time.sleep(0.01)
        assert slow.in_flight == 0


def test_generator_of_texts_closes_the_stream_when_left(sandbox: Sandbox) -> None:
    with Sandbox(tokens_per_second=20) as slow, Maritaca(KEY, base_url=slow.base_url) as client:
        with client.chat.completions.stream(**ASK) as stream:
            assert next(iter(stream.text_stream))
        deadline = time.monotonic() + 2
        while slow.in_flight and time.monotonic() < deadline:
            time.sleep(0.01)
        assert slow.in_flight == 0


@pytest.mark.parametrize("kind", [AsyncMaritaca, Maritaca])
def test_pickle_takes_the_key_from_the_environment_of_the_other_side(
    kind: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = kind("sk-canary", base_url="http://127.0.0.1:1/x", timeout=7, max_retries=5)
    data = pickle.dumps(client)
    assert b"canary" not in data
    with pytest.raises(ConfigurationError, match="MARITACA_API_KEY"):
        pickle.loads(data)
    monkeypatch.setenv("MARITACA_API_KEY", "sk-other")
    restored = pickle.loads(data)
    assert type(restored) is kind
    assert restored.base_url == "http://127.0.0.1:1/x"


@pytest.mark.parametrize("kind", [AsyncMaritaca, Maritaca])
@pytest.mark.parametrize("duplicate", [copy.copy, copy.deepcopy])
def test_copies_keep_key_and_settings(kind: type, duplicate, sandbox: Sandbox) -> None:
    client = kind(KEY, base_url=sandbox.base_url)
    made = duplicate(client)
    assert made is not client
    assert made.base_url == client.base_url
    twin = getattr(made, "_twin", made)
    assert str(twin._api_key) == KEY


@pytest.mark.parametrize("kind", [AsyncMaritaca, Maritaca])
def test_key_is_in_no_dump_of_the_client(kind: type) -> None:
    client = kind("sk-canary-value")

    def dump(node: object, depth: int = 0) -> str:
        inner = (
            ""
            if depth > 6 or not hasattr(node, "__dict__")
            else "".join(dump(v, depth + 1) for v in vars(node).values())
        )
        return repr(node) + inner

    assert "canary" not in dump(client)
    assert "127" not in repr(client)


@pytest.mark.parametrize("kind", [AsyncMaritaca, Maritaca])
def test_parts_of_a_client_are_not_pickled_with_the_key(kind: type) -> None:
    with pytest.raises(TypeError):
        pickle.dumps(kind("sk-canary").chat.completions)


def test_iterables_of_the_caller_run_in_the_callers_thread(client: Maritaca) -> None:
    import threading

    threads = []

    def messages():
        threads.append(threading.current_thread())
        yield {"role": "user", "content": "Oi"}

    client.chat.completions.create(model="sabia-4", messages=messages())
    assert threads == [threading.current_thread()]


def test_stream_closed_early_never_passes_for_a_whole_answer(client: Maritaca) -> None:
    from maritaca_async import StreamInterruptedError

    with client.chat.completions.create(**ASK, stream=True) as stream:
        next(stream)
    with pytest.raises(StreamInterruptedError):
        next(stream)


def test_failed_call_leaves_no_reference_cycle(client: Maritaca) -> None:
    def fail() -> None:
        with pytest.raises(NotFoundError):
            client.chat.completions.create(**{**ASK, "model": "none"})

    def errors() -> int:
        return sum(type(held) is NotFoundError for held in gc.get_objects())

    fail()
    gc.collect()
    gc.disable()
    try:
        before = errors()
        fail()
        assert errors() == before
    finally:
        gc.enable()
