"""Sockets that notice a silent network, and tell the attempt under way that its connection is new."""

from __future__ import annotations

import socket
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import weakref

    from .request import Attempt

_KEEPALIVE_PROBES: Final = {"TCP_KEEPIDLE": 60, "TCP_KEEPALIVE": 60, "TCP_KEEPINTVL": 60, "TCP_KEEPCNT": 5}

current_attempt: ContextVar[Attempt] = ContextVar("maritaca_async_attempt")
"""The attempt that the running task makes."""


def open_socket(sockets: weakref.WeakSet[socket.socket], address: tuple[Any, ...]) -> socket.socket:
    """A socket for a new connection: remembered by its session, and noted on the attempt it is for."""
    family, kind, protocol = address[:3]
    made = socket.socket(family, kind, protocol)
    made.setblocking(False)
    # A firewall that forgets the connection during a long generation is noticed within minutes.
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for name, value in _KEEPALIVE_PROBES.items():
        if (option := getattr(socket, name, None)) is not None:
            made.setsockopt(socket.IPPROTO_TCP, option, value)
    if (attempt := current_attempt.get(None)) is not None:
        attempt.fresh = True
    sockets.add(made)
    return made
