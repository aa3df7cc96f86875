"""What every test gets: a quiet environment, and a check that nothing is left behind."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from types import SimpleNamespace

import aiohttp
import pytest
import pytest_asyncio
from blockbuster import BlockBuster

sys.path.insert(0, str(Path(__file__).parent))

pytest_plugins = ["maritaca_async.sandbox.pytest_plugin"]

KEY = "test-key-0123456789"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if os.environ.get("MARITACA_API_KEY"):
        return
    skip = pytest.mark.skip(reason="needs MARITACA_API_KEY")
    for item in items:
        if item.get_closest_marker("live"):
            item.add_marker(skip)


@pytest.fixture(autouse=True)
def quiet_environment(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.node.get_closest_marker("live"):
        return
    for name in (
        "MARITACA_API_KEY",
        "MARITACA_API_BASE",
        "MARITACA_LOG",
        "DEEPINFRA_API_KEY",
        "DEEPINFRA_API_BASE",
    ):
        monkeypatch.delenv(name, raising=False)


@pytest_asyncio.fixture(autouse=True)
async def nothing_left_behind(request: pytest.FixtureRequest) -> AsyncIterator[None]:
    """Fails a coroutine test that blocks its loop, or leaves tasks or warnings in it."""
    if not isinstance(request.node, pytest.Function) or not asyncio.iscoroutinefunction(request.node.obj):
        yield
        return
    blockers = BlockBuster(scanned_modules=["maritaca_async", "langchain_maritaca"])
    # Measuring coverage takes a lock now and then, inside whatever is measured.
    blockers.functions["threading.Lock.acquire"].can_block_in("coverage/collector.py", {"lock_data"})
    blockers.activate()
    reported: list[dict[str, object]] = []
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(lambda _loop, context: reported.append(context))
    before = asyncio.all_tasks()
    yield
    blockers.deactivate()
    await asyncio.sleep(0)
    gc.collect()
    # Clients that the test let go of close their connections in tasks of their own.
    if left := asyncio.all_tasks() - before - {asyncio.current_task()}:
        _, left = await asyncio.wait(left, timeout=0.5)
    assert not left, f"tasks left running: {left}"
    assert not reported, f"the loop reported: {reported}"


def _teach_aioresponses() -> None:
    """aioresponses 0.7.9 makes responses without the `stream_writer` that aiohttp 3.14 asks for."""
    original = aiohttp.ClientResponse.__init__

    def patched(self: aiohttp.ClientResponse, *args: object, **kwargs: object) -> None:
        kwargs.setdefault("stream_writer", SimpleNamespace(output_size=0))
        original(self, *args, **kwargs)  # type: ignore[arg-type]

    aiohttp.ClientResponse.__init__ = patched  # type: ignore[method-assign]


_teach_aioresponses()
