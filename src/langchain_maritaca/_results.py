"""From completions and chunks to LangChain's results; no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from langchain_core.messages import AIMessage, AIMessageChunk, InvalidToolCall, ToolCall, ToolCallChunk
from langchain_core.outputs import ChatGeneration, ChatGenerationChunk, ChatResult

from maritaca_async.types import (
    ContentDeltaEvent,
    InvalidToolCallEvent,
    ReasoningDeltaEvent,
    RefusalDeltaEvent,
    ToolCallDeltaEvent,
    ToolCallDoneEvent,
)

from ._chunks import PROVIDER, Chunk, make_chunk
from ._tool_calls import StreamedToolCalls, finished_call

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from langchain_core.messages.ai import UsageMetadata

    from maritaca_async.types import ChatCompletion, ChatDeltaEvent, Choice, Message, Usage

_ADDITIONAL: Final = {"reasoning.delta": "reasoning_content", "refusal.delta": "refusal"}
"""Where LangChain's messages keep what an answer says besides text and tool calls, by the type of its events."""
_FILES: Final = ("extracted_files", "generated_files")


def chat_result(completion: ChatCompletion, model: str) -> ChatResult:
    """The result of a plain call.

    Args:
        completion: What the service answered.
        model: The model that was asked for, in case the answer does not name one.
    """
    generations = [
        ChatGeneration(message=_message(completion, choice, model, first=place == 0))
        for place, choice in enumerate(completion.choices)
    ]
    output = {"model_name": completion.model or model}
    if completion.usage is not None:
        output["token_usage"] = generations[0].message.response_metadata["token_usage"]
    return ChatResult(generations=generations, llm_output=output)


def combine_outputs(outputs: Sequence[Mapping[str, Any] | None]) -> dict[str, Any]:
    """One summary of several plain calls: the model's name, and every count added up."""
    if len(outputs) == 1:
        return dict(outputs[0] or {})
    combined: dict[str, Any] = {}
    for output in outputs:
        for name, value in (output or {}).items():
            combined[name] = _added(combined.get(name, {}), value) if isinstance(value, dict) else value
    return combined


def _added(total: dict[str, Any], counts: Mapping[str, Any]) -> dict[str, Any]:
    added = dict(total)
    for name, value in counts.items():
        if isinstance(value, dict):
            added[name] = _added(added.get(name, {}), value)
        elif isinstance(value, int | float):
            added[name] = added.get(name, 0) + value
    return added


def _message(completion: ChatCompletion, choice: Choice, model: str, *, first: bool) -> AIMessage:
    message = choice.message
    made = AIMessage(content=message.text, **(_calls(choice) if message.tool_calls else {}))
    # Set only now, and only what there is: every field that is given to the constructor costs a validation.
    made.response_metadata = response_metadata(completion, choice, model, first=first)
    if additional := additional_kwargs(message):
        made.additional_kwargs = additional
    if first and completion.usage:
        # The service counts all answers together: one message carries the count, so that sums are right.
        made.usage_metadata = usage_metadata(completion.usage)
    return made


def _calls(choice: Choice) -> dict[str, Any]:
    sorted_calls: dict[str, list[ToolCall | InvalidToolCall]] = {"tool_calls": [], "invalid_tool_calls": []}
    for call in choice.message.tool_calls or ():
        finished = finished_call(call.id, call.function, choice.finish_reason)
        sorted_calls[f"{finished.get('type')}s"].append(finished)
    return dict(sorted_calls)


def first_choice(completion: ChatCompletion) -> Choice | None:
    """The answer that LangChain shows of a streamed completion."""
    return next((choice for choice in completion.choices if choice.index == 0), None)


def additional_kwargs(said: Message) -> dict[str, Any]:
    """What a message says besides text and tool calls."""
    found: dict[str, Any] = {"reasoning_content": said.reasoning_content} if said.reasoning_content else {}
    if (extra := said.model_extra) and isinstance(refusal := extra.get("refusal"), str):
        found["refusal"] = refusal
    return found


def response_metadata(
    completion: ChatCompletion, choice: Choice | None, model: str, *, first: bool
) -> dict[str, Any]:
    """Everything that is known about an answer, besides what it says."""
    found: dict[str, Any] = {
        "model_provider": PROVIDER,
        "model_name": completion.model or model,
        "id": completion.id,
        "finish_reason": choice.finish_reason if choice else None,
        "logprobs": choice.logprobs if choice else None,
        "system_fingerprint": completion.system_fingerprint,
        "service_tier": completion.service_tier,
    }
    if first and completion.usage is not None:
        found["token_usage"] = completion.usage.model_dump(exclude_unset=True, exclude_none=True)
    if first:
        for name in _FILES:
            if files := getattr(completion, name):
                found[name] = [file.model_dump(exclude_unset=True) for file in files]
    return {name: value for name, value in found.items() if value is not None and value != ""}


def usage_metadata(usage: Usage) -> UsageMetadata:
    """Token counts in LangChain's terms."""
    found: UsageMetadata = {
        "input_tokens": usage.prompt_tokens,
        "output_tokens": usage.completion_tokens,
        "total_tokens": usage.total_tokens or usage.prompt_tokens + usage.completion_tokens,
    }
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    if prompt is not None and prompt.cached_tokens is not None:
        found["input_token_details"] = {"cache_read": prompt.cached_tokens}
    if completion is not None and completion.reasoning_tokens is not None:
        found["output_token_details"] = {"reasoning": completion.reasoning_tokens}
    return found


# Streams


class ChunkReader:
    """Turns what one streamed answer says into LangChain's chunks, and closes it with one last chunk."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._calls = StreamedToolCalls()

    def read(self, event: ChatDeltaEvent) -> ChatGenerationChunk | None:
        """What an event brings, None if it brings nothing to show."""
        if event.index != 0:
            return None
        if isinstance(event, ContentDeltaEvent):
            return make_chunk(event.delta)
        if isinstance(event, ToolCallDeltaEvent):
            return _tool_chunk(self._calls.take(event))
        if isinstance(event, ReasoningDeltaEvent | RefusalDeltaEvent):
            return make_chunk("", {_ADDITIONAL[event.type]: event.delta})
        if isinstance(event, ToolCallDoneEvent | InvalidToolCallEvent):
            self._calls.end(event)
        return None

    def close(self, received: ChatCompletion) -> ChatGenerationChunk:
        """The last chunk: finish reason, model and usage, and whatever makes broken tool calls invalid.

        Args:
            received: The whole answer, read from the stream that has just ended.
        """
        message = AIMessageChunk(
            content="",
            response_metadata=response_metadata(received, first_choice(received), self._model, first=True),
            usage_metadata=usage_metadata(received.usage) if received.usage else None,
            chunk_position="last",
        )
        if spoilers := self._calls.spoilers():
            message.tool_call_chunks = spoilers
        return Chunk(message=message)


def _tool_chunk(piece: ToolCallChunk) -> ChatGenerationChunk:
    if not piece["name"]:
        return make_chunk("", None, [piece])
    # The constructor, so that the chunk shows the call that begins with it.
    message = AIMessageChunk(
        content="", response_metadata={"model_provider": PROVIDER}, tool_call_chunks=[piece]
    )
    return Chunk(message=message)
