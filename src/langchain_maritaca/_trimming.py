"""Cutting a conversation down to a number of tokens; pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ._content import Wire
    from ._counting import CountedPrompt


def shortened(
    prompt: CountedPrompt, limit: int, *, preserve_system: bool, preserve_recent: int
) -> CountedPrompt:
    """The prompt with the most recent messages that fit, in order and without a gap.

    A tool's result never stays without the call it answers, so more than `preserve_recent` messages may
    have to; one whose call is nowhere goes first, for the service would refuse it. Where what must stay is
    above the limit already, nothing else stays beside it.

    Args:
        prompt: The whole prompt.
        limit: The most tokens it may have.
        preserve_system: Whether all system messages stay, each in its place.
        preserve_recent: How many of the other messages stay in any case, counted from the end.
    """
    if prompt.tokens <= limit:
        return prompt
    prompt = prompt.only(_places_without_orphans(prompt.wire))
    fixed = [preserve_system and message["role"] == "system" for message in prompt.wire]
    room = limit - prompt.tools - sum(size for size, stays in zip(prompt.sizes, fixed, strict=True) if stays)
    required = min(preserve_recent, fixed.count(False))
    start, size, seen, enough = len(fixed), 0, 0, required == 0
    unanswered: set[str] = set()
    for place in reversed(range(len(fixed))):
        if fixed[place]:
            continue
        seen, size = seen + 1, size + prompt.sizes[place]
        _match_results(prompt.wire[place], unanswered)
        if unanswered:
            continue
        if enough and size > room:
            break
        start, enough = place, seen >= required
    return prompt.only([place for place, stays in enumerate(fixed) if stays or place >= start])


def _places_without_orphans(messages: list[Wire]) -> list[int]:
    """The places of all messages but the results of tools that no message before them calls."""
    called: set[str] = set()
    places = []
    for place, message in enumerate(messages):
        called.update(call["id"] for call in message.get("tool_calls", ()))
        if message["role"] != "tool" or message["tool_call_id"] in called:
            places.append(place)
    return places


def _match_results(message: Wire, results: set[str]) -> None:
    """Keep track, from the end of a conversation, of the results whose calls are still to come."""
    if message["role"] == "tool":
        results.add(message["tool_call_id"])
    results.difference_update(call["id"] for call in message.get("tool_calls", ()))
