"""LangChain's chunks: made at the price of a token, and put together in time linear in the answer; no I/O."""

from __future__ import annotations

from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from langchain_core.messages import AIMessageChunk
from langchain_core.messages.tool import tool_call_chunk
from langchain_core.outputs import ChatGenerationChunk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from langchain_core.messages import ToolCallChunk

    Kind = tuple[str | None, int | None]
    """Id of a message, and the index of the tool call that it adds to, None when it adds text."""

PROVIDER: Final = "maritaca"
_METADATA: Final = {"model_provider": PROVIDER}


class Chunk(ChatGenerationChunk):
    """A chunk to which a whole stream is added in one go.

    LangChain itself copies the arguments so far for each piece of a tool call.
    """

    @classmethod
    def lc_id(cls) -> list[str]:
        """How LangChain names what is serialized: as it would without this class."""
        return ChatGenerationChunk.lc_id()

    def __add__(self, other: ChatGenerationChunk | list[ChatGenerationChunk]) -> ChatGenerationChunk:
        """What LangChain makes of this chunk and others."""
        if not (isinstance(other, list) and all(isinstance(chunk, ChatGenerationChunk) for chunk in other)):
            return super().__add__(other)
        first, *rest = _joined([self, *other])
        return ChatGenerationChunk.__add__(first, rest)


def _joined(chunks: Iterable[ChatGenerationChunk]) -> Iterator[ChatGenerationChunk]:
    """The same in fewer chunks: neighbours that add nothing but text, or arguments to one call, become one."""
    for kind, neighbours in groupby(chunks, _kind):
        if kind is None:
            yield from neighbours
        else:
            yield _one(kind, [chunk.message for chunk in neighbours])


def _kind(chunk: ChatGenerationChunk) -> Kind | None:
    """What a chunk adds to, None if it brings anything else."""
    message = chunk.message
    if type(message) is not AIMessageChunk or type(message.content) is not str:
        return None
    if message.additional_kwargs or message.chunk_position or chunk.generation_info:
        return None
    if message.usage_metadata is not None or message.response_metadata != _METADATA:
        return None
    pieces = message.tool_call_chunks
    if not pieces:
        return message.id, None
    index = _index_of(pieces[0]) if len(pieces) == 1 and not message.content else None
    return None if index is None else (message.id, index)


def _index_of(piece: ToolCallChunk) -> int | None:
    """The index of a piece that brings arguments alone."""
    alone = piece["name"] is None and piece["id"] is None and piece["args"] is not None
    return piece["index"] if alone and type(piece["index"]) is int else None


def _one(kind: Kind, messages: list[Any]) -> ChatGenerationChunk:
    identity, index = kind
    if index is None:
        joined = make_chunk("".join(message.content for message in messages))
    else:
        arguments = "".join(message.tool_call_chunks[0]["args"] for message in messages)
        joined = make_chunk("", None, [tool_call_chunk(name=None, args=arguments, id=None, index=index)])
    joined.message.id = identity
    return joined


_SAMPLE: Final = Chunk(message=AIMessageChunk(content=""))
_CHUNK_FIELDS: Final = dict(vars(_SAMPLE))
_CHUNK_SET: Final = {"text", "message"}
_MESSAGE_FIELDS: Final = dict(vars(_SAMPLE.message))
_MESSAGE_SET: Final = {"content", "additional_kwargs", "response_metadata", "tool_call_chunks"}
_KNOWN_STATE: Final = {"__dict__", "__pydantic_extra__", "__pydantic_fields_set__", "__pydantic_private__"}


def usual_chunk(
    text: str, additional: dict[str, Any] | None = None, calls: list[ToolCallChunk] | None = None
) -> ChatGenerationChunk:
    """A chunk, made by the constructors."""
    message = AIMessageChunk(
        content=text, additional_kwargs=additional or {}, response_metadata=_METADATA.copy()
    )
    if calls:
        # Afterwards, because the constructor parses the fragment in time quadratic in its length.
        message.tool_call_chunks = calls
    return Chunk(message=message)


def quick_chunk(
    text: str, additional: dict[str, Any] | None = None, calls: list[ToolCallChunk] | None = None
) -> ChatGenerationChunk:
    """The same, made as pickle makes objects: the constructors would be most of what a token costs."""
    put = object.__setattr__
    message = AIMessageChunk.__new__(AIMessageChunk)
    fields = _MESSAGE_FIELDS.copy()
    fields["content"] = text
    fields["additional_kwargs"] = additional or {}
    fields["response_metadata"] = _METADATA.copy()
    fields["tool_calls"] = []
    fields["invalid_tool_calls"] = []
    fields["tool_call_chunks"] = calls or []
    put(message, "__dict__", fields)
    put(message, "__pydantic_fields_set__", _MESSAGE_SET.copy())
    put(message, "__pydantic_extra__", {})
    put(message, "__pydantic_private__", None)
    chunk = Chunk.__new__(Chunk)
    fields = _CHUNK_FIELDS.copy()
    fields["text"] = text
    fields["message"] = message
    put(chunk, "__dict__", fields)
    put(chunk, "__pydantic_fields_set__", _CHUNK_SET.copy())
    put(chunk, "__pydantic_extra__", None)
    put(chunk, "__pydantic_private__", None)
    return chunk


# A pydantic whose objects hold anything else gets the constructors.
make_chunk = quick_chunk if _SAMPLE.__getstate__().keys() == _KNOWN_STATE else usual_chunk
