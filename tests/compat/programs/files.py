"""Files: uploaded, looked at, listed over pages, read and deleted."""

import asyncio
import os
import pathlib
import tempfile

from openai import AsyncOpenAI, NotFoundError

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    made = await client.files.create(file=("pedidos.jsonl", b'{"um": 1}\n{"dois": 2}\n'), purpose="batch")
    print(made.object, made.filename, made.bytes, made.purpose, made.status)
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "caminho.jsonl")
        path.write_bytes(b"{}")
        with path.open("rb") as opened:
            second = await client.files.create(file=opened, purpose="batch")
        third = await client.files.create(file=path, purpose="batch")
    print(second.filename, third.filename, third.bytes)
    found = await client.files.retrieve(file_id=made.id)
    print(found.id == made.id, found.created_at == made.created_at)
    async for file in client.files.list(limit=2, order="asc"):
        print(file.filename)
    page = await client.files.list(limit=2)
    print(len(page.data), page.has_more)
    deleted = await client.files.delete(made.id)
    print(deleted.id == made.id, deleted.deleted, deleted.object)
    try:
        await client.files.retrieve(made.id)
    except NotFoundError as error:
        print(error.status_code)


asyncio.run(main())

# prints:
# file pedidos.jsonl 22 batch processed
# caminho.jsonl caminho.jsonl 2
# True True
# pedidos.jsonl
# caminho.jsonl
# caminho.jsonl
# 2 True
# True True file
# 404
