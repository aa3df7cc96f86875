"""The journal: one answer for each key, on disk before anybody sees it."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from maritaca_async import ConfigurationError, MaritacaError
from maritaca_async._core import database
from maritaca_async._core.batch_journal import BatchJournal
from maritaca_async._core.database import _sqlite
from maritaca_async._core.journal import Journal, check_path, digest_of


async def opened(path: Path) -> Journal:
    journal = Journal(path)
    await journal.open()
    return journal


async def test_answers_are_there_when_the_file_is_opened_again(tmp_path: Path) -> None:
    journal = await opened(tmp_path / "run.sqlite")
    assert await journal.find("a", b"1") is None
    await journal.store("a", b"1", b"answer")
    assert await journal.find("a", b"1") == b"answer"
    await journal.aclose()
    again = await opened(tmp_path / "run.sqlite")
    assert await again.find("a", b"1") == b"answer"
    assert await again.find("b", b"1") is None
    await again.aclose()
    assert [path.name for path in tmp_path.iterdir()] == ["run.sqlite"]


async def test_many_at_once_are_written_in_few_transactions(tmp_path: Path) -> None:
    journal = await opened(tmp_path / "run.sqlite")
    transactions = 0
    transact = journal._transact

    def counted(jobs: list) -> list:
        nonlocal transactions
        transactions += 1
        return transact(jobs)

    journal._transact = counted  # type: ignore[method-assign]
    await asyncio.gather(*(journal.store(str(number), b"", b"x") for number in range(500)))
    assert transactions < 10
    assert await asyncio.gather(*(journal.find(str(number), b"") for number in range(500))) == [b"x"] * 500
    await journal.aclose()


async def test_changed_request_is_noticed(tmp_path: Path) -> None:
    journal = await opened(tmp_path / "run.sqlite")
    await journal.store("#3", digest_of(b"one"), b"x")
    with pytest.raises(ConfigurationError, match=r"#3.*inputs have changed"):
        await journal.find("#3", digest_of(b"two"))
    await journal.aclose()


async def test_one_key_is_never_stored_twice(tmp_path: Path) -> None:
    journal = await opened(tmp_path / "run.sqlite")
    await journal.store("a", b"1", b"first")
    with pytest.raises(MaritacaError, match="failed"):
        await journal.store("a", b"1", b"second")
    assert await journal.find("a", b"1") == b"first"
    await journal.aclose()


async def test_two_runs_cannot_use_one_journal_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(_sqlite, "_PATIENCE", 0.05)
    journal = await opened(tmp_path / "run.sqlite")
    with pytest.raises(ConfigurationError, match="another run"):
        await opened(tmp_path / "run.sqlite")
    await journal.aclose()
    await (await opened(tmp_path / "run.sqlite")).aclose()


async def test_journal_that_is_just_being_closed_is_waited_for(tmp_path: Path) -> None:
    journal = await opened(tmp_path / "run.sqlite")
    opening = asyncio.create_task(opened(tmp_path / "run.sqlite"))
    await asyncio.sleep(0.05)
    assert not opening.done()
    await journal.aclose()
    await (await opening).aclose()


@pytest.mark.parametrize("pause", [0.0, 0.05])
async def test_journal_whose_opening_was_cancelled_is_free_at_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pause: float
) -> None:
    connect, connections = database.connect, []

    def slowly(*args: Any) -> sqlite3.Connection:
        time.sleep(0.1)
        connections.append(connect(*args))  # kept, so that no collection of garbage closes it
        return connections[-1]

    monkeypatch.setattr(database, "connect", slowly)
    monkeypatch.setattr(_sqlite, "_PATIENCE", 0.05)
    opening = asyncio.create_task(opened(tmp_path / "run.sqlite"))
    await asyncio.sleep(pause)
    opening.cancel()
    with pytest.raises(asyncio.CancelledError):
        await opening
    await asyncio.sleep(0.15)
    await (await opened(tmp_path / "run.sqlite")).aclose()


async def test_closing_waits_for_the_transaction_that_nobody_waits_for_any_more(tmp_path: Path) -> None:
    journal, found = await opened(tmp_path / "run.sqlite"), []

    def slow(database: sqlite3.Connection) -> None:
        time.sleep(0.2)
        found.append(database.execute("SELECT count(*) FROM results").fetchone())

    task = asyncio.create_task(journal._do(slow))
    await asyncio.sleep(0.05)
    assert journal._working is not None
    journal._working.cancel()  # as the end of a loop does
    await asyncio.wait([task])
    await journal.aclose()
    assert found == [(0,)]


async def test_databases_of_others_and_other_files_are_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other.sqlite"
    with sqlite3.connect(other) as database:
        database.execute("CREATE TABLE results (mine TEXT)")
    database.close()
    text = tmp_path / "notes.txt"
    text.write_text("not a database, but long enough to look at" * 50)
    before = other.read_bytes()
    for path in (other, text, tmp_path, tmp_path / "missing" / "run.sqlite"):
        with pytest.raises(ConfigurationError, match="journal"):
            await opened(path)
    assert other.read_bytes() == before
    assert text.read_text().startswith("not a database")


async def test_closed_journal_says_so(tmp_path: Path) -> None:
    journal = await opened(tmp_path / "run.sqlite")
    await journal.aclose()
    await journal.aclose()
    with pytest.raises(MaritacaError, match="closed"):
        await journal.store("a", b"", b"")


async def test_cancelled_store_does_not_disturb_the_others(tmp_path: Path) -> None:
    journal = await opened(tmp_path / "run.sqlite")
    tasks = [asyncio.create_task(journal.store(str(n), b"", b"x")) for n in range(10)]
    await asyncio.sleep(0)
    tasks[3].cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
    found = await asyncio.gather(*(journal.find(str(n), b"") for n in range(10) if n != 3))
    assert found == [b"x"] * 9
    await journal.aclose()


def test_digest_tells_the_parts_apart() -> None:
    assert digest_of(b"ab", b"c") != digest_of(b"a", b"bc")
    assert len(digest_of(b"x" * 10_000)) == 16


async def test_value_that_cannot_be_stored_fails_alone(tmp_path: Path) -> None:
    journal = await opened(tmp_path / "run.sqlite")
    keys = ["a", "b\ud800", "c"]
    outcomes = await asyncio.gather(*(journal.store(key, b"", b"x") for key in keys), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [type(None), MaritacaError, type(None)]
    with pytest.raises(MaritacaError, match=r"run\.sqlite failed: .*surrogates"):
        await journal.find("b\ud800", b"")
    assert await asyncio.gather(journal.find("a", b""), journal.find("c", b"")) == [b"x", b"x"]
    await journal.aclose()


async def test_number_that_cannot_be_stored_is_an_error_of_this_library(tmp_path: Path) -> None:
    journal = BatchJournal(tmp_path / "run.sqlite")
    await journal.open()
    with pytest.raises(MaritacaError, match="too large"):
        await journal.ended(0, 10**20, b"")
    await journal.aclose()


async def test_missing_thread_is_told_to_whoever_waits(tmp_path: Path) -> None:
    journal = await opened(tmp_path / "run.sqlite")
    loop, ended = asyncio.get_running_loop(), ThreadPoolExecutor(1)
    ended.shutdown()
    loop.set_default_executor(ended)
    with pytest.raises(MaritacaError, match=r"run\.sqlite failed"):
        await journal.store("a", b"", b"x")
    loop.set_default_executor(ThreadPoolExecutor(1))
    await journal.aclose()


@pytest.mark.parametrize("path", ["", ":memory:", 3, True, b"run.sqlite", ["run.sqlite"]])
def test_what_is_no_file_is_refused(path: Any) -> None:
    with pytest.raises(ConfigurationError, match="journal must be the path of a file"):
        check_path(path)


def test_paths_of_every_kind_are_taken() -> None:
    check_path("run.sqlite")
    check_path(Path("run.sqlite"))
