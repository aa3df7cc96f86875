"""From the events of a chat stream to what they say, without making a chunk of each; no I/O."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from pydantic import ValidationError

from ..types.chat_events import ContentDeltaEvent, ToolCallDeltaEvent
from ._chat_decoder import ChatDecoder, parse_chunk
from ._chat_frame import EventFrame

if TYPE_CHECKING:
    from collections.abc import Callable

    from .._core.sse import ServerSentEvent
    from ..types.chat import ChatCompletion, ChatCompletionChunk
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
        """The frame of an event that adds one text, and nothing else that grows."""
        field = _only_text(chunk)
        if field is None or self._patience == 0:
            return None
        self._patience -= 1
        frame = EventFrame.around(field, data)
        if frame is None or not _tells(chunk, field, frame):
            return None
        index = chunk.choices[0].index
        if field == "content":
            self._say = partial(_say_text, self.accumulator.state(index))
        else:
            self._say = partial(_say_arguments, self.arrivals[-1][0], index)
        return frame


def _only_text(chunk: ChatCompletionChunk) -> str | None:
    """The field of a chunk whose text is all that it adds: the answer's, or of arguments of a call that has begun."""
    if len(chunk.choices) != 1:
        return None
    delta = chunk.choices[0].delta
    if delta.reasoning_content or any(isinstance(value, str) for value in (delta.model_extra or {}).values()):
        return None
    if not delta.tool_calls:
        return "content" if delta.content else None
    piece = delta.tool_calls[0]
    bare = len(delta.tool_calls) == 1 and not (delta.content or piece.id)
    function = piece.function
    return "arguments" if bare and function and function.arguments and not function.name else None


def _tells(chunk: ChatCompletionChunk, field: str, frame: EventFrame) -> bool:
    """Whether the text in a frame is the one that counts: JSON may name a field twice, or in disguise."""
    text = getattr(_holder(chunk), field)
    another = "b" if text.startswith("a") else "a"
    try:
        other = parse_chunk(frame.event_with(another.encode()))
    except ValidationError:
        return False
    holder = _holder(other)
    if getattr(holder, field, None) != another:
        return False
    setattr(holder, field, text)
    return other == chunk


def _holder(chunk: ChatCompletionChunk) -> Any:
    """What holds the only text of a chunk."""
    delta = chunk.choices[0].delta
    return delta.tool_calls[0].function if delta.tool_calls else delta


def _say_text(state: ChoiceState, text: str) -> ContentDeltaEvent:
    state.text.append(text)
    return ContentDeltaEvent(text, state.index)


def _say_arguments(call: OpenToolCall, index: int, arguments: str) -> ToolCallDeltaEvent:
    call.extend(arguments)
    return ToolCallDeltaEvent(call.position, call.id, call.name, arguments, index)
