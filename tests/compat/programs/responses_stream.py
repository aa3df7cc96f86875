"""A response as it is written, told apart by the types of its events."""

import asyncio
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    stream = await client.responses.create(model="sabia-4", input="Conte até 4", stream=True)
    kinds = []
    async for event in stream:
        if event.type not in kinds:
            kinds.append(event.type)
        if event.type == "response.output_text.delta":
            print(event.delta, end="|")
        elif event.type == "response.completed":
            print()
            print(event.response.output_text, event.response.usage.output_tokens > 0)
    print(kinds)


asyncio.run(main())

# prints:
# 1| 2| 3| 4|
# 1 2 3 4 True
# ['response.created', 'response.in_progress', 'response.output_item.added', 'response.content_part.added', 'response.output_text.delta', 'response.output_text.done', 'response.content_part.done', 'response.output_item.done', 'response.completed']
