"""Runs coroutines for blocking callers on one event loop, in one daemon thread for the process.

The thread starts at the first blocking call and is remembered with its process: a forked child starts
its own. At exit it is stopped within bounds, so that a process never hangs on it.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import sys
import threading
from concurrent.futures import CancelledError, Future
from typing import TYPE_CHECKING, Any, Generic, TypeVar, cast

from .. import _sync
from ..errors import ConfigurationError, MaritacaError
from .cancellation import GOODBYE, Cancellation

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Coroutine

    from .loop_thread import LoopThread

T = TypeVar("T")

_POLL = 0.1 if sys.platform == "win32" else 5.0  # Windows cannot interrupt a longer wait


class _Home:
    """Where the process keeps its loop thread."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.current: LoopThread | None = None
        self.exiting = False
        self.inherited: list[LoopThread] = []  # of the parent: kept, for finalizing them would wait for ever

    def enter(self) -> LoopThread:
        current = self.current
        if current is not None and current.usable and not self.exiting:
            return current
        if self.exiting:
            raise self.stopped()
        _refuse_gevent()
        with self.lock:
            if self.current is None or not self.current.usable:
                try:
                    self.current = _sync.LoopThread()
                except RuntimeError as error:
                    raise MaritacaError(
                        f"the event loop of the blocking client cannot start: {error}"
                    ) from error
            return self.current

    def stopped(self) -> MaritacaError:
        """The error for a loop that is gone; at exit, daemon threads wait to vanish with the process instead."""
        if self.exiting and threading.current_thread().daemon:
            threading.Event().wait()
        why = "the process is exiting" if self.exiting else "other code stopped it"
        return MaritacaError(f"the event loop of the blocking client is gone: {why}")

    def leave_to_parent(self) -> None:
        self.lock = threading.Lock()
        if self.current is not None:
            self.inherited.append(self.current)
            self.current = None

    def stop(self) -> None:
        self.exiting = True
        if self.current is not None and self.current.usable:
            self.current.stop()


_home = _Home()
atexit.register(_home.stop)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_home.leave_to_parent)


def run(function: Callable[..., Awaitable[T]], *args: Any) -> T:
    """Await `function(*args)` on the loop thread, in the caller's context, and return its result.

    An interrupt (Ctrl-C) while waiting cancels the coroutine before it goes on to the caller. So does the
    `Cancellation` that the call belongs to.

    Raises:
        ConfigurationError: called on the loop thread itself, where waiting would never end.
        MaritacaError: the call was cancelled, or the loop thread died.
    """
    return _run(Cancellation.current(), function, args)


def _run(calls: Cancellation | None, function: Callable[..., Awaitable[T]], args: tuple[Any, ...]) -> T:
    home = _home.enter()
    if threading.current_thread() is home.thread:
        raise ConfigurationError(
            "a blocking call was made on the blocking client's own event loop, where it would wait for "
            "itself: use AsyncMaritaca in code that runs there"
        )
    finished = threading.Event()
    try:
        future: Future[_Outcome[T]] = home.portal.start_task_soon(_outcome, finished, function, args)
    except RuntimeError:
        raise _home.stopped() from None
    if calls is not None:
        calls.add(future, finished)
    try:
        outcome = _result(future, home)
    except CancelledError:
        if calls is None or not calls.cancelled:
            raise _home.stopped() from None
        raise MaritacaError("the call was cancelled by another thread") from None
    except BaseException:
        if not future.done():
            future.cancel()
            finished.wait(GOODBYE)
        raise
    return outcome.value()


def run_close(function: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Close something on the loop thread; at the process's exit the loop has closed it already.

    On the loop thread itself, where the garbage collector may close what was forgotten, nothing waits.

    Raises:
        MaritacaError: the loop thread died before that.
    """
    current = _home.current
    if current is not None and threading.current_thread() is current.thread:
        asyncio.run_coroutine_threadsafe(function(), asyncio.get_running_loop())
        return
    try:
        _run(None, function, ())  # closing is never cancelled
    except MaritacaError:
        if not _home.exiting:
            raise


class _Outcome(Generic[T]):
    """What a coroutine returned or raised.

    Raised through the portal, an error would end in a reference cycle with the frames there.
    """

    __slots__ = ("_error", "_value")

    def __init__(self, value: T | None = None, error: BaseException | None = None) -> None:
        self._value = value
        self._error = error

    def value(self) -> T:
        error, self._error = self._error, None
        try:
            if error is not None:
                raise error
        finally:
            del error
        return cast("T", self._value)


async def _outcome(
    finished: threading.Event, function: Callable[..., Awaitable[T]], args: tuple[Any, ...]
) -> _Outcome[T]:
    try:
        return _Outcome(await function(*args))
    # An exit raised here would end the loop for everybody.
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # noqa: BLE001
        return _Outcome(error=error)
    finally:
        finished.set()


def _result(future: Future[T], home: LoopThread) -> T:
    while True:
        try:
            return future.result(_POLL)
        except TimeoutError:
            if future.done():
                return future.result()
        if not home.thread.is_alive():
            raise _home.stopped()


def _refuse_gevent() -> None:
    monkey = sys.modules.get("gevent.monkey")
    if monkey is not None and monkey.is_module_patched("threading"):
        raise ConfigurationError(
            "gevent has patched threading, so the blocking client cannot run its event loop: "
            "call monkey.patch_all(thread=False), or use AsyncMaritaca in a process without gevent"
        )
