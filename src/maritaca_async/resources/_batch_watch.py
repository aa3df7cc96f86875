"""Looking at a batch again and again, through whatever may pass."""

from __future__ import annotations

import asyncio
import math
from typing import TYPE_CHECKING

from .._core.log import logger, summary
from .._core.options import check_seconds
from ..errors import APIError, APIResponseError, APIStatusError, APITimeoutError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ..types.batches import Batch


class BatchWatch:
    """One wait for one batch; each step waits for the next look that succeeds."""

    def __init__(
        self,
        batch_id: str,
        look: Callable[[], Awaitable[Batch]],
        poll_interval: float,
        deadline: float | None,
        max_retry_after: float,
    ) -> None:
        check_seconds("poll_interval", poll_interval, required=True)
        check_seconds("deadline", deadline)
        self._batch_id = batch_id
        self._look = look
        self._interval = poll_interval
        self._max_retry_after = max_retry_after
        self._deadline = deadline
        self._due = math.inf
        self._pause = 0.0
        self._started = False
        self._last = "not seen yet"

    async def next(self) -> Batch:
        """The batch as it is at the next look; the first comes at once.

        Raises:
            APITimeoutError: the deadline passed.
            APIError: a failure that will not pass.
        """
        if not self._started:
            self._started = True
            if self._deadline is not None:
                self._due = asyncio.get_running_loop().time() + self._deadline
        clock = asyncio.timeout_at(None if self._due == math.inf else self._due)
        try:
            async with clock:
                return await self._next()
        except TimeoutError as error:
            if not clock.expired() or isinstance(error, APIError):
                raise
        raise APITimeoutError(
            f"batch {self._batch_id} has not ended within {self._deadline:g} s ({self._last}); it goes on without "
            "this wait: see deadline=...",
            phase="deadline",
        )

    async def _next(self) -> Batch:
        while True:
            await asyncio.sleep(self._pause)
            self._pause = self._interval
            try:
                batch = await self._look()
            except APIError as error:
                if not (error.retryable or isinstance(error, APIResponseError)):
                    raise
                self._last = f"last look: {error}"
                if isinstance(error, APIStatusError) and error.retry_after is not None:
                    # One answer must not end the wait for a batch, nor lengthen it by a day.
                    self._pause = max(self._interval, min(error.retry_after, self._max_retry_after))
                logger.info(
                    "batch %s: a look failed (%s), next in %.2f s",
                    self._batch_id,
                    summary(error),
                    self._pause,
                )
            else:
                self._last = f"status: {batch.status or 'not given'}"
                return batch
