"""A tool is asked for, run, and its result sent back with the message that asked."""

import asyncio
import json
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])

TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "get_weather",
            "description": "Get the weather of a city.",
            "parameters": {
                "type": "object",
                "properties": {"location": {"type": "string"}},
                "required": ["location"],
            },
        },
    }
]


async def main():
    messages = [{"role": "user", "content": "Use get_weather para São Paulo."}]
    response = await client.chat.completions.create(model="sabia-4", messages=messages, tools=TOOLS)
    while response.choices[0].message.tool_calls:
        messages.append(response.choices[0].message)
        for tool_call in response.choices[0].message.tool_calls:
            arguments = json.loads(tool_call.function.arguments)
            print(tool_call.type, tool_call.function.name, arguments, response.choices[0].finish_reason)
            result = json.dumps({"temperature": 25, **arguments}, ensure_ascii=False)
            messages.append({"role": "tool", "tool_call_id": tool_call.id, "content": result})
        response = await client.chat.completions.create(model="sabia-4", messages=messages, tools=TOOLS)
    print(response.choices[0].message.content)


asyncio.run(main())

# prints:
# function get_weather {'location': 'São Paulo'} tool_calls
# Consultei as ferramentas. get_weather respondeu: {"temperature": 25, "location": "São Paulo"}
