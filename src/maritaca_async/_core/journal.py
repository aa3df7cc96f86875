"""Results of many calls on disk, each stored once: what a run that was killed takes up again.

SQLite works in a thread, never on the event loop. Whatever waits is written in one transaction, so that
many calls at once cost few of them; each is on disk before its result is handed out.
"""

from __future__ import annotations

import asyncio
import os
from hashlib import blake2b
from threading import Lock
from typing import TYPE_CHECKING, Any, ClassVar

from ..errors import ConfigurationError, MaritacaError
from . import database

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable, Sequence
    from typing import TypeAlias

    _Job: TypeAlias = tuple[Callable[[sqlite3.Connection], Any], asyncio.Future[Any]]
    _Outcome: TypeAlias = tuple[Any, Exception | None]


def check_path(path: Any) -> None:
    """Refuse what is no file: SQLite would take it and keep nothing.

    Raises:
        ConfigurationError: no path, an empty one, or `:memory:`.
    """
    if not isinstance(path, str | os.PathLike) or os.fsdecode(path) in ("", ":memory:"):
        raise ConfigurationError(f"journal must be the path of a file, which keeps the answers, not {path!r}")


def digest_of(*parts: bytes) -> bytes:
    """A short stand-in for a request, to tell whether it is still the same."""
    found = blake2b(digest_size=16)
    for part in parts:
        found.update(len(part).to_bytes(8, "little") + part)
    return found.digest()


class Database:
    """A SQLite file that one run at a time may use."""

    APPLICATION: ClassVar[int]
    """What tells its files from those of others."""
    TABLES: ClassVar[tuple[str, ...]]
    """The commands that make it."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self._path = path
        self._database: sqlite3.Connection | None = None
        self._closed = False
        # An end of the loop closes the file while a transaction may still be under way in its thread; SQLite
        # would bring down the process.
        self._lock = Lock()
        self._jobs: list[_Job] = []
        self._working: asyncio.Task[None] | None = None

    async def open(self) -> None:
        """Open the file, or make it.

        Raises:
            ConfigurationError: it cannot be opened, is something else, or another run uses it.
        """
        try:
            await asyncio.to_thread(self._open)
        except asyncio.CancelledError:
            asyncio.get_running_loop().run_in_executor(None, self._close)
            raise

    async def aclose(self) -> None:
        """Close the file once everything is written."""
        while self._working is not None:
            await asyncio.wait([self._working])
        await asyncio.shield(asyncio.get_running_loop().run_in_executor(None, self._close))

    async def _do(self, job: Callable[[sqlite3.Connection], Any]) -> Any:
        waiting = asyncio.get_running_loop().create_future()
        self._jobs.append((job, waiting))
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        try:
            return await waiting
        except Exception as error:
            raise MaritacaError(f"the journal {self._path} failed: {error}") from error

    async def _work(self) -> None:
        jobs: list[_Job] = []
        try:
            while self._jobs:
                jobs, self._jobs = self._jobs, []
                _tell(jobs, await self._outcomes([job for job, _ in jobs]))
        finally:
            self._working = None
            for _, waiting in (*jobs, *self._jobs):
                waiting.cancel()  # where an end of the loop came first

    def _open(self) -> None:
        with self._lock:
            self._database = database.connect(self._path, self.APPLICATION, self.TABLES)
        if self._closed:
            self._close()

    def _close(self) -> None:
        self._closed = True
        with self._lock:
            database, self._database = self._database, None
            if database is not None:
                database.close()

    async def _outcomes(self, jobs: list[Callable[[sqlite3.Connection], Any]]) -> list[_Outcome]:
        try:
            return await asyncio.to_thread(self._transact, jobs)
        except Exception as error:  # noqa: BLE001 - handed to whoever waits: there is no thread to be had
            return [(None, error)] * len(jobs)

    def _transact(self, jobs: list[Callable[[sqlite3.Connection], Any]]) -> list[_Outcome]:
        with self._lock:
            if self._database is None:
                return [(None, RuntimeError("it is closed"))] * len(jobs)
            return _outcomes_of(jobs, self._database)


class Journal(Database):
    """The answers of one run of many calls."""

    APPLICATION: ClassVar[int] = 0x4D52544A
    TABLES: ClassVar[tuple[str, ...]] = (
        "CREATE TABLE results (key TEXT PRIMARY KEY, digest BLOB NOT NULL, answer BLOB NOT NULL)",
    )

    async def find(self, key: str, digest: bytes) -> bytes | None:
        """The stored answer to a request, None if there is none yet.

        Raises:
            ConfigurationError: under this key another request was stored.
            MaritacaError: the file cannot be read.
        """
        query = "SELECT digest, answer FROM results WHERE key = ?"
        row = await self._do(lambda database: database.execute(query, (key,)).fetchone())
        if row is None:
            return None
        if row[0] != digest:
            raise ConfigurationError(
                f"the journal {self._path} has an answer to another request as {key!r}: the inputs have changed "
                "or are in another order, or base_url is another one; use another journal, or custom_id to tell "
                "them apart"
            )
        answer: bytes = row[1]
        return answer

    async def store(self, key: str, digest: bytes, answer: bytes) -> None:
        """Put an answer on disk.

        Raises:
            MaritacaError: the file cannot be written.
        """
        command = "INSERT INTO results VALUES (?, ?, ?)"
        await self._do(lambda database: database.execute(command, (key, digest, answer)))


def _outcomes_of(
    jobs: list[Callable[[sqlite3.Connection], Any]], database: sqlite3.Connection
) -> list[_Outcome]:
    """All in one transaction; where one of them fails, each in its own, so that only that one fails."""
    try:
        with database:
            return [(job(database), None) for job in jobs]
    except Exception as error:  # noqa: BLE001 - handed to whoever waits; not only SQLite refuses a value
        if len(jobs) == 1:
            return [(None, error)]
    return [outcome for job in jobs for outcome in _outcomes_of([job], database)]


def _tell(jobs: Sequence[_Job], outcomes: Sequence[_Outcome]) -> None:
    for (_, waiting), (result, error) in zip(jobs, outcomes, strict=True):
        if waiting.done():
            continue
        if error is None:
            waiting.set_result(result)
        else:
            waiting.set_exception(error)
