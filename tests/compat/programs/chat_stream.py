"""An answer that is printed while it is written."""

import asyncio
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    stream = await client.chat.completions.create(
        model="sabia-4",
        messages=[{"role": "user", "content": "Conte uma história curta."}],
        stream=True,
    )
    pieces = 0
    async for chunk in stream:
        if chunk.choices[0].delta.content is not None:
            print(chunk.choices[0].delta.content, end="")
            pieces += 1
        if chunk.choices[0].finish_reason:
            print(f"\n{chunk.object} {chunk.choices[0].finish_reason}")
    print(pieces > 10)


asyncio.run(main())

# prints:
# Era uma vez uma maritaca que morava no alto de um ipê amarelo. Todas as manhãs ela voava até a praça para ouvir as histórias das crianças. Um dia choveu tanto que ninguém apareceu, e a praça ficou em silêncio. Então a maritaca repetiu, uma por uma, todas as histórias que tinha guardado. Quando o sol voltou, as crianças a encontraram contando o final mais bonito de todos.
# chat.completion.chunk stop
# True
