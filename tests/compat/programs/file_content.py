"""The content of a file, in each way that is used in examples."""

import asyncio
import json
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    made = await client.files.create(file=("pedidos.jsonl", b'{"um": 1}\n{"dois": 2}\n'), purpose="batch")
    content = await client.files.content(made.id)
    print([json.loads(line) for line in content.text.splitlines()])
    print([json.loads(line) for line in content.text.strip().split("\n")])
    print(list(content.iter_lines()))
    print(content.content)
    print(content.read() == content.read() == content.content)
    print(await client.files.retrieve_content(made.id))
    single = await client.files.create(file=("pedido.json", '{"três": 3}'.encode()), purpose="batch")
    print((await client.files.content(single.id)).json())


asyncio.run(main())

# prints:
# [{'um': 1}, {'dois': 2}]
# [{'um': 1}, {'dois': 2}]
# ['{"um": 1}', '{"dois": 2}']
# b'{"um": 1}\n{"dois": 2}\n'
# True
# {"um": 1}
# {"dois": 2}
#
# {'três': 3}
