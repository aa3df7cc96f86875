"""Errors are the client's and LangChain's at once, on every path."""

from __future__ import annotations

import asyncio
import copy
import gc
import json
import pickle
import traceback
from collections.abc import Callable
from typing import Any

import pytest
from conftest import KEY
from langchain_core import exceptions as langchain_errors
from langchain_core.callbacks import BaseCallbackHandler
from langchain_core.outputs import LLMResult
from scripted import Exchange, ScriptedServer, chunk, streams

import langchain_maritaca
from langchain_maritaca import ChatMaritaca
from langchain_maritaca._errors import langchain_error
from maritaca_async import HttpInfo, MaritacaError, errors
from maritaca_async.errors import RequestInfo
from maritaca_async.sandbox import Fault, Sandbox

MakeModel = Callable[..., ChatMaritaca]


async def _drain(model: ChatMaritaca, prompt: str) -> list[Any]:
    return [piece async for piece in model.astream(prompt)]


PATHS: dict[str, Callable[..., Any]] = {
    "invoke": lambda model, prompt="Olá": model.invoke(prompt),
    "stream": lambda model, prompt="Olá": list(model.stream(prompt)),
    "ainvoke": lambda model, prompt="Olá": asyncio.run(model.ainvoke(prompt)),
    "astream": lambda model, prompt="Olá": asyncio.run(_drain(model, prompt)),
}
every_path = pytest.mark.parametrize("path", PATHS.values(), ids=PATHS)
every_stream = pytest.mark.parametrize("path", [PATHS["stream"], PATHS["astream"]], ids=["stream", "astream"])

STATUSES = [
    (400, errors.BadRequestError, "ModelInvalidRequestError", False),
    (401, errors.AuthenticationError, "ModelAuthenticationError", False),
    (402, errors.PaymentRequiredError, "ModelPermissionDeniedError", False),
    (403, errors.PermissionDeniedError, "ModelPermissionDeniedError", False),
    (404, errors.NotFoundError, "ModelNotFoundError", False),
    (408, errors.RequestTimeoutError, "ModelTimeoutError", True),
    (409, errors.ConflictError, "ModelAPIError", True),
    (413, errors.PayloadTooLargeError, "ModelInvalidRequestError", False),
    (418, errors.APIStatusError, "ModelAPIError", False),
    (422, errors.UnprocessableEntityError, "ModelInvalidRequestError", False),
    (429, errors.RateLimitError, "ModelRateLimitError", True),
    (500, errors.InternalServerError, "ModelAPIError", True),
    (503, errors.InternalServerError, "ModelAPIError", True),
]


@every_path
@pytest.mark.parametrize(("status", "ours", "theirs", "retryable"), STATUSES)
def test_status_raises_an_error_of_both_families(
    make_model: MakeModel,
    sandbox: Sandbox,
    path: Callable[..., Any],
    status: int,
    ours: type[errors.APIStatusError],
    theirs: str,
    retryable: bool,
) -> None:
    sandbox.fail_next(status=status, body={"detail": "não deu"}, headers={"x-request-id": "r1"})
    with pytest.raises(ours, match="não deu") as caught:
        path(make_model(max_retries=0))
    error = caught.value
    assert isinstance(error, getattr(langchain_errors, theirs))
    assert isinstance(error, langchain_maritaca.ChatMaritacaError)
    assert error.is_retryable is retryable
    assert (error.status_code, error.request_id) == (status, "r1")
    assert type(error.__cause__) is ours


@every_path
@pytest.mark.parametrize("kind", ["close", "reset", "end", "malformed", "error", "detail"])
def test_answer_that_cannot_be_used_is_an_error_of_both_families(
    make_model: MakeModel, sandbox: Sandbox, path: Callable[..., Any], kind: Any
) -> None:
    # Twice: a lost answer on a connection that was used before is asked for again at once.
    sandbox.inject(Fault(kind=kind), Fault(kind=kind))
    with pytest.raises(MaritacaError) as caught:
        path(make_model(max_retries=0))
    assert isinstance(caught.value, langchain_errors.ModelConnectionError | langchain_errors.ModelAPIError)


@every_stream
@pytest.mark.parametrize(
    ("kind", "ours", "retryable"),
    [
        ("close", errors.StreamInterruptedError, True),
        ("end", errors.StreamInterruptedError, True),
        ("malformed", errors.APIResponseError, False),
        ("error", errors.APIStreamError, True),
        ("detail", errors.APIStreamError, False),
    ],
)
def test_error_inside_a_stream_comes_after_its_text(
    make_model: MakeModel, sandbox: Sandbox, path: Callable[..., Any], kind: Any, ours: type, retryable: bool
) -> None:
    sandbox.inject(Fault(kind=kind, after_events=3))
    with pytest.raises(ours) as caught:
        path(make_model())
    assert isinstance(caught.value, langchain_errors.ModelConnectionError | langchain_errors.ModelAPIError)
    assert caught.value.is_retryable is retryable
    if kind != "close":  # which may overtake what was sent before
        assert caught.value.received.text.startswith("Olá")
    assert len(sandbox.requests) == 1


def test_stream_that_was_cut_off_gives_no_closing_chunk(make_model: MakeModel, sandbox: Sandbox) -> None:
    sandbox.inject(Fault(kind="end", after_events=3))
    pieces: list[Any] = []
    with pytest.raises(errors.StreamInterruptedError):
        pieces.extend(make_model().stream("Olá"))
    assert pieces
    assert {piece.chunk_position for piece in pieces} == {None}


@every_path
def test_server_that_is_not_there_is_a_connection_error(path: Callable[..., Any]) -> None:
    model = ChatMaritaca(api_key=KEY, base_url="http://127.0.0.1:1/api", max_retries=0)
    with pytest.raises(errors.APIConnectionError) as caught:
        path(model)
    assert isinstance(caught.value, langchain_errors.ModelConnectionError)
    assert caught.value.is_retryable
    assert caught.value.response is None


@every_path
def test_silence_is_a_timeout_of_both_families_and_of_python(
    make_model: MakeModel, sandbox: Sandbox, path: Callable[..., Any]
) -> None:
    sandbox.inject(Fault(kind="stall"))
    with pytest.raises(TimeoutError) as caught:
        path(make_model(max_retries=0, timeout=0.05))
    assert isinstance(caught.value, errors.APITimeoutError)
    assert isinstance(caught.value, langchain_errors.ModelTimeoutError)


@every_path
def test_parameter_that_cannot_work_is_an_invalid_request(
    make_model: MakeModel, sandbox: Sandbox, path: Callable[..., Any]
) -> None:
    with pytest.raises(errors.ConfigurationError, match="temperature") as caught:
        path(make_model(temperature=9))
    assert isinstance(caught.value, langchain_errors.ModelInvalidRequestError)
    assert isinstance(caught.value, ValueError)
    assert sandbox.requests == []


@every_path
def test_too_long_a_prompt_is_a_context_overflow(make_model: MakeModel, path: Callable[..., Any]) -> None:
    with pytest.raises(langchain_errors.ContextOverflowError, match="context") as caught:
        path(make_model(), "uma maritaca " * 80_000)
    assert isinstance(caught.value, errors.BadRequestError)
    assert caught.value.is_retryable is False


@pytest.mark.parametrize(
    ("status", "body", "overflow"),
    [
        (400, {"error": {"message": "too big", "code": "context_length_exceeded"}}, True),
        (400, {"detail": "This model's maximum context length is 128000 tokens"}, True),
        (413, {"detail": "O prompt excede o limite do contexto"}, True),
        (422, {"detail": [{"loc": ["body"], "msg": "input is too long", "type": "x"}]}, True),
        (400, {"detail": "Unsupported parameter: 'context'"}, False),
        (422, {"detail": "max_tokens must be at most 32768 tokens"}, False),
        (429, {"detail": "too many tokens per minute"}, False),
    ],
)
def test_context_overflow_is_told_from_other_errors(
    make_model: MakeModel, sandbox: Sandbox, status: int, body: Any, overflow: bool
) -> None:
    sandbox.fail_next(status=status, body=body)
    with pytest.raises(errors.APIStatusError) as caught:
        make_model(max_retries=0).invoke("Olá")
    assert isinstance(caught.value, langchain_errors.ContextOverflowError) is overflow
    assert caught.value.status_code == status


def test_exhausted_quota_is_not_worth_another_try(make_model: MakeModel, sandbox: Sandbox) -> None:
    sandbox.fail_next(status=429, body={"error": {"message": "sem saldo", "code": "insufficient_quota"}})
    with pytest.raises(langchain_errors.ModelRateLimitError) as caught:
        make_model().invoke("Olá")
    assert caught.value.is_retryable is False


def test_failed_attempts_are_repeated_by_the_client_only(make_model: MakeModel, sandbox: Sandbox) -> None:
    sandbox.fail_next(2, status=503)
    assert make_model(max_retries=2).invoke("Olá").text
    assert len(sandbox.requests) == 3
    sandbox.reset()
    sandbox.fail_next(3, status=503)
    with pytest.raises(errors.InternalServerError):
        make_model(max_retries=2).invoke("Olá")
    assert len(sandbox.requests) == 3


class Recorder(BaseCallbackHandler):
    def __init__(self) -> None:
        self.response: LLMResult | None = None

    def on_llm_error(self, error: BaseException, **kwargs: Any) -> None:
        self.response = kwargs["response"]


@every_path
def test_callbacks_see_what_the_service_answered(
    make_model: MakeModel, sandbox: Sandbox, path: Callable[..., Any]
) -> None:
    sandbox.fail_next(status=400, body={"detail": "não deu"}, headers={"x-request-id": "r1"})
    recorder = Recorder()
    with pytest.raises(errors.BadRequestError):
        path(make_model(callbacks=[recorder]))
    assert recorder.response is not None
    metadata = recorder.response.generations[-1][0].message.response_metadata
    assert metadata["body"] == {"detail": "não deu"}
    assert (metadata["status_code"], metadata["request_id"]) == (400, "r1")
    assert metadata["headers"]["content-type"] == "application/json"


def test_response_that_is_no_json_keeps_its_text(make_model: MakeModel, sandbox: Sandbox) -> None:
    sandbox.fail_next(status=400, body="<html>", headers={"Content-Type": "text/html"})
    recorder = Recorder()
    with pytest.raises(errors.BadRequestError) as caught:
        make_model(callbacks=[recorder]).invoke("Olá")
    assert caught.value.response.text == "<html>"
    assert recorder.response.generations[-1][0].message.response_metadata["body"] == "<html>"


REQUEST = RequestInfo("POST", "http://x/api", 1)
HTTP = HttpInfo(400, ((b"X-Request-Id", b"r1"),), 1, 0.5)
SAMPLES = [
    errors.ConfigurationError("m"),
    errors.APIConnectionError("m", request=REQUEST),
    errors.APITimeoutError("m", phase="idle", request=REQUEST, received="r"),
    errors.StreamInterruptedError("m", request=REQUEST, http=HTTP, received="r"),
    errors.APIResponseError("m", body="b", request=REQUEST, http=HTTP),
    errors.APIStreamError("m", code="c", type="t", body="b", request=REQUEST, http=HTTP, received="r"),
    *(
        getattr(errors, kind)(
            "m", status_code=400, code="c", body="b", retry_after=1.5, request=REQUEST, http=HTTP
        )
        for kind in (
            "APIStatusError",
            "BadRequestError",
            "AuthenticationError",
            "PaymentRequiredError",
            "PermissionDeniedError",
            "NotFoundError",
            "RequestTimeoutError",
            "ConflictError",
            "PayloadTooLargeError",
            "UnprocessableEntityError",
            "RateLimitError",
            "InternalServerError",
        )
    ),
]


@pytest.mark.parametrize("error", SAMPLES, ids=lambda error: type(error).__name__)
def test_every_error_of_the_client_has_a_twin_that_pickles_and_copies(error: MaritacaError) -> None:
    twin = langchain_error(error)
    assert isinstance(twin, type(error))
    assert isinstance(twin, langchain_errors.ModelError)
    assert str(twin) == str(error)
    assert {**vars(error), "is_retryable": twin.is_retryable} == vars(twin)
    for other in (pickle.loads(pickle.dumps(twin)), copy.copy(twin), copy.deepcopy(twin)):
        assert type(other) is type(twin)
        assert (str(other), vars(other)) == (str(twin), vars(twin))
    assert langchain_error(twin) is twin


def test_every_error_class_of_the_client_has_a_class_of_its_own() -> None:
    # Only the client's `parse` raises the last one, and no model calls it.
    apart = {errors.MaritacaError, errors.APIError, errors.AnswerFormatError}
    concrete = {getattr(errors, name) for name in errors.__all__} - apart
    kinds = {kind for kind in concrete if isinstance(kind, type) and issubclass(kind, errors.MaritacaError)}
    assert {type(error) for error in SAMPLES} == kinds
    twins = {type(langchain_error(error)) for error in SAMPLES}
    assert len(twins) == len(kinds)
    assert {kind.__name__ for kind in twins} < set(langchain_maritaca.__all__)


def test_class_of_the_client_that_is_new_falls_back_to_its_parent() -> None:
    class TeapotError(errors.APIStatusError):
        pass

    assert type(langchain_error(TeapotError("m"))) is langchain_maritaca.ChatMaritacaStatusError
    assert type(langchain_error(MaritacaError("m"))) is langchain_maritaca.ChatMaritacaError


def test_key_is_in_no_error(make_model: MakeModel, sandbox: Sandbox) -> None:
    sandbox.fail_next(status=400, body={"detail": "não deu"})
    with pytest.raises(errors.BadRequestError) as caught:
        make_model(api_key=KEY).invoke("Olá")
    error = caught.value
    shown = "".join(traceback.TracebackException.from_exception(error, capture_locals=True).format())
    assert KEY not in shown
    assert KEY not in repr(error) + str(vars(error)) + json.dumps(dict(error.response.headers))
    assert KEY.encode() not in pickle.dumps(error)


async def test_interrupted_async_stream_leaves_nothing_behind() -> None:
    async def cut(exchange: Exchange) -> None:
        await exchange.begin_stream()
        await exchange.event(chunk("um "))
        await exchange.cut()

    async with ScriptedServer((cut,)) as server:
        model = ChatMaritaca(api_key=KEY, base_url=server.base_url)
        with pytest.raises(errors.StreamInterruptedError):
            await _drain(model, "Olá")
    gc.collect()


async def test_stream_without_any_chunk_is_an_error_not_an_empty_answer() -> None:
    async with ScriptedServer((streams(),)) as server:
        model = ChatMaritaca(api_key=KEY, base_url=server.base_url, max_retries=0)
        with pytest.raises(errors.APIConnectionError):
            await _drain(model, "Olá")
