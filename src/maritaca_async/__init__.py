"""Async-first client for Maritaca AI's Sabiá models."""

from ._core.http_info import HttpInfo
from ._core.log import apply_environment as _apply_environment
from ._core.options import Limits, RetryPolicy, Timeouts
from ._core.stream import AsyncStream
from ._sync.client import Maritaca
from ._sync.streams import ChatCompletionStream, Stream
from ._version import __version__
from .client import AsyncMaritaca
from .errors import (
    APIConnectionError,
    APIError,
    APIResponseError,
    APIStatusError,
    APIStreamError,
    APITimeoutError,
    AuthenticationError,
    BadRequestError,
    ConfigurationError,
    ConflictError,
    InternalServerError,
    MaritacaError,
    NotFoundError,
    PayloadTooLargeError,
    PaymentRequiredError,
    PermissionDeniedError,
    RateLimitError,
    RequestTimeoutError,
    StreamInterruptedError,
    UnprocessableEntityError,
)
from .resources.chat import AsyncChatCompletionStream

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIResponseError",
    "APIStatusError",
    "APIStreamError",
    "APITimeoutError",
    "AsyncChatCompletionStream",
    "AsyncMaritaca",
    "AsyncStream",
    "AuthenticationError",
    "BadRequestError",
    "ChatCompletionStream",
    "ConfigurationError",
    "ConflictError",
    "HttpInfo",
    "InternalServerError",
    "Limits",
    "Maritaca",
    "MaritacaError",
    "NotFoundError",
    "PayloadTooLargeError",
    "PaymentRequiredError",
    "PermissionDeniedError",
    "RateLimitError",
    "RequestTimeoutError",
    "RetryPolicy",
    "Stream",
    "StreamInterruptedError",
    "Timeouts",
    "UnprocessableEntityError",
    "__version__",
]

_apply_environment()
