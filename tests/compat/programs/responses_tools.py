"""A function call of the Responses API, and its output sent back."""

import asyncio
import json
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
    items = [{"role": "user", "content": "Use get_weather para São Paulo."}]
    response = await client.responses.create(model="sabia-4", input=items, tools=TOOLS)
    items += response.output
    for item in response.output:
        if item.type == "function_call":
            print(item.name, json.loads(item.arguments), item.status)
            items.append({"type": "function_call_output", "call_id": item.call_id, "output": "25 °C"})
    print(repr(response.output_text))
    response = await client.responses.create(model="sabia-4", input=items, tools=TOOLS)
    print(response.output_text)


asyncio.run(main())

# prints:
# get_weather {'location': 'São Paulo'} completed
# ''
# Consultei as ferramentas. get_weather respondeu: 25 °C
