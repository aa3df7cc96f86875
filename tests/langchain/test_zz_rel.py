import sys

sys.path.insert(0, "/work/main/tests")
import asyncio, gc, threading, pytest, time
from scripted import *
from langchain_maritaca import ChatMaritaca


async def endless(exchange):
    await exchange.begin_stream()
    for number in range(5):
        await exchange.event(chunk(f"{number} "))
    await exchange.until_client_leaves()


@pytest.mark.parametrize("k", range(60))
async def test_x(k):
    async with ScriptedServer((endless,)) as server:
        model = ChatMaritaca(api_key="k", base_url=server.base_url)

        def read():
            return next(model.stream("Olá")).text

        await asyncio.to_thread(read)
        gc.collect()
        t = time.monotonic()
        while server.seen[-1].closed_at is None and time.monotonic() - t < 3:
            await asyncio.sleep(0.005)
        dt = time.monotonic() - t
        assert dt < 0.25, (dt, server.seen[-1].closed_at)
