"""The sandbox itself: a server on a thread of its own."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final, Self

from aiohttp import web

from ._app import build_app
from ._faults import Fault
from ._options import SandboxOptions
from ._state import RecordedRequest, State

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import TracebackType

# What the last requests get to notice the end before they are cancelled.
_GRACE: Final = 0.02
_ANY_KEY: Final = "sandbox-key"


class Sandbox:
    """A local server that speaks Maritaca's API, for tests, demos and documentation.

    It needs no key and no network, answers deterministically, and fails on demand:

        with Sandbox(latency=0.1) as sandbox:
            client = Maritaca(api_key=sandbox.api_key, base_url=sandbox.base_url)

    It runs on a thread of its own, so it serves blocking and asynchronous clients alike. Inside a
    running event loop use ``async with``.
    """

    def __init__(
        self,
        options: SandboxOptions | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        **knobs: Any,
    ) -> None:
        """Prepare a sandbox without starting it.

        Args:
            options: How it behaves.
            host: The address to listen on.
            port: The port to listen on; 0 takes any free one.
            **knobs: Fields of `SandboxOptions`, over those of ``options``.

        Raises:
            ValueError: A knob has a value that makes no sense.
            TypeError: There is no such knob.
        """
        self._state = State(replace(options or SandboxOptions(), **knobs))
        self._host = host
        self._port = port
        self._running: _Running | None = None

    def __enter__(self) -> Self:
        """Start serving; blocks until the port is open."""
        running = self._start()
        running.started.result()
        self._running = running
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop serving, breaking off whatever is still open."""
        if self._running is not None:
            self._running.stop()
            self._running.thread.join()
            self._running = None

    async def __aenter__(self) -> Self:
        """Start serving without blocking the event loop."""
        running = self._start()
        await asyncio.wrap_future(running.started)
        self._running = running
        return self

    async def __aexit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Stop serving without blocking the event loop."""
        running, self._running = self._running, None
        if running is not None:
            running.stop()
            await asyncio.wrap_future(running.stopped)

    def _start(self) -> _Running:
        if self._running is not None:
            raise RuntimeError("the sandbox is running already")
        return _Running(self._state, self._host, self._port)

    def __repr__(self) -> str:
        """Return where the sandbox listens; the key stays out of it."""
        return f"<Sandbox {self.base_url if self._running else 'not running'}>"

    @property
    def base_url(self) -> str:
        """The address to give to a client, without a slash at the end."""
        if self._running is None:
            raise RuntimeError("the sandbox is not running: enter it with `with` first")
        return f"http://{self._host}:{self._running.started.result()}/api"

    @property
    def api_key(self) -> str:
        """A key that the sandbox accepts."""
        return self.options.api_key or _ANY_KEY

    @property
    def options(self) -> SandboxOptions:
        """How the sandbox behaves; may be replaced while it runs."""
        return self._state.options

    @options.setter
    def options(self, options: SandboxOptions) -> None:
        self._state.options = options

    def configure(self, **knobs: Any) -> None:
        """Change some knobs and keep the others; valid from the next request on.

        Raises:
            ValueError: A knob has a value that makes no sense.
            TypeError: There is no such knob.
        """
        self._state.options = replace(self._state.options, **knobs)

    def inject(self, *faults: Fault) -> None:
        """Let the next requests go wrong, one fault each, in order."""
        self._state.faults.extend(faults)

    def fail_next(
        self,
        times: int = 1,
        *,
        status: int = 503,
        body: Any = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Answer the next requests with an error status.

        Args:
            times: How many requests.
            status: The HTTP status.
            body: JSON-like, or text and bytes that are sent as they are.
            headers: Extra headers, such as ``Retry-After``.
        """
        self.inject(*[Fault(status=status, body=body, headers=dict(headers or {}))] * times)

    @property
    def requests(self) -> list[RecordedRequest]:
        """Every request since the start or the last `reset`, in order of arrival."""
        return list(self._state.requests)

    @property
    def in_flight(self) -> int:
        """Requests that are being answered now."""
        return self._state.in_flight

    @property
    def max_in_flight(self) -> int:
        """The most requests that were being answered at the same time."""
        return self._state.max_in_flight

    def reset(self) -> None:
        """Forget requests, faults, prompts and counters; the options stay as they are."""
        self._state.clear()


class _Running:
    """One run of the server: its thread, its loop, its port."""

    def __init__(self, state: State, host: str, port: int) -> None:
        self._state = state
        self._address = (host, port)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self.started: Future[int] = Future()
        self.stopped: Future[None] = Future()
        self.thread = threading.Thread(target=self._run, name="maritaca-sandbox", daemon=True)
        self.thread.start()

    def stop(self) -> None:
        """Ask the server to end; may be called from any thread."""
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self._stopping.set)

    def _run(self) -> None:
        try:
            asyncio.run(self._serve())
        except BaseException as error:
            if self.started.done():
                raise
            self.started.set_exception(error)
        finally:
            self.stopped.set_result(None)

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        runner = web.AppRunner(
            build_app(self._state),
            access_log=None,
            handle_signals=False,
            # Without it a stalled reply would never learn that its client has gone.
            handler_cancellation=True,
            shutdown_timeout=_GRACE,
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, *self._address)
            await site.start()
            self.started.set_result(site.port)
            await self._stopping.wait()
        finally:
            await runner.cleanup()
