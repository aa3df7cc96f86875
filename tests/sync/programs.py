"""Small programs that tests run in processes of their own, with `python -m` style arguments.

    python programs.py NAME BASE_URL

Each ends with status 0 and a silent stderr, or the test that runs it fails.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import threading
import time
import warnings
from collections.abc import Iterator
from typing import Any

from maritaca_async import AsyncMaritaca, Maritaca

NAME, BASE_URL = sys.argv[1:3]
KEY = "test-key-0123456789"
ASK: dict[str, Any] = {
    "model": "sabia-4",
    "messages": [{"role": "user", "content": "Conte uma história curta."}],
}

client = AsyncMaritaca(KEY, base_url=BASE_URL)
blocking = Maritaca(KEY, base_url=BASE_URL)


def ask() -> str:
    return blocking.chat.completions.create(**ASK).text


async def aask() -> str:
    return (await client.chat.completions.create(**ASK)).text


async def astory() -> str:
    async with client.chat.completions.stream(**ASK) as stream:
        return "".join([text async for text in stream.text_stream])


def three_runs() -> None:
    assert len({asyncio.run(aask()) for _ in range(3)} | {asyncio.run(astory()) for _ in range(3)}) == 1


def two_threads_with_loops() -> None:
    async def many() -> None:
        assert (
            len(set(await asyncio.gather(*(aask() for _ in range(20)), *(astory() for _ in range(5))))) == 1
        )

    threads = [threading.Thread(target=asyncio.run, args=(many(),)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def blocking_inside_a_running_loop() -> None:
    async def main() -> None:
        assert ask() == await aask()
        with blocking.chat.completions.stream(**ASK) as stream:
            assert "".join(stream.text_stream) == await astory()

    asyncio.run(main())


def nothing_closed() -> None:
    async def main() -> None:
        await aask()
        async for _ in await client.chat.completions.create(**ASK, stream=True):
            break
        globals()["held"] = await client.chat.completions.create(**ASK, stream=True)

    asyncio.run(main())
    ask()
    for _ in blocking.chat.completions.create(**ASK, stream=True):
        break
    globals()["held_too"] = blocking.chat.completions.create(**ASK, stream=True)


def streams_left_open_in_generators() -> None:
    def pieces() -> Iterator[Any]:
        with blocking.chat.completions.create(**ASK, stream=True) as stream:
            yield from stream

    globals()["left"] = pieces()
    assert next(globals()["left"])


def exit_during_a_call() -> None:
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    time.sleep(float(os.environ.get("EXIT_AFTER", "0.05")))


def exit_during_a_stream() -> None:
    def read() -> None:
        with contextlib.suppress(Exception):
            for _ in blocking.chat.completions.create(**ASK, stream=True):
                pass

    threading.Thread(target=read, daemon=True).start()
    time.sleep(float(os.environ.get("EXIT_AFTER", "0.05")))


def fork() -> None:
    ask()
    asyncio.run(aask())
    children = []
    for _ in range(5):
        child = os.fork()
        if child == 0:
            for _ in range(10):
                assert ask() == asyncio.run(aask())
            sys.exit(0)
        children.append(child)
        for _ in range(10):
            assert ask()
    for child in children:
        assert os.waitpid(child, 0)[1] == 0


def fork_with_an_open_stream() -> None:
    stream = blocking.chat.completions.create(**ASK, stream=True)
    first = next(stream)
    child = os.fork()
    if child == 0:
        assert ask()
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert first.choices
    assert "".join(c.choices[0].delta.content or "" for c in stream) == ask()


def interrupt_a_call() -> None:
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background job ignores it
    threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGINT)).start()
    started = time.monotonic()
    try:
        blocking.chat.completions.create(**ASK, extra_headers={"X-Hang": "1"})
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    assert time.monotonic() - started < 1.5
    with contextlib.suppress(Exception):
        blocking.chat.completions.create(**ASK, timeout=0.2)
    print("still works", flush=True)


def call_on_the_loop_thread() -> None:
    from maritaca_async import ConfigurationError
    from maritaca_async._sync.portal import run

    async def on_the_loop() -> None:
        ask()

    ask()
    started = time.monotonic()
    try:
        run(on_the_loop)
    except ConfigurationError as error:
        assert "AsyncMaritaca" in str(error)
        assert time.monotonic() - started < 0.5
        print("refused")


def loop_stopped_by_others() -> None:
    from maritaca_async import MaritacaError
    from maritaca_async._sync import portal

    portal._POLL = 0.1

    async def stop() -> None:
        asyncio.get_running_loop().call_soon(asyncio.get_running_loop().stop)
        await asyncio.sleep(30)

    ask()
    try:
        portal.run(stop)
    except MaritacaError as error:
        print("noticed", error)
    assert ask()


def context_variables_travel() -> None:
    import contextvars

    from maritaca_async._sync.portal import run

    variable: contextvars.ContextVar[str] = contextvars.ContextVar("variable")
    variable.set("from the caller")

    async def read() -> str:
        return variable.get()

    assert run(read) == "from the caller"


def exit_in_a_call_ends_only_that_call() -> None:
    from maritaca_async._sync.portal import run

    async def leave() -> None:
        raise SystemExit(3)

    try:
        run(leave)
    except SystemExit as error:
        assert error.code == 3
        ask()
        print("end")


def many_threads() -> None:
    def work(number: int) -> None:
        for turn in range(10):
            prompt = f"Pergunta {number}-{turn}"
            answer = blocking.chat.completions.create(
                model="sabia-4", messages=[{"role": "user", "content": prompt}]
            )
            if prompt not in answer.text:
                wrong.append((prompt, answer.text))

    wrong: list[tuple[str, str]] = []
    threads = [threading.Thread(target=work, args=(number,)) for number in range(32)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong, wrong[:3]


def gevent_is_refused() -> None:
    import types

    from maritaca_async import ConfigurationError

    fake = types.ModuleType("gevent.monkey")
    fake.is_module_patched = lambda name: name == "threading"  # type: ignore[attr-defined]
    sys.modules["gevent.monkey"] = fake
    try:
        ask()
    except ConfigurationError as error:
        assert "gevent" in str(error)
        print("refused")


def call_at_exit() -> None:
    import atexit

    atexit.register(lambda: print("at exit:", len(ask()) > 0))
    ask()


if __name__ == "__main__":
    # Newer Pythons warn of any fork beside threads; that it works here all the same is what is tested.
    warnings.filterwarnings("ignore", message=".*multi-threaded, use of fork", category=DeprecationWarning)
    globals()[NAME]()
    print("end", flush=True)
