"""Several answers, stop texts, token limits and what thinking costs."""

import asyncio
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    question = [{"role": "user", "content": "Conte até 8"}]
    several = await client.chat.completions.create(model="sabia-4", messages=question, n=2)
    for choice in several.choices:
        print(choice.index, choice.message.content)
    stopped = await client.chat.completions.create(model="sabia-4", messages=question, stop=["5"])
    print(stopped.choices[0].message.content, stopped.choices[0].finish_reason)
    short = await client.chat.completions.create(model="sabia-4", messages=question, max_tokens=3)
    print(short.choices[0].finish_reason, short.usage.completion_tokens)
    thought = await client.chat.completions.create(model="sabia-4-thinking", messages=question)
    print(thought.usage.completion_tokens_details.reasoning_tokens > 0)


asyncio.run(main())

# prints:
# 0 1 2 3 4 5 6 7 8
# 1 1 2 3 4 5 6 7 8 (alternativa 2)
# 1 2 3 4  stop
# length 3
# True
