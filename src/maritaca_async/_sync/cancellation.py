"""Blocking calls that another thread can cancel."""

from __future__ import annotations

from contextvars import ContextVar, Token
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    import threading
    from concurrent.futures import Future
    from types import TracebackType

GOODBYE: Final = 2.0
"""Seconds that something cancelled has to end before nobody waits for it any more."""

_current: ContextVar[Cancellation | None] = ContextVar("maritaca_async.Cancellation", default=None)


class Cancellation:
    """Blocking calls that another thread can cancel, all at once.

    Calls belong to it that are made inside its `with` block, and in threads that take over the context of
    the block. A call that is cancelled drops its connection and raises `MaritacaError` where it was made.

        calls = Cancellation()
        with calls:
            answers = [pool.submit(copy_context().run, ask, question) for question in questions]
        ...
        calls.cancel()
    """

    def __init__(self) -> None:
        self.cancelled: bool = False
        """Whether `cancel` was called: calls that begin later end at once."""
        self._under_way: dict[Future[Any], threading.Event] = {}
        self._tokens: list[Token[Cancellation | None]] = []

    @staticmethod
    def current() -> Cancellation | None:
        """What a call that is made here and now belongs to."""
        return _current.get()

    def __enter__(self) -> Self:
        self._tokens.append(_current.set(self))
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        _current.reset(self._tokens.pop())

    def add(self, call: Future[Any], finished: threading.Event) -> None:
        """Let a call belong to it.

        Args:
            call: What will hold its result.
            finished: Set as soon as nothing of it goes on.
        """
        self._under_way[call] = finished
        call.add_done_callback(self._forget)
        if self.cancelled:
            call.cancel()

    def cancel(self) -> None:
        """Cancel what is under way, and wait until it has ended, 2 seconds at most for each; what begins later, too."""
        self.cancelled = True
        under_way = list(self._under_way.items())
        for call, _ in under_way:
            call.cancel()
        for _, finished in under_way:
            finished.wait(GOODBYE)

    def _forget(self, call: Future[Any]) -> None:
        self._under_way.pop(call, None)
