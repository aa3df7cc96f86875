"""The knobs of the sandbox."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields
from typing import Final, Literal, TypeAlias, get_args

UsagePlace: TypeAlias = Literal["chunk", "last", "never"]
"""Where a stream reports its usage when asked to: a chunk of its own, the last chunk, nowhere."""

ListStyle: TypeAlias = Literal["bare", "has_more", "next_cursor"]
"""What a list of files or batches says about its next page: nothing, whether there is one, where it begins."""

BatchDialect: TypeAlias = Literal["guide", "reference"]
"""Which of its two sources a batch follows, in its statuses, unset times and errors."""

FilePurpose: TypeAlias = Literal["any", "batch", "batch_input"]
"""Which purposes an upload may name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """How the sandbox behaves. The defaults make it as fast and as willing as it can be."""

    api_key: str | None = None
    """The only key that is accepted; None accepts every key that is not empty."""

    latency: float = 0.0
    """Seconds that every reply waits before its first byte."""

    tokens_per_second: float | None = None
    """The pace of generation; None is as fast as possible."""

    requests_per_minute: int | None = None
    """Requests let through per model in any minute, before 429; None is no limit."""

    input_tokens_per_minute: int | None = None
    """Tokens of prompts let through per model in any minute, before 429; None is no limit."""

    output_tokens_per_minute: int | None = None
    """Tokens of answers per model and minute; once they are written, 429; None is no limit."""

    rate_window: float = 60.0
    """Seconds of the minute by which rates are counted: tests may not want to wait so long."""

    fixed_windows: bool = False
    """Whether rates are counted by the minutes of a clock, and not over any 60 seconds."""

    retry_after: float | None = None
    """Seconds announced in ``Retry-After`` of a 429; None sends no such header."""

    flex_capacity: int | None = None
    """Requests of the flex tier served at the same time; None is no limit."""

    flex_wait: float = 300.0
    """Seconds that a flex request queues for a place before 429; 0 refuses at once."""

    usage_with_stream: UsagePlace = "chunk"
    """Where a stream puts the usage asked for with ``stream_options.include_usage``."""

    reasoning_content: bool = False
    """Whether thinking models show their reasoning in ``reasoning_content``."""

    batch_seconds: float = 0.0
    """Seconds that a batch takes from its creation to its end."""

    batch_window: float = 86_400.0
    """Seconds after which a batch expires, its remaining lines unanswered."""

    batch_dialect: BatchDialect = "guide"
    """Whether batches look as in the guide or as in the reference."""

    list_style: ListStyle = "has_more"
    """How lists of files and batches tell where their next page begins."""

    file_purpose: FilePurpose = "any"
    """The purpose that an upload must name."""

    def __post_init__(self) -> None:
        """Refuse values that no server could honour."""
        for name in ("latency", "flex_wait", "retry_after"):
            _check(self, name, at_least=0)
        _check(self, "tokens_per_second", above=0)
        for name in ("requests_per_minute", "input_tokens_per_minute", "output_tokens_per_minute"):
            _check(self, name, at_least=1, whole=True)
        _check(self, "rate_window", above=0)
        _check(self, "flex_capacity", at_least=0, whole=True)
        if self.api_key is not None and not self.api_key.strip():
            raise ValueError("api_key must not be empty; None accepts any key")
        for name in ("batch_seconds", "batch_window"):
            _check(self, name, at_least=0)
        for name, choices in _CHOICES.items():
            if getattr(self, name) not in choices:
                raise ValueError(f"{name} must be one of {', '.join(choices)}, not {getattr(self, name)!r}")


_CHOICES: Final[dict[str, tuple[str, ...]]] = {
    "usage_with_stream": get_args(UsagePlace),
    "batch_dialect": get_args(BatchDialect),
    "list_style": get_args(ListStyle),
    "file_purpose": get_args(FilePurpose),
}
_MAY_BE_NONE: Final = frozenset(field.name for field in fields(SandboxOptions) if field.default is None)


def _check(
    options: SandboxOptions,
    name: str,
    *,
    at_least: float = -math.inf,
    above: float = -math.inf,
    whole: bool = False,
) -> None:
    value = getattr(options, name)
    if value is None and name in _MAY_BE_NONE:
        return
    kind, types = ("an integer", int) if whole else ("a number", (int, float))
    if isinstance(value, bool) or not isinstance(value, types) or not math.isfinite(value):
        raise ValueError(f"{name} must be {kind}, not {value!r}")
    if value < at_least:
        raise ValueError(f"{name} must be at least {at_least:g}, not {value!r}")
    if value <= above:
        raise ValueError(f"{name} must be more than {above:g}, not {value!r}")
