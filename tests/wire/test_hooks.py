"""Hooks are told what a call does; they change nothing and break nothing."""

from __future__ import annotations

import asyncio
import logging
import pickle
from contextvars import ContextVar
from typing import Any

import pytest
from conftest import KEY
from scripted import ASK, GOOD_STREAM, Exchange, ScriptedServer, answers, completion, streams

from maritaca_async import (
    APIConnectionError,
    AsyncMaritaca,
    BadRequestError,
    ConfigurationError,
    InternalServerError,
    Maritaca,
    RetryPolicy,
)
from maritaca_async._core.hooks import Hooks, RequestEvent, ResponseEvent, RetryEvent
from maritaca_async.sandbox import Sandbox

QUICK = RetryPolicy(delay=0.001)
TENANT: ContextVar[str] = ContextVar("tenant", default="nobody")


class Recorder:
    """Keeps every event in order."""

    def __init__(self) -> None:
        self.events: list[Any] = []
        self.hooks = Hooks(
            on_request=self.events.append, on_response=self.events.append, on_retry=self.events.append
        )

    @property
    def kinds(self) -> list[str]:
        return [type(event).__name__.removesuffix("Event").lower() for event in self.events]


def client(server: ScriptedServer, hooks: Hooks, **options: Any) -> AsyncMaritaca:
    return AsyncMaritaca(KEY, base_url=server.base_url, hooks=hooks, **{"max_retries": QUICK, **options})


async def test_hooks_are_told_of_every_attempt_in_order() -> None:
    async def good(exchange: Exchange) -> None:
        await exchange.answer(200, completion(), X_Request_Id="r2")

    recorder = Recorder()
    async with ScriptedServer((*answers(503), good)) as server, client(server, recorder.hooks) as maritaca:
        await maritaca.chat.completions.create(
            **ASK, extra_query={"a": "b"}, extra_headers={"X-Team": "busca"}
        )
    assert recorder.kinds == ["request", "response", "retry", "request", "response"]
    first, refused, retry, second, answered = recorder.events
    assert (first.method, first.url, first.query) == (
        "POST",
        f"{server.base_url}/chat/completions",
        {"a": "b"},
    )
    assert first.body == server.seen[0].body
    assert first.headers["X-Team"] == "busca"
    assert (first.attempt, second.attempt) == (1, 2)
    assert (refused.http.status, answered.http.status, answered.http.request_id) == (503, 200, "r2")
    assert isinstance(retry.error, InternalServerError)
    assert 0 <= retry.wait <= 0.001
    assert refused.request is first
    assert retry.request is first
    assert answered.request is second
    assert 0 < refused.http.elapsed < answered.http.elapsed < 5


async def test_events_do_not_hold_the_key() -> None:
    recorder = Recorder()
    async with (
        ScriptedServer(answers(503, completion())) as server,
        client(server, recorder.hooks) as maritaca,
    ):
        await maritaca.chat.completions.create(**ASK)
    assert KEY not in repr(recorder.events)
    assert not [name for name in recorder.events[0].headers if name.lower() == "authorization"]
    assert server.seen[0].headers["authorization"] == f"Bearer {KEY}"


async def test_events_are_copies_that_change_nothing() -> None:
    def meddle(event: RequestEvent) -> None:
        event.headers["X-Team"] = "outro"  # type: ignore[index]
        event.query["a"] = "outro"  # type: ignore[index]

    async with (
        ScriptedServer(answers(completion())) as server,
        client(server, Hooks(on_request=meddle)) as maritaca,
    ):
        await maritaca.chat.completions.create(
            **ASK, extra_headers={"X-Team": "busca"}, extra_query={"a": "b"}
        )
    assert server.seen[0].headers["x-team"] == "busca"
    assert server.seen[0].path.endswith("?a=b")


async def test_lost_connection_has_a_request_and_a_retry_but_no_response() -> None:
    recorder = Recorder()
    async with (
        ScriptedServer((lambda exchange: exchange.reset(), *answers(completion()))) as server,
        client(server, recorder.hooks) as maritaca,
    ):
        await maritaca.chat.completions.create(**ASK)
    assert recorder.kinds == ["request", "retry", "request", "response"]
    assert isinstance(recorder.events[1].error, APIConnectionError)


async def test_error_that_is_not_tried_again_has_no_retry() -> None:
    recorder = Recorder()
    async with ScriptedServer(answers(400)) as server, client(server, recorder.hooks) as maritaca:
        with pytest.raises(BadRequestError):
            await maritaca.chat.completions.create(**ASK)
    assert recorder.kinds == ["request", "response"]


async def test_streams_tell_hooks_when_they_open() -> None:
    recorder = Recorder()
    async with (
        ScriptedServer((*answers(503), streams(*GOOD_STREAM))) as server,
        client(server, recorder.hooks) as maritaca,
        maritaca.chat.completions.stream(**ASK) as stream,
    ):
        assert recorder.kinds == ["request", "response", "retry", "request", "response"]
        assert (await stream.get_final_completion()).text == "Bom dia!"
    assert len(recorder.events) == 5


async def test_hook_that_fails_is_logged_and_the_call_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    def broken(event: object) -> None:
        raise ValueError("broken hook")

    hooks = Hooks(on_request=broken, on_response=broken, on_retry=broken)
    async with ScriptedServer(answers(503, completion("oi"))) as server, client(server, hooks) as maritaca:
        assert (await maritaca.chat.completions.create(**ASK)).text == "oi"
    warned = [record for record in caplog.records if record.levelno == logging.WARNING]
    assert len(warned) == 5
    assert "broken hook" in caplog.text
    assert KEY not in caplog.text


async def test_hook_that_cancels_does_cancel() -> None:
    def cancel(event: object) -> None:
        raise asyncio.CancelledError

    async with (
        ScriptedServer(answers(completion())) as server,
        client(server, Hooks(on_request=cancel)) as maritaca,
    ):
        with pytest.raises(asyncio.CancelledError):
            await maritaca.chat.completions.create(**ASK)
    assert server.seen == []


async def test_no_place_is_lost_to_a_hook_that_fails_after_the_answer_began() -> None:
    def cancel(event: object) -> None:
        raise asyncio.CancelledError

    async with ScriptedServer(answers(completion())) as server:
        async with client(server, Hooks(on_response=cancel)) as maritaca:
            for _ in range(3):
                with pytest.raises(asyncio.CancelledError):
                    await maritaca.chat.completions.create(**ASK)
            home = maritaca._transport._sessions[asyncio.get_running_loop()]
            assert not home.open


async def coroutine_hook(event: object) -> None: ...


class CallableHook:
    async def __call__(self, event: object) -> None: ...


@pytest.mark.parametrize(
    ("hook", "said"), [("text", "function"), (coroutine_hook, "plain function"), (CallableHook(), "plain")]
)
def test_hooks_that_cannot_be_called_plainly_are_refused(hook: Any, said: str) -> None:
    with pytest.raises(ConfigurationError, match=rf"Hooks\(on_retry\) must be a .*{said}"):
        Hooks(on_retry=hook)
    with pytest.raises(ConfigurationError, match="hooks must be Hooks"):
        AsyncMaritaca(KEY, hooks=hook)


def test_hooks_of_the_blocking_client_see_the_callers_context() -> None:
    seen: list[str] = []
    TENANT.set("acme")
    hooks = Hooks(on_response=lambda event: seen.append(TENANT.get()))
    with Sandbox() as sandbox, Maritaca(KEY, base_url=sandbox.base_url, hooks=hooks) as blocking:
        blocking.models.list()
    assert seen == ["acme"]


def test_blocking_call_in_a_hook_does_not_hang(caplog: pytest.LogCaptureFixture) -> None:
    with Sandbox() as sandbox, Maritaca(KEY, base_url=sandbox.base_url) as other:
        hooks = Hooks(on_response=lambda event: other.models.list())
        with Maritaca(KEY, base_url=sandbox.base_url, hooks=hooks) as blocking:
            assert blocking.models.list().data
    assert "own event loop" in caplog.text


def module_hook(event: ResponseEvent | RequestEvent | RetryEvent) -> None: ...


@pytest.mark.parametrize("kind", [AsyncMaritaca, Maritaca])
def test_hooks_are_pickled_when_functions_of_a_module(
    kind: type[AsyncMaritaca | Maritaca], monkeypatch: pytest.MonkeyPatch
) -> None:
    import sys

    monkeypatch.setenv("MARITACA_API_KEY", KEY)
    monkeypatch.setitem(
        sys.modules, module_hook.__module__, sys.modules.get(module_hook.__module__) or sys.modules[__name__]
    )
    restored = pickle.loads(pickle.dumps(kind(hooks=Hooks(on_retry=module_hook))))
    assert getattr(restored, "_twin", restored)._settings["hooks"].on_retry is module_hook
    with pytest.raises(ConfigurationError, match="hooks=.* only functions of a module"):
        pickle.dumps(kind(hooks=Hooks(on_retry=lambda event: None)))


def test_exit_in_a_hook_does_not_end_the_loop_of_the_blocking_clients(
    caplog: pytest.LogCaptureFixture,
) -> None:
    def leave(_event: object) -> None:
        raise SystemExit(3)

    with Sandbox() as sandbox, Maritaca(KEY, base_url=sandbox.base_url, hooks=Hooks(on_request=leave)) as one:
        assert one.chat.completions.create(**ASK).choices
        assert "a hook failed" in caplog.text
