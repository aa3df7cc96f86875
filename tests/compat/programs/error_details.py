"""What an error of OpenAI's shape says about itself."""

import asyncio
import os

from openai import AsyncOpenAI, BadRequestError

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    try:
        await client.chat.completions.create(model="sabia-4", messages=[{"role": "user", "content": "Olá!"}])
    except BadRequestError as error:
        print(error.status_code, error.code, error.type, error.param)
        print("não há" in str(error))


asyncio.run(main())

# prints:
# 400 nope invalid_request_error model
# True
