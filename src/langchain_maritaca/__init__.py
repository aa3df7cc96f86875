"""LangChain chat model for Maritaca AI's Sabiá models, and embeddings to go with them."""
# ruff: noqa: E402 - what can make the other imports fail is looked at first

from importlib import import_module as _import_module
from importlib.util import find_spec

if find_spec("langchain_core") is None:
    raise ImportError(
        "langchain_maritaca needs langchain-core: pip install 'maritaca-async[langchain]'",
        name="langchain_core",
    )

from ._distribution import check_distributions as _check_distributions

_check_distributions()

# First of all: reached in another order, LangChain's own modules take 50 ms longer.
_import_module("langchain_core.language_models.chat_models")

from maritaca_async import __version__

from ._answer_files import generated_files
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
from ._formats import ChatMaritacaSchemaWarning
from .callbacks import (
    CombinedCallback,
    CostTrackingCallback,
    LatencyTrackingCallback,
    TokenStreamingCallback,
)
from .chat_models import ChatMaritaca
from .embeddings import DeepInfraEmbeddings

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
    "ChatMaritacaSchemaWarning",
    "ChatMaritacaStatusError",
    "ChatMaritacaStreamError",
    "ChatMaritacaStreamInterruptedError",
    "ChatMaritacaTimeoutError",
    "ChatMaritacaUnprocessableEntityError",
    "CombinedCallback",
    "CostTrackingCallback",
    "DeepInfraEmbeddings",
    "LatencyTrackingCallback",
    "TokenStreamingCallback",
    "__version__",
    "generated_files",
]
