"""The flex tier, asked for in both ways, and without capacity."""

import asyncio
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    question = [{"role": "user", "content": "Qual é a capital do Brasil?"}]
    for options in ({"service_tier": "flex"}, {"extra_body": {"service_tier": "flex"}}):
        completion = await client.chat.completions.create(model="sabia-4", messages=question, **options)
        print(completion.service_tier, completion.choices[0].message.content)
    standard = await client.chat.completions.create(model="sabia-4", messages=question)
    print(standard.service_tier)


asyncio.run(main())

# prints:
# flex A capital do Brasil é Brasília.
# flex A capital do Brasil é Brasília.
# None
