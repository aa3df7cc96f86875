"""A conversation with a system message; answers are appended as they came."""

import asyncio
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    messages = [{"role": "system", "content": "Você é um assistente gentil."}]
    for question in ("Meu nome é Ana.", "Qual é o meu nome?", "Quanto é 3 + 4?"):
        messages.append({"role": "user", "content": question})
        completion = await client.chat.completions.create(model="sabia-4", messages=messages)
        message = completion.choices[0].message
        print(f"{message.role}: {message.content}")
        if len(messages) < 3:
            messages.append({"role": "assistant", "content": message.content})
        else:
            messages.append(message)


asyncio.run(main())

# prints:
# assistant: Muito prazer, Ana! Como posso ajudar você?
# assistant: Seu nome é Ana.
# assistant: 3 + 4 é igual a 7.
