"""An answer that is read into a pydantic model."""

import asyncio
import os

from openai import AsyncOpenAI
from pydantic import BaseModel

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


class Person(BaseModel):
    nome: str
    idade: int


async def main():
    completion = await client.chat.completions.parse(
        model="sabia-4",
        messages=[{"role": "user", "content": "Ana tem 28 anos."}],
        response_format=Person,
    )
    person = completion.choices[0].message.parsed
    print(type(person).__name__, person.nome, person.idade)
    print(completion.choices[0].message.content)
    async with client.chat.completions.stream(
        model="sabia-4",
        messages=[{"role": "user", "content": "Bia tem 31 anos."}],
        response_format=Person,
    ) as stream:
        async for event in stream:
            if event.type == "content.done":
                print(event.content)
        completion = await stream.get_final_completion()
    print(completion.choices[0].message.parsed.idade)


asyncio.run(main())

# prints:
# Person Ana 28
# {"nome": "Ana", "idade": 28}
# {"nome": "Bia", "idade": 31}
# 31
