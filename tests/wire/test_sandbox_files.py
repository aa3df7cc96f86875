"""The sandbox's files and batches, asked over plain HTTP: as strict as the documentation, in each dialect."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from maritaca_async.sandbox import Sandbox, SandboxOptions

HEADERS = {"Authorization": "Key any"}
FORM = {"Content-Type": "multipart/form-data; boundary=B"}
GOOD = (
    b'--B\r\nContent-Disposition: form-data; name="purpose"\r\n\r\nbatch\r\n'
    b'--B\r\nContent-Disposition: form-data; name="file"; filename="a"\r\nContent-Type: text/plain\r\n\r\n'
    b"data\r\n--B--\r\n"
)


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as running:
        yield running


@pytest.fixture
async def session(sandbox: Sandbox) -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(f"{sandbox.base_url}/", headers=HEADERS) as opened:
        yield opened


async def call(
    session: aiohttp.ClientSession, method: str, path: str, **options: Any
) -> tuple[int, dict[str, Any]]:
    async with session.request(method, path, **options) as response:
        return response.status, await response.json()


async def upload(session: aiohttp.ClientSession, data: bytes, purpose: str = "batch") -> str:
    form = aiohttp.FormData()
    form.add_field("purpose", purpose)
    form.add_field("file", data, filename="a.jsonl")
    status, body = await call(session, "POST", "files", data=form)
    assert status == 200, body
    return body["id"]


def row(**changes: Any) -> dict[str, Any]:
    body = {"model": "sabia-4", "messages": [{"role": "user", "content": "Olá"}]}
    return {"custom_id": "a", "method": "POST", "url": "/v1/chat/completions", "body": body, **changes}


def jsonl(*rows: Any) -> bytes:
    return "\n".join(json.dumps(one) for one in rows).encode()


async def run(session: aiohttp.ClientSession, data: bytes, **params: Any) -> dict[str, Any]:
    wanted = {"input_file_id": await upload(session, data), "endpoint": "/v1/chat/completions", **params}
    status, batch = await call(session, "POST", "batches", json=wanted)
    assert status == 200, batch
    async with asyncio.timeout(5):
        while not (batch["completed_at"] or batch["failed_at"]):
            await asyncio.sleep(0.01)
            batch = (await call(session, "GET", f"batches/{batch['id']}"))[1]
    return batch


async def test_good_form_becomes_a_file_with_every_documented_field(session: aiohttp.ClientSession) -> None:
    status, body = await call(session, "POST", "files", data=GOOD, headers=FORM)
    assert status == 200
    assert body.keys() == {
        *("id", "object", "bytes", "created_at", "expires_at"),
        *("filename", "purpose", "status", "status_details"),
    }
    assert (body["bytes"], body["filename"], body["object"]) == (4, "a", "file")


@pytest.mark.parametrize(
    ("form", "headers", "status"),
    [
        (GOOD, {"Content-Type": "application/json"}, 415),
        (GOOD, {"Content-Type": "multipart/form-data"}, 415),
        (GOOD, {"Content-Type": "multipart/form-data; boundary=C"}, 400),
        (GOOD[:-4], FORM, 400),
        (b"", FORM, 400),
        (b"preamble\r\n" + GOOD, FORM, 400),
        (GOOD.replace(b"\r\n", b"\n"), FORM, 400),
        (GOOD.replace(b"form-data;", b"attachment;"), FORM, 400),
        (GOOD.replace(b'name="purpose"', b'name="file"; filename="b"'), FORM, 400),
        (GOOD.replace(b'"purpose"', b'"porpoise"'), FORM, 400),
        (GOOD.replace(b"Content-Type", b"X-Other"), FORM, 400),
        (GOOD.replace(b"text/plain", b"\xff"), FORM, 400),
        (GOOD.replace(b"Content-Type: text/plain\r\n\r\n", b""), FORM, 400),
        (GOOD.replace(b'; filename="a"', b""), FORM, 422),
        (GOOD.replace(b'"file"; filename="a"', b'"purpose2"'), FORM, 400),
        (GOOD.replace(b"\r\n\r\ndata\r\n", b"\r\n\r\n\r\n"), FORM, 400),
        (GOOD.replace(b"\nbatch", b"\nassistants"), FORM, 400),
    ],
)
async def test_broken_form_is_refused(
    session: aiohttp.ClientSession, form: bytes, headers: dict[str, str], status: int
) -> None:
    found, body = await call(session, "POST", "files", data=form, headers=headers)
    assert (found, list(body)) == (status, ["detail"])


@pytest.mark.parametrize(
    ("taken", "good", "bad"),
    [("batch", "batch", "batch_input"), ("batch_input", "batch_input", "batch"), ("any", "batch", "other")],
)
async def test_purpose_has_its_dialects(
    sandbox: Sandbox, session: aiohttp.ClientSession, taken: str, good: str, bad: str
) -> None:
    sandbox.configure(file_purpose=taken)
    assert await upload(session, b"x", good)
    form = GOOD.replace(b"\nbatch", b"\n" + bad.encode())
    status, body = await call(session, "POST", "files", data=form, headers=FORM)
    assert status == 400
    assert "purpose" in body["detail"]


@pytest.mark.parametrize("query", ["limit=0", "limit=x", "limit=10001", "order=up"])
async def test_bad_query_of_a_list_is_refused(session: aiohttp.ClientSession, query: str) -> None:
    assert (await call(session, "GET", f"files?{query}"))[0] == 422


async def test_lists_differ_by_style(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    made = [await upload(session, b"x") for _ in range(3)]
    sandbox.configure(list_style="bare")
    assert list((await call(session, "GET", "files?limit=2"))[1]) == ["data"]
    sandbox.configure(list_style="has_more")
    more = (await call(session, "GET", "files?limit=2"))[1]
    assert (more["has_more"], more["last_id"]) == (True, made[1])
    sandbox.configure(list_style="next_cursor")
    cursor = (await call(session, "GET", "files?limit=2"))[1]["next_cursor"]
    assert cursor not in made
    rest = (await call(session, "GET", f"files?after={cursor}"))[1]
    assert ([file["id"] for file in rest["data"]], rest["next_cursor"]) == ([made[0]], None)
    assert (await call(session, "GET", "files?after=unknown"))[0] == 400
    assert (await call(session, "GET", "files?purpose=other"))[1]["data"] == []


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "files/none"),
        ("GET", "files/none/content"),
        ("DELETE", "files/none"),
        ("GET", "batches/none"),
        ("POST", "batches/none/cancel"),
    ],
)
async def test_unknown_objects_get_404(session: aiohttp.ClientSession, method: str, path: str) -> None:
    assert (await call(session, method, path))[0] == 404


async def test_key_is_asked_for(session: aiohttp.ClientSession) -> None:
    status, _ = await call(session, "GET", "files", headers={"Authorization": ""})
    assert status == 401


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"endpoint": None}, 422),
        ({"endpoint": "/v1/embeddings"}, 400),
        ({"completion_window": "7d"}, 400),
        ({"input_file_id": "none"}, 404),
        ({"input_file_id": 3}, 422),
        ({"output_expires_after": {}}, 400),
    ],
)
async def test_bad_batch_is_refused(
    session: aiohttp.ClientSession, changes: dict[str, Any], status: int
) -> None:
    wanted = {"input_file_id": await upload(session, b"x"), "endpoint": "/v1/chat/completions", **changes}
    assert (await call(session, "POST", "batches", json=wanted))[0] == status
    assert (await call(session, "POST", "batches", json=[]))[0] == 400


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"\n \n", "empty_file"),
        (b"{", "invalid_json_line"),
        (jsonl(3), "invalid_line"),
        (jsonl({**row(), "extra": 1}), "invalid_line"),
        (jsonl(row(custom_id="")), "invalid_line"),
        (jsonl(row(body=[])), "invalid_line"),
        (jsonl(row(method="GET")), "invalid_url"),
        (jsonl(row(url="/chat/completions")), "invalid_url"),
        (jsonl(row(body={"stream": True})), "invalid_request"),
        (jsonl(row(), row()), "duplicate_custom_id"),
        (jsonl(row(), row(custom_id="b", body={"model": "sabiazinho-4"})), "mismatched_model"),
        (b"{}\n" * 50_001, "too_many_tasks"),
    ],
)
async def test_bad_input_makes_the_batch_fail(session: aiohttp.ClientSession, data: bytes, code: str) -> None:
    batch = await run(session, data)
    assert (batch["status"], batch["errors"]["data"][0]["code"]) == ("failed", code)
    assert batch["output_file_id"] is batch["error_file_id"] is None


async def test_dialects_differ_where_the_sources_do(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    guide = await run(session, jsonl(row()), metadata={"a": "b"})
    assert (guide["status"], guide["metadata"], guide["errors"], guide["failed_at"]) == (
        "completed",
        None,
        None,
        None,
    )
    assert "cancelled_at" not in guide
    sandbox.configure(batch_dialect="reference")
    reference = await run(session, jsonl(row()), metadata={"a": "b"})
    assert (reference["status"], reference["metadata"], reference["errors"], reference["failed_at"]) == (
        "succeeded",
        {"a": "b"},
        [],
        0,
    )
    assert reference["cancelled_at"] == 0


async def test_both_spellings_of_the_endpoint_work(session: aiohttp.ClientSession) -> None:
    batch = await run(session, jsonl(row(url="/chat/completions")), endpoint="/chat/completions")
    assert batch["status"] == "completed"


async def test_output_is_shuffled_and_failures_have_their_own_file(session: aiohttp.ClientSession) -> None:
    rows = [row(custom_id=name) for name in "abc"]
    bad = row(custom_id="x", body={"model": "sabia-4", "messages": []})
    batch = await run(session, jsonl(*rows, bad))
    assert batch["request_counts"] == {"total": 4, "completed": 3, "failed": 1}
    async with session.get(f"files/{batch['output_file_id']}/content") as response:
        output = [json.loads(text) for text in (await response.text()).splitlines()]
    assert [found["custom_id"] for found in output] == ["c", "b", "a"]
    assert output[0]["response"]["body"]["choices"][0]["message"]["content"]
    async with session.get(f"files/{batch['error_file_id']}/content") as response:
        failed = json.loads(await response.text())
    assert (failed["custom_id"], failed["response"]["status_code"]) == ("x", 422)


async def test_unfinished_batch_does_not_outlive_its_sandbox() -> None:
    async with Sandbox(batch_seconds=60) as sandbox:
        async with aiohttp.ClientSession(f"{sandbox.base_url}/", headers=HEADERS) as session:
            wanted = {
                "input_file_id": await upload(session, jsonl(row())),
                "endpoint": "/v1/chat/completions",
            }
            assert (await call(session, "POST", "batches", json=wanted))[1]["status"] == "validating"


async def test_reset_forgets_files_and_batches(sandbox: Sandbox, session: aiohttp.ClientSession) -> None:
    await run(session, jsonl(row()))
    sandbox.reset()
    for path in ("files", "batches"):
        assert (await call(session, "GET", path))[1]["data"] == []


@pytest.mark.parametrize(
    "knob",
    [
        {"batch_seconds": -1},
        {"batch_window": -1},
        {"batch_dialect": "other"},
        {"list_style": "other"},
        {"file_purpose": "other"},
    ],
)
def test_impossible_knobs_are_refused(knob: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(knob))):
        SandboxOptions(**knob)
