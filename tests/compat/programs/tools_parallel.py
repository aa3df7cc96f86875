"""Two tools in one answer, both run, one message for each result."""

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
    messages = [{"role": "user", "content": "Use get_weather e get_population para São Paulo."}]
    response = await client.chat.completions.create(
        model="sabia-4", messages=messages, tools=TOOLS, tool_choice="auto"
    )
    message = response.choices[0].message
    messages.append(message.model_dump(exclude_none=True))
    print(len({call.id for call in message.tool_calls}), message.content)
    for call in message.tool_calls:
        result = FUNCTIONS[call.function.name](**json.loads(call.function.arguments))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": result})
    response = await client.chat.completions.create(model="sabia-4", messages=messages, tools=TOOLS)
    print(response.choices[0].message.content)


asyncio.run(main())

# prints:
# 2 None
# Consultei as ferramentas. get_weather respondeu: 25 °C em São Paulo; get_population respondeu: 12 milhões em São Paulo
