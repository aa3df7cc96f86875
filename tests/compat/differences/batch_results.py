"""The results of a batch, and what a batch that was refused says."""

import asyncio
import json
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])

LINE = json.dumps(
    {
        "custom_id": "q-1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"model": "sabia-4", "messages": [{"role": "user", "content": "Quanto é 1 + 1?"}]},
    }
)


async def main():
    for data in (LINE.encode(), b"no json"):
        uploaded = await client.files.create(file=("pedidos.jsonl", data), purpose="batch")
        batch = await client.batches.create(
            input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="24h"
        )
        while batch.status not in ("completed", "failed"):
            await asyncio.sleep(0.02)
            batch = await client.batches.retrieve(batch.id)
        print(batch.status)
        if batch.output_file_id:
            output = await client.files.content(batch.output_file_id)
            for result in map(json.loads, output.text.splitlines()):
                print(result["custom_id"], result["response"]["body"]["choices"][0]["message"]["content"])
        if batch.errors:
            print(["JSON" in error.message for error in batch.errors.data])


asyncio.run(main())

# prints:
# completed
# q-1 1 + 1 é igual a 2.
# failed
# [True]
