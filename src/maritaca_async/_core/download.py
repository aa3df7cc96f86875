"""The body of an answer that is read as it arrives, within the clocks of its call."""

from __future__ import annotations

import asyncio
from copy import copy
from typing import TYPE_CHECKING

from ..errors import (
    APIConnectionError,
    APIError,
    APITimeoutError,
    ConfigurationError,
    RequestInfo,
    StreamInterruptedError,
)

if TYPE_CHECKING:
    from .http_info import HttpInfo
    from .options import Timeouts
    from .reply import Reply


class Download:
    """A body that is read piece by piece. Let go of it early and its connection is dropped."""

    def __init__(
        self, reply: Reply, *, timeouts: Timeouts, started: float, request: RequestInfo, http: HttpInfo
    ) -> None:
        self.http: HttpInfo = http
        self.size: int = 0
        self._reply = reply
        self._request = request
        self._idle = timeouts.idle
        self._deadline = None if timeouts.deadline is None else started + timeouts.deadline
        self._failure: APIError | None = None
        self._ended = False
        self._reading = False

    async def read(self) -> bytes:
        """The next bytes, as many as have arrived; b"" at the end of the body.

        Raises:
            APITimeoutError: nothing came within the idle time or the deadline.
            StreamInterruptedError: the connection broke, or the download was closed, before the end.
            ConfigurationError: another task is reading, or the download belongs to another event loop.
        """
        if self._failure is not None:
            raise copy(self._failure)
        if self._ended:
            return b""
        if self._reading:
            raise ConfigurationError("the download is already being read by another task")
        if asyncio.get_running_loop() is not self._reply.loop:
            raise ConfigurationError("a download can be read only in the event loop in which it was opened")
        self._reading = True
        try:
            data = await self._read_in_time()
        except APIError as error:
            raise self._fail(error) from error.__cause__
        finally:
            self._reading = False
        self.size += len(data)
        self._ended = not data
        return data

    def close(self) -> None:
        """Stop reading and drop the connection, if the body has not ended; as often as one likes."""
        if not self._ended and self._failure is None:
            self._fail(StreamInterruptedError("the download was closed before its end"))

    def __del__(self) -> None:
        if not self._ended:
            self._reply.abandon()

    async def _read_in_time(self) -> bytes:
        now = asyncio.get_running_loop().time()
        clocks = [(now + self._idle, "idle")] if self._idle is not None else []
        if self._deadline is not None:
            clocks.append((self._deadline, "deadline"))
        due, phase = min(clocks, default=(None, "idle"))
        clock = asyncio.timeout_at(due)
        try:
            async with clock:
                return await self._reply.read_some()
        except TimeoutError:
            if not clock.expired():
                raise
        except APIConnectionError as error:
            if self._failure is not None:  # closed meanwhile
                raise self._failure from None
            raise StreamInterruptedError(
                f"the download broke off after {self.size} bytes: {error}"
            ) from error.__cause__
        limit = "deadline" if phase == "deadline" else "idle limit"
        raise APITimeoutError(
            f"the download reached its {limit} after {self.size} bytes: see timeout=...",
            phase="deadline" if phase == "deadline" else "idle",
        )

    def _fail(self, error: APIError) -> APIError:
        self._reply.abandon()
        error.request = error.request or self._request
        error.http = self.http
        # A copy, for the original will hold a traceback, and that this download: a cycle.
        self._failure = copy(error)
        return error
