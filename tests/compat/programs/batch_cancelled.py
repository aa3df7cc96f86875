"""Batches: one cancelled, all of them listed."""

import asyncio
import json
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    line = json.dumps(
        {
            "custom_id": "q-1",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {"model": "sabia-4", "messages": [{"role": "user", "content": "Olá!"}]},
        }
    )
    uploaded = await client.files.create(file=("pedidos.jsonl", line.encode()), purpose="batch")
    made = []
    for _ in range(3):
        batch = await client.batches.create(
            input_file_id=uploaded.id,
            endpoint="/v1/chat/completions",
            completion_window="24h",
            metadata={"origem": "teste"},
        )
        made.append(batch.id)
    batch = await client.batches.cancel(made[-1])
    print(batch.status)
    while batch.status == "cancelling":
        await asyncio.sleep(0.02)
        batch = await client.batches.retrieve(batch.id)
    print(batch.status, batch.cancelled_at is not None)
    found = [batch.id async for batch in client.batches.list(limit=2)]
    print(sorted(found) == sorted(made))
    print(len((await client.batches.list(limit=2)).data))


asyncio.run(main())

# prints:
# cancelling
# cancelled True
# True
# 2
