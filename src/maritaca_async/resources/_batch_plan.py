"""The requests of a run: each is checked, noted in the journal and spooled before the first is sent."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from .._core.batch_journal import PlannedRequest
from .._core.journal import digest_of
from ..errors import ConfigurationError
from ._batch_shards import line_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from .._core.batch_journal import BatchJournal
    from ._batch_shards import Shards

_MOST_REQUESTS: Final = 250
_MOST_BYTES: Final = 1_000_000


class BatchPlan:
    """Requests on their way into shards; in memory are never more than a portion of them.

    Args:
        journal: Where the plan is kept, already open.
        folder: Where the shards are spooled.
        shards: Says which request goes where.
        base_url: Whom they are sent to, which is noted with each of them.
        known: How many requests the journal's run has; None for a new run.
        sent: The shards whose batches were started already, which are not spooled again.
        return_exceptions: Whether a request that cannot be sent becomes a result.
    """

    def __init__(
        self,
        journal: BatchJournal,
        folder: Path,
        shards: Shards,
        *,
        base_url: str,
        known: int | None,
        sent: frozenset[int],
        return_exceptions: bool,
    ) -> None:
        self.taken: int = 0
        """Requests so far."""
        self.refused: int = 0
        """Those of them that cannot be sent."""
        self.journal: BatchJournal = journal
        """Where the plan is kept."""
        self.folder: Path = folder
        """Where the shards are spooled."""
        self._shards = shards
        self._base_url = base_url.encode()
        self._known = known
        self._sent = sent
        self._return_exceptions = return_exceptions
        self._portion: list[PlannedRequest] = []
        self._spool: defaultdict[int, bytearray] = defaultdict(bytearray)
        self._size = 0

    def take(self, given: Any) -> bool:
        """Check the next request; whether it is time to `flush`. Does no I/O; for any thread.

        Raises:
            ConfigurationError: it cannot be sent.
        """
        place = self.taken
        self.taken += 1
        try:
            self._portion.append(self._placed(place, given))
        except ConfigurationError as error:
            refusal = f"requests[{place}]: {error}"
            if not self._return_exceptions:
                raise ConfigurationError(refusal) from None
            self.refused += 1
            # A lone surrogate is something that a database cannot hold.
            text = refusal.encode("utf-8", "replace")
            self._portion.append(PlannedRequest(place, None, False, None, digest_of(text), text.decode()))
        return len(self._portion) >= _MOST_REQUESTS or self._size >= _MOST_BYTES

    def _placed(self, place: int, given: Any) -> PlannedRequest:
        line, named = line_of(place, given)
        shard = self._shards.place(line)
        self._size += len(line.data)
        if shard not in self._sent:
            self._spool[shard] += line.data
        digest = digest_of(self._base_url, line.data)
        return PlannedRequest(place, line.custom_id, named, shard, digest, None)

    async def flush(self) -> None:
        """Note and spool what was taken.

        Raises:
            ConfigurationError: two requests have one name, or the journal's requests are others.
            MaritacaError: the journal cannot be written.
            OSError: the spool cannot be written.
        """
        portion, self._portion = self._portion, []
        spool, self._spool = self._spool, defaultdict(bytearray)
        self._size = 0
        if self._known is None:
            twice = await self.journal.plan(portion)
            if twice is not None:
                raise ConfigurationError(
                    f"requests[{twice.place}]: another request has the custom_id {twice.name!r}"
                )
        elif portion:
            await self._compare(portion)
        await asyncio.to_thread(_append, self.folder, spool)

    async def finish(self) -> None:
        """Note that these were all.

        Raises:
            ConfigurationError: the journal's run has more requests; and see `flush`.
        """
        await self.flush()
        if self._known is None:
            await self.journal.finish_plan(self.taken)
        elif self.taken != self._known:
            raise _changed(f"there are {self.taken:,} requests, and it has {self._known:,}")

    async def _compare(self, portion: list[PlannedRequest]) -> None:
        known = await self.journal.planned(portion[0].place, len(portion))
        for place, request in enumerate(portion):
            if place >= len(known):
                raise _changed(f"requests[{request.place}] is not in it")
            digest, shard = known[place]
            if request.digest != digest:
                raise _changed(f"requests[{request.place}] is another one in it")
            if request.shard != shard:
                raise _changed(f"with these shard_requests and shard_bytes, requests[{request.place}] moves")


def _changed(how: str) -> ConfigurationError:
    return ConfigurationError(
        f"the journal is of another run: {how}; give the same requests in the same order to the same base_url, "
        "or another journal"
    )


def _append(folder: Path, spool: Mapping[int, bytearray]) -> None:
    for number, lines in spool.items():
        with spool_file(folder, number).open("ab") as file:
            file.write(lines)


def spool_file(folder: Path, number: int) -> Path:
    """Where a shard is spooled."""
    return folder / f"shard-{number}.jsonl"
