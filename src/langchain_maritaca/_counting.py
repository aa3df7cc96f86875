"""How many tokens a conversation has, message by message; nothing is sent and nothing is fetched."""

from __future__ import annotations

import json
from functools import partial
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

from langchain_core.messages import convert_to_messages

from maritaca_async import TokenCount, count_tokens

from ._content import texts_of
from ._payload import wire_messages

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from langchain_core.language_models import LanguageModelInput
    from langchain_core.messages import BaseMessage

    from ._content import Wire

    CountText = Callable[[str], TokenCount]

_MOST_REMEMBERED: Final = 20_000


class CountedPrompt(NamedTuple):
    """A prompt of which every part is counted."""

    messages: list[BaseMessage]
    """The conversation."""
    wire: list[Wire]
    """The same as a request takes it."""
    sizes: list[TokenCount]
    """The tokens in the contents of each message; images and files have none."""
    tools: TokenCount
    """The tokens of the tools' definitions."""

    @property
    def tokens(self) -> TokenCount:
        """The tokens of the whole prompt."""
        return _total([*self.sizes, self.tools])

    def only(self, places: Sequence[int]) -> CountedPrompt:
        """The prompt with the messages at these places and no others."""
        return CountedPrompt(
            [self.messages[place] for place in places],
            [self.wire[place] for place in places],
            [self.sizes[place] for place in places],
            self.tools,
        )


def text_counter(model: str, encode: Callable[[str], list[int]] | None) -> CountText:
    """What counts the tokens of a text: the encoder of the caller's own, else the model's table."""
    if encode is None:
        return partial(_remembered.count, model)
    return lambda text: TokenCount(len(encode(text)), exact=True)


def counted_prompt(given: LanguageModelInput, tools: Iterable[Wire], count: CountText) -> CountedPrompt:
    """The prompt with all its counts.

    Args:
        given: The conversation, as `invoke` takes it.
        tools: Those that a request takes.
        count: What counts a text.
    """
    messages = convert_to_messages([given] if isinstance(given, str) else given)
    wire = [_countable(message) for message in messages]
    return CountedPrompt(
        messages,
        wire,
        [_total(map(count, _texts(message))) for message in wire],
        _total(count(json.dumps(tool, ensure_ascii=False)) for tool in tools),
    )


def rough_length(messages: Iterable[BaseMessage]) -> int:
    """Characters of what is counted in a conversation, found without making it ready to be sent."""
    return sum(
        len(texts_of(message.content))
        + sum(len(str(call["args"])) for call in getattr(message, "tool_calls", ()))
        for message in messages
    )


def _total(counts: Iterable[TokenCount]) -> TokenCount:
    counts = list(counts)
    return TokenCount(sum(counts), exact=all(count.exact for count in counts))


def _countable(message: BaseMessage) -> Wire:
    try:
        (wire,) = wire_messages([message])
    except (TypeError, ValueError):
        # Counting is not the place to refuse what cannot be sent; sending it says what is wrong.
        return {"role": "user", "content": str(message.text)}
    return wire


def _texts(message: Wire) -> Iterator[str]:
    content = message["content"] or ""
    yield from (content,) if isinstance(content, str) else (part.get("text", "") for part in content)
    for call in message.get("tool_calls", ()):
        yield call["function"]["name"]
        yield call["function"]["arguments"]


class _Remembered:
    """Counts of earlier texts, found by digest: agents count the same history again at every step."""

    def __init__(self) -> None:
        self._counts: dict[tuple[str, bytes], TokenCount] = {}

    def count(self, model: str, text: str) -> TokenCount:
        key = (model, blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).digest())
        count = self._counts.get(key)
        if count is None:
            if len(self._counts) >= _MOST_REMEMBERED:
                self._counts.clear()
            count = self._counts[key] = count_tokens(text, model=model)
        return count


_remembered: Final = _Remembered()
