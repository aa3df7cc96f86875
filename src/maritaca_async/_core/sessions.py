"""What one event loop holds of a client: its connections, its free places, and the answers being read.

A session belongs to the loop it was made in. Its closing is hooked into the loop's own shutdown, so
that `asyncio.run` ends cleanly without `aclose`.
"""

from __future__ import annotations

import asyncio
import os
import socket
import weakref
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Final

import aiohttp
from aiohttp.abc import AbstractResolver

from ..errors import APIConnectionError, ConfigurationError
from .sockets import open_socket
from .translation import bare, translate

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator

    from .network import Network, Proxy
    from .reply import Reply

_FAREWELL: Final = 0.5
"""Seconds that what is being sent gets to leave when the client is closed."""

CLOSED: Final = "the client is closed: make a new one, or close it after its last call"


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

    def __init__(self, network: Network, siblings: dict[asyncio.AbstractEventLoop, LoopSession]) -> None:
        self.loop: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        self.open: set[Reply] = set()
        self.sockets: weakref.WeakSet[socket.socket] = weakref.WeakSet()
        self.closing: asyncio.Event = asyncio.Event()
        self.borrowed: bool = network.session is not None
        self.proxy: dict[str, Any] = _proxy_options(network.proxy)
        self._siblings = siblings
        self._network = network
        self._places = asyncio.Semaphore(_number_of_places(network))
        self.session: aiohttp.ClientSession = network.session or self._new_session(
            keepalive_timeout=network.limits.keepalive
        )
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
                ssl=self._network.ssl_context or True,
                resolver=self._network.resolver,
                **pool,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
        )

    def _own_sessions(self) -> list[aiohttp.ClientSession]:
        pooled = [] if self.borrowed else [self.session]
        return pooled if self._unpooled is None else [*pooled, self._unpooled]

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
        if self.closing.is_set():
            return
        self.closing.set()
        self._forget()
        for reply in list(self.open):
            reply.close()
        try:
            async with asyncio.timeout(_FAREWELL):
                for session in self._own_sessions():
                    await session.close()
        except TimeoutError:
            self._hang_up()

    def _hang_up(self) -> None:
        """End connections whatever is left to send: a server that stopped reading would hold them for ever."""
        for made in list(self.sockets):
            with suppress(OSError):
                made.shutdown(socket.SHUT_RDWR)

    async def acquire(self) -> None:
        """Wait for a place, in order of arrival."""
        await self._places.acquire()
        if self.closing.is_set():
            self._places.release()
            raise ConfigurationError(CLOSED)

    def translate(self, error: BaseException) -> APIConnectionError:
        """Our error for one of `failures`, caused by it."""
        translated = translate(error)
        translated.__cause__ = bare(error)
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
        connectors = [session.connector for session in self._own_sessions()]
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
        for session in self._own_sessions():
            session.detach()
        for made in list(self.sockets):
            made.close()


def _proxy_options(proxy: Proxy | None) -> dict[str, Any]:
    if proxy is None:
        return {}
    # aiohttp presents this to the proxy, and to nobody else, as Proxy-Authorization; credentials left in
    # the URL would show in its errors.
    headers = None if proxy.authorization is None else {"Authorization": proxy.authorization}
    return {"proxy": proxy.url, "proxy_headers": headers}


def _number_of_places(network: Network) -> int:
    connector = None if network.session is None else network.session.connector
    theirs = [] if connector is None else [connector.limit, connector.limit_per_host]
    # Beyond its connector's limits a session would queue inside the connect timeout.
    return min([network.limits.max_connections, *filter(None, theirs)])


def check_resolver(resolver: Any) -> None:
    """Refuse what is no resolver.

    Raises:
        ConfigurationError: naming what it has to be.
    """
    if resolver is not None and not isinstance(resolver, AbstractResolver):
        raise ConfigurationError(
            f"resolver must be an aiohttp.abc.AbstractResolver, not {type(resolver).__name__}"
        )


def check_session(session: Any) -> None:
    """Refuse what is no session, or one that would replace the key.

    Raises:
        ConfigurationError: naming what is wrong with it.
    """
    if session is None:
        return
    if not isinstance(session, aiohttp.ClientSession):
        raise ConfigurationError(f"session must be an aiohttp.ClientSession, not {type(session).__name__}")
    if session.auth is not None:
        raise ConfigurationError("session has auth=..., which collides with the API key: make it without")


def check_loop(session: aiohttp.ClientSession | None) -> None:
    """Refuse a session of the caller's in any loop but its own, and one that is closed.

    Raises:
        ConfigurationError: saying which.
    """
    if session is None:
        return
    if session.closed:
        raise ConfigurationError("the session of yours that this client uses is closed")
    if session._loop is not asyncio.get_running_loop():  # noqa: SLF001 - the public property is deprecated
        raise ConfigurationError(
            "the session of yours that this client uses belongs to another event loop: make session and "
            "client in the loop that uses them, or leave out session=..., which works in every loop"
        )


_live: set[LoopSession] = set()
_closing: set[asyncio.Task[None]] = set()


def retire_all(sessions: dict[asyncio.AbstractEventLoop, LoopSession]) -> None:
    for home in list(sessions.values()):
        home.retire()


def _after_fork_in_child() -> None:
    for home in list(_live):
        home.leave_to_parent()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
