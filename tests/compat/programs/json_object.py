"""An answer in JSON, without a schema."""

import asyncio
import json
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    completion = await client.chat.completions.create(
        model="sabia-4",
        messages=[{"role": "user", "content": "Responda em JSON com 'nome' e 'idade': Ana tem 28 anos."}],
        response_format={"type": "json_object"},
    )
    print(json.loads(completion.choices[0].message.content))


asyncio.run(main())

# prints:
# {'nome': 'Ana', 'idade': 28}
