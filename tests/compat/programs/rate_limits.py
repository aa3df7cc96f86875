"""A rate limit: raised at once, and waited for where retries are allowed."""

import asyncio
import os

from openai import AsyncOpenAI, InternalServerError, RateLimitError

client = AsyncOpenAI(
    api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"], max_retries=0
)


async def main():
    question = [{"role": "user", "content": "Qual é a capital do Brasil?"}]
    for _ in range(2):
        try:
            await client.chat.completions.create(model="sabia-4", messages=question)
        except RateLimitError as error:
            print("slower, please:", error.status_code, error.request_id)
        except InternalServerError as error:
            print("their fault:", error.status_code)
    patient = client.with_options(max_retries=2)
    completion = await patient.chat.completions.create(model="sabia-4", messages=question)
    print(completion.choices[0].message.content)


asyncio.run(main())

# prints:
# slower, please: 429 req-7
# their fault: 500
# A capital do Brasil é Brasília.
