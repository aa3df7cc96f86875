"""Streamed tool calls: their pieces put together, and whether a call may be executed.

Servers speak dialects: pieces without an index, several calls under one index, ids and names repeated in
every piece. A call may be executed only when the answer ended properly and the arguments are a JSON
object. Anything else stays visible as an invalid call; nothing is repaired.
"""

from __future__ import annotations

from typing import Any

from ._base import keep_unknown
from .chat import Function, ToolCallDelta

_CUT_OFF = frozenset({"length", "content_filter"})


def tool_call_problem(function: Function, finish_reason: str | None) -> str:
    """What forbids executing a call of an answer that has ended; "" when nothing does.

    Args:
        function: Name and arguments of the call.
        finish_reason: Why the answer ended.
    """
    if finish_reason in _CUT_OFF:
        return f"the answer was cut off ({finish_reason})"
    if not function.name:
        return "the call names no function"
    try:
        function.parsed_arguments()
    except ValueError as error:
        return f"the arguments are not a JSON object: {error}"
    return ""


class OpenToolCall:
    """A tool call while its pieces arrive."""

    __slots__ = ("_pieces", "_unknown", "id", "name", "position", "unknown")

    def __init__(self, position: int) -> None:
        self.position: int = position
        """Place among the calls of the answer, from 0."""
        self.id: str = ""
        """The call's id, once known."""
        self.name: str = ""
        """The function's name, once known."""
        self.unknown: dict[str, Any] = {}
        """Fields that this library does not know."""
        self._pieces: list[str] = []
        self._unknown: dict[str, Any] = {}  # the same of its function

    @property
    def function(self) -> Function:
        """Name and arguments so far."""
        if len(self._pieces) > 1:
            self._pieces = ["".join(self._pieces)]
        arguments = self._pieces[0] if self._pieces else ""
        return Function.model_validate({**self._unknown, "name": self.name, "arguments": arguments})

    def add(self, piece: ToolCallDelta) -> str:
        """Take a piece; returns what it adds to the arguments. Id and name are set once."""
        self.id = self.id or piece.id or ""
        if unknown := piece.__pydantic_extra__:
            keep_unknown(self.unknown, unknown)
        function = piece.function
        if function is None:
            return ""
        self.name = self.name or function.name or ""
        if unknown := function.__pydantic_extra__:
            keep_unknown(self._unknown, unknown)
        if function.arguments:
            self.extend(function.arguments)
        return function.arguments or ""

    def extend(self, arguments: str) -> None:
        """Take a piece that is nothing but arguments."""
        self._pieces.append(arguments)

    def ends_before(self, piece: ToolCallDelta) -> bool:
        """Whether a piece that seems to belong here opens another call: a new id, or a name after complete JSON."""
        if piece.id and self.id:
            return piece.id != self.id
        function = piece.function
        if function is None or not function.name or not self.name:
            return False
        return function.name != self.name or (bool(function.arguments) and self._is_complete())

    def _is_complete(self) -> bool:
        return bool(self._pieces) and not tool_call_problem(self.function, None)


class ToolCallAssembler:
    """The tool calls of one answer, told apart whatever dialect the server speaks."""

    __slots__ = ("_by_index", "calls")

    def __init__(self) -> None:
        self.calls: list[OpenToolCall] = []
        """The calls so far, in order of appearance."""
        self._by_index: dict[int, OpenToolCall] = {}

    def call_for(self, piece: ToolCallDelta) -> OpenToolCall:
        """The call a piece belongs to: by index, else by id, else the last one; or a new one."""
        known: OpenToolCall | None
        if piece.index is not None:
            known = self._by_index.get(piece.index)
        elif piece.id:
            known = next((call for call in self.calls if call.id == piece.id), None)
        else:
            known = self.calls[-1] if self.calls else None
        if known is None or known.ends_before(piece):
            known = OpenToolCall(len(self.calls))
            self.calls.append(known)
            if piece.index is not None:
                self._by_index[piece.index] = known
        return known
