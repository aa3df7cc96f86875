"""A question, its answer, and what it cost in tokens."""

import asyncio
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    completion = await client.chat.completions.create(
        model="sabia-4",
        messages=[{"role": "user", "content": "Qual é a capital do Brasil?"}],
        temperature=0,
        max_tokens=100,
    )
    print(completion.choices[0].message.content)
    print(completion.object, completion.model, completion.choices[0].finish_reason)
    print(completion.choices[0].message.role, completion.choices[0].message.tool_calls)
    usage = completion.usage
    print(usage.total_tokens == usage.prompt_tokens + usage.completion_tokens > 0)
    print(usage.prompt_tokens_details.cached_tokens)


asyncio.run(main())

# prints:
# A capital do Brasil é Brasília.
# chat.completion sabia-4 stop
# assistant None
# True
# 0
