"""Why a batch was refused."""

import asyncio
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    uploaded = await client.files.create(file=("pedidos.jsonl", b"no json"), purpose="batch")
    batch = await client.batches.create(
        input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    while batch.status != "failed":
        await asyncio.sleep(0.02)
        batch = await client.batches.retrieve(batch.id)
    print(["JSON" in error.message for error in batch.errors.data])


asyncio.run(main())

# prints:
# [True]
