"""Events of `chat.completions.stream`: what a chunk means, one object for each thing that happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from .chat import ChatCompletionChunk, InvalidToolCall, ToolCall


@dataclass(slots=True)
class ChunkEvent:
    """A chunk arrived; the events that it means follow."""

    chunk: ChatCompletionChunk
    """The chunk as received."""
    type: Literal["chunk"] = "chunk"
    """`chunk`."""


@dataclass(slots=True)
class ContentDeltaEvent:
    """A piece of text arrived."""

    delta: str
    """The piece."""
    index: int = 0
    """Which of the `n` answers it belongs to."""
    type: Literal["content.delta"] = "content.delta"
    """`content.delta`."""


@dataclass(slots=True)
class ReasoningDeltaEvent:
    """A piece of reasoning text arrived."""

    delta: str
    """The piece."""
    index: int = 0
    """Which of the `n` answers it belongs to."""
    type: Literal["reasoning.delta"] = "reasoning.delta"
    """`reasoning.delta`."""


@dataclass(slots=True)
class RefusalDeltaEvent:
    """A piece of a refusal arrived, where the service says why it refuses (undocumented)."""

    delta: str
    """The piece."""
    index: int = 0
    """Which of the `n` answers it belongs to."""
    type: Literal["refusal.delta"] = "refusal.delta"
    """`refusal.delta`."""


@dataclass(slots=True)
class ToolCallDeltaEvent:
    """A piece of a tool call arrived."""

    position: int
    """Which call of the answer, from 0."""
    id: str
    """The call's id, as far as known."""
    name: str
    """The function's name, as far as known."""
    arguments_delta: str
    """The piece of JSON text."""
    index: int = 0
    """Which of the `n` answers it belongs to."""
    type: Literal["tool_calls.function.arguments.delta"] = "tool_calls.function.arguments.delta"
    """`tool_calls.function.arguments.delta`."""


@dataclass(slots=True)
class ContentDoneEvent:
    """An answer's text is complete."""

    content: str
    """The whole text."""
    index: int = 0
    """Which of the `n` answers it is."""
    type: Literal["content.done"] = "content.done"
    """`content.done`."""


@dataclass(slots=True)
class ToolCallDoneEvent:
    """A tool call is complete and may be executed."""

    tool_call: ToolCall
    """The call."""
    index: int = 0
    """Which of the `n` answers it belongs to."""
    position: int = 0
    """Which call of the answer, from 0."""
    type: Literal["tool_calls.function.arguments.done"] = "tool_calls.function.arguments.done"
    """`tool_calls.function.arguments.done`."""

    @property
    def name(self) -> str:
        """The function's name."""
        return self.tool_call.function.name

    @property
    def arguments(self) -> str:
        """The whole JSON text."""
        return self.tool_call.function.arguments


@dataclass(slots=True)
class InvalidToolCallEvent:
    """A tool call ended in a state in which it must not be executed."""

    tool_call: InvalidToolCall
    """The call and what is wrong with it."""
    index: int = 0
    """Which of the `n` answers it belongs to."""
    position: int = 0
    """Which call of the answer, from 0."""
    type: Literal["tool_calls.invalid"] = "tool_calls.invalid"
    """`tool_calls.invalid`."""


ChatDeltaEvent = (
    ContentDeltaEvent
    | ReasoningDeltaEvent
    | RefusalDeltaEvent
    | ToolCallDeltaEvent
    | ContentDoneEvent
    | ToolCallDoneEvent
    | InvalidToolCallEvent
)
"""Any event of a chat stream that says something of the answer; tell them apart by `type`."""

ChatStreamEvent = ChunkEvent | ChatDeltaEvent
"""Any event of a chat stream; tell them apart by `type`."""
