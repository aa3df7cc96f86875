"""A streamed function call of the Responses API."""

import asyncio
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])

TOOLS = [
    {
        "type": "function",
        "name": "get_weather",
        "description": "Get the weather of a city.",
        "parameters": {
            "type": "object",
            "properties": {"location": {"type": "string"}},
            "required": ["location"],
        },
    }
]


async def main():
    stream = await client.responses.create(
        model="sabia-4", input="Use get_weather para São Paulo.", tools=TOOLS, stream=True
    )
    arguments = ""
    async for event in stream:
        if event.type == "response.output_item.added":
            print(event.item.type, event.item.name)
        elif event.type == "response.function_call_arguments.delta":
            arguments += event.delta
        elif event.type == "response.function_call_arguments.done":
            print(event.arguments, event.arguments == arguments)
        elif event.type == "response.output_item.done":
            print(event.output_index, event.item.name, event.item.arguments, bool(event.item.call_id))


asyncio.run(main())

# prints:
# function_call get_weather
# {"location": "São Paulo"} True
# 0 get_weather {"location": "São Paulo"} True
