"""Errors by class, with status and message."""

import asyncio
import os

from openai import APIError, APIStatusError, AsyncOpenAI, AuthenticationError, BadRequestError, NotFoundError

client = AsyncOpenAI(api_key=os.environ["MARITACA_API_KEY"], base_url=os.environ["MARITACA_API_BASE"])


async def main():
    question = [{"role": "user", "content": "Olá!"}]
    stranger = client.with_options(api_key="errada")
    for caller, options in (
        (client, {"model": "gpt-9"}),
        (client, {"extra_body": {"logprobs": True}}),
        (client, {"extra_body": {"temperature": 9}}),
        (stranger, {}),
    ):
        try:
            await caller.chat.completions.create(**{"model": "sabia-4", "messages": question, **options})
        except NotFoundError as error:
            print("not found:", error.status_code)
        except BadRequestError as error:
            print("bad request:", error.status_code, isinstance(error, APIError))
        except AuthenticationError as error:
            print("who are you?", error.status_code, isinstance(error, APIStatusError))
        except APIStatusError as error:
            print(type(error).__name__, error.status_code, isinstance(error, APIError))


asyncio.run(main())

# prints:
# not found: 404
# bad request: 400 True
# UnprocessableEntityError 422 True
# who are you? 401 True
