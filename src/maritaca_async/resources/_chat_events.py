"""From chunks to typed events; no I/O."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from ..types.chat_events import (
    ChatStreamEvent,
    ChunkEvent,
    ContentDeltaEvent,
    ContentDoneEvent,
    InvalidToolCallEvent,
    ReasoningDeltaEvent,
    ToolCallDeltaEvent,
    ToolCallDoneEvent,
)
from ..types.tool_calls import ToolCallAssembler

if TYPE_CHECKING:
    from ..types.chat import ChatCompletionChunk, ChunkChoice
    from ._chat_accumulator import ChatAccumulator


class ChatEvents:
    """Queues the events that chunks mean, and at the end those that say what is complete."""

    __slots__ = ("_finished", "_queue", "_tools")

    def __init__(self) -> None:
        self._queue: deque[ChatStreamEvent] = deque()
        self._tools: dict[int, ToolCallAssembler] = {}
        self._finished = False

    def take(self) -> ChatStreamEvent | None:
        """The next event, None if there is none."""
        return self._queue.popleft() if self._queue else None

    @property
    def empty(self) -> bool:
        """Whether nothing is queued."""
        return not self._queue

    def add(self, chunk: ChatCompletionChunk) -> None:
        """Queue what a chunk means."""
        self._queue.append(ChunkEvent(chunk))
        for choice in chunk.choices:
            self._add_choice(choice)

    def finish(self, accumulator: ChatAccumulator) -> None:
        """Queue what is complete now that the stream has ended; a second call adds nothing."""
        if self._finished:
            return
        self._finished = True
        for state in accumulator.states():
            message = state.message(ended=True)
            if message.text:
                self._queue.append(ContentDoneEvent(message.text, state.index))
            self._queue.extend(ToolCallDoneEvent(call, state.index) for call in message.tool_calls or ())
            self._queue.extend(
                InvalidToolCallEvent(call, state.index) for call in message.invalid_tool_calls or ()
            )

    def _add_choice(self, choice: ChunkChoice) -> None:
        delta, index = choice.delta, choice.index
        if delta.reasoning_content:
            self._queue.append(ReasoningDeltaEvent(delta.reasoning_content, index))
        if delta.content:
            self._queue.append(ContentDeltaEvent(delta.content, index))
        if delta.tool_calls:
            tools = self._tools.setdefault(index, ToolCallAssembler())
            for piece in delta.tool_calls:
                call = tools.call_for(piece)
                added = call.add(piece)
                self._queue.append(ToolCallDeltaEvent(call.position, call.id, call.name, added, index))
