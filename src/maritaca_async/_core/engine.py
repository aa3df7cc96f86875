"""One call from start to end: attempts, clocks, status to error, parsing."""

from __future__ import annotations

import asyncio
import logging
import math
import platform
import random
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, TypeVar

from .._version import __version__
from ..errors import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStreamError,
    APITimeoutError,
    RateLimitError,
    RequestInfo,
)
from .download import Download
from .hooks import Hooks, RequestEvent
from .http_info import HttpInfo
from .log import logger, summary
from .request import BODY_LIMIT, Attempt, Secret, first_line, merge_headers, snippet, status_error
from .retry import RetryBudget, retry_cost, retry_delay
from .stream import AsyncStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from ..errors import APIStatusError
    from .ratelimit import Limiter
    from .reply import Reply
    from .request import Request
    from .stream import Decoder
    from .transport import Transport

T = TypeVar("T")
_ERROR_BODY_SECONDS = 5.0
_HIDDEN = "**********"
_USER_AGENT = f"maritaca-async/{__version__} python/{platform.python_version()}"


class Engine:
    """Makes calls for one key and base URL. Shared by the resources of a client.

    Engines of clients that `with_options` made share the transport and the budget of retries.
    """

    def __init__(
        self,
        *,
        base_url: str,
        api_key: Secret,
        transport: Transport,
        budget: RetryBudget | None = None,
        headers: Mapping[str, str] | None = None,
        query: Mapping[str, str] | None = None,
        hooks: Hooks | None = None,
        limiter: Limiter | None = None,
    ) -> None:
        self.base_url: str = base_url
        self.transport: Transport = transport
        self.budget: RetryBudget = budget or RetryBudget()
        self.query: Mapping[str, str] = query or {}
        self.hooks: Hooks | None = hooks
        self.limiter: Limiter | None = limiter
        self._api_key = api_key
        extra = headers or {}
        common = {"Authorization": Secret(f"Bearer {api_key}"), "User-Agent": _USER_AGENT}
        plain = {
            **common,
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "Content-Type": "application/json",
        }
        self._plain_headers = merge_headers(plain, extra)
        # A compressed stream would be held back by proxies until a block is full.
        self._stream_headers = merge_headers(
            {**plain, "Accept": "text/event-stream", "Accept-Encoding": "identity"}, extra
        )
        # Decompressed, a small piece of a body could be as large as memory.
        self._download_headers = merge_headers(self._stream_headers, {"Accept": "*/*"})

    def url(self, path: str) -> str:
        """The URL of a path, whether or not a `/v1` ends the base URL and begins the path."""
        base = self.base_url
        return (base.removesuffix("/v1") if path.startswith("/v1/") else base) + path

    def redact(self, body: bytes) -> bytes:
        """A body without the key, should the server have echoed it."""
        return body.replace(self._api_key.encode(), _HIDDEN.encode())

    def redact_error(self, error: APIError) -> None:
        """Take the key out of what the server wrote into an error."""
        error.args = tuple(self._without_key(text) for text in error.args)
        if isinstance(error, APIStreamError | APIResponseError):
            error.body = self._without_key(error.body)

    def _without_key(self, text: str) -> str:
        return text.replace(self._api_key, _HIDDEN)

    async def call(self, request: Request, parse: Callable[[bytes], T]) -> tuple[T, HttpInfo]:
        """Send a request and parse its answer.

        Raises:
            APIError: whatever went wrong, after the retries that the policy allows.
        """
        call = _Call(self, request)

        async def attempt() -> tuple[T, HttpInfo]:
            reply = await call.send(self._plain_headers)
            if not 200 <= reply.status < 300:
                raise await call.status_error(reply)
            body = await reply.read(self.transport.limits.max_body_bytes)
            http = call.http_info(reply)
            try:
                return parse(body), http
            except ValueError as error:
                body = self.redact(body)
                raise APIResponseError(
                    f"status {reply.status} but the body ({reply.content_type or 'no content type'}) is not the "
                    f"documented answer: {first_line(error)}: {snippet(body)}",
                    body=body[:BODY_LIMIT].decode("utf-8", "replace"),
                    http=http,
                ) from None

        return await call.run(attempt, request.timeouts.deadline)

    async def open(self, request: Request, new_decoder: Callable[[], Decoder[T]]) -> AsyncStream[T]:
        """Open a stream and wait for its first event: until then, failures are retried.

        Raises:
            APIError: whatever went wrong, after the retries that the policy allows.
        """
        call = _Call(self, request)

        async def attempt() -> AsyncStream[T]:
            reply = await call.send(self._stream_headers)
            if not 200 <= reply.status < 300:
                raise await call.status_error(reply)
            stream = AsyncStream(
                reply,
                new_decoder(),
                timeouts=request.timeouts,
                started=call.started,
                limits=self.transport.limits,
                request=call.request_info(),
                http=call.http_info(reply),
                redact=self.redact_error,
            )
            await stream.start()
            return stream

        return await call.run(attempt, _opening_limit(request))

    async def download(self, request: Request) -> Download:
        """Open an answer that is read as it arrives: until it begins, failures are retried.

        Raises:
            APIError: whatever went wrong, after the retries that the policy allows.
        """
        call = _Call(self, request)

        async def attempt() -> Download:
            reply = await call.send(self._download_headers)
            if not 200 <= reply.status < 300:
                raise await call.status_error(reply)
            return Download(
                reply,
                timeouts=request.timeouts,
                started=call.started,
                request=call.request_info(),
                http=call.http_info(reply),
            )

        return await call.run(attempt, _opening_limit(request))


def _opening_limit(request: Request) -> float | None:
    """Seconds until an answer that is read as it arrives must have begun."""
    clocks = [seconds for seconds in (request.timeouts.first_event, request.timeouts.deadline) if seconds]
    return min(clocks, default=None)


class _Call:
    """The state of one call across its attempts."""

    def __init__(self, engine: Engine, request: Request) -> None:
        self._engine = engine
        self._request = request
        self._attempt = Attempt(engine.url(request.path))
        self._told: RequestEvent | None = None  # what hooks know of the last attempt
        self._http: HttpInfo | None = None  # of the last answer
        self._flex_attempts = 0  # attempts before the call left the flex tier
        if engine.query:
            request.query = {**engine.query, **(request.query or {})}
        self.started = asyncio.get_running_loop().time()

    async def run(self, attempt: Callable[[], Awaitable[T]], limit: float | None) -> T:
        """Attempt until it works, the policy gives up, or `limit` seconds have passed since the start."""
        clock = asyncio.timeout_at(None if limit is None else self.started + limit)
        try:
            async with clock:
                return await self._attempts(attempt, limit)
        except TimeoutError:
            if not clock.expired():
                raise
            error = self._timeout_error(limit)
            self._log_failure(error)
            raise error from None

    async def _attempts(self, attempt: Callable[[], Awaitable[T]], limit: float | None) -> T:
        budget = self._engine.budget
        if self._engine.limiter is not None:
            attempt = partial(self._in_turn, self._engine.limiter, attempt, limit)
        paid = 0
        while True:
            self._attempt.number += 1
            try:
                result = await attempt()
            except APIError as error:
                if error.request is None:
                    error.request = self.request_info()
                wait = self._wait_after(error, limit)
                cost = retry_cost(error)
                if wait is None or not budget.take(cost):
                    self._log_failure(error)
                    raise
                paid += cost
                self._tell_retry(error, wait)
            else:
                budget.put_back(paid)
                if logger.isEnabledFor(logging.INFO):
                    self._log_answer()
                return result
            await self._engine.transport.pause(wait)

    def _wait_after(self, error: APIError, limit: float | None) -> float | None:
        """Seconds until the next attempt, None to give up; where flex gives up, the standard tier may begin."""
        request, retries = self._request, self._attempt.number - 1 - self._flex_attempts
        remaining, chance = self._remaining(limit), random.random()  # noqa: S311 - jitter
        wait = retry_delay(request.policy, error, retries, remaining, chance, flex=request.flex)
        refused = isinstance(error, RateLimitError) and error.retryable
        if wait is None and refused and request.leave_flex():
            self._flex_attempts = self._attempt.number
            return 0.0
        return wait

    async def _in_turn(self, limiter: Limiter, attempt: Callable[[], Awaitable[T]], limit: float | None) -> T:
        """Attempt when the client's rate limits allow it, and tell them what it used."""
        if self._request.demand is None:
            return await attempt()
        self._attempt.phase = "queue"
        place = await limiter.enter(self._request.demand, self._remaining(limit))
        try:
            result = await attempt()
        except BaseException as error:
            place.fail(error, self._request.policy.max_retry_after)
            raise
        if isinstance(result, AsyncStream):
            result.occupy(place)
        else:
            place.leave(result[0] if isinstance(result, tuple) else result)
        return result

    async def send(self, headers: Mapping[str, str]) -> Reply:
        extra = self._request.headers
        if extra:
            headers = merge_headers(headers, extra)
        if logger.isEnabledFor(logging.DEBUG):
            logger.debug("%r: attempt %d begins", self._request, self._attempt.number)
        hooks = self._engine.hooks
        if hooks is None:
            return await self._engine.transport.send(self._request, self._attempt, headers)
        self._told = told = self._request_event(headers)
        hooks.tell_request(told)
        reply = await self._engine.transport.send(self._request, self._attempt, headers)
        try:
            hooks.tell_response(told, self.http_info(reply))
        except BaseException:
            reply.close()
            raise
        return reply

    def http_info(self, reply: Reply) -> HttpInfo:
        self._http = HttpInfo(
            reply.status, reply.raw_headers, self._attempt.number + self._attempt.resent, self._elapsed()
        )
        return self._http

    def request_info(self) -> RequestInfo:
        return RequestInfo(self._request.method, self._attempt.url, self._attempt.number)

    async def status_error(self, reply: Reply) -> APIStatusError:
        """The error for an answer with an error status, even when its body does not arrive."""
        body = b""
        with suppress(TimeoutError, APIConnectionError, APIResponseError):
            async with asyncio.timeout(_ERROR_BODY_SECONDS):
                body = await reply.read(self._engine.transport.limits.max_body_bytes)
        body = self._engine.redact(body)
        return status_error(
            reply.status, reply.reason, body, self.http_info(reply), self.request_info(), time.time()
        )

    def _request_event(self, headers: Mapping[str, str]) -> RequestEvent:
        request, attempt = self._request, self._attempt
        shown = {name: value for name, value in headers.items() if name.lower() != "authorization"}
        body = request.body if isinstance(request.body, bytes) else None
        return RequestEvent(
            request.method, attempt.url, dict(request.query or {}), shown, body, attempt.number
        )

    def _tell_retry(self, error: APIError, wait: float) -> None:
        logger.info(
            "%r: attempt %d failed (%s), next in %.2f s",
            self._request,
            self._attempt.number,
            summary(error),
            wait,
        )
        if self._engine.hooks is not None and self._told is not None:
            self._engine.hooks.tell_retry(self._told, error, wait)

    def _log_answer(self) -> None:
        http = self._http
        if http is not None:
            known = "" if http.request_id is None else f", request id {http.request_id}"
            logger.info(
                "%r: %d on attempt %d after %.3f s%s",
                self._request,
                http.status,
                http.attempts,
                self._elapsed(),
                known,
            )

    def _log_failure(self, error: APIError) -> None:
        logger.info(
            "%r: failed on attempt %d after %.3f s (%s)",
            self._request,
            self._attempt.number,
            self._elapsed(),
            summary(error),
        )

    def _remaining(self, limit: float | None) -> float:
        return math.inf if limit is None else limit - self._elapsed()

    def _elapsed(self) -> float:
        return asyncio.get_running_loop().time() - self.started

    def _timeout_error(self, limit: float | None) -> APITimeoutError:
        phase = self._attempt.phase
        waiting = _WAITING[phase]
        tries = f"attempt {self._attempt.number}"
        return APITimeoutError(
            f"no answer within {limit:g} s ({waiting}, {tries}): see timeout=...",
            phase=phase,
            request=self.request_info(),
        )


_WAITING = {
    "queue": "still waiting for its turn under Limits(max_connections) or rate_limits",
    "first_event": "waiting for the first event of the stream",
    "deadline": "waiting for the answer",
}
