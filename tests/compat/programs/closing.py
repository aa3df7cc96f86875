"""A client as a context manager, and one that is closed by hand."""

import asyncio
import os

from openai import AsyncOpenAI

OPTIONS = {"api_key": os.environ["MARITACA_API_KEY"], "base_url": os.environ["MARITACA_API_BASE"]}


async def main():
    async with AsyncOpenAI(**OPTIONS, timeout=30, max_retries=1) as client:
        completion = await client.chat.completions.create(
            model="sabia-4", messages=[{"role": "user", "content": "Olá!"}], extra_headers={"X-Teste": "1"}
        )
        print(completion.choices[0].message.content)
        print(
            completion.choices[0].message.content
            == completion.model_dump()["choices"][0]["message"]["content"]
        )


asyncio.run(main())

# prints:
# Olá! Como posso ajudar você hoje?
# True
