"""Answers as dictionaries and as JSON."""

import asyncio
import json
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    completion = await client.chat.completions.create(
        model="sabia-4", messages=[{"role": "user", "content": "Qual é a capital do Brasil?"}]
    )
    whole = completion.model_dump()
    print(whole["choices"][0]["message"]["content"], whole["choices"][0]["finish_reason"])
    print(whole["usage"]["prompt_tokens_details"]["cached_tokens"])
    print(json.loads(completion.model_dump_json())["model"])
    print(sorted(completion.model_dump(exclude_unset=True)))
    print(sorted(completion.choices[0].message.model_dump(exclude_none=True).items()))
    print(type(completion).model_validate(whole).choices[0].message.content)
    print(completion.model_copy(update={"model": "outro"}).model)
    response = await client.responses.create(model="sabia-4", input="Qual é a capital do Brasil?")
    print(response.model_dump()["output"][0]["content"][0]["text"])


asyncio.run(main())

# prints:
# A capital do Brasil é Brasília. stop
# 0
# sabia-4
# ['choices', 'created', 'id', 'model', 'object', 'system_fingerprint', 'usage']
# [('content', 'A capital do Brasil é Brasília.'), ('role', 'assistant')]
# A capital do Brasil é Brasília.
# outro
# A capital do Brasil é Brasília.
