"""Lists in pages: every way a server may say where the next one begins, and the ways it may get that wrong."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from conftest import KEY
from scripted import Exchange, Script, ScriptedServer, answers

from maritaca_async import (
    APIResponseError,
    AsyncMaritaca,
    AuthenticationError,
    ConfigurationError,
    InternalServerError,
)
from maritaca_async.sandbox import Sandbox

NAMES = [f"f{n}" for n in range(7)]


def page(*ids: str, **said: Any) -> dict[str, Any]:
    return {"data": [{"id": name} for name in ids], **said}


async def listed(*pages: dict[str, Any]) -> tuple[list[str], list[dict[str, str]]]:
    """What iterating yields, and the queries that the server saw."""
    async with (
        ScriptedServer(answers(*pages)) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        found = [file.id async for file in client.files.list(limit=2)]
    queries = [
        {name: values[0] for name, values in parse_qs(urlsplit(seen.path).query).items()}
        for seen in server.seen
    ]
    return found, queries


@pytest.mark.parametrize("style", ["bare", "has_more", "next_cursor"])
@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8])
async def test_every_dialect_lists_each_item_once(style: str, limit: int) -> None:
    async with Sandbox(list_style=style) as sandbox, AsyncMaritaca(KEY, base_url=sandbox.base_url) as client:
        for name in NAMES:
            await client.files.create(file=(name, b"{}"))
        assert [f.filename async for f in client.files.list(limit=limit, order="asc")] == NAMES
        assert [f.filename async for f in client.files.list(limit=limit)] == NAMES[::-1]
        walked = []
        step = await client.files.list(limit=limit, order="asc")
        while step is not None:
            assert len(step.data) <= limit
            assert step.http.status == 200
            walked += [file.filename for file in step.data]
            step = await step.next_page()
        assert walked == NAMES


async def test_cursor_is_preferred_to_the_last_id() -> None:
    found, queries = await listed(
        page("a", "b", next_cursor="k1"), page("c", next_cursor=None, has_more=False)
    )
    assert found == ["a", "b", "c"]
    assert queries == [{"limit": "2"}, {"limit": "2", "after": "k1"}]


async def test_last_id_serves_where_there_is_no_cursor() -> None:
    found, queries = await listed(page("a", "b", has_more=True), page("c", has_more=False))
    assert found == ["a", "b", "c"]
    assert queries[1]["after"] == "b"


async def test_silent_server_is_asked_until_a_page_is_empty() -> None:
    found, queries = await listed(page("a", "b"), page("c"), page())
    assert found == ["a", "b", "c"]
    assert [query.get("after") for query in queries] == [None, "b", "c"]


@pytest.mark.parametrize(
    "pages",
    [
        (page("a", "b"), page("a", "b")),  # ignores `after`
        (page("a", "b", has_more=True), page("a", "b", has_more=True)),
        (page("a", "b", next_cursor="k"), page("a", "b", next_cursor="k")),
        (page("a", "b", next_cursor="k"), page("a", "b", next_cursor="k2", has_more=True)),
        (page("a", "b", next_cursor="k"), page(next_cursor="k2")),
        (page("a", "b", has_more=False, next_cursor="k"), page("c")),
        (page("a", "b", has_more=None), {"data": None}),
    ],
)
async def test_list_ends_where_it_must_and_repeats_nothing(pages: tuple[dict[str, Any], ...]) -> None:
    found, queries = await listed(*pages)
    assert found == ["a", "b"]
    assert len(queries) <= 2


async def test_cursor_that_comes_back_ends_the_list_after_its_page() -> None:
    found, queries = await listed(
        page("a", next_cursor="k1"), page("b", next_cursor="k2"), page("c", next_cursor="k1"), page("d")
    )
    assert found == ["a", "b", "c"]
    assert len(queries) == 3


async def test_page_with_the_cursor_that_led_to_it_is_kept_if_it_is_another_one() -> None:
    found, queries = await listed(page("a", "b", next_cursor="k"), page("c", "d", next_cursor="k"), page("e"))
    assert found == ["a", "b", "c", "d"]
    assert len(queries) == 2


async def test_pages_of_items_without_ids_are_told_apart_by_the_items() -> None:
    pages = [{"data": [{"filename": name}], "next_cursor": name} for name in ("x", "y", "y", "z")]
    async with (
        ScriptedServer(answers(*pages)) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        assert [file.filename async for file in client.files.list()] == ["x", "y"]


async def test_item_without_an_id_ends_the_list() -> None:
    found, queries = await listed({"data": [{"filename": "x"}], "has_more": True}, page("b"))
    assert found == [""]
    assert len(queries) == 1


async def test_server_that_begins_with_the_known_item_loses_nothing() -> None:
    found, _ = await listed(page("a", "b"), page("b", "c"), page("c"))
    assert found == ["a", "b", "b", "c"]


async def test_page_knows_whether_there_may_be_another_one() -> None:
    script = answers(page("a", next_cursor="k"), page("b", has_more=False))
    async with (
        ScriptedServer(script) as server,
        AsyncMaritaca(KEY, base_url=server.base_url) as client,
    ):
        first = await client.batches.list()
        assert (first.has_more, first.next_cursor, len(first.data)) == (True, "k", 1)
        assert repr(first) == "<AsyncPage of 1 items, has_more=True>"
        second = await first.next_page()
        assert second is not None
        assert (second.has_more, second.next_cursor) == (False, None)
        assert await second.next_page() is None
        assert len(server.seen) == 2


async def test_iteration_goes_on_after_a_page_that_failed() -> None:
    script = answers(page("a", has_more=True), 500, page("b", has_more=False))
    async with (
        ScriptedServer(script) as server,
        AsyncMaritaca(KEY, base_url=server.base_url, max_retries=0) as client,
    ):
        found = aiter(client.files.list())
        assert (await anext(found)).id == "a"
        with pytest.raises(InternalServerError):
            await anext(found)
        assert (await anext(found)).id == "b"
        with pytest.raises(StopAsyncIteration):
            await anext(found)


async def test_page_is_retried_like_any_call() -> None:
    found, queries = await listed(page("a", has_more=True), 503, page("b", has_more=False))  # type: ignore[arg-type]
    assert found == ["a", "b"]
    assert queries[1] == queries[2]


async def test_what_the_caller_asks_reaches_every_page() -> None:
    script = answers(page("a", has_more=True), page("b", has_more=False))
    async with ScriptedServer(script) as server, AsyncMaritaca(KEY, base_url=server.base_url) as client:
        async for _ in client.files.list(
            purpose="batch", order="asc", after="z", extra_query={"x": "1"}, extra_headers={"X-A": "2"}
        ):
            pass
    queries = [parse_qs(urlsplit(seen.path).query) for seen in server.seen]
    assert queries == [
        {"purpose": ["batch"], "order": ["asc"], "after": [after], "x": ["1"]} for after in ("z", "a")
    ]
    assert [seen.headers["x-a"] for seen in server.seen] == ["2", "2"]


@pytest.mark.parametrize(
    "wrong", [{"limit": 0}, {"limit": True}, {"limit": "2"}, {"after": ""}, {"after": None}, {"purpose": 3}]
)
def test_bad_parameters_are_refused_when_the_list_is_asked_for(wrong: dict[str, Any]) -> None:
    client = AsyncMaritaca(KEY, base_url="http://127.0.0.1:1")
    with pytest.raises(ConfigurationError, match=next(iter(wrong))):
        client.files.list(**wrong)
    with pytest.raises(ConfigurationError, match="purpos"):
        client.batches.list(purpos="batch")  # type: ignore[call-arg]


@pytest.mark.parametrize("body", [b"[]", b"{}", b"<html>", b'{"data": [3]}'])
async def test_answer_that_is_no_list_is_an_error(body: bytes) -> None:
    async def script(exchange: Exchange) -> None:
        await exchange.answer(200, body)

    async with ScriptedServer((script,)) as server, AsyncMaritaca(KEY, base_url=server.base_url) as client:
        with pytest.raises(APIResponseError):
            await client.files.list()


async def test_wrong_key_is_told_when_the_list_is_read() -> None:
    scripts: tuple[Script, ...] = answers(401)
    async with ScriptedServer(scripts) as server, AsyncMaritaca(KEY, base_url=server.base_url) as client:
        with pytest.raises(AuthenticationError):
            async for _ in client.batches.list():
                pass
