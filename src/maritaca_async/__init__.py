"""Async-first client for Maritaca AI's Sabiá models."""

from ._core.bulk import AsyncMap, MapProgress, MapResult
from ._core.hooks import Hooks, RequestEvent, ResponseEvent, RetryEvent
from ._core.http_info import HttpInfo, RateLimitInfo
from ._core.log import apply_environment as _apply_environment
from ._core.options import Limits, RateLimits, RetryPolicy, Timeouts
from ._core.pagination import AsyncPage, AsyncPages
from ._core.stream import AsyncStream
from ._sync.batch_runs import BatchRun
from ._sync.batches import BatchResults
from ._sync.cancellation import Cancellation
from ._sync.client import Maritaca
from ._sync.files import FileStream
from ._sync.items import Page
from ._sync.maps import Map
from ._sync.responses import ParsedResponseStream, ResponseStream
from ._sync.streams import ChatCompletionStream, ParsedCompletionStream, Stream
from ._version import __version__
from .client import AsyncMaritaca
from .errors import (
    AnswerFormatError,
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
from .parts import afile_part, aimage_part, file_part, image_part
from .pricing import Cost, Price, find_price, request_cost, usage_cost
from .resources.batch_input import batch_file, batch_line
from .resources.batch_results import AsyncBatchResults
from .resources.batch_run import AsyncBatchRun
from .resources.chat_stream import AsyncChatCompletionStream, AsyncParsedCompletionStream
from .resources.file_content import FileContent
from .resources.file_stream import AsyncFileStream
from .resources.responses import AsyncParsedResponseStream, AsyncResponseStream
from .tokens import TokenCount, count_prompt_tokens, count_tokens
from .tools import function_tool

__all__ = [
    "APIConnectionError",
    "APIError",
    "APIResponseError",
    "APIStatusError",
    "APIStreamError",
    "APITimeoutError",
    "AnswerFormatError",
    "AsyncBatchResults",
    "AsyncBatchRun",
    "AsyncChatCompletionStream",
    "AsyncFileStream",
    "AsyncMap",
    "AsyncMaritaca",
    "AsyncPage",
    "AsyncPages",
    "AsyncParsedCompletionStream",
    "AsyncParsedResponseStream",
    "AsyncResponseStream",
    "AsyncStream",
    "AuthenticationError",
    "BadRequestError",
    "BatchResults",
    "BatchRun",
    "Cancellation",
    "ChatCompletionStream",
    "ConfigurationError",
    "ConflictError",
    "Cost",
    "FileContent",
    "FileStream",
    "Hooks",
    "HttpInfo",
    "InternalServerError",
    "Limits",
    "Map",
    "MapProgress",
    "MapResult",
    "Maritaca",
    "MaritacaError",
    "NotFoundError",
    "Page",
    "ParsedCompletionStream",
    "ParsedResponseStream",
    "PayloadTooLargeError",
    "PaymentRequiredError",
    "PermissionDeniedError",
    "Price",
    "RateLimitError",
    "RateLimitInfo",
    "RateLimits",
    "RequestEvent",
    "RequestTimeoutError",
    "ResponseEvent",
    "ResponseStream",
    "RetryEvent",
    "RetryPolicy",
    "Stream",
    "StreamInterruptedError",
    "Timeouts",
    "TokenCount",
    "UnprocessableEntityError",
    "__version__",
    "afile_part",
    "aimage_part",
    "batch_file",
    "batch_line",
    "count_prompt_tokens",
    "count_tokens",
    "file_part",
    "find_price",
    "function_tool",
    "image_part",
    "request_cost",
    "usage_cost",
]

_apply_environment()
