"""Which tool calls an answer holds, and which of them may be executed; no I/O.

Streams speak dialects: pieces without an index, several calls under one index, ids and names repeated
in every piece. And LangChain repairs incomplete JSON when it puts a stream together, so a call that must
not be executed needs to be made unreadable for it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from langchain_core.messages.tool import ToolCallChunk, tool_call_chunk
from langchain_core.utils.json import parse_partial_json

from maritaca_async.types import Function

if TYPE_CHECKING:
    from maritaca_async.types import ToolCallDelta

_CUT_OFF: Final = frozenset({"length", "content_filter"})


def judge(function: Function, finish_reason: str | None) -> tuple[dict[str, Any], str]:
    """The arguments of a call that may be executed, or else what is wrong with it."""
    if finish_reason in _CUT_OFF:
        return {}, f"the answer was cut off ({finish_reason})"
    if not function.name:
        return {}, "the call names no function"
    try:
        return function.parsed_arguments(), ""
    except ValueError as error:
        return {}, f"the arguments are not a JSON object: {error}"


class StreamedToolCalls:
    """The tool calls of one answer, told apart whatever dialect the server speaks."""

    def __init__(self) -> None:
        self._all: list[_Call] = []
        self._by_index: dict[int, _Call] = {}

    def take(self, pieces: list[ToolCallDelta]) -> list[ToolCallChunk]:
        """The pieces of one delta, each under the index of its own call."""
        found: dict[int, ToolCallChunk] = {}
        for piece in pieces:
            call = self._call_of(piece)
            chunk = call.take(piece)
            known = found.get(call.position)
            if known is not None:
                chunk = tool_call_chunk(
                    name=known["name"] or chunk["name"],
                    args=(known["args"] or "") + (chunk["args"] or ""),
                    id=known["id"] or chunk["id"],
                    index=call.position,
                )
            found[call.position] = chunk
        return list(found.values())

    def spoilers(self, finish_reason: str | None) -> list[ToolCallChunk]:
        """Pieces that keep LangChain from repairing the calls that must not be executed."""
        found = []
        for call in self._all:
            function = call.function
            if judge(function, finish_reason)[1] and _would_be_repaired(function.arguments):
                found.append(
                    tool_call_chunk(
                        name=None, args=_spoiler(function.arguments), id=None, index=call.position
                    )
                )
        return found

    def _call_of(self, piece: ToolCallDelta) -> _Call:
        known: _Call | None
        if piece.index is not None:
            known = self._by_index.get(piece.index)
        elif piece.id:
            known = next((call for call in self._all if call.id == piece.id), None)
        else:
            known = self._all[-1] if self._all else None
        if known is None or known.differs_from(piece):
            known = _Call(len(self._all))
            self._all.append(known)
            if piece.index is not None:
                self._by_index[piece.index] = known
        return known


class _Call:
    """A tool call while its pieces arrive."""

    def __init__(self, position: int) -> None:
        self.position = position
        self.id = ""
        self.name = ""
        self.pieces: list[str] = []

    @property
    def function(self) -> Function:
        return Function(name=self.name, arguments="".join(self.pieces))

    def take(self, piece: ToolCallDelta) -> ToolCallChunk:
        """Add a piece; id and name are handed out once, for LangChain joins what is repeated."""
        function = piece.function
        new_id = piece.id if piece.id and not self.id else None
        new_name = function.name if function and function.name and not self.name else None
        self.id, self.name = self.id or new_id or "", self.name or new_name or ""
        arguments = (function.arguments if function else None) or ""
        if not self.pieces:
            # Blanks alone mean "no arguments", but LangChain would call them broken JSON.
            arguments = arguments.lstrip(" \t\r\n")
        if arguments:
            self.pieces.append(arguments)
        return tool_call_chunk(name=new_name, args=arguments, id=new_id, index=self.position)

    def differs_from(self, piece: ToolCallDelta) -> bool:
        """Whether a piece that seems to belong here opens another call: new id, or new name after complete JSON."""
        if piece.id and self.id:
            return piece.id != self.id
        name = piece.function.name if piece.function else None
        if not name or not self.name:
            return False
        return name != self.name or (bool(piece.function and piece.function.arguments) and self._complete())

    def _complete(self) -> bool:
        try:
            return bool(self.pieces) and self.function.parsed_arguments() is not None
        except ValueError:
            return False


def _would_be_repaired(arguments: str) -> bool:
    if not arguments:
        return True
    try:
        parse_partial_json(arguments)
    except ValueError:
        return False
    return True


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
