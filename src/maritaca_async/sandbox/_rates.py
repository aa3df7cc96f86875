"""The rate limits of the sandbox: what each model was asked for in the last minute."""

from __future__ import annotations

from collections import defaultdict, deque
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ._options import SandboxOptions

_REQUESTS: Final = "requests per minute"
_INPUT: Final = "input tokens per minute"
_OUTPUT: Final = "output tokens per minute"


class _Count:
    """An amount that shrinks as its parts grow old."""

    def __init__(self) -> None:
        self.total = 0
        self._parts: deque[tuple[float, int]] = deque()

    def add(self, now: float, amount: int) -> None:
        self._parts.append((now, amount))
        self.total += amount

    def forget_until(self, time: float) -> None:
        while self._parts and self._parts[0][0] <= time:
            self.total -= self._parts.popleft()[1]


class Rates:
    """Counts by model; what was refused does not count."""

    def __init__(self) -> None:
        """Start with nothing counted."""
        self._counts: dict[tuple[str, str], _Count] = defaultdict(_Count)

    def exceeded(self, options: SandboxOptions, model: str, prompt_tokens: int, now: float) -> str | None:
        """Return which limit a request is beyond, or count it and return None.

        The tokens of an answer are known only when it is written: a request passes as long as those
        of earlier answers are below the limit.
        """
        window = options.rate_window
        begin = now // window * window if options.fixed_windows else now - window
        asked = (
            (_REQUESTS, 1, options.requests_per_minute),
            (_INPUT, prompt_tokens, options.input_tokens_per_minute),
            (_OUTPUT, 1, options.output_tokens_per_minute),
        )
        for name, amount, limit in asked:
            count = self._counts[model, name]
            count.forget_until(begin)
            if limit is not None and count.total + amount > limit:
                return name
        self._counts[model, _REQUESTS].add(now, 1)
        self._counts[model, _INPUT].add(now, prompt_tokens)
        return None

    def add_output(self, model: str, tokens: int, now: float) -> None:
        """Count the tokens of an answer."""
        self._counts[model, _OUTPUT].add(now, tokens)
