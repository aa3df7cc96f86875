"""A simple, repeatable count of tokens, and the memory behind cached ones."""

from __future__ import annotations

import hashlib
import json
import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from ._prompt import text_of
from ._request import AssistantMessage, ChatRequest, Message, Part, TextPart, UserMessage

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._files import Attachment

_TOKEN: Final = re.compile(r"\s*(?:\w+|[^\w\s])|\s+\Z")
_MESSAGE_OVERHEAD: Final = 3
_IMAGE_TOKENS: Final = 64
_REMEMBERED_PREFIXES: Final = 10_000


def split_tokens(text: str) -> list[str]:
    """Cut a text into words and punctuation marks that join to the same text again."""
    return _TOKEN.findall(text)


def count_tokens(text: str) -> int:
    """Return how many tokens a text has."""
    return len(split_tokens(text))


def prompt_blocks(request: ChatRequest, files: Sequence[Attachment]) -> list[tuple[str, int]]:
    """Return each cacheable block of a prompt, in order, as (content, tokens).

    The first block is what applies to the whole prompt: the model and its tools.
    """
    tools = json.dumps([tool.model_dump() for tool in request.tools]) if request.tools else ""
    blocks = [(f"{request.model}\0{tools}", count_tokens(tools))]
    unread = iter(files)
    for message in request.messages:
        tokens = _MESSAGE_OVERHEAD + count_tokens(_own_text(message))
        tokens += sum(_file_tokens(next(unread)) for _ in _file_parts(message))
        blocks.append((repr(message), tokens))
    return blocks


def _file_parts(message: Message) -> list[Part]:
    if not isinstance(message, UserMessage) or isinstance(message.content, str):
        return []
    return [part for part in message.content if not isinstance(part, TextPart)]


def _file_tokens(file: Attachment) -> int:
    return max(_IMAGE_TOKENS, count_tokens(file.text))


def _own_text(message: Message) -> str:
    calls = message.tool_calls or () if isinstance(message, AssistantMessage) else ()
    called = (f"{call.function.name} {call.function.arguments}" for call in calls)
    return "\n".join([text_of(message), *called])


class PrefixMemory:
    """Remembers the prompts of recent requests, one entry per prefix."""

    def __init__(self) -> None:
        """Start with nothing remembered."""
        self._seen: OrderedDict[bytes, None] = OrderedDict()

    def cached_tokens(self, blocks: Sequence[tuple[str, int]]) -> int:
        """Return the tokens of the longest prefix seen before, and remember this prompt."""
        cached = total = 0
        chain = hashlib.blake2b(digest_size=16)
        for index, (content, tokens) in enumerate(blocks):
            chain.update(content.encode("utf-8", "replace"))
            chain.update(b"\0")
            total += tokens
            prefix = chain.digest()
            # Tools alone are no conversation: a prefix counts from its first message on.
            if index and prefix in self._seen:
                cached = total
            self._seen[prefix] = None
            self._seen.move_to_end(prefix)
        while len(self._seen) > _REMEMBERED_PREFIXES:
            self._seen.popitem(last=False)
        return cached
