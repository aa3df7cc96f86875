"""Puts the chunks of a chat stream together again; no I/O.

Tool calls arrive in dialects: pieces without an index, several calls under one index, ids and names
repeated in every piece. A call is handed out as callable only when the answer ended properly and its
arguments are a JSON object; anything else stays visible as an invalid call, never repaired.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ..types.chat import ChatCompletion, Choice, Function, InvalidToolCall, Message, ToolCall

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..types.chat import ChatCompletionChunk, ChunkChoice, ToolCallDelta, Usage

_CUT_OFF = frozenset({"length", "content_filter"})


class OpenCall:
    """A tool call while its pieces arrive."""

    __slots__ = ("_pieces", "id", "index", "name", "position")

    def __init__(self, position: int, index: int | None) -> None:
        self.position = position
        self.index = index
        self.id = ""
        self.name = ""
        self._pieces: list[str] = []

    def add(self, piece: ToolCallDelta) -> str:
        """Take a piece; returns what it adds to the arguments."""
        self.id = self.id or piece.id or ""
        added = ""
        if piece.function is not None:
            self.name = self.name or piece.function.name or ""
            added = piece.function.arguments or ""
            if added:
                self._pieces.append(added)
        return added

    @property
    def arguments(self) -> str:
        """The arguments' JSON text so far."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        return self._pieces[0] if self._pieces else ""

    def starts_anew(self, piece: ToolCallDelta) -> bool:
        """Whether a piece under this call's index belongs to another call all the same."""
        if piece.id and self.id and piece.id != self.id:
            return True
        name = piece.function.name if piece.function is not None else None
        if not name or not self.name or piece.id:
            return False
        return name != self.name or (
            bool(piece.function and piece.function.arguments) and _is_object(self.arguments)
        )


class ChoiceState:
    """One answer while its pieces arrive."""

    __slots__ = ("_by_index", "calls", "finish_reason", "index", "reasoning", "text")

    def __init__(self, index: int) -> None:
        self.index = index
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.calls: list[OpenCall] = []
        self.finish_reason: str | None = None
        self._by_index: dict[int, OpenCall] = {}

    def call_for(self, piece: ToolCallDelta) -> OpenCall:
        """The call a piece belongs to: by index, else by id, else the last one; or a new one."""
        if piece.index is not None:
            known = self._by_index.get(piece.index)
        elif piece.id:
            known = next((call for call in self.calls if call.id == piece.id), None)
        else:
            known = self.calls[-1] if self.calls else None
        if known is None or known.starts_anew(piece):
            known = OpenCall(len(self.calls), piece.index)
            self.calls.append(known)
            if piece.index is not None:
                self._by_index[piece.index] = known
        return known

    def message(self, *, ended: bool) -> Message:
        """The message so far, its calls sorted into callable and invalid ones."""
        complete = ended and self.finish_reason not in _CUT_OFF
        valid: list[ToolCall] = []
        invalid: list[InvalidToolCall] = []
        for call in self.calls:
            function = Function(name=call.name, arguments=call.arguments)
            problem = self._problem(call, complete=complete)
            if problem:
                invalid.append(InvalidToolCall(id=call.id, function=function, error=problem))
            else:
                valid.append(ToolCall(id=call.id, function=function))
        message = Message(content="".join(self.text) if self.text or not self.calls else None)
        # Only what there is: absent fields stay absent when the message is sent back.
        if valid:
            message.tool_calls = valid
        if invalid:
            message.invalid_tool_calls = invalid
        if self.reasoning:
            message.reasoning_content = "".join(self.reasoning)
        return message

    def _problem(self, call: OpenCall, *, complete: bool) -> str:
        if not complete:
            return f"the answer was cut off ({self.finish_reason or 'the stream broke'})"
        if not call.name:
            return "the call names no function"
        if call.arguments and not _is_object(call.arguments):
            return "the arguments are not a JSON object"
        return ""


class ChatAccumulator:
    """A chat completion while its chunks arrive."""

    __slots__ = ("_choices", "_first", "_usage", "done", "service_tier")

    def __init__(self) -> None:
        self.done = False
        self._first: ChatCompletionChunk | None = None
        self._usage: Usage | None = None
        self.service_tier: str | None = None
        self._choices: dict[int, ChoiceState] = {}

    def add(self, chunk: ChatCompletionChunk) -> None:
        """Take the next chunk."""
        if self._first is None:
            self._first = chunk
        if chunk.usage is not None:
            self._usage = chunk.usage
        if chunk.service_tier is not None:
            self.service_tier = chunk.service_tier
        for choice in chunk.choices:
            self._add_choice(choice)

    def _add_choice(self, choice: ChunkChoice) -> None:
        state = self._choices.get(choice.index)
        if state is None:
            state = self._choices[choice.index] = ChoiceState(choice.index)
        delta = choice.delta
        if delta.content:
            state.text.append(delta.content)
        if delta.reasoning_content:
            state.reasoning.append(delta.reasoning_content)
        if delta.tool_calls:
            for piece in delta.tool_calls:
                state.call_for(piece).add(piece)
        if choice.finish_reason is not None:
            state.finish_reason = choice.finish_reason

    def states(self) -> Iterator[ChoiceState]:
        """The answers so far, by index."""
        return (self._choices[index] for index in sorted(self._choices))

    @property
    def complete(self) -> bool:
        """Whether the end marker came, or a finish reason for every answer that began."""
        reasons = [state.finish_reason for state in self._choices.values()]
        return self.done or (bool(reasons) and None not in reasons)

    def completion(self) -> ChatCompletion:
        """The completion so far, in the shape of a plain answer."""
        first, ended = self._first, self.complete
        envelope = (
            {name: getattr(first, name) for name in ("id", "created", "model", "system_fingerprint")}
            if first
            else {}
        )
        choices = [
            Choice(index=state.index, message=state.message(ended=ended), finish_reason=state.finish_reason)
            for state in self.states()
        ]
        return ChatCompletion(**envelope, choices=choices, usage=self._usage, service_tier=self.service_tier)


def _is_object(text: str) -> bool:
    try:
        return isinstance(json.loads(text), dict)
    except ValueError:
        return False
