"""What has arrived of a body: all of it at once, and what a failed connection leaves behind.

aiohttp hands a body out by the chunks of its transfer encoding, and asks its parser for more after each one,
which is a tenth of what a streamed event costs. There is no public way around it, so with an aiohttp whose
readers hold anything else the public way is taken.
"""

from __future__ import annotations

from typing import Final

from aiohttp import ClientConnectionError, StreamReader

_KNOWN: Final = {"_buffer", "_cursor", "_size"}.issubset(StreamReader.__slots__)


async def read_arrived(content: StreamReader) -> bytes:
    """Wait until something has arrived, and take all of it; b"" at the end of the body.

    Raises:
        aiohttp.ClientError: the connection broke.
    """
    try:
        return await (_read_all(content) if _KNOWN and not content.at_eof() else content.readany())
    except RuntimeError as error:  # how a reader says that its connection has gone
        raise ClientConnectionError(str(error)) from error


async def _read_all(content: StreamReader) -> bytes:
    data, more = await content.readchunk()
    while more and not data:  # the end of a chunk whose data has been taken
        data, more = await content.readchunk()
    if not data or content.exception() is not None:
        return data  # what is left of a failed connection is left behind
    return data + _take_all_but_last(content) + content.read_nowait()


def left_behind(content: StreamReader) -> bytes:
    """What had arrived when the connection failed, which aiohttp withholds; it is part of the answer."""
    return b"".join(content._buffer) if _KNOWN else b""  # noqa: SLF001


def _take_all_but_last(content: StreamReader) -> bytes:
    held = content._buffer  # noqa: SLF001
    taken = b"".join([held.popleft() for _ in range(len(held) - 1)])
    content._size -= len(taken)  # noqa: SLF001
    content._cursor += len(taken)  # noqa: SLF001
    return taken
