"""An answer while its body arrives: read it, finish with it, or drop it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final

from ..errors import APIConnectionError, APIResponseError
from .arrived import left_behind, read_arrived

if TYPE_CHECKING:
    from aiohttp import ClientResponse

    from .sessions import LoopSession

_LINGER: Final = 1.0


class Reply:
    """An answer whose headers have arrived: read it to its end, or close it."""

    __slots__ = ("_failure", "_home", "_response", "raw_headers", "reason", "status")

    def __init__(self, response: ClientResponse, home: LoopSession) -> None:
        self._response = response
        self._home = home
        self._failure: APIConnectionError | None = None
        self.status: int = response.status
        self.reason: str = response.reason or ""
        self.raw_headers: tuple[tuple[bytes, bytes], ...] = response.raw_headers
        home.open.add(self)

    @property
    def loop(self) -> asyncio.AbstractEventLoop:
        """The event loop in which the answer can be read."""
        return self._home.loop

    @property
    def content_type(self) -> str:
        """Media type in lower case, without parameters."""
        return self._response.headers.get("Content-Type", "").partition(";")[0].strip().lower()

    async def read_some(self) -> bytes:
        """The next bytes, as many as have arrived; b"" at the end of the body.

        Raises:
            APIConnectionError: the connection broke, or `close` was called meanwhile.
        """
        if self._failure is not None:
            raise self._failure
        content = self._response.content
        try:
            data = await read_arrived(content)
        except self._home.failures as error:
            self.close()
            self._failure = self._home.translate(error)
            if arrived := left_behind(content):
                return arrived
            raise self._failure from self._failure.__cause__
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
            if self._response.content.at_eof():  # saves a small answer its second read
                self._home.release(self)
                break
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
        """Drop the connection, from any thread and at any time, after the loop's end included."""
        if self not in self._home.open:
            return
        loop = self._home.loop
        if loop.is_closed() or loop is _running_loop():
            self.close()
        else:
            loop.call_soon_threadsafe(self.close)


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
