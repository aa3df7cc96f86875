"""What the adapter's tests share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from langchain_maritaca import ChatMaritaca
from maritaca_async.sandbox import Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A sandbox of the test's own: what an earlier test cancelled may still be on its way to another."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def make_model(sandbox: Sandbox) -> Callable[..., ChatMaritaca]:
    """Makes models of the sandbox that do not wait long before they try again."""

    def make(**fields: object) -> ChatMaritaca:
        return ChatMaritaca(
            **{"api_key": sandbox.api_key, "base_url": sandbox.base_url, "retry_delay": 0.001, **fields}
        )

    return make
