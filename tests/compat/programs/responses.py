"""The Responses API: instructions, the text of the answer, its usage."""

import asyncio
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    response = await client.responses.create(
        model="sabia-4",
        instructions="Responda em português.",
        input="Qual é a capital do Brasil?",
        max_output_tokens=100,
        metadata={"origem": "teste"},
    )
    print(response.output_text)
    print(response.object, response.status, response.error, response.incomplete_details, response.metadata)
    message = response.output[0]
    print(message.type, message.role, message.content[0].type, message.content[0].text)
    print(response.usage.total_tokens == response.usage.input_tokens + response.usage.output_tokens)
    history = [{"role": "user", "content": "Meu nome é Ana."}]
    first = await client.responses.create(model="sabia-4", input=history)
    history += [{"role": item.role, "content": item.content} for item in first.output]
    history.append({"role": "user", "content": "Qual é o meu nome?"})
    print((await client.responses.create(model="sabia-4", input=history)).output_text)


asyncio.run(main())

# prints:
# A capital do Brasil é Brasília.
# response completed None None {'origem': 'teste'}
# message assistant output_text A capital do Brasil é Brasília.
# True
# Seu nome é Ana.
