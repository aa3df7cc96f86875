"""Puts the chunks of a chat stream together again; no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..types._base import grow_unknown, keep_unknown
from ..types.chat import ChatCompletion, Choice, InvalidToolCall, Message, ToolCall
from ..types.tool_calls import ToolCallAssembler, tool_call_problem

if TYPE_CHECKING:
    from collections import deque
    from collections.abc import Iterator, Mapping

    from ..types.chat import ChatCompletionChunk, ChunkChoice
    from ..types.tool_calls import OpenToolCall

    Arrivals = deque[tuple[OpenToolCall, str]]
    """Pieces of arguments in the order in which they arrived, each with the call it was added to."""


class ChoiceState:
    """One answer while its pieces arrive."""

    __slots__ = ("_arrivals", "finish_reason", "index", "reasoning", "said", "text", "tools", "unknown")

    def __init__(self, index: int, arrivals: Arrivals | None) -> None:
        self._arrivals = arrivals
        self.index = index
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.tools = ToolCallAssembler()
        self.finish_reason: str | None = None
        self.unknown: dict[str, Any] = {}  # fields of the answer that this library does not know
        self.said: dict[str, Any] = {}  # the same of its message

    def add(self, choice: ChunkChoice) -> None:
        """Take this answer's part of a chunk."""
        delta = choice.delta
        if delta.content:
            self.text.append(delta.content)
        if delta.reasoning_content:
            self.reasoning.append(delta.reasoning_content)
        if delta.tool_calls:
            for piece in delta.tool_calls:
                call = self.tools.call_for(piece)
                added = call.add(piece)
                if self._arrivals is not None:
                    self._arrivals.append((call, added))
        if choice.finish_reason is not None:
            self.finish_reason = choice.finish_reason
        # `model_extra` is the same by a property, which costs as much as three fields.
        if said := delta.__pydantic_extra__:
            grow_unknown(self.said, said)
        if unknown := choice.__pydantic_extra__:
            keep_unknown(self.unknown, unknown)

    def choice(self, *, ended: bool) -> Choice:
        """The answer so far."""
        known = {
            "index": self.index,
            "message": self.message(ended=ended),
            "finish_reason": self.finish_reason,
        }
        return Choice.model_validate({**self.unknown, **known})

    def calls(self, *, ended: bool) -> Iterator[ToolCall | InvalidToolCall]:
        """The tool calls so far, by position: those that may be executed, and those that must not be."""
        for call in self.tools.calls:
            function = call.function
            known = {**call.unknown, "id": call.id, "function": function}
            problem = tool_call_problem(function, self.finish_reason) if ended else "the stream broke off"
            if problem:
                yield InvalidToolCall.model_validate({**known, "error": problem})
            else:
                yield ToolCall.model_validate(known)

    def message(self, *, ended: bool) -> Message:
        """The message so far, its calls sorted into callable and invalid ones."""
        calls = list(self.calls(ended=ended))
        content = "".join(self.text) if self.text or not self.tools.calls else None
        # What is invalid is for this library to say, not for the service.
        unknown = {name: value for name, value in self.said.items() if name != "invalid_tool_calls"}
        message = Message.model_validate({**unknown, "content": content})
        # Only what there is: absent fields stay absent when the message is sent back.
        if valid := [call for call in calls if isinstance(call, ToolCall)]:
            message.tool_calls = valid
        if invalid := [call for call in calls if isinstance(call, InvalidToolCall)]:
            message.invalid_tool_calls = invalid
        if self.reasoning:
            message.reasoning_content = "".join(self.reasoning)
        return message


class ChatAccumulator:
    """A chat completion while its chunks arrive."""

    __slots__ = ("_arrivals", "_choices", "_expected", "_first", "_latest", "_unknown", "done")

    def __init__(self, expected: int = 1, arrivals: Arrivals | None = None) -> None:
        self.done = False
        self._expected = expected
        self._arrivals = arrivals
        self._unknown: dict[str, Any] = {}
        self._first: ChatCompletionChunk | None = None
        self._latest: dict[str, Any] = {}
        self._choices: dict[int, ChoiceState] = {}

    def add(self, chunk: ChatCompletionChunk, unknown: Mapping[str, Any] | None = None) -> None:
        """Take the next chunk, with the fields this library does not know."""
        if self._first is None:
            self._first = chunk
        if chunk.usage is not None:
            self._latest["usage"] = chunk.usage
        if chunk.service_tier is not None:
            self._latest["service_tier"] = chunk.service_tier
        if chunk.extracted_files is not None:
            self._latest["extracted_files"] = chunk.extracted_files
        if chunk.generated_files is not None:
            self._latest["generated_files"] = chunk.generated_files
        if unknown:
            keep_unknown(self._unknown, unknown)
        for choice in chunk.choices:
            state = self._choices.get(choice.index)
            if state is None:
                state = self._choices[choice.index] = ChoiceState(choice.index, self._arrivals)
            state.add(choice)

    def state(self, index: int) -> ChoiceState:
        """The answer with that index, of which a chunk has been taken."""
        return self._choices[index]

    def states(self) -> Iterator[ChoiceState]:
        """The answers so far, by index."""
        return (self._choices[index] for index in sorted(self._choices))

    @property
    def complete(self) -> bool:
        """Whether the end marker came, or a finish reason for every answer that was asked for."""
        reasons = [state.finish_reason for state in self._choices.values()]
        return self.done or (len(reasons) >= self._expected and None not in reasons)

    def completion(self, *, failed: bool = False) -> ChatCompletion:
        """The completion so far, in the shape of a plain answer; no call of a failed one may be executed."""
        first, ended = self._first, self.complete and not failed
        envelope = (
            {name: getattr(first, name) for name in ("id", "created", "model", "system_fingerprint")}
            if first
            else {}
        )
        choices = [state.choice(ended=ended) for state in self.states()]
        return ChatCompletion.model_validate(
            {**self._unknown, **envelope, **self._latest, "choices": choices}
        )
