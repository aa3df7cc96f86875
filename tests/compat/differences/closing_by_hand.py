"""A client and a stream that are closed by hand."""

import asyncio
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    stream = await client.chat.completions.create(
        model="sabia-4", messages=[{"role": "user", "content": "Conte até 500"}], stream=True
    )
    async for chunk in stream:
        if chunk.choices[0].delta.content:
            print(chunk.choices[0].delta.content)
            break
    await stream.close()
    await client.close()
    print("closed")


asyncio.run(main())

# prints:
# 1
# closed
