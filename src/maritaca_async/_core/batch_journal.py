"""A run of batches on disk: which request is in which shard, what was sent, and every answer.

Answers wait here until those before them are there: they are joined in the order of the requests without
being held in memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from .journal import Database

if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Sequence


@dataclass(slots=True)
class PlannedRequest:
    """One request as the journal knows it before it is answered."""

    place: int
    name: str | None
    """Its `custom_id` in the shard; None when it was refused."""
    own_name: bool
    """Whether the caller gave the name."""
    shard: int | None
    """The shard it is in; None when it was refused."""
    digest: bytes
    refusal: str | None
    """Why it cannot be sent."""


@dataclass(slots=True)
class StoredRequest:
    """One request on its way out."""

    place: int
    name: str | None
    own_name: bool
    shard: int | None
    refusal: str | None
    answer: bytes | None
    """The line of the batch's files that names it; None as long as there is none."""


@dataclass(slots=True)
class ShardRecord:
    """How far a shard has come."""

    file_id: str
    batch_id: str | None
    failed: int
    """Requests without an answer, once it has ended."""
    outcome: bytes | None
    """What to say about a request that its batch left out, as JSON; None until the shard has ended."""


class BatchJournal(Database):
    """The requests, shards and answers of one run."""

    APPLICATION: ClassVar[int] = 0x4D525442
    TABLES: ClassVar[tuple[str, ...]] = (
        "CREATE TABLE runs (total INTEGER NOT NULL)",
        """CREATE TABLE requests (place INTEGER PRIMARY KEY, name TEXT UNIQUE, own_name INTEGER NOT NULL,
        shard INTEGER, digest BLOB NOT NULL, refusal TEXT)""",
        """CREATE TABLE shards (number INTEGER PRIMARY KEY, file_id TEXT NOT NULL, batch_id TEXT,
        failed INTEGER NOT NULL, outcome BLOB)""",
        "CREATE TABLE answers (place INTEGER PRIMARY KEY, line BLOB NOT NULL)",
    )

    async def resume(self) -> int | None:
        """How many requests the run has that is here; None when it is a new one.

        Raises:
            MaritacaError: the file cannot be used. So with all methods below.
        """

        def job(database: sqlite3.Connection) -> int | None:
            row = database.execute("SELECT total FROM runs").fetchone()
            if row is None:
                # Nothing was sent before the plan was whole.
                database.execute("DELETE FROM requests")
                return None
            total: int = row[0]
            return total

        found: int | None = await self._do(job)
        return found

    async def plan(self, requests: Sequence[PlannedRequest]) -> PlannedRequest | None:
        """Note requests; gives one whose name another one has."""

        def job(database: sqlite3.Connection) -> PlannedRequest | None:
            command = "INSERT OR IGNORE INTO requests VALUES (?, ?, ?, ?, ?, ?)"
            for one in requests:
                row = (one.place, one.name, one.own_name, one.shard, one.digest, one.refusal)
                if not database.execute(command, row).rowcount:
                    return one
            return None

        twice: PlannedRequest | None = await self._do(job)
        return twice

    async def planned(self, first: int, count: int) -> list[tuple[bytes, int | None]]:
        """Digest and shard of the requests from one place on."""
        query = "SELECT digest, shard FROM requests WHERE place >= ? ORDER BY place LIMIT ?"
        rows: list[tuple[bytes, int | None]] = await self._do(
            lambda database: database.execute(query, (first, count)).fetchall()
        )
        return rows

    async def finish_plan(self, total: int) -> None:
        """Note that all requests are there: from now on they cannot change."""
        await self._do(lambda database: database.execute("INSERT INTO runs VALUES (?)", (total,)))

    async def shards(self) -> dict[int, ShardRecord]:
        """The shards whose files were uploaded, by number."""
        rows = await self._do(lambda database: database.execute("SELECT * FROM shards").fetchall())
        return {number: ShardRecord(*rest) for number, *rest in rows}

    async def uploaded(self, number: int, file_id: str) -> None:
        """Note the file of a shard, in place of one that is gone."""
        command = "INSERT OR REPLACE INTO shards VALUES (?, ?, NULL, 0, NULL)"
        await self._do(lambda database: database.execute(command, (number, file_id)))

    async def created(self, number: int, batch_id: str) -> None:
        """Note the batch of a shard."""
        command = "UPDATE shards SET batch_id = ? WHERE number = ?"
        await self._do(lambda database: database.execute(command, (batch_id, number)))

    async def ended(self, number: int, failed: int, outcome: bytes) -> None:
        """Note that every answer of a shard is here."""
        command = "UPDATE shards SET failed = ?, outcome = ? WHERE number = ?"
        await self._do(lambda database: database.execute(command, (failed, outcome, number)))

    async def keep(self, number: int, lines: Sequence[tuple[str, bytes]]) -> int:
        """Put lines of a shard's files on disk by the names in them; the first for a request counts.

        Returns:
            How many name no request of the shard.
        """

        def job(database: sqlite3.Connection) -> int:
            strays = 0
            for name, line in lines:
                query = "SELECT place FROM requests WHERE name = ? AND shard = ?"
                row = database.execute(query, (name, number)).fetchone()
                if row is None:
                    strays += 1
                else:
                    database.execute("INSERT OR IGNORE INTO answers VALUES (?, ?)", (row[0], line))
            return strays

        strays: int = await self._do(job)
        return strays

    async def stored(self, first: int, count: int) -> list[StoredRequest]:
        """The requests from one place on, with their answers."""
        query = (
            "SELECT place, name, own_name, shard, refusal, line FROM requests LEFT JOIN answers USING (place) "
            "WHERE place >= ? ORDER BY place LIMIT ?"
        )
        rows = await self._do(lambda database: database.execute(query, (first, count)).fetchall())
        return [StoredRequest(*row) for row in rows]
