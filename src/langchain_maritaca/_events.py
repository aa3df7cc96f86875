"""An answer as the events of LangChain's streaming protocol (`stream_events(version="v3")`); no I/O.

Every block that begins also ends, before the message does; the end of a tool call says whether it may be
executed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, cast

from langchain_core.utils.utils import LC_ID_PREFIX

from maritaca_async.types import (
    ContentDeltaEvent,
    InvalidToolCallEvent,
    ReasoningDeltaEvent,
    ToolCallDeltaEvent,
    ToolCallDoneEvent,
)

from ._blocks import content_blocks
from ._chunks import PROVIDER
from ._results import additional_kwargs, first_choice, response_metadata, usage_metadata
from ._tool_calls import StreamedToolCalls

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from uuid import UUID

    from langchain_core.messages import AIMessage, ToolCallChunk
    from langchain_core.outputs import ChatResult

    from maritaca_async.types import ChatCompletion, ChatDeltaEvent

Event = dict[str, Any]

_TEXT: Final = "text"
_REASONING: Final = "reasoning"


def message_start(model: str, run_id: UUID | None) -> Event:
    """The event that opens a message."""
    return {
        "event": "message-start",
        "role": "ai",
        "id": f"{LC_ID_PREFIX}-{run_id}" if run_id else "",
        "metadata": {"provider": PROVIDER, "model": model},
    }


def whole_answer_events(result: ChatResult, model: str, run_id: UUID | None) -> Iterator[Event]:
    """The events of an answer that came in one piece."""
    message = cast("AIMessage", result.generations[0].message)
    yield message_start(model, run_id)
    blocks: list[Any] = [*content_blocks(message), *message.invalid_tool_calls]
    for index, block in enumerate(blocks):
        yield _start(index, _opening(block))
        if block["type"] in (_TEXT, _REASONING):
            yield _delta(index, _spoken(block["type"], block[block["type"]]))
        yield _finish(index, block)
    yield _message_finish(message.response_metadata, message.usage_metadata, message.additional_kwargs)


class EventWriter:
    """Turns what one streamed answer says into events."""

    def __init__(self, model: str) -> None:
        self._model = model
        self._calls = StreamedToolCalls()
        self._spoken: dict[str, list[str]] = {}
        self._indices: dict[str | int, int] = {}  # of each block, by kind, or by a tool call's place

    def read(self, event: ChatDeltaEvent) -> Iterable[Event]:
        """The events that an event of ours means."""
        if event.index != 0:
            return ()
        if isinstance(event, ContentDeltaEvent):
            return self._speak(_TEXT, event.delta)
        if isinstance(event, ToolCallDeltaEvent):
            return self._call(self._calls.take(event))
        if isinstance(event, ReasoningDeltaEvent):
            return self._speak(_REASONING, event.delta)
        if isinstance(event, ToolCallDoneEvent | InvalidToolCallEvent):
            self._calls.end(event)
        return ()

    def close(self, received: ChatCompletion) -> Iterator[Event]:
        """The last events, in which every block ends.

        Args:
            received: The whole answer, read from the stream that has just ended.
        """
        choice = first_choice(received)
        for kind, pieces in self._spoken.items():
            yield _finish(self._indices[kind], {"type": kind, kind: "".join(pieces)})
        for position, call in self._calls.ended():
            yield _finish(self._indices[position], call)
        yield _message_finish(
            response_metadata(received, choice, self._model, first=True),
            usage_metadata(received.usage) if received.usage else None,
            additional_kwargs(choice.message) if choice else {},
        )

    def _speak(self, kind: str, text: str) -> Iterable[Event]:
        delta = _spoken(kind, text)
        if (spoken := self._spoken.get(kind)) is not None:
            spoken.append(text)
            return (_delta(self._indices[kind], delta),)
        self._spoken[kind] = [text]
        index = self._index(kind)
        return _start(index, {"type": kind, kind: ""}), _delta(index, delta)

    def _call(self, piece: ToolCallChunk) -> Iterator[Event]:
        position = piece["index"] or 0
        if position not in self._indices:
            yield _start(self._index(position), {"type": "tool_call_chunk", **piece, "args": ""})
        if piece["args"]:
            yield _delta(self._indices[position], {"type": "tool-call-delta", "args": piece["args"]})

    def _index(self, key: str | int) -> int:
        return self._indices.setdefault(key, len(self._indices))


def _opening(block: dict[str, Any]) -> dict[str, Any]:
    """A block as it is before its content has come."""
    empty = {"text": "", "reasoning": "", "args": {}, "base64": ""}
    if block["type"] == "invalid_tool_call":
        return {"type": "tool_call_chunk", "id": block["id"], "name": block["name"], "args": ""}
    return {name: empty.get(name, value) for name, value in block.items()}


def _start(index: int, content: dict[str, Any]) -> Event:
    return {"event": "content-block-start", "index": index, "content": content}


def _delta(index: int, delta: dict[str, Any]) -> Event:
    return {"event": "content-block-delta", "index": index, "delta": delta}


def _spoken(kind: str, text: str) -> dict[str, Any]:
    return {"type": f"{kind}-delta", kind: text}


def _finish(index: int, content: Any) -> Event:
    return {"event": "content-block-finish", "index": index, "content": content}


def _message_finish(metadata: dict[str, Any], usage: Any, additional: dict[str, Any]) -> Event:
    event: Event = {"event": "message-finish", "metadata": metadata}
    if usage is not None:
        event["usage"] = usage
    if additional:
        event["additional_kwargs"] = additional
    return event
