"""A server that costs next to nothing: canned answers, in a process of its own.

Run as `python benchmarks/server.py`; prints its port. A body with `"stream":true` gets EVENTS events in
one burst, anything else gets one completion. The first part of the path changes that: below `/paced` events
come one by one, below `/tools` they are pieces of a tool call of 200 characters each, and below `/late` the
completion comes after 200 milliseconds.
"""

from __future__ import annotations

import asyncio
import json
import sys

EVENTS = 400
_USAGE = {"prompt_tokens": 12, "completion_tokens": EVENTS, "total_tokens": 12 + EVENTS}


def _chunk(**choice: object) -> bytes:
    body = {
        "id": "chatcmpl-0f3c",
        "object": "chat.completion.chunk",
        "created": 1784310001,
        "model": "sabia-4",
        "choices": [{"index": 0, "delta": {}, "finish_reason": None, **choice}],
    }
    return f"data: {json.dumps(body, ensure_ascii=False, separators=(',', ':'))}\n\n".encode()


_STREAM = [
    _chunk(delta={"role": "assistant", "content": ""}),
    *(_chunk(delta={"content": f" palavra{number}"}) for number in range(EVENTS - 2)),
    _chunk(finish_reason="stop"),
]
_PIECE = "palavras e mais palavras, " * 8
_TOOL_STREAM = [
    _chunk(
        delta={
            "role": "assistant",
            "content": None,
            "tool_calls": [
                {
                    "index": 0,
                    "id": "call_7",
                    "type": "function",
                    "function": {"name": "nota", "arguments": '{"texto":"'},
                }
            ],
        }
    ),
    *[_chunk(delta={"tool_calls": [{"index": 0, "function": {"arguments": _PIECE[:200]}}]})] * (EVENTS - 3),
    _chunk(delta={"tool_calls": [{"index": 0, "function": {"arguments": '"}'}}]}),
    _chunk(finish_reason="tool_calls"),
]
_COMPLETION = json.dumps(
    {
        "id": "chatcmpl-0f3c",
        "object": "chat.completion",
        "created": 1784310000,
        "model": "sabia-4",
        "choices": [
            {
                "index": 0,
                "message": {"role": "assistant", "content": "A capital do Brasil é Brasília. " * 8},
                "finish_reason": "stop",
            }
        ],
        "usage": {**_USAGE, "prompt_tokens_details": {"cached_tokens": 0}},
    },
    ensure_ascii=False,
).encode()
_PLAIN = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%s" % (
    len(_COMPLETION),
    _COMPLETION,
)
_STREAM_HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"


def _pieces(events: list[bytes]) -> list[bytes]:
    return [b"%x\r\n%s\r\n" % (len(event), event) for event in [*events, b"data: [DONE]\n\n"]]


_PIECES = _pieces(_STREAM)
_BURST = _STREAM_HEAD + b"".join(_PIECES) + b"0\r\n\r\n"
_TOOL_BURST = _STREAM_HEAD + b"".join(_pieces(_TOOL_STREAM)) + b"0\r\n\r\n"


class _Answerer(asyncio.Protocol):
    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        self._buffer = b""
        self._paced: asyncio.Task[None] | None = None

    def connection_lost(self, exc: Exception | None) -> None:
        if self._paced is not None:
            self._paced.cancel()

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        while True:
            head, found, rest = self._buffer.partition(b"\r\n\r\n")
            if not found:
                return
            length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
            if len(rest) < length:
                return
            self._answer(head, rest[:length])
            self._buffer = rest[length:]

    def _answer(self, head: bytes, body: bytes) -> None:
        mode = head.split(b" ", 2)[1].split(b"/")[1]
        if b'"stream":true' not in body.replace(b" ", b""):
            delay = 0.2 if mode == b"late" else 0.0
            asyncio.get_running_loop().call_later(delay, self._transport.write, _PLAIN)
        elif mode == b"paced":
            self._paced = asyncio.get_running_loop().create_task(self._trickle())
        else:
            self._transport.write(_TOOL_BURST if mode == b"tools" else _BURST)

    async def _trickle(self) -> None:
        """One event in each network read, as from a model that takes its time."""
        self._transport.write(_STREAM_HEAD)
        for piece in _PIECES:
            await asyncio.sleep(0.0005)
            self._transport.write(piece)
        self._transport.write(b"0\r\n\r\n")


async def main() -> None:
    server = await asyncio.get_running_loop().create_server(_Answerer, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
