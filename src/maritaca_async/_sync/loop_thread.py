"""The thread that runs the event loop of blocking callers."""

from __future__ import annotations

import os
import threading
from concurrent.futures import Future
from contextlib import suppress

import anyio
from anyio.from_thread import BlockingPortal

from .cancellation import GOODBYE


class LoopThread:
    """An event loop in a daemon thread."""

    def __init__(self) -> None:
        self.pid = os.getpid()
        self.thread = threading.Thread(target=self._serve, name="maritaca-async", daemon=True)
        self._ready: Future[BlockingPortal] = Future()
        self._ended = False
        self.thread.start()
        self.portal = self._ready.result()

    @property
    def usable(self) -> bool:
        """Whether it runs, and in this process."""
        return not self._ended and self.pid == os.getpid() and self.thread.is_alive()

    def stop(self) -> None:
        """Stop it, and wait a while for its end."""
        with suppress(RuntimeError):  # it has stopped already
            self.portal.start_task_soon(self.portal.stop, True)
            self.thread.join(GOODBYE)

    def _serve(self) -> None:
        async def main() -> None:
            async with BlockingPortal() as portal:
                self._ready.set_result(portal)
                try:
                    await portal.sleep_until_stopped()
                finally:
                    self._ended = True

        try:
            anyio.run(main)
        except BaseException as error:  # noqa: BLE001 - handed to the caller that waits for the portal
            if not self._ready.done():
                self._ready.set_exception(error)
