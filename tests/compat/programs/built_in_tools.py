"""Web search and code execution through extra_body, with the files that the code made."""

import asyncio
import base64
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    searched = await client.chat.completions.create(
        model="sabia-4",
        messages=[{"role": "user", "content": "Qual é a capital do Brasil?"}],
        extra_body={"web_search": True},
    )
    print(searched.choices[0].message.content)
    print(searched.usage.tool_execution_details["web_search_calls"])
    print(searched.model_dump()["usage"]["tool_execution_details"]["page_reads"])
    ran = await client.chat.completions.create(
        model="sabia-4",
        messages=[{"role": "user", "content": "Gere um arquivo csv com as vendas."}],
        extra_body={"code_execution": True},
    )
    for file in ran.generated_files:
        print(file["filename"], file["mime_type"], file["size_bytes"])
        print(base64.b64decode(file["content_base64"]).decode().split())


asyncio.run(main())

# prints:
# A capital do Brasil é Brasília.
# 1
# 1
# resultado.csv text/csv 43
# ['mes,total', 'janeiro,10', 'fevereiro,12', 'março,7']
