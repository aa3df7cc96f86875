"""An answer that follows a schema written by hand; the type of a refusal is looked at."""

import asyncio
import json
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    completion = await client.chat.completions.create(
        model="sabia-4",
        messages=[{"role": "user", "content": "Ana tem 28 anos."}],
        response_format={
            "type": "json_schema",
            "json_schema": {
                "name": "pessoa",
                "strict": True,
                "schema": {
                    "type": "object",
                    "properties": {"nome": {"type": "string"}, "idade": {"type": "integer"}},
                    "required": ["nome", "idade"],
                    "additionalProperties": False,
                },
            },
        },
    )
    message = completion.choices[0].message
    if message.refusal:
        print(message.refusal)
    else:
        print(json.loads(message.content))


asyncio.run(main())

# prints:
# {'nome': 'Ana', 'idade': 28}
