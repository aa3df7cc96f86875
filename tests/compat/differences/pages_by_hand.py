"""Pages of a list, asked for one by one."""

import asyncio
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    for number in range(3):
        await client.files.create(file=(f"{number}.jsonl", b"{}"), purpose="batch")
    page = await client.files.list(limit=2, order="asc")
    print([file.filename for file in page.data], page.has_next_page())
    page = await page.get_next_page()
    print([file.filename for file in page.data])


asyncio.run(main())

# prints:
# ['0.jsonl', '1.jsonl'] True
# ['2.jsonl']
