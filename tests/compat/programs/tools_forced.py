"""A function by name, any function, and none at all."""

import asyncio
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
    for tool_choice in ({"type": "function", "function": {"name": "get_population"}}, "required", "none"):
        response = await client.chat.completions.create(
            model="sabia-4",
            messages=[{"role": "user", "content": "Olá, Recife!"}],
            tools=TOOLS,
            tool_choice=tool_choice,
        )
        message = response.choices[0].message
        print([call.function.name for call in message.tool_calls or []], message.content)


asyncio.run(main())

# prints:
# ['get_population'] None
# ['get_weather'] None
# [] Olá! Como posso ajudar você hoje?
