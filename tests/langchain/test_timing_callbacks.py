"""The callbacks that measure: latencies, and the pieces of streams."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from uuid import uuid4

import pytest
from langchain_core.messages import AIMessage
from langchain_core.outputs import ChatGeneration, LLMResult

from langchain_maritaca import ChatMaritaca
from langchain_maritaca.callbacks import CombinedCallback, LatencyTrackingCallback, TokenStreamingCallback
from maritaca_async.sandbox import Sandbox

MakeModel = Callable[..., ChatMaritaca]


def result() -> LLMResult:
    return LLMResult(generations=[[ChatGeneration(message=AIMessage(content="x"))]])


# Latency


def test_latency_covers_the_whole_call(sandbox: Sandbox, make_model: MakeModel) -> None:
    latency = LatencyTrackingCallback()
    sandbox.configure(latency=0.05)
    began = time.perf_counter()
    make_model(callbacks=[latency]).batch(["um", "dois"])
    assert all(0.05 <= seconds <= time.perf_counter() - began for seconds in latency.latencies)
    assert latency.call_count == len(latency.latencies) == 2
    assert latency.first_token_latencies == []


def test_first_piece_of_a_stream_comes_before_its_end(sandbox: Sandbox, make_model: MakeModel) -> None:
    latency = LatencyTrackingCallback()
    sandbox.configure(tokens_per_second=100)
    list(make_model(callbacks=[latency]).stream("Olá!"))
    assert len(latency.first_token_latencies) == 1
    assert 0 < latency.average_first_token_latency < latency.average_latency


def test_percentiles_are_interpolated() -> None:
    latency = LatencyTrackingCallback()
    latency._latencies = [4.0, 1.0, 3.0, 2.0]
    assert latency.p50_latency == 2.5
    assert latency.p95_latency == pytest.approx(3.85)
    assert latency.p99_latency == pytest.approx(3.97)
    assert (latency.min_latency, latency.max_latency) == (1.0, 4.0)
    assert (latency.total_latency, latency.average_latency) == (10.0, 2.5)
    assert latency.latencies == [4.0, 1.0, 3.0, 2.0]
    latency._latencies = [2.0]
    assert latency.p50_latency == latency.p99_latency == 2.0


def test_statistics_of_no_calls_are_zero() -> None:
    assert set(LatencyTrackingCallback().get_summary().values()) == {0, 0.0}
    keys = {f"{kind}_latency" for kind in ("total", "average", "min", "max", "p50", "p95", "p99")}
    assert {"call_count", "error_count", *keys} < LatencyTrackingCallback().get_summary().keys()


def test_end_of_an_unknown_run_is_no_call() -> None:
    latency = LatencyTrackingCallback()
    latency.on_llm_end(result(), run_id=uuid4())
    latency.on_llm_new_token("x", run_id=uuid4())
    assert (latency.call_count, latency.latencies, latency.first_token_latencies) == (0, [], [])


# Streams


def test_pieces_of_a_stream_are_collected(sandbox: Sandbox, make_model: MakeModel) -> None:
    stream = TokenStreamingCallback()
    sandbox.configure(tokens_per_second=200)
    shown = [piece.text for piece in make_model(callbacks=[stream]).stream("Olá!")]
    assert stream.tokens == [text for text in shown if text]
    assert stream.token_count == len(stream.tokens) > 1
    assert 0 < stream.time_to_first_token < stream.elapsed_time
    assert stream.tokens_per_second == stream.token_count / stream.elapsed_time


def test_next_run_begins_anew(make_model: MakeModel) -> None:
    stream = TokenStreamingCallback()
    model = make_model(callbacks=[stream])
    list(model.stream("Conte uma história."))
    answer = "".join(piece.text for piece in model.stream("Olá!"))
    assert "".join(stream.tokens) == answer


def test_pieces_of_a_run_that_failed_stay_until_the_next() -> None:
    stream, run = TokenStreamingCallback(), uuid4()
    stream.on_chat_model_start({}, [], run_id=run)
    assert (stream.token_count, stream.time_to_first_token) == (0, None)
    assert stream.elapsed_time > 0
    stream.on_llm_new_token("Era", run_id=run)
    stream.on_llm_error(ValueError(), run_id=run)
    assert stream.tokens == ["Era"]
    stream.on_llm_start({}, [], run_id=uuid4())
    assert stream.tokens == []


def test_streams_that_overlap_add_up() -> None:
    stream, one, two = TokenStreamingCallback(), uuid4(), uuid4()
    for run in (one, two):
        stream.on_chat_model_start({}, [], run_id=run)
    for run, piece in ((one, "a"), (two, "c"), (one, "b"), (two, "d")):
        stream.on_llm_new_token(piece, run_id=run)
    stream.on_llm_end(result(), run_id=one)
    assert stream.tokens == ["a", "b", "c", "d"]


@pytest.mark.filterwarnings("ignore:.*in beta")
async def test_pieces_streamed_as_events_are_collected_as_well(make_model: MakeModel) -> None:
    both, stream = CombinedCallback(), TokenStreamingCallback()
    model = make_model(callbacks=[both, stream])
    answer = await model.ainvoke("Olá!")
    assert stream.tokens == []
    streamed = await model.astream_events("Olá!", version="v3")
    assert (await streamed).text == answer.text
    while both.cost.call_count < 2:  # the run ends after its last event
        await asyncio.sleep(0.001)
    assert stream.token_count > 1
    assert "".join(stream.tokens) == answer.text
    assert len(both.latency.first_token_latencies) == 1
    assert both.cost.total_output_tokens == 2 * answer.usage_metadata["output_tokens"]
