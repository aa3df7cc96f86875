"""A document and an image in messages; what was read out of them comes back."""

import asyncio
import base64
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])

PNG = base64.b64decode(
    "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
)


async def main():
    table = base64.b64encode("produto,preço\npão,5\n".encode()).decode()
    document = {"filename": "precos.csv", "file_data": f"data:text/csv;base64,{table}"}
    completion = await client.chat.completions.create(
        model="sabia-4",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "Resuma o documento."},
                    {"type": "file", "file": document},
                ],
            }
        ],
        extra_body={"extraction_effort": "advanced"},
    )
    print(completion.choices[0].message.content)
    for doc in completion.extracted_files:
        print(doc["filename"], doc["text"].split())
    print(completion.model_dump()["extracted_files"][0]["filename"])
    picture = base64.b64encode(PNG).decode()
    completion = await client.chat.completions.create(
        model="sabia-4",
        messages=[
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "O que está escrito?"},
                    {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{picture}"}},
                ],
            }
        ],
    )
    print(len(completion.extracted_files), completion.choices[0].finish_reason)


asyncio.run(main())

# prints:
# Li o que você enviou. precos.csv: “produto,preço pão,5”
# precos.csv ['produto,preço', 'pão,5']
# precos.csv
# 1 stop
