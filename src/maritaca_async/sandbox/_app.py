"""The routes: authorise, validate, answer."""

from __future__ import annotations

import asyncio
import itertools
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, nullcontext
from typing import TYPE_CHECKING, Any, Final

from aiohttp import web

from ._file_store import MAX_FILE_BYTES
from ._files import MAX_TOTAL_BYTES, attachments
from ._refusal import Refusal
from ._replies import FINGERPRINT, Reply, reply_to
from ._responses import answer_response
from ._responses_as_chat import as_chat
from ._responses_request import parse_response_request
from ._state import RecordedRequest, State
from ._storage_routes import Answer, StorageRoutes
from ._streaming import fault_response, plain_fault, write_stream
from ._tokens import prompt_blocks
from ._validation import check_limits, model_of, parse_json, parse_request
from ._wire import DONE, chunks, completion, event, model_list, to_json

if TYPE_CHECKING:
    from ._options import SandboxOptions
    from ._request import ChatRequest

PREFIXES: Final = ("/api", "/api/v1", "/v1")
"""Every prefix under which the API is found."""

_FORM_BYTES: Final = 64 * 1024
_RECORD: Final = web.RequestKey("record", RecordedRequest)
_Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def build_app(state: State) -> web.Application:
    """Return the application that serves the API from this state."""
    service = _Service(state)
    storage = StorageRoutes(state)
    # Base64 is a third larger than the files it carries; the limit on those has its own error.
    app = web.Application(middlewares=[service.record], client_max_size=MAX_TOTAL_BYTES * 3 // 2)
    app.on_cleanup.append(storage.runner.stop)
    for prefix in PREFIXES:
        app.router.add_post(f"{prefix}/chat/completions", service.chat)
        app.router.add_post(f"{prefix}/responses", service.responses)
        app.router.add_get(f"{prefix}/models", service.models)
        for method, path, answer in storage.all():
            app.router.add_route(method, prefix + path, service.answering(answer))
    return app


class _Service:
    def __init__(self, state: State) -> None:
        self._state = state
        self._flex = _FlexLane()

    @web.middleware
    async def record(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        """Record every request and turn refusals into JSON."""
        try:
            record = request[_RECORD] = await _recorded(request)
        except web.HTTPRequestEntityTooLarge as error:
            return _json({"detail": error.reason}, error.status)
        self._state.enter(record)
        try:
            response = await self._respond(request, handler)
        except asyncio.CancelledError:
            _note_departure(request, record)
            raise
        except ConnectionError:
            # Raised on, it would be logged as an error of the server.
            _note_departure(request, record)
            return web.Response()
        finally:
            self._state.leave(record)
        if not _gone(request):
            record.status = response.status
            record.completed |= isinstance(response, web.Response)
        return response

    async def _respond(self, request: web.Request, handler: _Handler) -> web.StreamResponse:
        fault = request[_RECORD].fault
        try:
            if self._state.options.latency:
                await asyncio.sleep(self._state.options.latency)
            if fault is not None and fault.kind == "status":
                return fault_response(fault)
            return await handler(request)
        except Refusal as refusal:
            return _json({"detail": refusal.detail}, refusal.status, refusal.headers)
        except web.HTTPException as error:
            allowed = {"Allow": error.headers["Allow"]} if "Allow" in error.headers else {}
            return _json({"detail": error.reason}, error.status, allowed)

    async def models(self, request: web.Request) -> web.StreamResponse:
        """Answer ``GET /models``."""
        _authorise(request, self._state.options)
        return await self._plain(request, model_list())

    def answering(self, answer: Answer) -> _Handler:
        """Return the handler of a route that only has to be authorised."""

        async def handler(request: web.Request) -> web.StreamResponse:
            _authorise(request, self._state.options)
            return await self._plain(request, answer(request, request[_RECORD]))

        return handler

    async def chat(self, request: web.Request) -> web.StreamResponse:
        """Answer ``POST /chat/completions``."""
        options = self._state.options
        _authorise(request, options)
        record = request[_RECORD]
        wanted = parse_request(parse_json(record.raw) if record.body is None else record.body)
        reply = self._reply(wanted)
        if wanted.service_tier is None:
            return await self._answer(request, wanted, reply)
        async with self._flex.place(options):
            return await self._answer(request, wanted, reply)

    async def responses(self, request: web.Request) -> web.StreamResponse:
        """Answer ``POST /responses``."""
        options = self._state.options
        _authorise(request, options)
        record = request[_RECORD]
        wanted = parse_response_request(parse_json(record.raw) if record.body is None else record.body)
        reply = self._reply(as_chat(wanted))
        async with self._flex.place(options) if wanted.service_tier else nullcontext():
            return await answer_response(request, record, wanted, reply, self._state)

    def _reply(self, wanted: ChatRequest) -> Reply:
        state = self._state
        model = model_of(wanted)
        files = attachments(wanted)
        blocks = prompt_blocks(wanted, files)
        prompt_tokens = sum(tokens for _, tokens in blocks)
        check_limits(wanted, model, prompt_tokens)
        now = time.monotonic()
        limit = state.rates.exceeded(state.options, model.id, prompt_tokens, now)
        if limit is not None:
            raise _too_many(f"Rate limit exceeded: {limit}", state.options)
        reply = reply_to(
            wanted,
            model,
            files=files,
            prompt_tokens=prompt_tokens,
            cached_tokens=state.memory.cached_tokens(blocks),
            next_call_id=state.next_call_id,
        )
        state.rates.add_output(model.id, reply.usage["completion_tokens"], now)
        return reply

    async def _answer(self, request: web.Request, wanted: ChatRequest, reply: Reply) -> web.StreamResponse:
        options = self._state.options
        envelope = {
            "id": self._state.next_reply_id(),
            "created": int(time.time()),
            "model": reply.model,
            "system_fingerprint": FINGERPRINT,
        }
        if not wanted.stream:
            return await self._plain(request, completion(reply, envelope, options))
        include_usage = bool(wanted.stream_options and wanted.stream_options.include_usage)
        events = chunks(reply, envelope, options, include_usage=include_usage)
        return await write_stream(
            request,
            request[_RECORD],
            itertools.chain(map(event, events), [DONE]),
            tokens_per_second=options.tokens_per_second,
        )

    async def _plain(self, request: web.Request, body: Any) -> web.StreamResponse:
        fault = request[_RECORD].fault
        spoilt = await plain_fault(request, fault) if fault is not None else None
        if spoilt is not None:
            return spoilt
        pace = self._state.options.tokens_per_second
        if pace is not None and "usage" in body:
            await asyncio.sleep(body["usage"]["completion_tokens"] / pace)
        return body if isinstance(body, web.Response) else _json(body)


class _FlexLane:
    """The few places that the flex tier has, and the queue for them."""

    def __init__(self) -> None:
        self._taken = 0
        self._changed = asyncio.Condition()

    @asynccontextmanager
    async def place(self, options: SandboxOptions) -> AsyncIterator[None]:
        capacity = options.flex_capacity
        async with self._changed:
            try:
                async with asyncio.timeout(options.flex_wait):
                    await self._changed.wait_for(lambda: capacity is None or self._taken < capacity)
            except TimeoutError as error:
                raise _too_many("No flex capacity available", options) from error
            self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
            async with self._changed:
                self._changed.notify_all()


def _gone(request: web.Request) -> bool:
    return request.transport is None or request.transport.is_closing()


def _note_departure(request: web.Request, record: RecordedRequest) -> None:
    record.completed = False
    if _gone(request):
        record.disconnected_at = time.monotonic()


async def _recorded(request: web.Request) -> RecordedRequest:
    peer = request.transport.get_extra_info("peername") if request.transport else None
    received_at = time.monotonic()
    upload = request.content_type == "multipart/form-data"
    raw = await (request.clone(client_max_size=MAX_FILE_BYTES + _FORM_BYTES) if upload else request).read()
    try:
        body = None if upload else parse_json(raw)
    except Refusal:
        body = None
    return RecordedRequest(
        method=request.method,
        path=request.path,
        headers=request.headers,
        body=body,
        raw=raw,
        peer_port=peer[1] if peer else 0,
        received_at=received_at,
    )


def _authorise(request: web.Request, options: SandboxOptions) -> None:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    key = key.strip()
    if scheme.lower() not in ("bearer", "key") or not key:
        raise Refusal(401, "Missing API key")
    if options.api_key is not None and key != options.api_key:
        raise Refusal(401, "Invalid API key")


def _too_many(reason: str, options: SandboxOptions) -> Refusal:
    wait = options.retry_after
    return Refusal(429, reason, headers={} if wait is None else {"Retry-After": f"{wait:g}"})


def _json(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> web.Response:
    return web.Response(status=status, body=to_json(body), content_type="application/json", headers=headers)
