"""Every error this library raises on purpose.

```text
MaritacaError
├── ConfigurationError (ValueError)       wrong key, URL, option or argument; before any I/O
└── APIError                              .request .http
    ├── APIConnectionError *              DNS, refused, TLS, reset
    │   ├── APITimeoutError (TimeoutError) *   .phase: queue, connect, first_event, idle or deadline
    │   └── StreamInterruptedError        the body broke off; .received so far
    ├── APIStatusError                    .status_code .code .type .param .body .retry_after
    │   ├── BadRequestError 400           ├── AuthenticationError 401
    │   ├── PaymentRequiredError 402      ├── PermissionDeniedError 403
    │   ├── NotFoundError 404             ├── RequestTimeoutError 408 *
    │   ├── ConflictError 409 *           ├── PayloadTooLargeError 413
    │   ├── UnprocessableEntityError 422  ├── RateLimitError 429 *
    │   └── InternalServerError 5xx *
    ├── APIResponseError                  a 2xx that cannot be used; .body kept
    ├── APIStreamError                    the server sent an error inside the stream; .received so far
    └── AnswerFormatError                 an answer that is not the type asked for; .reason .text .completion

* retryable: the engine tries again while attempts, budget and deadline last.
```

All of them pickle, and none of them carries the API key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

if TYPE_CHECKING:
    from ._core.http_info import HttpInfo

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIResponseError",
    "APIStatusError",
    "APIStreamError",
    "APITimeoutError",
    "AnswerFormatError",
    "AnswerProblem",
    "AuthenticationError",
    "BadRequestError",
    "ConfigurationError",
    "ConflictError",
    "InternalServerError",
    "MaritacaError",
    "NotFoundError",
    "PayloadTooLargeError",
    "PaymentRequiredError",
    "PermissionDeniedError",
    "RateLimitError",
    "RequestInfo",
    "RequestTimeoutError",
    "StreamInterruptedError",
    "TimeoutPhase",
    "UnprocessableEntityError",
]

TimeoutPhase = Literal["queue", "connect", "first_event", "idle", "deadline"]
"""Which clock ran out: see `Timeouts`."""

AnswerProblem = Literal["truncated", "refused", "tool_calls", "empty", "invalid_json", "mismatch"]
"""Why an answer is not the type asked for: cut off, refused, calls instead of text, none, no JSON, other JSON."""


@dataclass(slots=True)
class RequestInfo:
    """What was being asked when an error happened. Holds no secret."""

    method: str
    """HTTP method."""
    url: str
    """Full URL without the query."""
    attempt: int
    """Attempts made so far, the failed one included."""


class MaritacaError(Exception):
    """Root of all errors of this library: catch it to catch them all."""

    retryable: bool = False
    """Whether trying the same call again may help."""

    def __init__(self, message: str) -> None:
        super().__init__(message)

    @property
    def message(self) -> str:
        """What `str` gives."""
        return str(self)


class ConfigurationError(MaritacaError, ValueError):
    """An option or argument cannot work; raised before any I/O."""


class APIError(MaritacaError):
    """A call that reached, or tried to reach, the service and failed."""

    def __init__(
        self, message: str, *, request: RequestInfo | None = None, http: HttpInfo | None = None
    ) -> None:
        super().__init__(message)
        self.request: RequestInfo | None = request
        """Method, URL and attempt of the failed request."""
        self.http: HttpInfo | None = http
        """Status, headers, attempts and elapsed seconds, where an answer arrived."""

    @property
    def request_id(self) -> str | None:
        """The server's request id, where it sent one."""
        return self.http.request_id if self.http is not None else None


class APIConnectionError(APIError):
    """No answer could be had: DNS, refused, TLS or a reset connection."""

    retryable = True


class APITimeoutError(APIConnectionError, TimeoutError):
    """One of the clocks ran out; `phase` says which."""

    def __init__(
        self,
        message: str,
        *,
        phase: TimeoutPhase = "deadline",
        request: RequestInfo | None = None,
        http: HttpInfo | None = None,
        received: Any = None,
    ) -> None:
        super().__init__(message, request=request, http=http)
        self.phase: TimeoutPhase = phase
        """Which clock ran out."""
        self.received: Any = received
        """For a stream: what had arrived, in the shape of the complete answer; else None."""


class StreamInterruptedError(APIConnectionError):
    """The stream ended before the answer was complete. Never retried silently."""

    retryable = False

    def __init__(
        self,
        message: str,
        *,
        request: RequestInfo | None = None,
        http: HttpInfo | None = None,
        received: Any = None,
    ) -> None:
        super().__init__(message, request=request, http=http)
        self.received: Any = received
        """What had arrived, in the shape of the complete answer."""


class APIStatusError(APIError):
    """The service answered with an error status."""

    hint: ClassVar[str] = ""
    """What to do about it, where that is known; it ends the message."""

    def __init__(
        self,
        message: str,
        *,
        status_code: int = 0,
        code: str | None = None,
        type: str | None = None,  # noqa: A002 - the wire's own name
        param: str | None = None,
        body: str = "",
        retry_after: float | None = None,
        request: RequestInfo | None = None,
        http: HttpInfo | None = None,
    ) -> None:
        super().__init__(message, request=request, http=http)
        self.status_code: int = status_code
        """HTTP status."""
        self.code: str | None = code
        """Error code from the body, where there is one."""
        self.type: str | None = type
        """Error type from the body, where there is one."""
        self.param: str | None = param
        """Offending parameter, where the body names it."""
        self.body: str = body
        """The body as text, cut at 64 KiB."""
        self.retry_after: float | None = retry_after
        """Seconds the server asks to wait, where it says so."""


class BadRequestError(APIStatusError):
    """400: the service does not accept the request as it stands."""


class AuthenticationError(APIStatusError):
    """401: the key is missing or invalid."""

    hint = "check MARITACA_API_KEY or the api_key argument"


class PaymentRequiredError(APIStatusError):
    """402: the account has no credit."""

    hint = "add credit at plataforma.maritaca.ai"


class PermissionDeniedError(APIStatusError):
    """403: the key may not do this."""


class NotFoundError(APIStatusError):
    """404: no such route, model or object."""

    hint = "check base_url and the model name"


class RequestTimeoutError(APIStatusError):
    """408: the server gave up waiting for the request."""

    retryable = True


class ConflictError(APIStatusError):
    """409: the request collides with another one."""

    retryable = True


class PayloadTooLargeError(APIStatusError):
    """413: the request is larger than the service takes."""

    hint = "all files of a request together must stay under 50 MB"


class UnprocessableEntityError(APIStatusError):
    """422: a parameter has the wrong type or value."""


class RateLimitError(APIStatusError):
    """429: a rate limit or, for the flex tier, no capacity. Not retryable when a quota is exhausted."""

    retryable = True


class InternalServerError(APIStatusError):
    """5xx: the service failed."""

    retryable = True


class APIResponseError(APIError):
    """A successful status whose body cannot be used: not JSON, or not the documented shape."""

    def __init__(
        self,
        message: str,
        *,
        body: str = "",
        request: RequestInfo | None = None,
        http: HttpInfo | None = None,
        received: Any = None,
    ) -> None:
        super().__init__(message, request=request, http=http)
        self.body: str = body
        """The body, or the offending event of a stream, as text, cut at 64 KiB."""
        self.received: Any = received
        """For a stream: what had arrived, in the shape of the complete answer; else None."""


class APIStreamError(APIError):
    """The server reported an error inside a stream that had begun well."""

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        type: str | None = None,  # noqa: A002 - the wire's own name
        body: str = "",
        request: RequestInfo | None = None,
        http: HttpInfo | None = None,
        received: Any = None,
    ) -> None:
        super().__init__(message, request=request, http=http)
        self.code: str | None = code
        """Error code from the event, where there is one."""
        self.type: str | None = type
        """Error type from the event, where there is one."""
        self.body: str = body
        """The event's data as text, cut at 64 KiB."""
        self.received: Any = received
        """What had arrived, in the shape of the complete answer."""


class AnswerFormatError(APIError):
    """The call went well, but its answer is not the type that was asked for. Billed like any answer."""

    def __init__(
        self,
        message: str,
        *,
        reason: AnswerProblem = "mismatch",
        text: str = "",
        usage: Any = None,
        completion: Any = None,
        request: RequestInfo | None = None,
        http: HttpInfo | None = None,
    ) -> None:
        super().__init__(message, request=request, http=http)
        self.reason: AnswerProblem = reason
        """What is wrong with it; of `truncated` a larger `max_tokens` gets rid."""
        self.text: str = text
        """What the model wrote, whole; "" for nothing."""
        self.usage: Any = usage
        """What is billed, as on the completion; None when not reported."""
        self.completion: Any = completion
        """The whole answer, as `create` gives it."""
