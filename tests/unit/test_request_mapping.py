"""Each parameter reaches the wire under its own name and value, with the transport mocked away."""

from __future__ import annotations

import json
from typing import Any

import pytest
from aioresponses import aioresponses
from conftest import KEY
from scripted import ASK, completion
from yarl import URL

from maritaca_async import AsyncMaritaca
from maritaca_async.types import CompletionParams, RequestOptions

BASE = "https://chat.maritaca.ai/api"
TOOL = {"type": "function", "function": {"name": "soma", "parameters": {"type": "object", "properties": {}}}}
VALUES: dict[str, Any] = {
    "model": "sabiazinho-4",
    "messages": [
        {"role": "system", "content": "Seja breve."},
        {"role": "user", "content": [{"type": "text", "text": "Oi"}]},
    ],
    "max_tokens": 7,
    "max_completion_tokens": 8,
    "temperature": 0,
    "top_p": 0.5,
    "n": 2,
    "stop": ["fim"],
    "frequency_penalty": -2,
    "presence_penalty": 2,
    "seed": 3,
    "stream_options": None,
    "tools": [TOOL],
    "tool_choice": {"type": "function", "function": {"name": "soma"}},
    "parallel_tool_calls": False,
    "response_format": {"type": "json_object"},
    "service_tier": "flex",
    "extraction_effort": "advanced",
    "web_search": True,
    "code_execution": True,
    "data_ocean": False,
}


async def sent(params: dict[str, Any]) -> dict[str, Any]:
    with aioresponses() as mocked:
        mocked.post(f"{BASE}/chat/completions", payload=completion())
        async with AsyncMaritaca(KEY) as client:
            await client.chat.completions.create(**params)
        (call,) = mocked.requests["POST", URL(f"{BASE}/chat/completions")]
    return json.loads(call.kwargs["data"])


def test_table_names_every_parameter() -> None:
    assert VALUES.keys() == CompletionParams.__annotations__.keys() - RequestOptions.__annotations__.keys()


@pytest.mark.parametrize("name", sorted(VALUES))
async def test_parameter_reaches_the_wire_alone_and_unchanged(name: str) -> None:
    assert await sent({**ASK, name: VALUES[name]}) == {**ASK, name: VALUES[name]}


async def test_all_parameters_together_reach_the_wire() -> None:
    assert await sent(VALUES) == VALUES


async def test_models_are_asked_for_with_a_get() -> None:
    with aioresponses() as mocked:
        mocked.get(f"{BASE}/models", payload={"object": "list", "data": [{"id": "sabia-4"}]})
        async with AsyncMaritaca(KEY) as client:
            assert [card.id for card in (await client.models.list()).data] == ["sabia-4"]
        (call,) = mocked.requests["GET", URL(f"{BASE}/models")]
    assert call.kwargs["data"] is None
