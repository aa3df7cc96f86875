"""Callback handlers that measure how long calls take and how fast streams come."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from ._run_observer import LOCK, OpenRuns, RunObserver

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from uuid import UUID

    from langchain_core.outputs import LLMResult


class LatencyTrackingCallback(RunObserver):
    """Measures how long calls take, in seconds, and how long until the first piece of streamed ones.

    Calls that failed count with the time they took, and in `error_count`.

    Attributes:
        call_count (int): Calls that ended, well or not.
        error_count (int): Those of them that failed.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reset()

    def reset(self) -> None:
        """Begin again from nothing; runs under way are forgotten."""
        with LOCK:
            self._started: OpenRuns[float] = OpenRuns()
            self._silent: OpenRuns[float] = OpenRuns()
            self._latencies: list[float] = []
            self._first_tokens: list[float] = []
            self.call_count: int = 0
            self.error_count: int = 0

    def _start(self, run_id: UUID, params: Mapping[str, Any]) -> None:
        del params
        now = time.perf_counter()
        with LOCK:
            self._started[run_id] = self._silent[run_id] = now

    def on_llm_new_token(self, token: str | list[Any], *, run_id: UUID, **kwargs: Any) -> None:
        """Measure the time to the first piece of a stream."""
        del token, kwargs
        now = time.perf_counter()
        with LOCK:
            started = self._silent.pop(run_id, None)
            if started is not None:
                self._first_tokens.append(now - started)

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Measure a run that ended well."""
        del response, kwargs
        self._end(run_id, errors=0)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Measure a run that failed."""
        del error, kwargs
        self._end(run_id, errors=1)

    def _end(self, run_id: UUID, *, errors: int) -> None:
        now = time.perf_counter()
        with LOCK:
            started = self._started.pop(run_id, None)
            self._silent.pop(run_id, None)
            if started is not None:
                self._latencies.append(now - started)
                self.call_count += 1
                self.error_count += errors

    @property
    def latencies(self) -> list[float]:
        """Seconds of each call, in the order in which they ended."""
        with LOCK:
            return self._latencies.copy()

    @property
    def first_token_latencies(self) -> list[float]:
        """Seconds to the first piece of each streamed call, in the order in which they came."""
        with LOCK:
            return self._first_tokens.copy()

    @property
    def total_latency(self) -> float:
        """Seconds of all calls together."""
        return sum(self.latencies)

    @property
    def average_latency(self) -> float:
        """Mean seconds of a call, 0.0 before the first."""
        return _mean(self.latencies)

    @property
    def average_first_token_latency(self) -> float:
        """Mean seconds to the first piece of a streamed call, 0.0 before the first."""
        return _mean(self.first_token_latencies)

    @property
    def min_latency(self) -> float:
        """Seconds of the fastest call, 0.0 before the first."""
        return min(self.latencies, default=0.0)

    @property
    def max_latency(self) -> float:
        """Seconds of the slowest call, 0.0 before the first."""
        return max(self.latencies, default=0.0)

    @property
    def p50_latency(self) -> float:
        """The median, in seconds."""
        return _percentile(self.latencies, 50)

    @property
    def p95_latency(self) -> float:
        """Seconds within which 95% of the calls end."""
        return _percentile(self.latencies, 95)

    @property
    def p99_latency(self) -> float:
        """Seconds within which 99% of the calls end."""
        return _percentile(self.latencies, 99)

    def get_summary(self) -> dict[str, Any]:
        """Counts, and every statistic in seconds."""
        statistics = (
            "total_latency",
            "average_latency",
            "min_latency",
            "max_latency",
            "p50_latency",
            "p95_latency",
            "p99_latency",
            "average_first_token_latency",
        )
        counts = {"call_count": self.call_count, "error_count": self.error_count}
        return {**counts, **{name: getattr(self, name) for name in statistics}}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0


def _percentile(values: Iterable[float], percent: float) -> float:
    """The value below which so many percent lie, interpolated between neighbours."""
    ordered = sorted(values)
    if not ordered:
        return 0.0
    place = (len(ordered) - 1) * percent / 100
    below = int(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (ordered[above] - ordered[below]) * (place - below)


@dataclass(slots=True)
class _Stream:
    """What arrived of one run, with the clock's readings."""

    started: float
    first: float | None = None
    last: float | None = None
    pieces: list[str] = field(default_factory=list)


class TokenStreamingCallback(RunObserver):
    """Collects the pieces of streamed answers, and measures how fast they come.

    A piece is what one chunk brings, usually one token. A run that starts while no other is under way
    begins anew; runs at the same time are added up, so that the rate is that of all of them together.
    A run that was cancelled is under way no more.
    """

    def __init__(self) -> None:
        super().__init__()
        self.reset()

    def reset(self) -> None:
        """Begin again from nothing; runs under way are forgotten."""
        with LOCK:
            self._streams: list[_Stream] = []
            self._open: OpenRuns[_Stream] = OpenRuns()

    def _start(self, run_id: UUID, params: Mapping[str, Any]) -> None:
        del params
        stream = _Stream(time.perf_counter())
        with LOCK:
            if not self._open:
                self._streams = []
            self._streams.append(stream)
            self._open[run_id] = stream

    def on_llm_new_token(self, token: str | list[Any], *, run_id: UUID, **kwargs: Any) -> None:
        """Keep a piece; chunks without text are none."""
        del kwargs
        now = time.perf_counter()
        with LOCK:
            stream = self._open.get(run_id)
            if stream is not None and isinstance(token, str) and token:
                stream.pieces.append(token)
                stream.first = stream.first or now
                stream.last = now

    def on_llm_end(self, response: LLMResult, *, run_id: UUID, **kwargs: Any) -> None:
        """Note that a run ended well."""
        del response, kwargs
        self._end(run_id)

    def on_llm_error(self, error: BaseException, *, run_id: UUID, **kwargs: Any) -> None:
        """Note that a run failed; its pieces stay."""
        del error, kwargs
        self._end(run_id)

    def _end(self, run_id: UUID) -> None:
        now = time.perf_counter()
        with LOCK:
            if (stream := self._open.pop(run_id, None)) is not None:
                stream.last = now

    def _seen(self) -> list[_Stream]:
        with LOCK:
            return self._streams.copy()

    @property
    def tokens(self) -> list[str]:
        """The pieces, run by run in the order in which the runs started."""
        return [piece for stream in self._seen() for piece in stream.pieces]

    @property
    def token_count(self) -> int:
        """How many pieces came."""
        return sum(len(stream.pieces) for stream in self._seen())

    @property
    def elapsed_time(self) -> float:
        """Seconds from the first start to the latest piece or end; until now where nothing came yet."""
        streams = self._seen()
        if not streams:
            return 0.0
        last = [stream.last for stream in streams if stream.last is not None]
        return max(last, default=time.perf_counter()) - min(stream.started for stream in streams)

    @property
    def time_to_first_token(self) -> float | None:
        """Seconds from the first start to the first piece, None before there is one."""
        streams = self._seen()
        first = [stream.first for stream in streams if stream.first is not None]
        return min(first) - min(stream.started for stream in streams) if first else None

    @property
    def tokens_per_second(self) -> float:
        """Pieces per second of `elapsed_time`, 0.0 before the first."""
        elapsed = self.elapsed_time
        return self.token_count / elapsed if elapsed else 0.0
