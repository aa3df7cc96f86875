"""The results of a batch: the file of its answers, line by line."""

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
    while batch.status not in ("completed", "failed", "expired", "cancelled"):
        await asyncio.sleep(0.02)
        batch = await client.batches.retrieve(batch.id)
    output = await client.files.content(batch.output_file_id)
    answers = {}
    for line in output.text.splitlines():
        result = json.loads(line)
        answers[result["custom_id"]] = result["response"]["body"]["choices"][0]["message"]["content"]
    for name, answer in sorted(answers.items()):
        print(name, answer)


asyncio.run(main())

# prints:
# q-1 1 + 1 é igual a 2.
# q-2 2 + 1 é igual a 3.
# q-3 3 + 1 é igual a 4.
