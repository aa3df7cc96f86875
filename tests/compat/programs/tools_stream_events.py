"""Tool calls from the streaming helper."""

import asyncio
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
    pieces = []
    async with client.chat.completions.stream(
        model="sabia-4",
        messages=[{"role": "user", "content": "Use get_weather para São Paulo."}],
        tools=TOOLS,
    ) as stream:
        async for event in stream:
            if event.type == "tool_calls.function.arguments.delta":
                pieces.append(event.arguments_delta)
            elif event.type == "tool_calls.function.arguments.done":
                print("done:", event.name, event.arguments, "".join(pieces) == event.arguments)
        completion = await stream.get_final_completion()
    print(completion.choices[0].message.tool_calls[0].function.arguments)


asyncio.run(main())

# prints:
# done: get_weather {"location": "São Paulo"} True
# {"location": "São Paulo"}
