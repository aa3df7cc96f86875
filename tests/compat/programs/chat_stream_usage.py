"""A stream whose last chunk tells the usage."""

import asyncio
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    stream = await client.chat.completions.create(
        model="sabiazinho-4",
        messages=[{"role": "user", "content": "Olá!"}],
        stream=True,
        stream_options={"include_usage": True},
    )
    text = ""
    async for chunk in stream:
        if chunk.choices:
            text += chunk.choices[0].delta.content or ""
        if chunk.usage:
            print(chunk.choices, chunk.usage.completion_tokens > 0, chunk.usage.total_tokens > 0)
    print(text)


asyncio.run(main())

# prints:
# [] True True
# Olá! Como posso ajudar você hoje?
