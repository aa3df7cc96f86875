"""A sandbox for the processes that run the pages' examples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from maritaca_async.sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def served() -> Iterator[Sandbox]:
    """One sandbox for all examples; they reach it through the environment."""
    with Sandbox() as sandbox:
        yield sandbox
