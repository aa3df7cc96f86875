"""The streaming helper of the Responses API."""

import asyncio
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    async with client.responses.stream(model="sabia-4", input="Conte até 4") as stream:
        async for event in stream:
            if event.type == "response.output_text.delta":
                print(event.delta, end="|")
        response = await stream.get_final_response()
    print()
    print(response.output_text, response.status)


asyncio.run(main())

# prints:
# 1| 2| 3| 4|
# 1 2 3 4 completed
