"""LangChain's standard integration tests for chat models, against the sandbox."""

from __future__ import annotations

import base64
from types import SimpleNamespace
from typing import Any, Literal

import httpx
import pytest
from langchain_tests.integration_tests import ChatModelIntegrationTests

from langchain_maritaca import ChatMaritaca
from maritaca_async.sandbox import Sandbox


@pytest.fixture(autouse=True)
def sandbox_environment(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MARITACA_API_KEY", sandbox.api_key)
    monkeypatch.setenv("MARITACA_API_BASE", sandbox.base_url)


PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)
PDF = (
    b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj 2 0 obj<</Type/Pages/Count 1/Kids[3 0 R]>>endobj\n"
)


@pytest.fixture(autouse=True)
def samples_from_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """The suite fetches an image and a document from the network: here are others."""

    def get(url: str, **_: Any) -> SimpleNamespace:
        return SimpleNamespace(content=PDF if url.endswith(".pdf") else PNG)

    monkeypatch.setattr(httpx, "get", get)


class _Integration(ChatModelIntegrationTests):
    @property
    def chat_model_class(self) -> type[ChatMaritaca]:
        return ChatMaritaca

    @property
    def chat_model_params(self) -> dict[str, Any]:
        return {"model": "sabia-4"}

    @property
    def supports_json_mode(self) -> bool:
        return True

    @property
    def supports_image_inputs(self) -> bool:
        return True

    @property
    def supports_image_urls(self) -> bool:
        return True

    @property
    def supports_pdf_inputs(self) -> bool:
        return True

    @property
    def supports_anthropic_inputs(self) -> bool:
        return True

    @property
    def model_override_value(self) -> str:
        return "sabiazinho-4"

    @property
    def supported_usage_metadata_details(self) -> dict[Literal["invoke", "stream"], list[Any]]:
        details = ["cache_read_input", "reasoning_output"]
        return {"invoke": details, "stream": details}

    def invoke_with_cache_read_input(self, *, stream: bool = False) -> Any:
        model = ChatMaritaca(model="sabia-4")
        prompt = "Olá, tudo bem? " * 300
        model.invoke(prompt)
        return _answer(model, prompt, stream=stream)

    def invoke_with_reasoning_output(self, *, stream: bool = False) -> Any:
        return _answer(ChatMaritaca(model="sabia-4-thinking"), "Quanto é 2 + 2?", stream=stream)


def _answer(model: ChatMaritaca, prompt: str, *, stream: bool) -> Any:
    if not stream:
        return model.invoke(prompt)
    first, *rest = model.stream(prompt)
    return first + rest


class TestChatMaritacaIntegration(_Integration):
    pass


class TestChatMaritacaFunctionCalling(_Integration):
    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        return {"method": "function_calling"}


class TestChatMaritacaJsonSchemaStrict(_Integration):
    @property
    def structured_output_kwargs(self) -> dict[str, Any]:
        return {"method": "json_schema", "strict": True}
