"""Answers by to_dict, and fields that OpenAI does not have by model_extra."""

import asyncio
import base64
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    table = base64.b64encode("produto,preço\npão,5\n".encode()).decode()
    document = {"filename": "precos.csv", "file_data": f"data:text/csv;base64,{table}"}
    completion = await client.chat.completions.create(
        model="sabia-4",
        messages=[{"role": "user", "content": [{"type": "file", "file": document}]}],
    )
    print(completion.model_extra["extracted_files"][0]["filename"])
    print(sorted(completion.to_dict()))


asyncio.run(main())

# prints:
# precos.csv
# ['choices', 'created', 'extracted_files', 'id', 'model', 'object', 'system_fingerprint', 'usage']
