"""A pytest plugin with a sandbox: ``pytest_plugins = ["maritaca_async.sandbox.pytest_plugin"]``."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from . import Sandbox

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["maritaca_sandbox"]


@pytest.fixture
def maritaca_sandbox(monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A fresh sandbox that clients without key and base URL find through the environment."""
    with Sandbox() as sandbox:
        monkeypatch.setenv("MARITACA_API_KEY", sandbox.api_key)
        monkeypatch.setenv("MARITACA_API_BASE", sandbox.base_url)
        yield sandbox
