"""Functions of the caller's that are told what a call does: told only, they change nothing."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from ..errors import ConfigurationError
from .log import logger

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from ..errors import APIError
    from .http_info import HttpInfo


@dataclass(slots=True)
class RequestEvent:
    """A request about to be sent. The later events of the same attempt carry this very object."""

    method: str
    """HTTP method."""
    url: str
    """Full URL without the query."""
    query: Mapping[str, str]
    """Query parameters."""
    headers: Mapping[str, str]
    """A copy of the headers, without `Authorization`."""
    body: bytes | None
    """The bytes to send, prompts included; None without a body, or when it is a file that is read while sent."""
    attempt: int
    """1 for the first attempt."""


@dataclass(slots=True)
class ResponseEvent:
    """An answer whose headers have arrived, whatever its status; its body has not."""

    request: RequestEvent
    """What it answers."""
    http: HttpInfo
    """Status, headers, request id, attempts, and seconds from the call to these headers."""


@dataclass(slots=True)
class RetryEvent:
    """An attempt that failed and will be followed by another."""

    request: RequestEvent
    """What failed."""
    error: APIError
    """Why; its message may quote the server."""
    wait: float
    """Seconds until the next attempt."""


@dataclass(frozen=True, slots=True)
class Hooks:
    """Plain functions that are called as a call goes along, on the event loop: they have to be quick.

    They are told and not asked: what they return is ignored, and an exception in one is logged as a
    warning of the logger `maritaca_async` while the call goes on.

    Raises:
        ConfigurationError: a hook is no plain function.
    """

    on_request: Callable[[RequestEvent], object] | None = None
    """Before every attempt; it may still have to wait for one of `Limits(max_connections)`."""
    on_response: Callable[[ResponseEvent], object] | None = None
    """When the headers of an answer have arrived, once per attempt that got so far."""
    on_retry: Callable[[RetryEvent], object] | None = None
    """After a failed attempt, before the wait for the next one."""

    def __post_init__(self) -> None:
        for field in fields(self):
            hook = getattr(self, field.name)
            if hook is None:
                continue
            if not callable(hook):
                raise ConfigurationError(f"Hooks({field.name}) must be a function, not {type(hook).__name__}")
            if _is_asynchronous(hook):
                raise ConfigurationError(
                    f"Hooks({field.name}) must be a plain function, not a coroutine function: "
                    "have it put the event into an asyncio.Queue, or start a task"
                )

    def tell_request(self, event: RequestEvent) -> None:
        """Call `on_request`."""
        _tell(self.on_request, event)

    def tell_response(self, request: RequestEvent, http: HttpInfo) -> None:
        """Call `on_response`."""
        if self.on_response is not None:
            _tell(self.on_response, ResponseEvent(request, http))

    def tell_retry(self, request: RequestEvent, error: APIError, wait: float) -> None:
        """Call `on_retry`."""
        if self.on_retry is not None:
            _tell(self.on_retry, RetryEvent(request, error, wait))


def check_hooks(hooks: Any) -> Hooks | None:
    """The hooks, if they are some.

    Raises:
        ConfigurationError: they are something else.
    """
    if hooks is not None and not isinstance(hooks, Hooks):
        raise ConfigurationError(f"hooks must be Hooks(...), not {type(hooks).__name__}")
    return hooks


def _is_asynchronous(hook: Any) -> bool:
    return inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(type(hook).__call__)


def _tell(hook: Callable[[Any], object] | None, event: object) -> None:
    if hook is None:
        return
    try:
        hook(event)
    except (Exception, SystemExit):  # noqa: BLE001 - who observes must not break what is observed
        logger.warning("a hook failed, the call goes on", exc_info=True)
