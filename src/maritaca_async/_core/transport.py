"""HTTP by aiohttp, in whatever event loop asks for it."""

from __future__ import annotations

import asyncio
import io
import weakref
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import aiohttp

from ..errors import ConfigurationError
from .inline import InlinedBody
from .log import logger
from .reply import Reply
from .sessions import CLOSED, LoopSession, check_loop, check_resolver, check_session, retire_all
from .sockets import current_attempt
from .translation import FAILURES, bare, is_stale, proxy_refusal, translate
from .upload import Upload

if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.abc import AbstractStreamWriter

    from ..errors import APIConnectionError
    from .network import Network
    from .options import Limits
    from .request import Attempt, Request

_HEADER_LIMIT: Final = 256 * 1024
_LARGE_BODY: Final = 256 * 1024


class Transport:
    """Sends requests; works in any number of loops, one after another or at once in several threads."""

    def __init__(self, network: Network) -> None:
        check_resolver(network.resolver)
        check_session(network.session)
        self.limits: Limits = network.limits
        self.closed: bool = False
        self._network = network
        self._sessions: dict[asyncio.AbstractEventLoop, LoopSession] = {}
        weakref.finalize(self, retire_all, self._sessions)

    async def send(self, request: Request, attempt: Attempt, headers: Mapping[str, str]) -> Reply:
        """Wait for a place, send, and return once the headers of the answer have arrived.

        Raises:
            ConfigurationError: the client is closed, or its session cannot be used here.
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
        raise ConfigurationError(CLOSED)

    async def aclose(self) -> None:
        """Close the session of the running loop now, and have other loops close theirs."""
        self.closed = True
        running = self._sessions.get(asyncio.get_running_loop())
        if running is not None:
            await running.aclose()
        retire_all(self._sessions)

    async def _enter_loop(self) -> LoopSession:
        if self.closed:
            raise ConfigurationError(CLOSED)
        check_loop(self._network.session)
        for loop, left in list(self._sessions.items()):
            if loop.is_closed():
                left.retire()
        home = LoopSession(self._network, self._sessions)
        self._sessions[home.loop] = home
        await home.arm()
        return home


async def _exchange(
    home: LoopSession, request: Request, attempt: Attempt, headers: Mapping[str, str]
) -> aiohttp.ClientResponse:
    current_attempt.set(attempt)
    # A borrowed session does not tell whether it reused a connection; then the usual retries have to do.
    attempt.fresh = home.borrowed
    # What cannot be sent again must not meet a connection that has gone stale.
    session = home.unpooled() if request.once and not home.borrowed else home.session
    try:
        return await _request(home, session, request, attempt, headers)
    except FAILURES as error:
        if attempt.fresh or not is_stale(error):
            raise _failure(request, error) from bare(error)
        logger.debug("%r: a kept connection had gone stale, sending again", request)
    attempt.resent += 1
    try:
        return await _request(home, home.unpooled(), request, attempt, headers)
    except FAILURES as error:
        raise _failure(request, error) from bare(error)


def _failure(request: Request, error: BaseException) -> APIConnectionError | ConfigurationError:
    """Our error for a request that got no answer: the body's own, if it could not be read to its end."""
    body = request.body
    failed = body.failure if isinstance(body, InlinedBody | Upload) else None
    return failed or translate(error)


async def _request(
    home: LoopSession,
    session: aiohttp.ClientSession,
    request: Request,
    attempt: Attempt,
    headers: Mapping[str, str],
) -> aiohttp.ClientResponse:
    response = await session.request(
        request.method,
        attempt.url,
        data=_payload(request.body),
        params=request.query,
        headers=headers,
        allow_redirects=False,
        timeout=_client_timeout(request.timeouts.connect),
        # A session of the caller's may have other defaults.
        raise_for_status=False,
        auto_decompress=True,
        max_line_size=_HEADER_LIMIT,
        max_field_size=_HEADER_LIMIT,
        **home.proxy,
    )
    if response.status == 407:
        response.close()
        raise proxy_refusal(407, response.reason or "")
    return response


class _Whole(aiohttp.Payload):
    """A body that is sent to its end, or ends its connection at once.

    A connection that only closes first waits for the server to take what is buffered, maybe for ever.
    """

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        # Asked for now: a connection that is given up forgets it before this is told.
        connection = writer.transport if isinstance(writer, aiohttp.http.StreamWriter) else None
        try:
            await super().write_with_length(writer, content_length)
        except BaseException:
            if connection is not None:
                connection.abort()
            raise


class _Pieces(_Whole, aiohttp.AsyncIterablePayload):
    """A body that is made while it is sent."""


class _Large(_Whole, aiohttp.BytesIOPayload):
    """A body that goes out in pieces, so that the loop can do other things in between."""


def _payload(body: bytes | InlinedBody | Upload | None) -> bytes | aiohttp.Payload | None:
    if isinstance(body, InlinedBody | Upload):
        return _Pieces(body.pieces())
    return _Large(io.BytesIO(body)) if body is not None and len(body) > _LARGE_BODY else body


@lru_cache(maxsize=64)
def _client_timeout(connect: float | None) -> aiohttp.ClientTimeout:
    return aiohttp.ClientTimeout(total=None, connect=connect)
