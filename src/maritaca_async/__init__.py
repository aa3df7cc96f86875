"""Async-first client for Maritaca AI's Sabiá models."""

from typing import TYPE_CHECKING

from ._core.bulk import AsyncMap, MapProgress, MapResult
from ._core.hooks import Hooks, RequestEvent, ResponseEvent, RetryEvent
from ._core.http_info import HttpInfo, RateLimitInfo
from ._core.log import apply_environment as _apply_environment
from ._core.options import Limits, RateLimits, RetryPolicy, Timeouts
from ._core.stream import AsyncStream
from ._on_demand import names_on_demand as _names_on_demand
from ._sync.cancellation import Cancellation
from ._sync.client import Maritaca
from ._sync.maps import Map
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
from .resources.chat_stream import AsyncChatCompletionStream, AsyncParsedCompletionStream
from .tokens import TokenCount, count_prompt_tokens, count_tokens

if TYPE_CHECKING:
    from ._core.pagination import AsyncPage, AsyncPages
    from ._sync.batch_runs import BatchRun
    from ._sync.batches import BatchResults
    from ._sync.files import FileStream
    from ._sync.items import Page
    from ._sync.responses import ParsedResponseStream, ResponseStream
    from .pricing import Cost, Price, find_price, request_cost, usage_cost
    from .resources.batch_input import batch_file, batch_line
    from .resources.batch_results import AsyncBatchResults
    from .resources.batch_run import AsyncBatchRun
    from .resources.file_content import FileContent
    from .resources.file_stream import AsyncFileStream
    from .resources.responses import AsyncParsedResponseStream, AsyncResponseStream
    from .tools import function_tool
else:
    __getattr__, __dir__ = _names_on_demand(
        globals(),
        {
            "_core.pagination": ("AsyncPage", "AsyncPages"),
            "_sync.batch_runs": ("BatchRun",),
            "_sync.batches": ("BatchResults",),
            "_sync.files": ("FileStream",),
            "_sync.items": ("Page",),
            "_sync.responses": ("ParsedResponseStream", "ResponseStream"),
            "pricing": ("Cost", "Price", "find_price", "request_cost", "usage_cost"),
            "resources.batch_input": ("batch_file", "batch_line"),
            "resources.batch_results": ("AsyncBatchResults",),
            "resources.batch_run": ("AsyncBatchRun",),
            "resources.file_content": ("FileContent",),
            "resources.file_stream": ("AsyncFileStream",),
            "resources.responses": ("AsyncParsedResponseStream", "AsyncResponseStream"),
            "tools": ("function_tool",),
        },
    )

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
