"""The content of a file: whole, and the way an official example reads it."""

import asyncio
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    made = await client.files.create(file=("pedidos.jsonl", b'{"um": 1}\n{"dois": 2}\n'), purpose="batch")
    content = await client.files.content(made.id)
    print(content.text.splitlines())
    content = await client.files.content(made.id)
    print(content.content)
    print(await client.files.retrieve_content(made.id))


asyncio.run(main())

# prints:
# ['{"um": 1}', '{"dois": 2}']
# b'{"um": 1}\n{"dois": 2}\n'
# {"um": 1}
# {"dois": 2}
#
