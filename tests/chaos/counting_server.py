"""A server that costs next to nothing and counts what it was asked, in a process of its own.

Run as `python counting_server.py CALLS`; prints its port. It answers the question "Quanto é N + 1?" with the sum,
every seventh one late, so that answers do not come in the order of the questions. A GET gives one byte for each N:
how often it was asked.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys

LATE = 0.004
_NUMBER = re.compile(rb"Quanto \xc3\xa9 (\d+) \+ 1\?")
_BEFORE, _AFTER = (
    json.dumps(
        {
            "id": "chatcmpl-0f3c",
            "object": "chat.completion",
            "created": 1784310000,
            "model": "sabia-4",
            "choices": [
                {
                    "index": 0,
                    "message": {"role": "assistant", "content": "É igual a SUM."},
                    "finish_reason": "stop",
                }
            ],
            "usage": {"prompt_tokens": 9, "completion_tokens": 5, "total_tokens": 14},
        },
        ensure_ascii=False,
    )
    .encode()
    .split(b"SUM")
)


class _Answerer(asyncio.Protocol):
    def __init__(self, counts: bytearray) -> None:
        self._counts = counts
        self._buffer = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0] or 0)
        if not found or len(body) < length:
            return
        self._buffer = b""
        self._answer(body)

    def _answer(self, body: bytes) -> None:
        asked = _NUMBER.search(body)
        if asked is None:
            self._send(bytes(self._counts))
        else:
            number = int(asked[1])
            self._counts[number] += 1
            answer = b"%s%d%s" % (_BEFORE, number + 1, _AFTER)
            asyncio.get_running_loop().call_later(0 if number % 7 else LATE, self._send, answer)

    def _send(self, body: bytes) -> None:
        head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
        self._transport.write(head % len(body) + body)


async def main(calls: int) -> None:
    counts = bytearray(calls)
    server = await asyncio.get_running_loop().create_server(lambda: _Answerer(counts), "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.get_running_loop().run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
