"""What each model can do, in LangChain's terms."""

from __future__ import annotations

from typing import TYPE_CHECKING

from maritaca_async.catalogue import find_model

if TYPE_CHECKING:
    from langchain_core.language_models import ModelProfile


def model_profile(name: str) -> ModelProfile | None:
    """The profile of a model, None for a name the catalogue lacks."""
    model = find_model(name)
    if model is None:
        return None
    return {
        "max_input_tokens": model.context_tokens,
        "max_output_tokens": model.max_output_tokens,
        "text_inputs": True,
        "text_outputs": True,
        # The service reads the text in images and documents.
        "image_inputs": True,
        "image_url_inputs": True,
        "pdf_inputs": True,
        "attachment": True,
        "audio_inputs": False,
        "video_inputs": False,
        "image_outputs": False,
        "audio_outputs": False,
        "video_outputs": False,
        "image_tool_message": False,
        "pdf_tool_message": False,
        "tool_calling": True,
        "tool_choice": True,
        "tool_call_streaming": True,
        "structured_output": True,
        "temperature": True,
        "reasoning_output": model.reasoning,
    }
