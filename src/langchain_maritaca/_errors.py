"""Errors that are the client's and LangChain's at once, so that either `except` works.

Each class inherits one of `maritaca_async.errors` and one of `langchain_core.exceptions`. One table says
which; `langchain_error` reads it, and `langchain_errors` applies it to a block.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

from langchain_core.exceptions import (
    ContextOverflowError,
    ModelAPIError,
    ModelAuthenticationError,
    ModelConnectionError,
    ModelError,
    ModelInvalidRequestError,
    ModelNotFoundError,
    ModelPermissionDeniedError,
    ModelRateLimitError,
    ModelTimeoutError,
)

from maritaca_async import errors

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

HTTP_TOO_MANY_REQUESTS: Final[int] = HTTPStatus.TOO_MANY_REQUESTS.value
"""The status of `ChatMaritacaRateLimitError`."""

_TOO_LONG: Final = (
    r"context.{0,20}(length|window|limit|size)|(prompt|input|messages).{0,30}too long|too many (input |prompt )?tokens"
    r"|(limite|janela|tamanho).{0,20}contexto|contexto.{0,40}(excede|limite|longo|grande)"
)


@dataclass(slots=True)
class ErrorResponse:
    """What the service answered, complete and in memory: LangChain's callbacks read it without awaiting."""

    status_code: int
    """HTTP status."""
    headers: Mapping[str, str]
    """Headers by lower-case name."""
    text: str
    """The body."""

    def json(self) -> Any:
        """The body as JSON.

        Raises:
            ValueError: it is not JSON.
        """
        return json.loads(self.text)


class ChatMaritacaError(errors.MaritacaError, ModelError):
    """Root of the errors that `ChatMaritaca` raises; its subclasses say what went wrong."""

    @property
    def response(self) -> ErrorResponse | None:
        """What the service answered, None where no answer came."""
        http = getattr(self, "http", None)
        if http is None:
            return None
        return ErrorResponse(http.status, http.headers, getattr(self, "body", ""))


class ChatMaritacaConfigurationError(ChatMaritacaError, errors.ConfigurationError, ModelInvalidRequestError):
    """A parameter cannot work; raised before any I/O."""


class ChatMaritacaConnectionError(ChatMaritacaError, errors.APIConnectionError, ModelConnectionError):
    """No answer could be had."""


class ChatMaritacaTimeoutError(ChatMaritacaError, errors.APITimeoutError, ModelTimeoutError):
    """One of the clocks ran out."""


class ChatMaritacaStreamInterruptedError(
    ChatMaritacaError, errors.StreamInterruptedError, ModelConnectionError
):
    """The stream broke off; what had arrived was already handed out."""


class ChatMaritacaStatusError(ChatMaritacaError, errors.APIStatusError, ModelAPIError):
    """An error status without a class of its own."""


class ChatMaritacaBadRequestError(ChatMaritacaError, errors.BadRequestError, ModelInvalidRequestError):
    """400: the service does not accept the request."""


class ChatMaritacaContextOverflowError(ChatMaritacaBadRequestError, ContextOverflowError):
    """The prompt and the wanted answer do not fit the model's context."""


class ChatMaritacaAuthenticationError(
    ChatMaritacaError, errors.AuthenticationError, ModelAuthenticationError
):
    """401: the key is missing or invalid."""


class ChatMaritacaPaymentRequiredError(
    ChatMaritacaError, errors.PaymentRequiredError, ModelPermissionDeniedError
):
    """402: the account has no credit."""


class ChatMaritacaPermissionDeniedError(
    ChatMaritacaError, errors.PermissionDeniedError, ModelPermissionDeniedError
):
    """403: the key may not do this."""


class ChatMaritacaNotFoundError(ChatMaritacaError, errors.NotFoundError, ModelNotFoundError):
    """404: no such model or route."""


class ChatMaritacaRequestTimeoutError(ChatMaritacaError, errors.RequestTimeoutError, ModelTimeoutError):
    """408: the server gave up waiting for the request."""


class ChatMaritacaConflictError(ChatMaritacaError, errors.ConflictError, ModelAPIError):
    """409: the request collides with another one."""


class ChatMaritacaPayloadTooLargeError(
    ChatMaritacaError, errors.PayloadTooLargeError, ModelInvalidRequestError
):
    """413: the request is larger than the service takes."""


class ChatMaritacaUnprocessableEntityError(
    ChatMaritacaError, errors.UnprocessableEntityError, ModelInvalidRequestError
):
    """422: a parameter has the wrong type or value."""


class _PayloadOverflowError(ChatMaritacaContextOverflowError, ChatMaritacaPayloadTooLargeError):
    """413 for the same reason."""


class _EntityOverflowError(ChatMaritacaContextOverflowError, ChatMaritacaUnprocessableEntityError):
    """422 for the same reason."""


class ChatMaritacaRateLimitError(ChatMaritacaError, errors.RateLimitError, ModelRateLimitError):
    """429: a rate limit, or no capacity for the flex tier."""


class ChatMaritacaInternalServerError(ChatMaritacaError, errors.InternalServerError, ModelAPIError):
    """5xx: the service failed."""


class ChatMaritacaResponseError(ChatMaritacaError, errors.APIResponseError, ModelAPIError):
    """A successful status whose body cannot be used."""


class ChatMaritacaStreamError(ChatMaritacaError, errors.APIStreamError, ModelAPIError):
    """The server reported an error inside a stream that had begun well."""


_CLASSES: Final[dict[type[errors.MaritacaError], type[ChatMaritacaError]]] = {
    errors.ConfigurationError: ChatMaritacaConfigurationError,
    errors.APIConnectionError: ChatMaritacaConnectionError,
    errors.APITimeoutError: ChatMaritacaTimeoutError,
    errors.StreamInterruptedError: ChatMaritacaStreamInterruptedError,
    errors.APIStatusError: ChatMaritacaStatusError,
    errors.BadRequestError: ChatMaritacaBadRequestError,
    errors.AuthenticationError: ChatMaritacaAuthenticationError,
    errors.PaymentRequiredError: ChatMaritacaPaymentRequiredError,
    errors.PermissionDeniedError: ChatMaritacaPermissionDeniedError,
    errors.NotFoundError: ChatMaritacaNotFoundError,
    errors.RequestTimeoutError: ChatMaritacaRequestTimeoutError,
    errors.ConflictError: ChatMaritacaConflictError,
    errors.PayloadTooLargeError: ChatMaritacaPayloadTooLargeError,
    errors.UnprocessableEntityError: ChatMaritacaUnprocessableEntityError,
    errors.RateLimitError: ChatMaritacaRateLimitError,
    errors.InternalServerError: ChatMaritacaInternalServerError,
    errors.APIResponseError: ChatMaritacaResponseError,
    errors.APIStreamError: ChatMaritacaStreamError,
}
_CLASSES_IF_TOO_LONG: Final[dict[type[errors.MaritacaError], type[ChatMaritacaError]]] = {
    **_CLASSES,
    errors.BadRequestError: ChatMaritacaContextOverflowError,
    errors.PayloadTooLargeError: _PayloadOverflowError,
    errors.UnprocessableEntityError: _EntityOverflowError,
}


def langchain_error(error: errors.MaritacaError) -> ChatMaritacaError:
    """The same error in a class that is LangChain's, too."""
    if isinstance(error, ChatMaritacaError):
        return error
    classes = _CLASSES_IF_TOO_LONG if _is_too_long(error) else _CLASSES
    kind = next((classes[kind] for kind in type(error).__mro__ if kind in classes), ChatMaritacaError)
    twin = kind.__new__(kind)
    twin.args = error.args
    twin.__dict__.update(error.__dict__)
    # The client never repeats a stream that broke off, but whoever throws its pieces away may ask again.
    twin.is_retryable = error.retryable or isinstance(error, errors.StreamInterruptedError)
    return twin


class _LangChainErrors:
    """Around a call: what the client raises leaves the block as LangChain's error, too."""

    def __enter__(self) -> None:
        pass

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        if isinstance(error, errors.MaritacaError):
            raise langchain_error(error) from error


langchain_errors: Final = _LangChainErrors()


def _is_too_long(error: errors.MaritacaError) -> bool:
    if not isinstance(error, errors.APIStatusError):
        return False
    return error.code == "context_length_exceeded" or bool(re.search(_TOO_LONG, str(error), re.IGNORECASE))
