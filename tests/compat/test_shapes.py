"""What answers offer for the sake of programs written for the `openai` SDK."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import BaseModel

from maritaca_async import AsyncMaritaca, ConfigurationError
from maritaca_async.sandbox import Sandbox
from maritaca_async.types import ChatCompletion, Message, Usage

KEY = "test-key-0123456789"


class Person(BaseModel):
    nome: str
    idade: int


def test_refusal_is_read_and_sent_back_like_any_field_of_the_message() -> None:
    message = Message.model_validate({"content": None, "refusal": "não posso"})
    assert message.refusal == "não posso"
    assert message.to_param() == {"role": "assistant", "content": None, "refusal": "não posso"}
    assert Message(content="sim").refusal is None


async def test_parsed_answer_is_no_part_of_the_message_that_is_sent_back() -> None:
    async with Sandbox() as sandbox, AsyncMaritaca(KEY, base_url=sandbox.base_url) as client:
        completion = await client.chat.completions.parse(
            model="sabia-4",
            messages=[{"role": "user", "content": "Ana tem 28 anos."}],
            response_format=Person,
        )
    message = completion.choices[0].message
    assert message.parsed == completion.parsed == Person(nome="Ana", idade=28)
    assert "parsed" not in message.to_param()
    assert "parsed" not in message.model_dump()


def test_message_that_nobody_parsed_has_none() -> None:
    completion = ChatCompletion.model_validate({"choices": [{"message": {"content": "{}"}}]})
    assert completion.choices[0].message.parsed is None


def test_billed_units_read_like_a_dictionary_with_fields_that_are_new() -> None:
    usage = Usage.model_validate(
        {"tool_execution_details": {"web_search_calls": 2, "map_calls": 3}, "extraction_details": {}}
    )
    assert usage.tool_execution_details is not None
    assert usage.tool_execution_details["web_search_calls"] == 2
    assert usage.tool_execution_details["map_calls"] == 3
    assert usage.extraction_details is not None
    assert usage.extraction_details["medium_effort_pages_extracted"] == 0
    with pytest.raises(KeyError, match="model_fields_set"):
        usage.tool_execution_details["model_fields_set"]


def test_list_of_models_can_be_run_like_a_coroutine() -> None:
    with Sandbox() as sandbox:
        client = AsyncMaritaca(KEY, base_url=sandbox.base_url)
        models = asyncio.run(client.models.list(), debug=True)
        assert [model.id for model in models] == [card.id for card in models.data]
        assert len(models.data) == 3


async def test_list_of_models_can_be_a_task_that_is_cancelled() -> None:
    async with Sandbox(latency=5) as sandbox, AsyncMaritaca(KEY, base_url=sandbox.base_url) as client:
        task = asyncio.create_task(client.models.list())
        await asyncio.sleep(0.05)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task


def test_bad_option_of_the_list_of_models_is_an_error_before_anything_is_awaited() -> None:
    with pytest.raises(ConfigurationError, match="max_retries"):
        AsyncMaritaca(KEY).models.list(max_retries=-1)


def test_list_of_models_that_is_given_up_asks_nothing() -> None:
    with Sandbox() as sandbox:
        AsyncMaritaca(KEY, base_url=sandbox.base_url).models.list().close()
        assert not sandbox.requests
