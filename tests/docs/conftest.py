"""A sandbox for the processes that run the pages' examples."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING

import pytest

from maritaca_async.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def interruptible_children() -> Iterator[None]:
    """A background shell has its jobs ignore Ctrl-C, and their children inherit that."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture(scope="session")
def served() -> Iterator[Sandbox]:
    """One sandbox for all examples; they reach it through the environment."""
    with Sandbox() as sandbox:
        yield sandbox
