"""What the adapter's tests share."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))

from langchain_maritaca import ChatMaritaca
from maritaca_async.sandbox import Sandbox


@pytest.fixture(scope="session")
def running_sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def sandbox(running_sandbox: Sandbox) -> Sandbox:
    """A sandbox that has seen nothing yet and works as it should."""
    running_sandbox.options = type(running_sandbox.options)()
    running_sandbox.reset()
    return running_sandbox


@pytest.fixture
def make_model(sandbox: Sandbox) -> Callable[..., ChatMaritaca]:
    """Makes models of the sandbox that do not wait long before they try again."""

    def make(**fields: object) -> ChatMaritaca:
        return ChatMaritaca(
            **{"api_key": sandbox.api_key, "base_url": sandbox.base_url, "retry_delay": 0.001, **fields}
        )

    return make
