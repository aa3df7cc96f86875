"""The content of a file, written to another one."""

import asyncio
import os
import pathlib
import tempfile

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    made = await client.files.create(file=("pedidos.jsonl", b'{"um": 1}\n'), purpose="batch")
    content = await client.files.content(made.id)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "copia.jsonl")
        content.write_to_file(path)
        print(path.read_text())


asyncio.run(main())

# prints:
# {"um": 1}
#
