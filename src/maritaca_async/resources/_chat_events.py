"""From chunks to typed events; no I/O."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ..types.chat import InvalidToolCall
from ..types.chat_events import (
    ChatStreamEvent,
    ChunkEvent,
    ContentDeltaEvent,
    ContentDoneEvent,
    InvalidToolCallEvent,
    ReasoningDeltaEvent,
    RefusalDeltaEvent,
    ToolCallDeltaEvent,
    ToolCallDoneEvent,
)

if TYPE_CHECKING:
    from ..types.chat import ChatCompletionChunk, ChunkChoice, ToolCall
    from ._chat_accumulator import Arrivals, ChatAccumulator


class ChatEvents:
    """Queues the events that chunks mean, and at the end those that say what is complete."""

    __slots__ = ("_finished", "queue")

    def __init__(self) -> None:
        self.queue: deque[ChatStreamEvent] = deque()
        self._finished = False

    def add(self, chunk: ChatCompletionChunk, arrivals: Arrivals) -> None:
        """Queue what a chunk means.

        Args:
            chunk: The chunk.
            arrivals: Where its pieces of tool calls went.
        """
        self.queue.append(ChunkEvent(chunk))
        for choice in chunk.choices:
            self._add_choice(choice, arrivals)

    def finish(self, accumulator: ChatAccumulator) -> None:
        """Queue what is complete now that the stream has ended; a second call adds nothing."""
        if self._finished:
            return
        self._finished = True
        for state in accumulator.states():
            if text := "".join(state.text):
                self.queue.append(ContentDoneEvent(text, state.index))
            for position, call in enumerate(state.calls(ended=True)):
                self.queue.append(_done(call, state.index, position))

    def _add_choice(self, choice: ChunkChoice, arrivals: Arrivals) -> None:
        delta, index = choice.delta, choice.index
        if delta.reasoning_content:
            self.queue.append(ReasoningDeltaEvent(delta.reasoning_content, index))
        if delta.content:
            self.queue.append(ContentDeltaEvent(delta.content, index))
        if refusal := delta.refusal:
            self.queue.append(RefusalDeltaEvent(refusal, index))
        for _ in delta.tool_calls or ():
            call, added = arrivals.popleft()
            self.queue.append(ToolCallDeltaEvent(call.position, call.id, call.name, added, index))


def _done(
    call: ToolCall | InvalidToolCall, index: int, position: int
) -> ToolCallDoneEvent | InvalidToolCallEvent:
    if isinstance(call, InvalidToolCall):
        return InvalidToolCallEvent(call, index, position)
    return ToolCallDoneEvent(call, index, position)
