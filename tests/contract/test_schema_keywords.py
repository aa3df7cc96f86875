"""Keywords of schemas (contract section 12): what a caller writes goes out as it is, what a type says is made to fit."""

from __future__ import annotations

from typing import Any

from conftest import KEY

from maritaca_async import AsyncMaritaca, BadRequestError
from maritaca_async.sandbox import Sandbox
from maritaca_async.schemas import reduced_schema

from .parameters import CHAT_ASK, RESPONSE_ASK, Given
from .values import ACCEPTED_KEYWORDS, REFUSED_KEYWORDS, schema_with


def formats(schema: dict[str, Any]) -> tuple[Given, Given]:
    named = {"name": "a", "schema": schema, "strict": True}
    chat = {"response_format": {"type": "json_schema", "json_schema": named}}
    return {**CHAT_ASK, **chat}, {**RESPONSE_ASK, "text": {"format": {"type": "json_schema", **named}}}


async def refusals(nodes: dict[str, dict[str, Any]]) -> dict[str, list[str]]:
    """Per keyword, what a strict server says of it to both APIs; each schema must arrive as it is."""
    found: dict[str, list[str]] = {keyword: [] for keyword in nodes}
    async with Sandbox() as sandbox, AsyncMaritaca(KEY, base_url=sandbox.base_url, max_retries=0) as client:
        for keyword, node in nodes.items():
            chat, response = formats(schema_with(node))
            for create, asked in (
                (client.chat.completions.create, chat),
                (client.responses.create, response),
            ):
                try:
                    await create(**asked)
                except BadRequestError as error:
                    found[keyword].append(str(error))
                assert sandbox.requests[-1].body == asked
    return found


async def test_accepted_keywords_go_out_as_they_are_and_are_answered() -> None:
    assert await refusals(ACCEPTED_KEYWORDS) == {keyword: [] for keyword in ACCEPTED_KEYWORDS}


async def test_refused_keywords_go_out_as_they_are_and_the_refusal_names_them() -> None:
    for keyword, said in (await refusals(REFUSED_KEYWORDS)).items():
        assert len(said) == 2
        assert all(keyword in text for text in said)


def test_schema_of_a_type_is_sent_without_refused_keywords_and_with_all_others() -> None:
    for keyword, node in REFUSED_KEYWORDS.items():
        reduced, left_out = reduced_schema(schema_with(node), "R")
        assert keyword not in reduced["properties"]["a"]
        assert reduced["properties"]["a"].get("type") == node.get("type", "number")
        told = [name for names in left_out.values() for name in names]
        assert told == ([] if keyword == "allOf" else [keyword])
    for node in ACCEPTED_KEYWORDS.values():
        assert reduced_schema(schema_with(node), "R") == (schema_with(node), {})
