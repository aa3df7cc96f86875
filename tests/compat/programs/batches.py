"""A batch from its input to its end."""

import asyncio
import json
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    lines = [
        {
            "custom_id": f"q-{number}",
            "method": "POST",
            "url": "/v1/chat/completions",
            "body": {
                "model": "sabia-4",
                "messages": [{"role": "user", "content": f"Quanto é {number} + 1?"}],
            },
        }
        for number in (1, 2, 3)
    ]
    data = "\n".join(json.dumps(line) for line in lines).encode()
    uploaded = await client.files.create(file=("pedidos.jsonl", data), purpose="batch")
    batch = await client.batches.create(
        input_file_id=uploaded.id, endpoint="/v1/chat/completions", completion_window="24h"
    )
    print(batch.object, batch.endpoint, batch.completion_window)
    while batch.status not in ("completed", "failed", "expired", "cancelled"):
        await asyncio.sleep(0.02)
        batch = await client.batches.retrieve(batch.id)
    print(f"{batch.status}", batch.request_counts.completed, batch.request_counts.failed, bool(batch.errors))
    print(batch.output_file_id is not None, batch.error_file_id)
    print((await client.files.retrieve(batch.output_file_id)).purpose)


asyncio.run(main())

# prints:
# batch /v1/chat/completions 24h
# completed 3 0 False
# True None
# batch_output
