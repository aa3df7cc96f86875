"""A stream of typed events: one network read at a time, each decoded whole into a queue."""

from __future__ import annotations

import asyncio
import logging
import math
import weakref
from collections import deque
from contextlib import suppress
from copy import copy
from typing import TYPE_CHECKING, Any, Generic, Protocol, Self, TypeVar, cast

from ..errors import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStreamError,
    APITimeoutError,
    ConfigurationError,
    RequestInfo,
    StreamInterruptedError,
    TimeoutPhase,
)
from .log import logger, summary
from .request import parse_error, snippet
from .sse import ServerSentEvent, SSEDecoder

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import TracebackType

    from .http_info import HttpInfo
    from .options import Limits, Timeouts
    from .ratelimit import Place
    from .reply import Reply

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
_HEAD = 4096


class Decoder(Protocol[T_co]):
    """Turns the events of one stream into items, and knows when it is complete. Pure."""

    def is_end(self, event: ServerSentEvent) -> bool:
        """Whether an event is the end marker: nothing after it counts."""
        ...

    def decode(self, event: ServerSentEvent) -> T_co | None:
        """The item an event stands for, None for the end marker."""

    def whole(self, body: bytes) -> T_co:
        """The item for an answer that came as one JSON document although a stream was asked for."""
        ...

    def may_end(self) -> bool:
        """Whether the answer is complete."""
        ...

    def received(self, *, failed: bool = False) -> Any:
        """What has been decoded, in the shape of the complete answer; `failed` when it never will be complete."""


class AsyncStream(Generic[T]):
    """A stream of events. Iterate it; leave it early and its connection is dropped.

    Ends only when the answer is complete: a stream that is cut raises `StreamInterruptedError`.
    Use it as a context manager, or let go of it: an abandoned stream closes itself.
    """

    def __init__(
        self,
        reply: Reply,
        decoder: Decoder[T],
        *,
        timeouts: Timeouts,
        started: float,
        limits: Limits,
        request: RequestInfo,
        http: HttpInfo,
        redact: Callable[[APIError], None],
    ) -> None:
        self._http = http
        self._redact = redact
        self._reply = reply
        self._decoder = decoder
        self._decode = decoder.decode
        self._request = request
        self._max_body_bytes = limits.max_body_bytes
        self._sse = SSEDecoder(limits.max_event_bytes)
        self._head: bytes | None = b""  # the beginning of the body, until it has shown to be a stream
        self._ready: T | None = None
        self._events: deque[ServerSentEvent] = deque()
        self._body_ended = False
        self._ended = False
        self._shortfall: APIError | None = None  # why it ended before the answer was complete
        self._reading = False
        self._idle = math.inf if timeouts.idle is None else timeouts.idle
        self._deadline = math.inf if timeouts.deadline is None else started + timeouts.deadline
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._expired: TimeoutPhase | None = None
        self._place: Place | None = None  # under the client's rate limits

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        item = self.take()
        while item is None:
            if self._ended:
                raise StopAsyncIteration
            await self.fill()
            item = self.take()
        return item

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._close()

    async def aclose(self) -> None:
        """Stop reading and drop the connection; from any task, as often as one likes."""
        self._close()

    def __del__(self) -> None:
        if not self._ended:
            self._reply.abandon()
            if self._place is not None:
                self._place.abandon()

    @property
    def http(self) -> HttpInfo:
        """Status, headers, request id, attempts, and seconds until the answer began."""
        return self._http

    @property
    def received(self) -> Any:
        """What has been handed out so far, in the shape of the complete answer."""
        return self._decoder.received()

    @property
    def ended(self) -> bool:
        """Whether everything has been handed out and nothing more will come."""
        return self._ended

    def take(self) -> T | None:
        """The next item that has already arrived, None if there is none. Never waits; for any thread.

        Items are decoded here, one by one: decoded ahead, they would outlive several turns of the
        garbage collector, which costs more than decoding them.

        Raises:
            APIStreamError: the server reported an error.
            APIResponseError: an event is not the documented JSON.
            StreamInterruptedError: the stream ended, or was closed, before the answer was complete.
        """
        if self._ready is not None:
            ready, self._ready = self._ready, None
            return ready
        events = self._events
        try:
            while events:
                item = self._decode(events.popleft())
                if item is not None:
                    return item
                self._end_body()
        except APIError as error:
            raise self._fail(error) from error.__cause__
        if self._body_ended and not self._ended:
            self._finish()
            if not self._decoder.may_end():
                self._fail(self._premature_end())
        if self._shortfall is not None:
            raise copy(self._shortfall)
        return None

    async def fill(self) -> None:
        """Wait until more has arrived or the body has ended.

        Raises:
            APITimeoutError: nothing came within the idle time or the deadline.
            StreamInterruptedError: the connection broke before the answer was complete.
            APIResponseError: an event is larger than the limit.
            ConfigurationError: another task is reading, or the stream belongs to another event loop.
        """
        if self._ended:
            return
        if self._reading:
            raise ConfigurationError("the stream is already being read by another task")
        if asyncio.get_running_loop() is not self._reply.loop:
            raise ConfigurationError("a stream can be read only in the event loop in which it was opened")
        self._reading = True
        try:
            self._arm()
            await self._read()
        except APIConnectionError as error:
            # Nothing that happens to the connection matters once the answer is complete.
            if not self._decoder.may_end():
                raise self._fail(self._interruption(error)) from error.__cause__
            self._finish()
        except APIError as error:
            raise self._fail(error) from error.__cause__
        except BaseException:
            self._close()
            raise
        finally:
            self._due = None
            self._reading = False
            if self._body_ended or self._ended:
                self._disarm()

    def occupy(self, place: Place) -> None:
        """Hold a place under the rate limits of the client until the stream ends."""
        self._place = place
        if self._ended:
            place.leave(self._decoder.received())

    async def start(self) -> None:
        """Wait for the first item, with errors that can still be retried.

        Raises:
            APIError: no event came.
        """
        try:
            kind = self._reply.content_type
            if kind in ("application/json", "text/html"):
                self._ready = self._whole(await self._reply.read(self._max_body_bytes), kind)
                self._finish()
            while self._ready is None:
                await self._read()
                self._ready = self.take()
                if self._ready is None and self._ended:
                    raise APIResponseError("the stream ended without an answer")
            self._head = None
        except APIError as error:
            raise self._fail(error) from error.__cause__
        except BaseException:
            self._close()
            raise

    async def _read(self) -> None:
        while not self._events and not self._body_ended:
            data = await self._reply.read_some()
            if self._head is not None:
                self._head = (self._head + data)[:_HEAD]
            if data:
                self._events.extend(self._sse.feed(data))
            else:
                self._body_ended = True
                self._ready = self._decode_rest()
        if self._events and self._decoder.is_end(self._events[-1]):
            # Known before it is handed out, so that the next call finds this connection in the pool.
            self._body_ended = True
            self._reply.finish()

    def _end_body(self) -> None:
        """The end marker was handed out: nothing after it counts."""
        self._events.clear()
        if not self._body_ended:
            self._body_ended = True
            self._reply.abandon()

    def _decode_rest(self) -> T | None:
        """The item of an event that the body's end cut short of its blank line, if it is whole all the same."""
        with suppress(APIResponseError):
            for event in self._sse.finish():
                return self._decode(event)
        return None

    def _premature_end(self) -> APIError:
        if self._head is None:
            return StreamInterruptedError("the stream ended before the answer was complete")
        if message := parse_error(self._head.decode("utf-8", "replace")).message:
            return APIStreamError(f"the server answered a stream with an error: {message}")
        return APIConnectionError(
            f"the stream ended before its first event: {snippet(self._head) or 'no data'}"
        )

    def _interruption(self, error: APIConnectionError) -> APIError:
        if self._shortfall is not None:
            return self._shortfall
        if self._expired is None:
            return StreamInterruptedError(f"the stream broke off: {error}")
        limit = "deadline" if self._expired == "deadline" else "idle limit"
        return APITimeoutError(f"the stream reached its {limit}: see timeout=...", phase=self._expired)

    def _finish(self, shortfall: APIError | None = None) -> None:
        self._ended = True
        self._events.clear()
        if logger.isEnabledFor(logging.INFO):
            end = "complete" if shortfall is None else f"broken off ({summary(shortfall)})"
            logger.info("%s %s: stream %s", self._request.method, self._request.url, end)
        if self._place is not None:
            self._place.leave(self._decoder.received())

    def _fail(self, shortfall: APIError) -> APIError:
        """End before the answer is complete; the error is raised now and whenever more is asked for."""
        self._redact(shortfall)
        self._finish(shortfall)
        self._reply.abandon()
        shortfall.request = shortfall.request or self._request
        shortfall.http = self._http
        if isinstance(
            shortfall, StreamInterruptedError | APIStreamError | APIResponseError | APITimeoutError
        ):
            shortfall.received = self._decoder.received(failed=True)
        # A copy, for the original will hold a traceback, and that this stream: a cycle.
        self._shortfall = copy(shortfall)
        return shortfall

    def _whole(self, body: bytes, kind: str) -> T:
        try:
            return self._decoder.whole(body)
        except ValueError as error:
            raise APIResponseError(
                f"status {self._http.status} but the body ({kind}) is neither a stream nor an answer: {snippet(body)}",
                body=snippet(body),
            ) from error

    def _close(self) -> None:
        self._disarm()
        if self._ended:
            return
        self._ready = None
        if self._decoder.may_end():
            self._finish()
            self._reply.abandon()
        else:
            self._fail(StreamInterruptedError("the stream was closed before the answer was complete"))

    # One timer for the life of the stream, moved only when it fires: events cost nothing.

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        self._due = min(loop.time() + self._idle, self._deadline)
        if self._timer is None:
            self._schedule(loop)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _schedule(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._due is not None and self._due < math.inf:
            self._timer = loop.call_at(
                self._due, _check_time, cast("weakref.ref[AsyncStream[Any]]", weakref.ref(self))
            )

    def check_time(self) -> None:
        """Called by the timer: expire if the reader has waited too long, else look again later."""
        self._timer = None
        if self._due is None or self._ended:
            return
        loop = asyncio.get_running_loop()
        if loop.time() < self._due:
            self._schedule(loop)
            return
        self._expired = "deadline" if self._due == self._deadline else "idle"
        self._reply.close()


def _check_time(stream: weakref.ref[AsyncStream[Any]]) -> None:
    alive = stream()
    if alive is not None:
        alive.check_time()
