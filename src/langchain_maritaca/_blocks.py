"""Content blocks of an answer, in LangChain's standard form; no I/O.

LangChain's own best effort finds the same text, reasoning and tool calls, so messages mean the same in a
process that never imported this package; only generated files are found here alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from langchain_core.messages.block_translators import register_translator

from ._chunks import PROVIDER

if TYPE_CHECKING:
    from langchain_core.messages import AIMessage, AIMessageChunk, ContentBlock, ToolCall, ToolCallChunk


def content_blocks(message: AIMessage) -> list[ContentBlock]:
    """The blocks of a whole answer: reasoning, text, tool calls, and the files that code execution made.

    Raises:
        NotImplementedError: the content is a list already, which LangChain reads itself.
    """
    files = message.response_metadata.get("generated_files") or ()
    return [*_spoken_blocks(message), *map(_call_block, message.tool_calls), *map(_file_block, files)]


def chunk_content_blocks(message: AIMessageChunk) -> list[ContentBlock]:
    """The blocks of a piece of an answer; tool calls are pieces until the last chunk has come.

    Raises:
        NotImplementedError: the content is a list already, which LangChain reads itself.
    """
    put_together = message.tool_calls or message.invalid_tool_calls or not message.tool_call_chunks
    if message.chunk_position == "last" and put_together:
        return content_blocks(message)
    spoken = _spoken_blocks(message)
    for block in spoken:
        # LangChain merges blocks of equal index: the numbers belong to the tool calls.
        block["index"] = f"lc_{block['type']}"
    return spoken + [_piece_block(piece) for piece in message.tool_call_chunks]


def _spoken_blocks(message: AIMessage) -> list[ContentBlock]:
    content = message.content
    if not isinstance(content, str):
        raise NotImplementedError
    blocks: list[ContentBlock] = [{"type": "text", "text": content}] if content else []
    reasoning = message.additional_kwargs.get("reasoning_content")
    if isinstance(reasoning, str):
        blocks.insert(0, {"type": "reasoning", "reasoning": reasoning})
    return blocks


def _call_block(call: ToolCall) -> ContentBlock:
    return {"type": "tool_call", "id": call["id"], "name": call["name"], "args": call["args"]}


def _piece_block(piece: ToolCallChunk) -> ContentBlock:
    # Never without an index: all our pieces have one.
    return {
        "type": "tool_call_chunk",
        "id": piece["id"],
        "name": piece["name"],
        "args": piece["args"],
        "index": piece["index"] or 0,
    }


def _file_block(file: dict[str, str]) -> ContentBlock:
    content, mime_type = file.get("content_base64", ""), file.get("mime_type", "")
    extras = {"filename": file.get("filename", "")}
    if mime_type.startswith("image/"):
        return {"type": "image", "base64": content, "mime_type": mime_type, "extras": extras}
    return {"type": "file", "base64": content, "mime_type": mime_type, "extras": extras}


register_translator(PROVIDER, content_blocks, chunk_content_blocks)
