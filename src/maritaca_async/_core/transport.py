"""HTTP by aiohttp: one session per running event loop, and its errors turned into ours.

A session belongs to the loop it was made in. The transport keeps one for each loop that calls, and
hooks its closing into the loop's own shutdown, so that `asyncio.run` ends cleanly without `aclose`.
"""

from __future__ import annotations

import asyncio
import io
import os
import weakref
from contextlib import suppress
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

import aiohttp

from ..errors import APIConnectionError, APITimeoutError, ConfigurationError
from .log import logger
from .reply import Reply
from .sockets import current_attempt, open_socket

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncGenerator, Mapping

    from .options import Limits
    from .request import Attempt, Request

_HEADER_LIMIT: Final = 256 * 1024
_LARGE_BODY: Final = 256 * 1024
_FAILURES: Final = (aiohttp.ClientError, OSError, RuntimeError, ValueError)
_CLOSED: Final = "the client is closed: make a new one, or close it after its last call"


class _Connector(aiohttp.TCPConnector):
    """A connector without a destructor: in a forked child that would unhook the parent's sockets."""

    def __del__(self, *_: object) -> None:
        pass


class LoopSession:
    """What one event loop holds: the session, its free places, and the answers being read.

    Stays referenced from `_live` until it is closed, so that garbage collection never meets it open.
    """

    failures: ClassVar[tuple[type[Exception], ...]] = (aiohttp.ClientError, OSError)
    """What reading an answer may raise; `translate` makes it ours."""

    def __init__(self, limits: Limits, siblings: dict[asyncio.AbstractEventLoop, LoopSession]) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self.open: set[Reply] = set()
        self.sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self.closing: asyncio.Event = asyncio.Event()
        self._siblings = siblings
        self._places = asyncio.Semaphore(limits.max_connections)
        self.session: aiohttp.ClientSession = self._new_session(keepalive_timeout=limits.keepalive)
        self._unpooled: aiohttp.ClientSession | None = None
        self._guard = self._close_with_the_loop()

    def unpooled(self) -> aiohttp.ClientSession:
        """A session whose every request opens a connection of its own."""
        if self._unpooled is None:
            self._unpooled = self._new_session(force_close=True)
        return self._unpooled

    def _new_session(self, **pool: Any) -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=_Connector(
                limit=0,  # our own places queue in order and know why they wait
                ttl_dns_cache=60,
                socket_factory=partial(open_socket, self.sockets),
                **pool,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            max_line_size=_HEADER_LIMIT,
            max_field_size=_HEADER_LIMIT,
        )

    def _sessions(self) -> list[aiohttp.ClientSession]:
        return [self.session] if self._unpooled is None else [self.session, self._unpooled]

    async def arm(self) -> None:
        """Have the loop close the session when it shuts down its asynchronous generators."""
        _live.add(self)
        await anext(self._guard)

    async def _close_with_the_loop(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Close the session; a second call, from whatever side, has nothing left to do."""
        if not self.closing.is_set():
            self.closing.set()
            self._forget()
            for reply in list(self.open):
                reply.close()
            for session in self._sessions():
                await session.close()

    async def acquire(self) -> None:
        """Wait for a place, in order of arrival."""
        await self._places.acquire()
        if self.closing.is_set():
            self._places.release()
            raise ConfigurationError(_CLOSED)

    def translate(self, error: BaseException) -> APIConnectionError:
        """Our error for one of `failures`, caused by it."""
        translated = _translate(error)
        translated.__cause__ = _bare(error)
        return translated

    def release(self, reply: Reply | None) -> None:
        """Free the place of a reply, once; or of a request that never got one."""
        if reply is not None:
            if reply not in self.open:
                return
            self.open.discard(reply)
        self._places.release()

    def retire(self) -> None:
        """Close from any thread; if the loop is closed already, let go of everything without it."""
        if not self.loop.is_closed():
            with suppress(RuntimeError):  # the loop was closed in between
                self.loop.call_soon_threadsafe(self._close_soon)
                return
        self._forget()
        connectors = [session.connector for session in self._sessions()]
        self._drop()
        for connector in filter(None, connectors):
            # With its loop closed a connector only forgets what it holds; one step completes that.
            next(connector.close().__await__(), None)

    def _close_soon(self) -> None:
        task = self.loop.create_task(self.aclose())
        _closing.add(task)
        task.add_done_callback(_closing.discard)

    def _forget(self) -> None:
        self._siblings.pop(self.loop, None)
        _live.discard(self)

    def leave_to_parent(self) -> None:
        """After a fork, in the child: never touch the parent's connections again."""
        self._siblings.clear()
        # Closes the child's descriptors only; without it, a later clean-up would say goodbye on the
        # parent's TLS sessions or take its sockets out of the poll set that both share.
        self._drop()

    def _drop(self) -> None:
        for session in self._sessions():
            session.detach()
        for made in list(self.sockets):
            made.close()


_live: set[LoopSession] = set()
_closing: set[asyncio.Task[None]] = set()


class Transport:
    """Sends requests; works in any number of loops, one after another or at once in several threads."""

    def __init__(self, limits: Limits) -> None:
        self.limits: Limits = limits
        self.closed: bool = False
        self._sessions: dict[asyncio.AbstractEventLoop, LoopSession] = {}
        weakref.finalize(self, _retire_all, self._sessions)

    async def send(self, request: Request, attempt: Attempt, headers: Mapping[str, str]) -> Reply:
        """Wait for a place, send, and return once the headers of the answer have arrived.

        Raises:
            ConfigurationError: the client is closed.
            APIConnectionError: no answer could be had.
        """
        home = self._sessions.get(asyncio.get_running_loop()) or await self._enter_loop()
        attempt.phase = "queue"
        await home.acquire()
        attempt.phase = "first_event" if request.stream else "deadline"
        try:
            response = await _exchange(home, request, attempt, headers)
        except BaseException:
            home.release(None)
            raise
        return Reply(response, home)

    async def pause(self, seconds: float) -> None:
        """Wait between two attempts.

        Raises:
            ConfigurationError: the client was closed meanwhile.
        """
        home = self._sessions.get(asyncio.get_running_loop()) or await self._enter_loop()
        try:
            async with asyncio.timeout(seconds):
                await home.closing.wait()
        except TimeoutError:
            return
        raise ConfigurationError(_CLOSED)

    async def aclose(self) -> None:
        """Close the session of the running loop now, and have other loops close theirs."""
        self.closed = True
        running = self._sessions.get(asyncio.get_running_loop())
        if running is not None:
            await running.aclose()
        _retire_all(self._sessions)

    async def _enter_loop(self) -> LoopSession:
        if self.closed:
            raise ConfigurationError(_CLOSED)
        for loop, left in list(self._sessions.items()):
            if loop.is_closed():
                left.retire()
        home = LoopSession(self.limits, self._sessions)
        self._sessions[home.loop] = home
        await home.arm()
        return home


def _retire_all(sessions: dict[asyncio.AbstractEventLoop, LoopSession]) -> None:
    for home in list(sessions.values()):
        home.retire()


def _after_fork_in_child() -> None:
    for home in list(_live):
        home.leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


async def _exchange(
    home: LoopSession, request: Request, attempt: Attempt, headers: Mapping[str, str]
) -> aiohttp.ClientResponse:
    current_attempt.set(attempt)
    attempt.fresh = False
    try:
        return await _request(home.session, request, attempt, headers)
    except _FAILURES as error:
        if not _is_stale(error, attempt):
            raise _translate(error) from _bare(error)
        logger.debug("%r: a kept connection had gone stale, sending again", request)
    attempt.resent += 1
    try:
        return await _request(home.unpooled(), request, attempt, headers)
    except _FAILURES as error:
        raise _translate(error) from _bare(error)


async def _request(
    session: aiohttp.ClientSession, request: Request, attempt: Attempt, headers: Mapping[str, str]
) -> aiohttp.ClientResponse:
    return await session.request(
        request.method,
        attempt.url,
        data=_payload(request.body),
        params=request.query,
        headers=headers,
        allow_redirects=False,
        timeout=_client_timeout(request.timeouts.connect),
    )


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    """Large bodies go out in pieces, so that the loop can do other things in between."""
    return io.BytesIO(body) if body is not None and len(body) > _LARGE_BODY else body


def _is_stale(error: BaseException, attempt: Attempt) -> bool:
    """Whether a reused connection broke before one byte of the answer: most likely the request never arrived."""
    if attempt.fresh or isinstance(error, aiohttp.ClientConnectorError):
        return False
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return isinstance(error.message, str)
    return isinstance(error, aiohttp.ClientOSError)


@lru_cache(maxsize=64)
def _client_timeout(connect: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=connect)


def _bare(error: BaseException) -> BaseException:
    """The error without its frames: they hold headers with the key, and keep the whole call alive."""
    link: BaseException | None = error
    while link is not None:
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return error


_CERTIFICATE_HELP: Final = (
    "the server's certificate is not trusted; behind a company proxy point SSL_CERT_FILE to its CA bundle"
)

_TRANSLATIONS: Final[tuple[tuple[type[BaseException], str], ...]] = (
    (aiohttp.ClientConnectorCertificateError, _CERTIFICATE_HELP),
    (aiohttp.ClientConnectorSSLError, "no TLS connection could be made"),
    (aiohttp.ClientConnectorDNSError, "the host name could not be resolved"),
    (aiohttp.ClientConnectorError, "no connection could be made"),
    (aiohttp.ServerDisconnectedError, "the server closed the connection without an answer"),
    (aiohttp.ClientPayloadError, "the connection broke while the answer was being read"),
    (aiohttp.ClientResponseError, "the server's answer is not valid HTTP"),
    (aiohttp.ClientConnectionError, "the connection broke"),
)


def _translate(error: BaseException) -> APIConnectionError:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return APITimeoutError("no connection within the connect timeout", phase="connect")
    said = next(
        (text for kind, text in _TRANSLATIONS if isinstance(error, kind)), "the request could not be sent"
    )
    # Errors of the connector name host and cause; those of the parser speak of codes that are not the API's.
    named = isinstance(error, aiohttp.ClientConnectorError) or not isinstance(error, aiohttp.ClientError)
    translated = APIConnectionError(f"{said}: {error}" if named else said)
    transient = isinstance(error, aiohttp.ClientError | OSError)
    translated.retryable = transient and not isinstance(error, aiohttp.ClientConnectorCertificateError)
    return translated
