"""A forward proxy and a server behind TLS, both on loopback, for hosts that exist nowhere else."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from dataclasses import dataclass, field
from typing import Any, Self
from urllib.parse import urlsplit

import trustme
from scripted import ScriptedServer

HOST = "api.example.test"


@dataclass
class Asked:
    """What a client asked of the proxy."""

    method: str
    target: str
    headers: dict[str, str]


@dataclass
class ForwardProxy:
    """Sends everything on to one port, by CONNECT or by requests with a whole URL."""

    port_behind: int
    authorization: str | None = None
    refusals: list[int] = field(default_factory=list)
    tls: ssl.SSLContext | None = None
    asked: list[Asked] = field(default_factory=list)
    passed_on: bytes = b""

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0, ssl=self.tls)
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def url(self) -> str:
        return f"{'https' if self.tls else 'http'}://127.0.0.1:{self.port}"

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                await self._serve(reader, writer)
        finally:
            self._tasks.discard(task)
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        first, *lines = head.rstrip().split("\r\n")
        method, target, _ = first.split(" ", 2)
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        self.asked.append(Asked(method, target, headers))
        refusal = self.refusals.pop(0) if self.refusals else None
        if self.authorization is not None and headers.get("proxy-authorization") != self.authorization:
            refusal = 407
        if refusal is not None:
            writer.write(
                f"HTTP/1.1 {refusal} Refused\r\nContent-Length: 0\r\nConnection: close\r\n\r\n".encode()
            )
            await writer.drain()
            return
        behind_reader, behind_writer = await asyncio.open_connection("127.0.0.1", self.port_behind)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            path = target.removeprefix("http://" + urlsplit(target).netloc)
            kept = [line for line in lines if not line.lower().startswith("proxy-")]
            behind_writer.write("\r\n".join([f"{method} {path} HTTP/1.1", *kept]).encode() + b"\r\n\r\n")
        try:
            await asyncio.gather(self._pump(reader, behind_writer), self._pump(behind_reader, writer))
        finally:
            behind_writer.close()

    async def _pump(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        while data := await source.read(65536):
            self.passed_on += data
            target.write(data)
            await target.drain()
        target.close()


@dataclass
class SecureServer(ScriptedServer):
    """A scripted server behind TLS, with a certificate for `HOST`, localhost and 127.0.0.1."""

    authority: trustme.CA = field(default_factory=trustme.CA)
    client_authority: trustme.CA | None = None

    async def __aenter__(self) -> Self:
        self._tasks: set[asyncio.Task[None]] = set()
        self._server = await asyncio.start_server(
            self._connected, "127.0.0.1", 0, limit=2**26, ssl=self.server_context()
        )
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def server_context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        self.authority.issue_cert(HOST, "localhost", "127.0.0.1").configure_cert(context)
        if self.client_authority is not None:
            self.client_authority.configure_trust(context)
            context.verify_mode = ssl.CERT_REQUIRED
        return context

    @property
    def base_url(self) -> str:
        return f"https://127.0.0.1:{self.port}/api"


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """A context that trusts one authority and no other."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


def shown(error: BaseException | None) -> str:
    """All that a report of an error and of its causes might show."""
    parts: list[Any] = []
    while error is not None:
        parts += [str(error), repr(error), repr(vars(error))]
        error = error.__cause__ or error.__context__
    return " ".join(parts)
