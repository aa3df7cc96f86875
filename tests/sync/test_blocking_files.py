"""Blocking files and batches: the same behaviour as that of the asynchronous ones."""

from __future__ import annotations

import io
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from conftest import KEY

from maritaca_async import (
    APITimeoutError,
    ConfigurationError,
    FileContent,
    Maritaca,
    MaritacaError,
    NotFoundError,
)
from maritaca_async.resources.batch_input import batch_file, batch_line
from maritaca_async.sandbox import Sandbox
from maritaca_async.types import BatchStatus

FAST: Any = {"poll_interval": 0.01}


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with Sandbox() as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[Maritaca]:
    with Maritaca(KEY, base_url=sandbox.base_url) as made:
        yield made


def content(count: int) -> bytes:
    return batch_file(
        batch_line(f"q-{n}", model="sabia-4", messages=[{"role": "user", "content": f"Quanto é {n} + 1?"}])
        for n in range(count)
    )


def test_pages_show_the_same_attributes(client: Maritaca) -> None:
    page = client.files.list()
    shown = {name for name in vars(page._twin) if not name.startswith("_")}
    assert shown == {name for name in vars(page) if not name.startswith("_")}
    assert repr(page) == "<Page of 0 items, has_more=False>"


def test_file_makes_the_round_trip(client: Maritaca, tmp_path: Path) -> None:
    data = b"primeira\nsegunda\n" + os.urandom(300_000)
    made = client.files.create(file=io.BytesIO(data), purpose="batch")
    assert client.files.retrieve(made.id) == made
    assert client.files.stream(made.id).read() == data
    assert b"".join(client.files.stream(made.id).iter_bytes()) == data
    assert next(client.files.stream(made.id).iter_lines()) == "primeira"
    assert client.files.stream(made.id).text() == data.decode("utf-8", "replace")
    with client.files.stream(made.id) as opened:
        opened.save(tmp_path / "a")
        assert opened.http.status == 200
    assert (tmp_path / "a").read_bytes() == data
    assert client.files.delete(made.id).deleted
    with pytest.raises(NotFoundError):
        client.files.retrieve(made.id)


def test_content_is_the_value_that_the_asynchronous_client_gives(client: Maritaca, tmp_path: Path) -> None:
    data = b"primeira\nsegunda\n"
    made = client.files.create(file=data)
    content = client.files.content(made.id)
    assert type(content) is FileContent
    assert (content.content, content.http.status) == (data, 200)
    assert list(content.iter_lines()) == content.text.splitlines() == ["primeira", "segunda"]
    assert client.files.retrieve_content(made.id) == content.text
    content.save(tmp_path / "a")
    assert (tmp_path / "a").read_bytes() == data


@pytest.mark.parametrize("style", ["bare", "has_more", "next_cursor"])
def test_pages_are_walked_and_iterated(sandbox: Sandbox, client: Maritaca, style: str) -> None:
    sandbox.configure(list_style=style)
    made = [client.files.create(file=(f"{n}", b"{}")).id for n in range(5)]
    assert [file.id for file in client.files.list(limit=2, order="asc")] == made
    page = client.files.list(limit=2, order="asc")
    sizes = []
    while page is not None:
        sizes.append(len(page.data))
        page = page.next_page()
    assert sizes[:3] == [2, 2, 1]


def test_batch_goes_from_input_to_results(sandbox: Sandbox, client: Maritaca) -> None:
    sandbox.configure(batch_seconds=0.2)
    uploaded = client.files.create(file=content(4))
    started = client.batches.create(input_file_id=uploaded.id)
    threads = set()
    ended = client.batches.wait(
        started.id, on_progress=lambda _: threads.add(threading.current_thread()), **FAST
    )
    assert threads == {threading.current_thread()}
    assert ended.status is BatchStatus.COMPLETED
    with client.batches.results(ended) as results:
        texts = {result.custom_id: result.completion.text for result in results if result.completion}
    assert texts == {f"q-{n}": f"{n} + 1 é igual a {n + 1}." for n in range(4)}
    assert [batch.id for batch in client.batches.list(limit=1)] == [started.id]
    assert client.batches.retrieve(started.id).ended
    first = next(iter(client.batches.results(started.id)))
    assert first.completion is not None


def test_progress_may_make_blocking_calls(client: Maritaca) -> None:
    started = client.batches.create(input_file_id=client.files.create(file=content(1)).id)
    seen: list[str] = []
    client.batches.wait(
        started.id, on_progress=lambda batch: seen.append(client.batches.retrieve(batch.id).id), **FAST
    )
    assert set(seen) == {started.id}


def test_deadline_of_a_wait_covers_the_pauses_between_its_steps(sandbox: Sandbox, client: Maritaca) -> None:
    sandbox.configure(batch_seconds=5)
    started = client.batches.create(input_file_id=client.files.create(file=content(1)).id)
    with pytest.raises(APITimeoutError, match=started.id) as caught:
        client.batches.wait(started.id, deadline=0.2, poll_interval=0.05)
    assert caught.value.phase == "deadline"
    assert client.batches.cancel(started.id).status is BatchStatus.CANCELLING
    with pytest.raises(MaritacaError, match="no results yet"):
        list(client.batches.results(started.id))


def test_what_cannot_work_is_refused_before_anything_is_sent(sandbox: Sandbox, client: Maritaca) -> None:
    for call in (
        lambda: client.files.create(file="no/such/file"),
        lambda: client.files.list(limit=0),
        lambda: client.files.content("../models"),
        lambda: client.files.retrieve_content("../models"),
        lambda: client.files.stream("../models"),
        lambda: client.batches.retrieve("a/b"),
        lambda: client.batches.wait("batch_1", poll_interval=0),
        lambda: client.batches.results("a/b"),
    ):
        with pytest.raises(ConfigurationError):
            call()
    assert sandbox.requests == []


def test_iterator_that_failed_fails_again(client: Maritaca) -> None:
    made = client.files.create(file=b"x" * 10)
    opened = client.files.stream(made.id)
    opened.close()
    opened.close()
    pieces = opened.iter_bytes()
    for _ in range(2):
        with pytest.raises(MaritacaError, match="closed"):
            next(pieces)
    results = client.batches.results("batch_1")
    results.close()
    for _ in range(2):
        with pytest.raises(NotFoundError):
            next(results)
