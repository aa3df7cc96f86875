"""Timeouts of a client and of a call, caught by class."""

import asyncio
import os

from openai import APIConnectionError, APITimeoutError, AsyncOpenAI

client = AsyncOpenAI(
    api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"], max_retries=0
)


async def main():
    question = [{"role": "user", "content": "Olá!"}]
    try:
        await client.with_options(timeout=0.05).chat.completions.create(model="sabia-4", messages=question)
    except APITimeoutError as error:
        print("too slow:", isinstance(error, APIConnectionError))
    try:
        await client.chat.completions.create(model="sabia-4", messages=question, timeout=0.05)
    except APIConnectionError as error:
        print("too slow:", isinstance(error, APITimeoutError))
    completion = await client.chat.completions.create(model="sabia-4", messages=question, timeout=10)
    print(completion.choices[0].message.content)


asyncio.run(main())

# prints:
# too slow: True
# too slow: True
# Olá! Como posso ajudar você hoje?
