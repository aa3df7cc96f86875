"""The streaming helper: typed events and the final completion."""

import asyncio
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    async with client.chat.completions.stream(
        model="sabia-4", messages=[{"role": "user", "content": "Conte até 6"}]
    ) as stream:
        async for event in stream:
            if event.type == "content.delta":
                print(event.delta, end="")
            elif event.type == "content.done":
                print()
                print(event.content)
        completion = await stream.get_final_completion()
    print(completion.choices[0].message.content, completion.choices[0].finish_reason)


asyncio.run(main())

# prints:
# 1 2 3 4 5 6
# 1 2 3 4 5 6
# 1 2 3 4 5 6 stop
