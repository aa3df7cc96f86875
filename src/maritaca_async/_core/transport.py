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
from typing import TYPE_CHECKING, Final

import aiohttp

from ..errors import APIConnectionError, APIResponseError, APITimeoutError, ConfigurationError
from .log import logger
from .sockets import current_attempt, open_socket

if TYPE_CHECKING:
    import socket
    from collections.abc import AsyncGenerator, Mapping

    from .options import Limits
    from .request import Attempt, Request

_HEADER_LIMIT: Final = 256 * 1024
_LARGE_BODY: Final = 256 * 1024
_LINGER: Final = 1.0
_CLOSED: Final = "the client is closed: make a new one, or close it after its last call"


class Reply:
    """An answer whose headers have arrived: read it to its end, or close it."""

    __slots__ = ("_home", "_response", "raw_headers", "reason", "status")

    def __init__(self, response: aiohttp.ClientResponse, home: _LoopSession) -> None:
        self._response = response
        self._home = home
        self.status: int = response.status
        self.reason: str = response.reason or ""
        self.raw_headers: tuple[tuple[bytes, bytes], ...] = response.raw_headers
        home.open.add(self)

    @property
    def content_type(self) -> str:
        """Media type in lower case, without parameters."""
        return self._response.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    async def read_some(self) -> bytes:
        """The next bytes, as many as have arrived; b"" at the end of the body.

        Raises:
            APIConnectionError: the connection broke, or `close` was called meanwhile.
        """
        try:
            data = await self._response.content.readany()
        except (aiohttp.ClientError, OSError) as error:
            self.close()
            raise _translate(error) from _bare(error)
        except BaseException:
            self.close()
            raise
        if not data:
            self._home.release(self)
        return data

    async def read(self, limit: int) -> bytes:
        """The whole body.

        Raises:
            APIConnectionError: the connection broke.
            APIResponseError: the body is larger than `limit` bytes.
        """
        parts: list[bytes] = []
        left = limit
        while data := await self.read_some():
            parts.append(data)
            left -= len(data)
            if left < 0:
                self.close()
                raise APIResponseError(
                    f"the answer is larger than {limit} bytes: raise Limits(max_body_bytes)"
                )
        return b"".join(parts)

    def close(self) -> None:
        """Drop the connection, from any task of its loop and as often as one likes; wakes a waiting read."""
        self._response.close()
        self._home.release(self)

    def finish(self) -> None:
        """The answer is complete: the connection goes back to the pool once its body has ended, if it soon does."""
        content = self._response.content
        if content.is_eof():
            self._home.release(self)
            return
        late = self._home.loop.call_later(_LINGER, self.close)

        def ended() -> None:
            late.cancel()
            self._home.release(self)

        content.on_eof(ended)

    def abandon(self) -> None:
        """Drop the connection from wherever garbage collection runs, another thread or a later time included."""
        if self not in self._home.open:
            return
        loop = self._home.loop
        if loop.is_closed() or loop is _running_loop():
            self.close()
        else:
            loop.call_soon_threadsafe(self.close)


class _Connector(aiohttp.TCPConnector):
    """A connector without a destructor: in a forked child that would unhook the parent's sockets."""

    def __del__(self, *_: object) -> None:
        pass


class _LoopSession:
    """What one event loop holds: the session, its free places, and the answers being read.

    Stays referenced from `_live` until it is closed, so that garbage collection never meets it open.
    """

    def __init__(self, limits: Limits, siblings: dict[asyncio.AbstractEventLoop, _LoopSession]) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self.open: set[Reply] = set()
        self.sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self.closing: asyncio.Event = asyncio.Event()
        self._siblings = siblings
        self._places = asyncio.Semaphore(limits.max_connections)
        self.session: aiohttp.ClientSession = aiohttp.ClientSession(
            connector=_Connector(
                limit=0,  # our own places queue in order and know why they wait
                keepalive_timeout=limits.keepalive,
                ttl_dns_cache=60,
                socket_factory=partial(open_socket, self.sockets),
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            max_line_size=_HEADER_LIMIT,
            max_field_size=_HEADER_LIMIT,
        )
        self._guard = self._close_with_the_loop()

    async def arm(self) -> None:
        """Have the loop close the session when it shuts down its asynchronous generators."""
        _live.add(self)
        await anext(self._guard)

    async def _close_with_the_loop(self) -> AsyncGenerator[None, None]:
        try:
            yield
        finally:
            self._leave()
            await self.session.close()

    async def aclose(self) -> None:
        await self._guard.aclose()

    async def acquire(self) -> None:
        """Wait for a place, in order of arrival."""
        await self._places.acquire()
        if self.closing.is_set():
            self._places.release()
            raise ConfigurationError(_CLOSED)

    def release(self, reply: Reply | None) -> None:
        """Free the place of a reply, once; or of a request that never got one."""
        if reply is not None:
            if reply not in self.open:
                return
            self.open.discard(reply)
        self._places.release()

    def retire(self) -> None:
        """Close from any thread; if the loop is closed already, let go without I/O and without a warning."""
        if not self.loop.is_closed():
            with suppress(RuntimeError):  # the loop was closed in between
                self.loop.call_soon_threadsafe(self._close_soon)
                return
        self._leave()
        self._drop()

    def _close_soon(self) -> None:
        task = self.loop.create_task(self.aclose())
        _closing.add(task)
        task.add_done_callback(_closing.discard)

    def _leave(self) -> None:
        self.closing.set()
        for reply in list(self.open):
            reply.close()
        self._siblings.pop(self.loop, None)
        _live.discard(self)

    def leave_to_parent(self) -> None:
        """After a fork, in the child: never touch the parent's connections again."""
        self._siblings.clear()
        # Closes the child's descriptors only; without it, a later clean-up would say goodbye on the
        # parent's TLS sessions or take its sockets out of the poll set that both share.
        self._drop()

    def _drop(self) -> None:
        self.session.detach()
        for made in list(self.sockets):
            made.close()


_live: set[_LoopSession] = set()
_closing: set[asyncio.Task[None]] = set()


class Transport:
    """Sends requests; works in any number of loops, one after another or at once in several threads."""

    def __init__(self, limits: Limits) -> None:
        self.limits: Limits = limits
        self.closed: bool = False
        self._sessions: dict[asyncio.AbstractEventLoop, _LoopSession] = {}
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

    async def _enter_loop(self) -> _LoopSession:
        if self.closed:
            raise ConfigurationError(_CLOSED)
        for loop, left in list(self._sessions.items()):
            if loop.is_closed():
                left.retire()
        home = _LoopSession(self.limits, self._sessions)
        self._sessions[home.loop] = home
        await home.arm()
        return home


def _retire_all(sessions: dict[asyncio.AbstractEventLoop, _LoopSession]) -> None:
    for home in list(sessions.values()):
        home.retire()


def _after_fork_in_child() -> None:
    for home in list(_live):
        home.leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)


async def _exchange(
    home: _LoopSession, request: Request, attempt: Attempt, headers: Mapping[str, str]
) -> aiohttp.ClientResponse:
    while True:
        attempt.fresh = False
        token = current_attempt.set(attempt)
        try:
            return await home.session.request(
                request.method,
                attempt.url,
                data=_payload(request.body),
                params=request.query,
                headers=headers,
                allow_redirects=False,
                timeout=_client_timeout(request.timeouts.connect),
            )
        except (aiohttp.ClientError, OSError) as error:
            if not _is_stale(error, attempt):
                raise _translate(error) from _bare(error)
            logger.debug("%r: a kept connection had gone stale, sending again", request)
        finally:
            current_attempt.reset(token)


def _payload(body: bytes | None) -> bytes | io.BytesIO | None:
    """Large bodies go out in pieces, so that the loop can do other things in between."""
    return io.BytesIO(body) if body is not None and len(body) > _LARGE_BODY else body


def _is_stale(error: BaseException, attempt: Attempt) -> bool:
    """Whether a reused connection broke before one byte of the answer, so that sending again is safe.

    It ends by itself: each turn takes one connection out of the pool, and a fresh one is never stale.
    """
    if attempt.fresh or isinstance(error, aiohttp.ClientConnectorError):
        return False
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return isinstance(error.message, str)
    return isinstance(error, aiohttp.ClientOSError)


@lru_cache(maxsize=64)
def _client_timeout(connect: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=connect)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None


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
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        translated.retryable = False
    return translated
