"""A stream of typed events: one network read at a time, each decoded whole into a queue."""

from __future__ import annotations

import asyncio
import math
import weakref
from collections import deque
from contextlib import suppress
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
from .request import parse_error, snippet
from .sse import ServerSentEvent, SSEDecoder

if TYPE_CHECKING:
    from types import TracebackType

    from .http_info import HttpInfo
    from .options import Limits, Timeouts
    from .transport import Reply

T = TypeVar("T")
_HEAD = 4096


class Decoder(Protocol[T]):
    """Turns the events of one stream into items, and knows when it is complete. Pure."""

    done: bool
    """Whether the end marker has arrived: nothing after it counts."""

    def decode(self, event: ServerSentEvent) -> T | None:
        """The item an event stands for, None for the end marker."""

    def whole(self, body: bytes) -> list[T]:
        """The items of an answer that came as one JSON document although a stream was asked for."""
        ...

    def may_end(self) -> bool:
        """Whether the answer is complete without an end marker."""
        ...

    def received(self) -> Any:
        """What has arrived, in the shape of the complete answer."""


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
    ) -> None:
        self._http = http
        self._reply = reply
        self._decoder = decoder
        self._request = request
        self._limits = limits
        self._sse = SSEDecoder(limits.max_event_bytes)
        self._items: deque[T] = deque()
        self._failure: APIError | None = None
        self._head: bytes | None = b""
        self._reading = False
        self._ended = False
        self._closed = False
        self._idle = math.inf if timeouts.idle is None else timeouts.idle
        self._deadline = math.inf if timeouts.deadline is None else started + timeouts.deadline
        self._due: float | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._expired: TimeoutPhase | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> T:
        items = self._items
        if not items:
            await self.fill()
            if not items:
                raise StopAsyncIteration
        return items.popleft()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self.close()

    async def aclose(self) -> None:
        """Stop reading and drop the connection; from any task, as often as one likes."""
        self.close()

    def close(self) -> None:
        """What `aclose` does, for callers already in the stream's event loop."""
        self._closed = True
        if not self._ended:
            self._end()
            self._reply.close()
        self._items.clear()
        self._failure = None

    def __del__(self) -> None:
        if not self._ended:
            self._reply.abandon()

    @property
    def http(self) -> HttpInfo:
        """Status, headers, request id, attempts, and seconds until the answer began."""
        return self._http

    @property
    def received(self) -> Any:
        """What has arrived so far, in the shape of the complete answer."""
        return self._decoder.received()

    @property
    def ended(self) -> bool:
        """Whether everything has been handed out and nothing more will come."""
        return self._ended and not self._items and self._failure is None

    def take(self) -> T | None:
        """The next item that has already been decoded, None if there is none; never waits."""
        return self._items.popleft() if self._items else None

    async def start(self) -> None:
        """Wait for the first event, with errors that can still be retried.

        Raises:
            APIError: no event came.
        """
        try:
            if self._reply.content_type == "application/json":
                self._items.extend(self._whole(await self._reply.read(self._limits.max_body_bytes)))
                self._end()
            elif self._reply.content_type == "text/html":
                raise APIResponseError(self._no_stream(await self._reply.read(self._limits.max_body_bytes)))
            else:
                await self._read_items()
        except BaseException as error:
            self.close()
            if isinstance(error, APIError):
                self._describe(error)
            raise

    async def fill(self) -> None:
        """Wait until at least one item is there or the stream has ended.

        Raises:
            APITimeoutError: nothing came within the idle time or the deadline.
            StreamInterruptedError: the connection broke before the answer was complete.
            APIStreamError: the server reported an error.
            APIResponseError: an event is not the documented JSON.
        """
        if self._reading:
            raise ConfigurationError("the stream is already being read by another task")
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if self._ended:
            return
        self._reading = True
        try:
            self._arm()
            await self._read_items()
        except APIConnectionError as error:
            self._end()
            # Nothing that happens to the connection matters once the answer is complete.
            if self._closed or not self._decoder.may_end():
                raise self._interruption(error) from error.__cause__
        except APIError as error:
            self._describe(error)
            raise
        except BaseException:
            self.close()
            raise
        finally:
            self._due = None
            self._reading = False

    async def _read_items(self) -> None:
        while not self._items and not self._ended:
            data = await self._reply.read_some()
            if self._head is not None:
                self._head = (self._head + data)[:_HEAD]
            if data:
                self._decode(self._sse.feed(data))
            else:
                self._decode_rest()

    def _decode_rest(self) -> None:
        with suppress(APIResponseError):  # an event that was cut off is no event
            for event in self._sse.finish():
                if (item := self._decoder.decode(event)) is not None:
                    self._items.append(item)
                    self._head = None
        self._end()
        if not self._decoder.may_end():
            self._fail(self._premature_end())

    def _decode(self, events: list[ServerSentEvent]) -> None:
        decoder, items = self._decoder, self._items
        try:
            for event in events:
                item = decoder.decode(event)
                if item is not None:
                    items.append(item)
                if decoder.done:
                    self._end()
                    self._reply.finish()
                    break
        except APIError as error:
            self._end()
            self._reply.close()
            self._fail(error)
        if items:
            self._head = None

    def _premature_end(self) -> APIError:
        if self._head is None:
            return StreamInterruptedError("the stream ended before the answer was complete")
        if message := parse_error(self._head.decode("utf-8", "replace")).message:
            return APIStreamError(f"the server answered a stream with an error: {message}")
        return APIConnectionError(
            f"the stream ended before its first event: {snippet(self._head) or 'no data'}"
        )

    def _fail(self, error: APIError) -> None:
        """Raise an error, but not before the items that arrived ahead of it were handed out."""
        self._describe(error)
        if not self._items:
            raise error
        self._failure = error

    def _interruption(self, error: APIConnectionError) -> APIError:
        if isinstance(error, StreamInterruptedError):
            return error
        wrapped: APIError
        if self._closed:
            wrapped = StreamInterruptedError("the stream was closed while it was being read")
        elif self._expired is not None:
            limit = "deadline" if self._expired == "deadline" else "idle limit"
            wrapped = APITimeoutError(f"the stream reached its {limit}: see timeout=...", phase=self._expired)
        else:
            wrapped = StreamInterruptedError(f"the stream broke off: {error}")
        self._describe(wrapped)
        return wrapped

    def _describe(self, error: APIError) -> None:
        if error.request is None:
            error.request = self._request
            error.http = self._http
            if isinstance(
                error, StreamInterruptedError | APIStreamError | APIResponseError | APITimeoutError
            ):
                error.received = self._decoder.received()

    def _whole(self, body: bytes) -> list[T]:
        try:
            return self._decoder.whole(body)
        except ValueError as error:
            raise APIResponseError(self._no_stream(body), body=snippet(body)) from error

    def _no_stream(self, body: bytes) -> str:
        kind = self._reply.content_type
        return f"status {self._http.status} but the body ({kind}) is neither a stream nor an answer: {snippet(body)}"

    # One timer for the life of the stream, moved only when it fires: events cost nothing.

    def _arm(self) -> None:
        loop = asyncio.get_running_loop()
        self._due = min(loop.time() + self._idle, self._deadline)
        if self._timer is None and self._due < math.inf:
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
            self._timer = loop.call_at(
                self._due, _check_time, cast("weakref.ref[AsyncStream[Any]]", weakref.ref(self))
            )
            return
        self._expired = "deadline" if self._due == self._deadline else "idle"
        self._reply.close()

    def _end(self) -> None:
        self._ended = True
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def _check_time(stream: weakref.ref[AsyncStream[Any]]) -> None:
    alive = stream()
    if alive is not None:
        alive.check_time()
