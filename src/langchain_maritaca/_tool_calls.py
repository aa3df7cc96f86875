"""Streamed tool calls in LangChain's terms, and which calls may be executed; no I/O.

LangChain repairs incomplete JSON when it puts a stream together, so a call that must not be executed
needs to be made unreadable for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from langchain_core.messages.tool import invalid_tool_call, tool_call, tool_call_chunk

from maritaca_async.types import ToolCallAssembler, tool_call_problem

if TYPE_CHECKING:
    from collections.abc import Iterator

    from langchain_core.messages import InvalidToolCall, ToolCall, ToolCallChunk

    from maritaca_async.types import Function, ToolCallDelta

_BLANKS: Final = " \t\r\n"


def finished_call(
    call_id: str | None, function: Function, finish_reason: str | None
) -> ToolCall | InvalidToolCall:
    """A call of an answer that has ended: callable, or invalid with the reason and its raw arguments."""
    if problem := tool_call_problem(function, finish_reason):
        return invalid_tool_call(name=function.name, args=function.arguments, id=call_id, error=problem)
    return tool_call(name=function.name, args=function.parsed_arguments(), id=call_id)


class StreamedToolCalls:
    """The tool calls of one answer, each under an index of its own whatever dialect the server speaks."""

    def __init__(self) -> None:
        self._assembler = ToolCallAssembler()
        self._begun: set[int] = set()  # calls whose arguments have begun

    def take(self, pieces: list[ToolCallDelta]) -> list[ToolCallChunk]:
        """The pieces of one delta, one chunk for each call."""
        if len(pieces) == 1:
            return [self._take_one(pieces[0])]
        found: dict[int, ToolCallChunk] = {}
        for piece in pieces:
            chunk = self._take_one(piece)
            position = chunk["index"] or 0
            known = found.get(position)
            if known is not None:
                chunk["name"] = known["name"] or chunk["name"]
                chunk["id"] = known["id"] or chunk["id"]
                chunk["args"] = (known["args"] or "") + (chunk["args"] or "")
            found[position] = chunk
        return list(found.values())

    def ended(self, finish_reason: str | None) -> Iterator[tuple[int, ToolCall | InvalidToolCall]]:
        """Every call with its index, now that the answer has ended."""
        for call in self._assembler.calls:
            yield call.position, finished_call(call.id, call.function, finish_reason)

    def spoilers(self, finish_reason: str | None) -> list[ToolCallChunk]:
        """Pieces that keep LangChain from repairing the calls that must not be executed."""
        # Of every such call, for finding out which ones would be repaired takes quadratic time.
        return [
            tool_call_chunk(
                name=None,
                args=_spoiler(call.function.arguments.lstrip(_BLANKS)),
                id=None,
                index=call.position,
            )
            for call in self._assembler.calls
            if tool_call_problem(call.function, finish_reason)
        ]

    def _take_one(self, piece: ToolCallDelta) -> ToolCallChunk:
        call = self._assembler.call_for(piece)
        known_id, known_name = call.id, call.name
        arguments = call.add(piece)
        if call.position not in self._begun:
            # Blanks alone mean "no arguments", but LangChain would call them broken JSON.
            arguments = arguments.lstrip(_BLANKS)
            if arguments:
                self._begun.add(call.position)
        # Id and name are handed out once, for LangChain joins what is repeated.
        return tool_call_chunk(
            name=None if known_name else call.name or None,
            args=arguments,
            id=None if known_id else call.id or None,
            index=call.position,
        )


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
