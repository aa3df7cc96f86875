"""Run the sandbox from a shell: ``python -m maritaca_async.sandbox --port 8000``."""

from __future__ import annotations

import argparse
import signal
import sys
import threading
from typing import TYPE_CHECKING

from . import Sandbox, SandboxOptions

if TYPE_CHECKING:
    from collections.abc import Sequence


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve until interrupted and return the exit status."""
    parser = _parser()
    chosen = vars(parser.parse_args(arguments))
    host, port = chosen.pop("host"), chosen.pop("port")
    try:
        options = SandboxOptions(**chosen)
    except ValueError as error:
        parser.error(str(error))
    stop = threading.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda *_: stop.set())
    try:
        with Sandbox(options, host=host, port=port) as sandbox:
            print(sandbox.base_url, flush=True)  # noqa: T201  the address is the output
            stop.wait()
    except OSError as error:
        parser.exit(1, f"{parser.prog}: cannot listen on {host}:{port}: {error.strerror}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m maritaca_async.sandbox",
        description="A local server that speaks Maritaca's API. Prints its base URL when ready.",
        argument_default=argparse.SUPPRESS,
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    add("--port", type=int, default=0, help="port to listen on; 0 takes a free one (default)")
    add("--api-key", help="the only key to accept (default: any)")
    add("--latency", type=float, help="seconds before the first byte of every reply")
    add("--tokens-per-second", type=float, help="pace of generation (default: no limit)")
    add("--requests-per-minute", type=int, help="requests per model and minute")
    add("--input-tokens-per-minute", type=int, help="tokens of prompts per model and minute")
    add("--output-tokens-per-minute", type=int, help="tokens of answers per model and minute")
    add("--rate-window", type=float, help="seconds of that minute (default: 60)")
    add("--fixed-windows", action="store_true", help="count by the minutes of a clock, not any 60 seconds")
    add("--retry-after", type=float, help="seconds announced with a 429")
    add("--flex-capacity", type=int, help="flex requests served at the same time")
    add("--flex-wait", type=float, help="seconds that a flex request queues before 429")
    add("--usage-with-stream", help="chunk, last or never: where a stream reports its usage")
    add("--reasoning-content", action="store_true", help="let thinking models show their thoughts")
    return parser


if __name__ == "__main__":
    sys.exit(main())
