"""Streamed tool calls in LangChain's terms, and which calls may be executed; no I/O.

LangChain repairs incomplete JSON when it puts a stream together, so a call that must not be executed
needs to be made unreadable for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from langchain_core.messages.tool import invalid_tool_call, tool_call, tool_call_chunk

from maritaca_async.types import InvalidToolCallEvent, tool_call_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_core.messages import InvalidToolCall, ToolCall, ToolCallChunk

    from maritaca_async.types import Function, ToolCallDeltaEvent, ToolCallDoneEvent

_BLANKS: Final = " \t\r\n"


def finished_call(
    call_id: str | None, function: Function, finish_reason: str | None
) -> ToolCall | InvalidToolCall:
    """A call of an answer that has ended: callable, or invalid with the reason and its raw arguments."""
    if problem := tool_call_problem(function, finish_reason):
        return invalid_tool_call(name=function.name, args=function.arguments, id=call_id, error=problem)
    return tool_call(name=function.name, args=function.parsed_arguments(), id=call_id)


class StreamedToolCalls:
    """The tool calls of one streamed answer, by position."""

    def __init__(self) -> None:
        self._known: dict[int, tuple[bool, bool]] = {}  # whether id and name of a call have been handed out
        self._begun: set[int] = set()  # calls whose arguments have begun
        self._ended: list[ToolCallDoneEvent | InvalidToolCallEvent] = []

    def take(self, event: ToolCallDeltaEvent) -> ToolCallChunk:
        """The piece that an event brings."""
        position, arguments = event.position, event.arguments_delta
        if position not in self._begun:
            # Blanks alone mean "no arguments", but LangChain would call them broken JSON.
            arguments = arguments.lstrip(_BLANKS)
            if arguments:
                self._begun.add(position)
        # Id and name are handed out once, for LangChain joins what is repeated.
        known_id, known_name = self._known.get(position, (False, False))
        if not (known_id and known_name):
            self._known[position] = bool(event.id), bool(event.name)
        return tool_call_chunk(
            name=None if known_name else event.name or None,
            args=arguments,
            id=None if known_id else event.id or None,
            index=position,
        )

    def end(self, event: ToolCallDoneEvent | InvalidToolCallEvent) -> None:
        """Note how a call ended."""
        self._ended.append(event)

    def ended(self) -> Iterator[tuple[int, ToolCall | InvalidToolCall]]:
        """Every call with its position, now that the answer has ended."""
        for event in self._ended:
            yield event.position, _ended_call(event)

    def spoilers(self) -> list[ToolCallChunk]:
        """Pieces that keep LangChain from repairing the calls that must not be executed."""
        # Of every such call, for finding out which ones would be repaired takes quadratic time.
        return [
            tool_call_chunk(
                name=None,
                args=_spoiler(event.tool_call.function.arguments.lstrip(_BLANKS)),
                id=None,
                index=event.position,
            )
            for event in self._ended
            if isinstance(event, InvalidToolCallEvent)
        ]


def _ended_call(event: ToolCallDoneEvent | InvalidToolCallEvent) -> ToolCall | InvalidToolCall:
    call = event.tool_call
    name, arguments = call.function.name, call.function.arguments
    if isinstance(event, InvalidToolCallEvent):
        return invalid_tool_call(name=name, args=arguments, id=call.id, error=event.tool_call.error)
    return tool_call(name=name, args=call.function.parsed_arguments(), id=call.id)


def _spoiler(arguments: str) -> str:
    """The shortest text that no closing of brackets can turn into JSON: a bracket that does not match.

    LangChain repairs incomplete JSON when it puts chunks together, and would make a callable tool call
    of one that was cut in the middle.
    """
    open_brackets: list[str] = []
    in_string = escaped = False
    for char in arguments:
        if in_string:
            in_string = escaped or char != '"'
            escaped = char == "\\" and not escaped
        elif char == '"':
            in_string = True
        elif char in "{[":
            open_brackets.append(char)
        elif char in "}]" and open_brackets:
            open_brackets.pop()
    closed = ('""' if escaped else '"') if in_string else ""
    return closed + ("}" if open_brackets and open_brackets[-1] == "[" else "]")
