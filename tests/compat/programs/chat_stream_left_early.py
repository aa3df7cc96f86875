"""A stream that is left after its third word."""

import asyncio
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    question = [{"role": "user", "content": "Conte até 500"}]
    async with await client.chat.completions.create(
        model="sabia-4", messages=question, stream=True
    ) as stream:
        words = []
        async for chunk in stream:
            words += (chunk.choices[0].delta.content or "").split()
            if len(words) >= 3:
                break
    print(words[:3])


asyncio.run(main())

# prints:
# ['1', '2', '3']
