"""Puts the chunks of a chat stream together again; no I/O."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ..types.chat import ChatCompletion, Choice, InvalidToolCall, Message, ToolCall
from ..types.tool_calls import ToolCallAssembler, tool_call_problem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ..types.chat import ChatCompletionChunk, ChunkChoice, Usage


class ChoiceState:
    """One answer while its pieces arrive."""

    __slots__ = ("extra", "finish_reason", "index", "reasoning", "text", "tools")

    def __init__(self, index: int) -> None:
        self.index = index
        self.text: list[str] = []
        self.reasoning: list[str] = []
        self.tools = ToolCallAssembler()
        self.finish_reason: str | None = None
        self.extra: dict[str, Any] = {}

    def add(self, choice: ChunkChoice) -> None:
        """Take this answer's part of a chunk."""
        delta = choice.delta
        if delta.content:
            self.text.append(delta.content)
        if delta.reasoning_content:
            self.reasoning.append(delta.reasoning_content)
        if delta.tool_calls:
            for piece in delta.tool_calls:
                self.tools.call_for(piece).add(piece)
        if choice.finish_reason is not None:
            self.finish_reason = choice.finish_reason
        if unknown := delta.model_extra:
            _merge(self.extra, unknown)

    def message(self, *, ended: bool) -> Message:
        """The message so far, its calls sorted into callable and invalid ones."""
        valid: list[ToolCall] = []
        invalid: list[InvalidToolCall] = []
        for call in self.tools.calls:
            function = call.function
            problem = tool_call_problem(function, self.finish_reason) if ended else "the stream broke off"
            if problem:
                invalid.append(InvalidToolCall(id=call.id, function=function, error=problem))
            else:
                valid.append(ToolCall(id=call.id, function=function))
        content = "".join(self.text) if self.text or not self.tools.calls else None
        message = Message.model_validate({**self.extra, "content": content})
        # Only what there is: absent fields stay absent when the message is sent back.
        if valid:
            message.tool_calls = valid
        if invalid:
            message.invalid_tool_calls = invalid
        if self.reasoning:
            message.reasoning_content = "".join(self.reasoning)
        return message


class ChatAccumulator:
    """A chat completion while its chunks arrive."""

    __slots__ = ("_choices", "_expected", "_extra", "_first", "_service_tier", "_usage", "done")

    def __init__(self, expected: int = 1) -> None:
        self.done = False
        self._expected = expected
        self._extra: dict[str, Any] = {}
        self._first: ChatCompletionChunk | None = None
        self._usage: Usage | None = None
        self._service_tier: str | None = None
        self._choices: dict[int, ChoiceState] = {}

    def add(self, chunk: ChatCompletionChunk, unknown: Mapping[str, Any] | None = None) -> None:
        """Take the next chunk, with the fields this library does not know."""
        if self._first is None:
            self._first = chunk
        if chunk.usage is not None:
            self._usage = chunk.usage
        if chunk.service_tier is not None:
            self._service_tier = chunk.service_tier
        if unknown:
            _merge(self._extra, unknown)
        for choice in chunk.choices:
            state = self._choices.get(choice.index)
            if state is None:
                state = self._choices[choice.index] = ChoiceState(choice.index)
            state.add(choice)

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
        choices = [
            Choice(index=state.index, message=state.message(ended=ended), finish_reason=state.finish_reason)
            for state in self.states()
        ]
        completion = ChatCompletion.model_validate({**self._extra, **envelope, "choices": choices})
        completion.usage = self._usage
        completion.service_tier = self._service_tier
        return completion


def _merge(known: dict[str, Any], more: Mapping[str, Any]) -> None:
    """Keep fields this library does not know: texts grow from chunk to chunk, anything else is replaced."""
    for name, value in more.items():
        before = known.get(name)
        known[name] = before + value if isinstance(before, str) and isinstance(value, str) else value
