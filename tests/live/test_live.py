"""A few calls to the live service; run only when MARITACA_API_KEY is set."""

from __future__ import annotations

import pytest

from langchain_maritaca import ChatMaritaca
from maritaca_async import AsyncMaritaca, AuthenticationError, Maritaca

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]
ASK = {
    "model": "sabiazinho-4",
    "messages": [{"role": "user", "content": "Qual é a capital do Brasil?"}],
    "max_tokens": 50,
}


async def test_plain_answer() -> None:
    async with AsyncMaritaca() as client:
        answer = await client.chat.completions.create(**ASK)
    assert "Brasília" in answer.text
    assert answer.usage is not None
    assert answer.usage.total_tokens > 0


async def test_streamed_answer_ends_with_its_usage() -> None:
    async with AsyncMaritaca() as client, client.chat.completions.stream(**ASK) as stream:
        text = "".join([piece async for piece in stream.text_stream])
        final = await stream.get_final_completion()
    assert "Brasília" in text
    assert final.usage is not None


async def test_models_are_listed() -> None:
    async with AsyncMaritaca() as client:
        assert any(model.id.startswith("sabia") for model in (await client.models.list()).data)


async def test_wrong_key_is_refused() -> None:
    async with AsyncMaritaca("wrong-key") as client:
        with pytest.raises(AuthenticationError):
            await client.chat.completions.create(**ASK)


def test_blocking_answer() -> None:
    with Maritaca() as client:
        assert "Brasília" in client.chat.completions.create(**ASK).text


async def test_chat_model_answers_and_streams() -> None:
    model = ChatMaritaca(model="sabiazinho-4", max_tokens=50)
    assert "Brasília" in (await model.ainvoke("Qual é a capital do Brasil?")).content
    assert "Brasília" in "".join(
        [chunk.content async for chunk in model.astream("Qual é a capital do Brasil?")]
    )
