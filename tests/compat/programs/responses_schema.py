"""A response that follows a schema, by hand and read into a pydantic model."""

import asyncio
import os

from openai import AsyncOpenAI
from pydantic import BaseModel

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


class Person(BaseModel):
    nome: str
    idade: int


async def main():
    response = await client.responses.create(
        model="sabia-4",
        input="Ana tem 28 anos.",
        text={
            "format": {
                "type": "json_schema",
                "name": "pessoa",
                "schema": {**Person.model_json_schema(), "additionalProperties": False},
                "strict": True,
            }
        },
    )
    print(Person.model_validate_json(response.output_text))
    response = await client.responses.parse(model="sabia-4", input="Bia tem 31 anos.", text_format=Person)
    print(response.output_parsed.nome, response.output_parsed.idade)


asyncio.run(main())

# prints:
# nome='Ana' idade=28
# Bia 31
