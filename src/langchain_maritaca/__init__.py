"""LangChain chat model for Maritaca AI's Sabiá models, and embeddings to go with them."""
# ruff: noqa: E402 - what can make the other imports fail is looked at first

from importlib import import_module as _import_module
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

if find_spec("langchain_core") is None:
    raise ImportError(
        "langchain_maritaca needs langchain-core: pip install 'maritaca-async[langchain]'",
        name="langchain_core",
    )

# First of all: reached in another order, LangChain's own modules take 50 ms longer. It has also read which
# distributions there are, and the next look at them is quick.
_import_module("langchain_core.language_models.chat_models")

from ._distribution import check_distributions as _check_distributions

_check_distributions()

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
from .chat_models import ChatMaritaca

if TYPE_CHECKING:
    from .callbacks import (
        CombinedCallback,
        CostTrackingCallback,
        LatencyTrackingCallback,
        TokenStreamingCallback,
    )
    from .embeddings import DeepInfraEmbeddings
else:
    # What a chat model does not need is loaded when it is first asked for (PEP 562).
    _ON_DEMAND = {
        "callbacks": (
            "CombinedCallback",
            "CostTrackingCallback",
            "LatencyTrackingCallback",
            "TokenStreamingCallback",
        ),
        "embeddings": ("DeepInfraEmbeddings",),
    }

    def __getattr__(name: str) -> Any:
        if name in _ON_DEMAND:
            return _import_module(f"{__name__}.{name}")
        for place, names in _ON_DEMAND.items():
            if name in names:
                return getattr(_import_module(f"{__name__}.{place}"), name)
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted({*globals(), *__all__, *_ON_DEMAND})


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
