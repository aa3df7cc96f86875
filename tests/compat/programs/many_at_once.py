"""Many questions at once, answers in order."""

import asyncio
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    async def ask(number):
        completion = await client.chat.completions.create(
            model="sabia-4", messages=[{"role": "user", "content": f"Quanto é {number} + 1?"}]
        )
        return completion.choices[0].message.content

    print(*await asyncio.gather(*(ask(number) for number in range(20))), sep="\n")


asyncio.run(main())

# prints:
# 0 + 1 é igual a 1.
# 1 + 1 é igual a 2.
# 2 + 1 é igual a 3.
# 3 + 1 é igual a 4.
# 4 + 1 é igual a 5.
# 5 + 1 é igual a 6.
# 6 + 1 é igual a 7.
# 7 + 1 é igual a 8.
# 8 + 1 é igual a 9.
# 9 + 1 é igual a 10.
# 10 + 1 é igual a 11.
# 11 + 1 é igual a 12.
# 12 + 1 é igual a 13.
# 13 + 1 é igual a 14.
# 14 + 1 é igual a 15.
# 15 + 1 é igual a 16.
# 16 + 1 é igual a 17.
# 17 + 1 é igual a 18.
# 18 + 1 é igual a 19.
# 19 + 1 é igual a 20.
