"""The models, iterated over and by page."""

import asyncio
import os

from openai import AsyncOpenAI

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    async for model in client.models.list():
        print(model.id, model.owned_by, model.object)
    models = await client.models.list()
    print([model.id for model in models.data], models.data[0].context_length)
    async for model in models:
        print(model.id)


asyncio.run(main())

# prints:
# sabia-4-thinking maritacaai model
# sabia-4 maritacaai model
# sabiazinho-4 maritacaai model
# ['sabia-4-thinking', 'sabia-4', 'sabiazinho-4'] 128000
# sabia-4-thinking
# sabia-4
# sabiazinho-4
