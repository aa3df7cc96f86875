"""From the events of a chat stream to what they say, without making a chunk of each; no I/O."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Final

from ..types.chat_events import ContentDeltaEvent, ToolCallDeltaEvent
from ._chat_decoder import ChatDecoder
from ._chat_frame import EventFrame

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._core.sse import ServerSentEvent
    from ..types.chat import ChatCompletion, ChatCompletionChunk, ChunkChoice
    from ..types.tool_calls import OpenToolCall
    from ._chat_accumulator import Arrivals, ChatAccumulator, ChoiceState

Delta = ContentDeltaEvent | ToolCallDeltaEvent
_PATIENCE: Final = 8
"""Frames that may fit no event at all, one after another, before no more are made."""


class DeltaDecoder:
    """Decodes one chat stream: to chunks, or while `brief` is set to plain deltas wherever a chunk is no more."""

    def __init__(self, expected: int = 1) -> None:
        self.brief = False
        self.arrivals: Arrivals = deque()
        self._chunks = ChatDecoder(expected, self.arrivals)
        self._patience = _PATIENCE
        self._frame: EventFrame | None = None
        self._say: Callable[[str], Delta]

    @property
    def accumulator(self) -> ChatAccumulator:
        """What the stream brought."""
        return self._chunks.accumulator

    def is_end(self, event: ServerSentEvent) -> bool:
        """Whether an event is the end marker."""
        return self._chunks.is_end(event)

    def decode(self, event: ServerSentEvent) -> ChatCompletionChunk | Delta | None:
        """The chunk of an event, or the only thing that it says; None for the end marker.

        Raises:
            APIStreamError: the event is the server's error message.
            APIResponseError: the event is not a chunk.
        """
        if self.brief and self._frame is not None and event[0] != "error":
            text = self._frame.text_in(event[1])
            if text:
                self._patience = _PATIENCE
                return self._say(text)
        chunk = self._chunks.decode(event)
        self._frame = self._frame_of(chunk, event[1]) if self.brief and chunk is not None else None
        return chunk

    def whole(self, body: bytes) -> ChatCompletionChunk:
        """See `ChatDecoder`."""
        return self._chunks.whole(body)

    def may_end(self) -> bool:
        """Whether the answer is complete."""
        return self._chunks.may_end()

    def received(self, *, failed: bool = False) -> ChatCompletion:
        """See `ChatDecoder`."""
        return self._chunks.received(failed=failed)

    def _frame_of(self, chunk: ChatCompletionChunk, data: bytes) -> EventFrame | None:
        """The frame of an event that adds one text and nothing else that grows."""
        if len(chunk.choices) != 1 or self._patience == 0:
            return None
        self._patience -= 1
        choice = chunk.choices[0]
        delta, state = choice.delta, self.accumulator.state(choice.index)
        if delta.reasoning_content or any(
            isinstance(value, str) for value in (delta.model_extra or {}).values()
        ):
            return None
        if delta.content and not delta.tool_calls:
            self._say = partial(_say_text, state)
            return EventFrame.around("content", delta.content, data)
        if delta.content or not (arguments := _bare_arguments(choice)):
            return None
        self._say = partial(_say_arguments, self.arrivals[-1][0], choice.index)
        return EventFrame.around("arguments", arguments, data)


def _bare_arguments(choice: ChunkChoice) -> str | None:
    """The arguments of a chunk's only piece of a tool call, if they are sure to belong to a call that has begun."""
    pieces = choice.delta.tool_calls or ()
    function = pieces[0].function if len(pieces) == 1 and not pieces[0].id else None
    return None if function is None or function.name else function.arguments


def _say_text(state: ChoiceState, text: str) -> ContentDeltaEvent:
    state.text.append(text)
    return ContentDeltaEvent(text, state.index)


def _say_arguments(call: OpenToolCall, index: int, arguments: str) -> ToolCallDeltaEvent:
    call.extend(arguments)
    return ToolCallDeltaEvent(call.position, call.id, call.name, arguments, index)
