"""One call from start to end: attempts, clocks, status to error, parsing."""

from __future__ import annotations

import asyncio
import logging
import math
import platform
import random
import time
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

from .._version import __version__
from ..errors import APIConnectionError, APIError, APIResponseError, APITimeoutError, RequestInfo
from .http_info import HttpInfo
from .log import logger
from .request import BODY_LIMIT, Attempt, Secret, first_line, merge_headers, snippet, status_error
from .retry import RetryBudget, retry_cost, retry_delay
from .stream import AsyncStream

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from ..errors import APIStatusError
    from .reply import Reply
    from .request import Request
    from .stream import Decoder
    from .transport import Transport

T = TypeVar("T")
_ERROR_BODY_SECONDS = 5.0
_USER_AGENT = f"maritaca-async/{__version__} python/{platform.python_version()}"


class Engine:
    """Makes calls for one key and base URL. Shared by the resources of a client."""

    def __init__(self, *, base_url: str, api_key: Secret, transport: Transport) -> None:
        self.base_url: str = base_url
        self.transport: Transport = transport
        self.budget: RetryBudget = RetryBudget()
        self._api_key = api_key
        common = {"Authorization": Secret(f"Bearer {api_key}"), "User-Agent": _USER_AGENT}
        self._plain_headers = {
            **common,
            "Accept": "application/json",
            "Accept-Encoding": "gzip, deflate",
            "Content-Type": "application/json",
        }
        # A compressed stream would be held back by proxies until a block is full.
        self._stream_headers = {
            **self._plain_headers,
            "Accept": "text/event-stream",
            "Accept-Encoding": "identity",
        }

    def redact(self, body: bytes) -> bytes:
        """A body without the key, should the server have echoed it."""
        return body.replace(self._api_key.encode(), b"**********")

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
            )
            await stream.start()
            return stream

        clocks = [seconds for seconds in (request.timeouts.first_event, request.timeouts.deadline) if seconds]
        return await call.run(attempt, min(clocks, default=None))


class _Call:
    """The state of one call across its attempts."""

    def __init__(self, engine: Engine, request: Request) -> None:
        self._engine = engine
        self._request = request
        self._attempt = Attempt(engine.base_url + request.path)
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
            raise self._timeout_error(limit) from None

    async def _attempts(self, attempt: Callable[[], Awaitable[T]], limit: float | None) -> T:
        budget, policy = self._engine.budget, self._request.policy
        paid = 0
        while True:
            self._attempt.number += 1
            try:
                result = await attempt()
            except APIError as error:
                if error.request is None:
                    error.request = self.request_info()
                remaining = math.inf if limit is None else limit - self._elapsed()
                wait = retry_delay(policy, error, self._attempt.number - 1, remaining, random.random())  # noqa: S311 - jitter
                cost = retry_cost(error)
                if wait is None or not budget.take(cost):
                    raise
                paid += cost
                logger.info(
                    "%r: attempt %d failed (%s), next in %.2f s",
                    self._request,
                    self._attempt.number,
                    error,
                    wait,
                )
            else:
                budget.put_back(paid)
                if logger.isEnabledFor(logging.DEBUG):
                    logger.debug(
                        "%r: attempt %d, %.3f s", self._request, self._attempt.number, self._elapsed()
                    )
                return result
            await self._engine.transport.pause(wait)

    async def send(self, headers: Mapping[str, str]) -> Reply:
        extra = self._request.headers
        return await self._engine.transport.send(
            self._request, self._attempt, merge_headers(headers, extra) if extra else headers
        )

    def http_info(self, reply: Reply) -> HttpInfo:
        return HttpInfo(
            reply.status, reply.raw_headers, self._attempt.number + self._attempt.resent, self._elapsed()
        )

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
    "queue": "still waiting for one of Limits(max_connections)",
    "first_event": "waiting for the first event of the stream",
    "deadline": "waiting for the answer",
}
