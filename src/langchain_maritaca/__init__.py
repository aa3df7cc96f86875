"""LangChain chat model for Maritaca AI's Sabiá models."""

from importlib.util import find_spec

if find_spec("langchain_core") is None:
    raise ImportError(
        "langchain_maritaca needs langchain-core: pip install 'maritaca-async[langchain]'",
        name="langchain_core",
    )

from maritaca_async import __version__

from ._errors import (
    ChatMaritacaAuthenticationError,
    ChatMaritacaBadRequestError,
    ChatMaritacaConfigurationError,
    ChatMaritacaConflictError,
    ChatMaritacaConnectionError,
    ChatMaritacaContextOverflowError,
    ChatMaritacaError,
    ChatMaritacaInternalServerError,
    ChatMaritacaNotFoundError,
    ChatMaritacaPayloadTooLargeError,
    ChatMaritacaPaymentRequiredError,
    ChatMaritacaPermissionDeniedError,
    ChatMaritacaRateLimitError,
    ChatMaritacaRequestTimeoutError,
    ChatMaritacaResponseError,
    ChatMaritacaStatusError,
    ChatMaritacaStreamError,
    ChatMaritacaStreamInterruptedError,
    ChatMaritacaTimeoutError,
    ChatMaritacaUnprocessableEntityError,
)
from .chat_models import ChatMaritaca

__all__ = [
    "ChatMaritaca",
    "ChatMaritacaAuthenticationError",
    "ChatMaritacaBadRequestError",
    "ChatMaritacaConfigurationError",
    "ChatMaritacaConflictError",
    "ChatMaritacaConnectionError",
    "ChatMaritacaContextOverflowError",
    "ChatMaritacaError",
    "ChatMaritacaInternalServerError",
    "ChatMaritacaNotFoundError",
    "ChatMaritacaPayloadTooLargeError",
    "ChatMaritacaPaymentRequiredError",
    "ChatMaritacaPermissionDeniedError",
    "ChatMaritacaRateLimitError",
    "ChatMaritacaRequestTimeoutError",
    "ChatMaritacaResponseError",
    "ChatMaritacaStatusError",
    "ChatMaritacaStreamError",
    "ChatMaritacaStreamInterruptedError",
    "ChatMaritacaTimeoutError",
    "ChatMaritacaUnprocessableEntityError",
    "__version__",
]
