"""A scripted server on a thread of its own, so that blocking and asynchronous calls can ask it alike."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from answers import in_pieces
from scripted import Exchange, Script, ScriptedServer

from langchain_maritaca import ChatMaritaca


@contextmanager
def serving(*scripts: Script) -> Iterator[ScriptedServer]:
    """A scripted server while the block runs."""
    server, loop, ready = ScriptedServer(scripts), asyncio.new_event_loop(), threading.Event()
    stopping = asyncio.Event()

    async def serve() -> None:
        async with server:
            ready.set()
            await stopping.wait()

    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield server
    finally:
        loop.call_soon_threadsafe(stopping.set)
        thread.join(10)
        loop.close()


class Speaker:
    """Gives the same answer to every request, whole or streamed as the request asks."""

    body: dict[str, Any]
    """The answer, as a completion."""
    sizes: Iterable[int] = ()
    """Lengths of the pieces a streamed answer is cut into."""

    async def __call__(self, exchange: Exchange) -> None:
        if exchange.seen.json.get("stream"):
            events = [json.dumps(event, ensure_ascii=False) for event in in_pieces(self.body, self.sizes)]
            await exchange.begin_stream()
            await exchange.piece("".join(f"data: {event}\n\n" for event in [*events, "[DONE]"]).encode())
            await exchange.end_stream()
        else:
            await exchange.answer(200, self.body)


def model_of(server: ScriptedServer, **fields: Any) -> ChatMaritaca:
    return ChatMaritaca(**{"api_key": "k", "base_url": server.base_url, "retry_delay": 0.001, **fields})
