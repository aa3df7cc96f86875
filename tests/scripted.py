"""A server that does what a script says, byte by byte: for answers that no honest server would give."""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass
class Seen:
    """A request as it arrived."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    peer: int
    closed_at: float | None = None

    @property
    def json(self) -> Any:
        return json.loads(self.body)


Script = Callable[["Exchange"], Awaitable[None]]


@dataclass
class Exchange:
    """One request being answered."""

    seen: Seen
    number: int
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter
    keep: bool = True

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def answer(
        self,
        status: int = 200,
        body: bytes | dict[str, Any] = b"",
        *,
        content_type: str = "application/json",
        **headers: str,
    ) -> None:
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} Reason", f"Content-Type: {content_type}", f"Content-Length: {len(data)}"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.send("\r\n".join(lines).encode() + b"\r\n\r\n" + data)

    async def begin_stream(self, content_type: str = "text/event-stream", *, status: int = 200) -> None:
        await self.send(
            f"HTTP/1.1 {status} OK\r\nContent-Type: {content_type}\r\nTransfer-Encoding: chunked\r\n\r\n".encode()
        )

    async def piece(self, data: bytes) -> None:
        await self.send(b"%x\r\n%s\r\n" % (len(data), data))

    async def event(self, data: Any) -> None:
        text = data if isinstance(data, str) else json.dumps(data, ensure_ascii=False)
        await self.piece(f"data: {text}\n\n".encode())

    async def end_stream(self) -> None:
        await self.send(b"0\r\n\r\n")

    async def cut(self) -> None:
        """End the connection with FIN."""
        self.keep = False
        self.writer.close()

    async def reset(self) -> None:
        """End the connection with RST."""
        self.keep = False
        raw = self.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()

    async def until_client_leaves(self, limit: float = 10.0) -> None:
        with contextlib.suppress(TimeoutError, ConnectionError):
            async with asyncio.timeout(limit):
                while await self.reader.read(65536):
                    pass
        self.seen.closed_at = time.monotonic()
        self.keep = False


@dataclass
class ScriptedServer:
    """Answers each request by the script; the last script serves all further requests."""

    scripts: tuple[Script, ...]
    seen: list[Seen] = field(default_factory=list)
    connections: int = 0

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, limit=2**26)
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/api"

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        self.connections += 1
        try:
            while (seen := await self._read(reader, writer)) is not None:
                self.seen.append(seen)
                number = len(self.seen) - 1
                exchange = Exchange(seen, number, reader, writer)
                await self.scripts[min(number, len(self.scripts) - 1)](exchange)
                if not exchange.keep:
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _read(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> Seen | None:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError:
            return None
        first, *lines = head.decode("latin-1").split("\r\n")
        method, path, _ = first.split(" ", 2)
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)
        }
        body = await reader.readexactly(int(headers.get("content-length", 0)))
        return Seen(method, path, headers, body, writer.get_extra_info("peername")[1])


def completion(text: str = "Olá", **extra: Any) -> dict[str, Any]:
    return {
        "id": "c1",
        "object": "chat.completion",
        "created": 1784310000,
        "model": "sabia-4",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 1, "total_tokens": 4},
        **extra,
    }


def chunk(text: str | None = None, *, finish: str | None = None, **delta: Any) -> dict[str, Any]:
    content = {} if text is None else {"content": text}
    return {
        "id": "k1",
        "object": "chat.completion.chunk",
        "model": "sabia-4",
        "choices": [{"index": 0, "delta": {**content, **delta}, "finish_reason": finish}],
    }


def answers(*bodies: Any) -> tuple[Script, ...]:
    """Scripts that answer 200 with a body each; a number stands for an empty answer with that status."""

    def one(body: Any) -> Script:
        async def script(exchange: Exchange) -> None:
            if isinstance(body, int):
                await exchange.answer(body, {"detail": f"status {body}"})
            else:
                await exchange.answer(200, body)

        return script

    return tuple(one(body) for body in bodies)


def streams(*events: Any, end: bool = True) -> Script:
    """A script that streams the events and ends the body."""

    async def script(exchange: Exchange) -> None:
        await exchange.begin_stream()
        for event in events:
            await exchange.event(event)
        if end:
            await exchange.end_stream()

    return script


GOOD_STREAM = (chunk("", role="assistant"), chunk("Bom "), chunk("dia!"), chunk(finish="stop"), "[DONE]")
ASK = {"model": "sabia-4", "messages": [{"role": "user", "content": "Olá"}]}
