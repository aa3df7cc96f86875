"""The message of an error, and the body of its answer."""

import asyncio
import os

from openai import AsyncOpenAI, BadRequestError

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    try:
        await client.chat.completions.create(model="sabia-4", messages=[{"role": "user", "content": "Olá!"}])
    except BadRequestError as error:
        print("não há" in error.message)
        print("não há" in error.body["message"])
        print(error.response.headers["x-why"])


asyncio.run(main())

# prints:
# True
# True
# porque não
