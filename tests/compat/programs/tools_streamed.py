"""Tool calls put together by hand from the pieces of a stream."""

import asyncio
import json
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": name,
            "description": description,
            "parameters": {
                "type": "object",
                "properties": {"location": {"type": "string"}},
                "required": ["location"],
            },
        },
    }
    for name, description in (("get_weather", "Weather of a city."), ("get_population", "People of a city."))
]


def get_weather(location):
    return f"25 °C em {location}"


def get_population(location):
    return f"12 milhões em {location}"


FUNCTIONS = {"get_weather": get_weather, "get_population": get_population}


async def main():
    stream = await client.chat.completions.create(
        model="sabia-4",
        messages=[{"role": "user", "content": "Use get_weather e get_population para São Paulo."}],
        tools=TOOLS,
        stream=True,
    )
    calls = {}
    async for chunk in stream:
        for piece in chunk.choices[0].delta.tool_calls or []:
            call = calls.setdefault(piece.index, {"id": "", "name": "", "arguments": ""})
            if piece.id:
                call["id"] = piece.id
            if piece.function.name:
                call["name"] += piece.function.name
            call["arguments"] += piece.function.arguments or ""
        if chunk.choices[0].finish_reason:
            print(chunk.choices[0].finish_reason)
    for index, call in sorted(calls.items()):
        print(index, bool(call["id"]), call["name"], json.loads(call["arguments"]))


asyncio.run(main())

# prints:
# tool_calls
# 0 True get_weather {'location': 'São Paulo'}
# 1 True get_population {'location': 'São Paulo'}
