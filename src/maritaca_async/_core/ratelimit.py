"""Waiting for one's turn under the rate limits of a client: in order of arrival, in any loop and thread.

`pace` decides, this module waits. The accounting of a model is shared by all threads behind a lock that
is held for microseconds; every caller waits in its own event loop.
"""

from __future__ import annotations

import asyncio
import math
import os
import time
from collections import deque
from contextlib import suppress
from threading import Lock
from typing import TYPE_CHECKING, Any

from ..catalogue import find_model
from ..errors import (
    APIConnectionError,
    APIStatusError,
    APITimeoutError,
    ConfigurationError,
    RateLimitError,
    StreamInterruptedError,
)
from .options import RateLimits
from .pace import Pace, used_tokens

if TYPE_CHECKING:
    from .pace import Charge, Demand


class Limiters:
    """The rate limits of a client and of the copies that `with_options` made: the service counts by key."""

    def __init__(self, limits: RateLimits | None) -> None:
        """Begin without having counted anything.

        Raises:
            ConfigurationError: `limits` is something else.
        """
        if limits is not None and not isinstance(limits, RateLimits):
            raise ConfigurationError(
                f"rate_limits must be RateLimits(...), such as RateLimits.tier(1), not {type(limits).__name__}"
            )
        self._limits = limits
        self._by_key: dict[str, Limiter] = {}
        self._closed = False

    def of(self, api_key: str) -> Limiter | None:
        """What keeps the calls with a key within the limits; None where there are none."""
        if self._limits is None:
            return None
        limiter = self._by_key.get(api_key)
        if limiter is None:
            limiter = self._by_key.setdefault(api_key, Limiter(self._limits))
        if self._closed:
            limiter.close()
        return limiter

    def close(self) -> None:
        """Let all go on at once, now and later, to be told that the client is closed."""
        self._closed = True
        for limiter in list(self._by_key.values()):
            limiter.close()


class Limiter:
    """The rate limits of one key, counted for each model."""

    def __init__(self, limits: RateLimits) -> None:
        self._limits = limits
        self._single = {_known_name(name): single for name, single in limits.models.items()}
        self._lines: dict[str, _Line] = {}
        self._pid = os.getpid()
        self._closed = False

    async def enter(self, demand: Demand, remaining: float) -> Place:
        """Wait until a call may be sent.

        Args:
            demand: What is known of the call.
            remaining: Seconds left until its deadline; infinite without one.

        Raises:
            APITimeoutError: its turn would come after the deadline; raised at once, with phase `queue`.
        """
        if self._pid != os.getpid():
            # A forked child has nothing under way, whatever its parent had.
            self._lines, self._pid = {}, os.getpid()
        name = _known_name(demand.model)
        line = self._lines.get(name)
        if line is None:
            line = self._lines.setdefault(name, _Line(self._single.get(name, self._limits)))
        if self._closed:
            line.release_all()
        return await line.enter(demand, remaining)

    def close(self) -> None:
        """Let all go on at once, now and later, to be told that the client is closed."""
        self._closed = True
        for line in list(self._lines.values()):
            line.release_all()


def _known_name(model: str) -> str:
    known = find_model(model)
    return known.id if known is not None else model


class Place:
    """The turn of one attempt: left once, when the attempt has ended."""

    __slots__ = ("_charge", "_flex", "_left", "_line", "_loop")

    def __init__(self, line: _Line, charge: Charge, *, flex: bool) -> None:
        self._line = line
        self._charge = charge
        self._flex = flex
        self._left = False
        self._loop = asyncio.get_running_loop()

    def leave(self, answer: Any) -> None:
        """The attempt brought this answer, whole or in part. For any thread, like all methods."""
        if self._may_leave():
            self._line.settle(self._charge, used_tokens(answer))
            self._line.stir(self._loop)

    def fail(self, error: BaseException, most_pause: float) -> None:
        """The attempt failed; a `Retry-After` of at most `most_pause` seconds holds all other calls, too."""
        if not self._may_leave():
            return
        if isinstance(error, RateLimitError) and error.retryable and not self._flex:
            asked = error.retry_after
            self._line.refuse(self._charge, None if asked is None else min(asked, most_pause))
        elif isinstance(error, APIStatusError | APIConnectionError) and not isinstance(
            error, StreamInterruptedError
        ):
            self._line.fail(self._charge)
        else:
            self._line.lose(self._charge)
        self._line.stir(self._loop)

    def abandon(self) -> None:
        """Nobody will tell how the attempt ended. For finalizers: takes no lock, at any time, in any thread."""
        if self._may_leave():
            self._line.abandoned.append(self._charge)
            self._line.stir(self._loop)

    def _may_leave(self) -> bool:
        left, self._left = self._left, True
        return not left


class _Waiter:
    __slots__ = ("charge", "demand", "future", "gone", "loop")

    def __init__(self, demand: Demand) -> None:
        self.demand = demand
        self.charge: Charge | None = None
        self.gone = False
        self.loop = asyncio.get_running_loop()
        self.future: asyncio.Future[None] = self.loop.create_future()

    def wake(self, line: _Line) -> None:
        try:
            self.loop.call_soon_threadsafe(self._end_wait)
        except RuntimeError:  # its loop was closed: nobody waits there any more
            if self.charge is not None:
                line.abandoned.append(self.charge)

    def _end_wait(self) -> None:
        if not self.future.done():
            self.future.set_result(None)


class _Line:
    """Those who wait for one model."""

    def __init__(self, limits: RateLimits) -> None:
        self.abandoned: deque[Charge] = deque()
        self._pace = Pace(limits)
        self._lock = Lock()
        self._waiting: deque[_Waiter] = deque()
        self._closed = False
        self._queued_calls = 0
        self._queued_bytes = 0
        self._timers: dict[asyncio.AbstractEventLoop, asyncio.TimerHandle] = {}

    async def enter(self, demand: Demand, remaining: float) -> Place:
        with self._lock:
            now = time.monotonic()
            self._collect_abandoned(now)
            charge = self._pace.estimate(demand)
            if self._closed or (not self._waiting and self._pace.wait(now, charge) <= 0):
                self._pace.take(now, charge)
                return Place(self, charge, flex=demand.flex)
            self._refuse_in_vain(now, demand, remaining)
            waiter = _Waiter(demand)
            self._waiting.append(waiter)
            self._count(demand, 1)
        self.advance()
        try:
            await waiter.future
        except BaseException:
            self._withdraw(waiter)
            raise
        return Place(self, waiter.charge or charge, flex=demand.flex)

    def advance(self) -> None:
        """Let go on whoever may, and look again when the next one might. Runs in an event loop."""
        wait = self._let_go()
        while self.abandoned:  # by waiters whose loop is gone
            wait = self._let_go()
        if wait is not None and wait < math.inf:
            self._look_again(wait)

    def _let_go(self) -> float | None:
        """Let go on whoever may; the seconds until the next one may, None if nobody waits."""
        with self._lock:
            now = time.monotonic()
            self._collect_abandoned(now)
            granted, wait = self._grant(now)
        for waiter in granted:
            waiter.wake(self)
        return wait

    def stir(self, loop: asyncio.AbstractEventLoop) -> None:
        """Have this loop see whether anybody may go on now."""
        if self._waiting:
            with suppress(RuntimeError):
                loop.call_soon_threadsafe(self.advance)
                return
            for waiter in list(self._waiting):  # that loop has ended
                with suppress(RuntimeError):
                    waiter.loop.call_soon_threadsafe(self.advance)
                    return

    def settle(self, charge: Charge, used: tuple[int, int] | None) -> None:
        with self._lock:
            self._pace.settle(time.monotonic(), charge, used)

    def refuse(self, charge: Charge, pause: float | None) -> None:
        with self._lock:
            self._pace.refuse(time.monotonic(), charge, pause)

    def fail(self, charge: Charge) -> None:
        with self._lock:
            self._pace.fail(charge)

    def lose(self, charge: Charge) -> None:
        with self._lock:
            self._pace.lose(time.monotonic(), charge)

    def release_all(self) -> None:
        with self._lock:
            self._closed = True
            granted = [self._take(time.monotonic(), self._waiting.popleft()) for _ in list(self._waiting)]
        for waiter in granted:
            waiter.wake(self)

    def _grant(self, now: float) -> tuple[list[_Waiter], float | None]:
        """Take out of the queue who may go on now; and the seconds until the next one may."""
        granted: list[_Waiter] = []
        while self._waiting:
            first = self._waiting[0]
            if first.gone:
                self._waiting.popleft()
                continue
            wait = self._pace.wait(now, self._pace.estimate(first.demand))
            if wait > 0:
                return granted, wait
            granted.append(self._take(now, self._waiting.popleft()))
        return granted, None

    def _take(self, now: float, waiter: _Waiter) -> _Waiter:
        waiter.charge = self._pace.estimate(waiter.demand)
        self._pace.take(now, waiter.charge)
        if not waiter.gone:
            self._count(waiter.demand, -1)
        return waiter

    def _withdraw(self, waiter: _Waiter) -> None:
        """A caller gave up: its place in the queue, or its turn if that had just come, is free at once."""
        with self._lock:
            if waiter.charge is not None:
                self._pace.give_back(waiter.charge)
            elif not waiter.gone:
                waiter.gone = True
                self._count(waiter.demand, -1)
        self.stir(waiter.loop)

    def _count(self, demand: Demand, sign: int) -> None:
        self._queued_calls += sign
        self._queued_bytes += sign * demand.body_bytes

    def _collect_abandoned(self, now: float) -> None:
        while self.abandoned:
            self._pace.lose(now, self.abandoned.popleft())

    def _refuse_in_vain(self, now: float, demand: Demand, remaining: float) -> None:
        if remaining == math.inf:
            return
        wait = self._pace.wait_at_least(now, self._queued_calls + 1, self._queued_bytes + demand.body_bytes)
        if wait < remaining:
            return
        error = APITimeoutError(
            f"the rate limits hold this call for at least {wait:.1f} s, but its deadline is in {remaining:.1f} s: "
            "ask for less at once, or raise timeout=... or rate_limits=...",
            phase="queue",
        )
        error.retryable = False
        raise error

    def _look_again(self, wait: float) -> None:
        loop = asyncio.get_running_loop()
        with self._lock:
            pending = self._timers.pop(loop, None)
            for ended in [other for other in self._timers if other.is_closed()]:
                del self._timers[ended]
            if pending is not None:
                pending.cancel()
            self._timers[loop] = loop.call_later(wait, self.advance)
            waiting = [waiter.loop for waiter in self._waiting if not waiter.gone]
        # This loop may end before the timer does: the loop of whoever is next has to look, too.
        for other in waiting:
            if other is loop:
                return
            with suppress(RuntimeError):
                other.call_soon_threadsafe(self.advance)
                return
