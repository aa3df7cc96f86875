"""How fast one model may be asked: what the last minute used, and how long the next call has to wait.

Decisions only: no clock, no waiting, no threads. Each limit is a sliding window. Where no 60 seconds
hold more than the limit, no fixed minute does and no bucket of that size runs dry, so whichever way
the service counts, it has nothing to refuse; and a window gives back all of what it held.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ..catalogue import find_model

if TYPE_CHECKING:
    from .options import RateLimits

# A minute, and how much faster a request may travel than the one a minute before it, which perhaps had to
# open its connection among hundreds of others.
HELD_SECONDS: Final = 62.0
_DECREASE: Final = 0.8  # of the pace, after 429
_INCREASE: Final = 0.1  # of the limits, in a minute of answers
_SLOWEST: Final = 0.05
_TOKENS_PER_BYTE: Final = 0.25  # before the first answer
_OUTPUT_TOKENS: Final = 500  # likewise
_ROUNDING: Final = 1e-6  # what sums of fractions may be off by, in tokens
_MEMORY: Final = 0.9  # weight of what was known, at each new answer


class Demand(NamedTuple):
    """What is known of a call before it is sent."""

    model: str
    """Name or alias of the model."""
    body_bytes: int
    """Size of the request."""
    max_output_tokens: int | None = None
    """Most tokens of all its answers, where the call says so."""
    flex: bool = False
    """Whether it is of the flex tier, whose 429 means no capacity and nothing about the rate."""


def demand_of(body: Mapping[str, Any], size: int) -> Demand | None:
    """What a request body of `size` bytes asks for; None when it names no model."""
    model = body.get("model")
    if not isinstance(model, str):
        return None
    names = ("max_tokens", "max_completion_tokens", "max_output_tokens")
    most = next((value for name in names if isinstance(value := body.get(name), int)), None)
    answers = body.get("n")
    whole = most and most * (answers if isinstance(answers, int) else 1)
    return Demand(model, size, whole, flex=body.get("service_tier") == "flex")


def used_tokens(answer: Any) -> tuple[int, int] | None:
    """The tokens of prompt and answer that an answer reports; None when it does not."""
    usage = _read(answer, "usage")
    prompt = _read(usage, "prompt_tokens", "input_tokens")
    written = _read(usage, "completion_tokens", "output_tokens")
    return (prompt, written) if isinstance(prompt, int) and isinstance(written, int) else None


def _read(source: Any, *names: str) -> Any:
    if isinstance(source, Mapping):
        return next((source[name] for name in names if name in source), None)
    return next((getattr(source, name) for name in names if hasattr(source, name)), None)


class Entry:
    """An amount that counts from a time on."""

    __slots__ = ("amount", "time")

    def __init__(self, time: float, amount: float) -> None:
        self.time: float = time
        self.amount: float = amount


_NOWHERE: Final = Entry(-math.inf, 0.0)


class Window:
    """What was used of one limit while it counts."""

    __slots__ = ("_entries", "_held", "_used", "limit")

    def __init__(self, limit: float | None) -> None:
        self.limit: float = math.inf if limit is None else limit
        self._used = 0.0
        self._held = HELD_SECONDS
        self._entries: deque[Entry] = deque()

    def add(self, now: float, amount: float) -> Entry:
        """Count an amount from now on."""
        entry = Entry(now, amount)
        if self.limit < math.inf:
            self._entries.append(entry)
            self._used += amount
        return entry

    def correct(self, entry: Entry, amount: float) -> None:
        """Count another amount in place of an entry's, unless it counts no more."""
        if self._entries and entry.time >= self._entries[0].time:
            self._used += amount - entry.amount
            entry.amount = amount

    def wait(self, now: float, amount: float, share: float, reserved: float = 0.0) -> float:
        """Seconds until an amount fits; infinite while only an end of what is reserved can tell.

        Args:
            now: The time.
            amount: What is asked for; more than the limit takes several windows.
            share: The part of the limit that may be used, at least 1 of it.
            reserved: What is promised besides, until nobody knows when.
        """
        if self.limit == math.inf:
            return 0.0
        while self._entries and self._entries[0].time <= now - self._held:
            self._used -= self._entries.popleft().amount
        if not self._entries:
            self._used = 0.0  # rounding may have left something
        allowed = max(1.0, self.limit * share)
        cycles = max(0, math.ceil(amount / allowed) - 1)
        excess = self._used + reserved + amount - (cycles + 1) * allowed - _ROUNDING
        after = cycles * self._held
        if excess <= 0:
            return after
        for entry in self._entries:
            excess -= entry.amount
            if excess <= 0:
                return after + entry.time + self._held - now
        return math.inf


class Charge:
    """What one attempt takes from the limits, and where it is counted."""

    __slots__ = ("body_bytes", "input_tokens", "output_tokens", "prompt", "request")

    def __init__(self, body_bytes: int, input_tokens: float, output_tokens: float) -> None:
        self.body_bytes: int = body_bytes
        self.input_tokens: float = input_tokens
        self.output_tokens: float = output_tokens
        self.request: Entry = _NOWHERE
        self.prompt: Entry = _NOWHERE


class Pace:
    """The limits of one model, what counts against them, and what its calls usually need.

    Requests and prompts count from the moment of sending. The tokens of an answer are reserved while
    it is written and count from its end, because only then does anybody know them.
    """

    def __init__(self, limits: RateLimits) -> None:
        self.share: float = 1.0
        """The part of every limit in use: less than 1 after the service refused a call."""
        self._requests = Window(limits.requests_per_minute)
        self._input = Window(limits.input_tokens_per_minute)
        self._output = Window(limits.output_tokens_per_minute)
        self._concurrency = limits.concurrency
        self._under_way = 0
        self._reserved = 0.0
        self._paused_until = -math.inf
        self._raised_at = -math.inf
        self._lowered_at = -math.inf
        self._bytes = self._tokens = 0.0
        self._written: float | None = None

    def estimate(self, demand: Demand) -> Charge:
        """What a call will probably use."""
        rate = self._tokens / self._bytes if self._bytes else _TOKENS_PER_BYTE
        known = find_model(demand.model)
        prompt = min(demand.body_bytes * rate, known.context_tokens if known else math.inf)
        written = _OUTPUT_TOKENS if self._written is None else self._written
        most = math.inf if demand.max_output_tokens is None else demand.max_output_tokens
        return Charge(demand.body_bytes, prompt, min(written, most))

    def wait(self, now: float, charge: Charge) -> float:
        """Seconds until a call may be sent; infinite while only the end of another call can tell."""
        if self._concurrency is not None and self._under_way >= max(1, int(self._concurrency * self.share)):
            return math.inf
        # One call that is larger than a limit goes alone: it is the service's to refuse.
        prompt = min(charge.input_tokens, max(1.0, self._input.limit * self.share))
        written = min(charge.output_tokens, max(1.0, self._output.limit * self.share))
        return self._wait(now, 1, prompt, written)

    def wait_at_least(self, now: float, calls: int, body_bytes: int) -> float:
        """Seconds until the last of several calls may be sent, as far as answers have shown what calls use."""
        prompts = body_bytes * self._tokens / self._bytes if self._bytes else 0.0
        known = self._wait(now, calls, prompts, calls * (self._written or 0.0))
        return known if known < math.inf else max(0.0, self._paused_until - now)

    def take(self, now: float, charge: Charge) -> None:
        """A call is sent."""
        self._under_way += 1
        self._reserved += charge.output_tokens
        charge.request = self._requests.add(now, 1)
        charge.prompt = self._input.add(now, charge.input_tokens)

    def give_back(self, charge: Charge) -> None:
        """The call was not sent after all."""
        self._requests.correct(charge.request, 0)
        self.fail(charge)

    def settle(self, now: float, charge: Charge, used: tuple[int, int] | None) -> None:
        """A call was answered: count the tokens it reports, and come back to full pace little by little."""
        self.lose(now, charge, used)
        if used is not None:
            self._learn(charge.body_bytes, *used)
        if self.share < 1.0:
            self.share = min(1.0, self.share + _INCREASE * (now - self._raised_at) / HELD_SECONDS)
            self._raised_at = now

    def lose(self, now: float, charge: Charge, used: tuple[int, int] | None = None) -> None:
        """A call ended, nobody knows how: count what was estimated, where nothing was reported."""
        prompt, written = used or (charge.input_tokens, charge.output_tokens)
        self._end(charge, prompt)
        self._output.add(now, written)

    def fail(self, charge: Charge) -> None:
        """A call failed before it could use tokens."""
        self._end(charge, 0)

    def refuse(self, now: float, charge: Charge, pause: float | None) -> None:
        """The service refused a call for its rate: go slower, and hold all calls for `pause` seconds."""
        # Calls that were under way when the pace was lowered tell nothing about the pace since then.
        if charge.request.time >= self._lowered_at:
            self.share = max(_SLOWEST, self.share * _DECREASE)
            self._lowered_at = self._raised_at = now
        if pause is not None:
            self._paused_until = max(self._paused_until, now + pause)
        self._end(charge, 0)

    def _end(self, charge: Charge, input_tokens: float) -> None:
        self._under_way -= 1
        self._reserved = self._reserved - charge.output_tokens if self._under_way else 0.0
        self._input.correct(charge.prompt, input_tokens)

    def _learn(self, body_bytes: int, prompt: float, written: float) -> None:
        self._bytes = _MEMORY * self._bytes + body_bytes
        self._tokens = _MEMORY * self._tokens + prompt
        before = written if self._written is None else self._written
        self._written = _MEMORY * before + (1 - _MEMORY) * written

    def _wait(self, now: float, calls: int, input_tokens: float, output_tokens: float) -> float:
        return max(
            self._paused_until - now,
            self._requests.wait(now, calls, self.share),
            self._input.wait(now, input_tokens, self.share),
            self._output.wait(now, output_tokens, self.share, self._reserved),
        )
