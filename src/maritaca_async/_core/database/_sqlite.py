"""SQLite files that one run at a time may use: how they are opened and made."""

from __future__ import annotations

import sqlite3
from typing import TYPE_CHECKING, Final

from ...errors import ConfigurationError

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence

_SCHEMA: Final = 1
# A run that was broken off in this process may be about to close the file.
_PATIENCE: Final = 5.0


def connect(path: str | os.PathLike[str], application: int, tables: Sequence[str]) -> sqlite3.Connection:
    """Open a file, or make it.

    Args:
        path: Where it is.
        application: What tells it from those of others.
        tables: The commands that make it.

    Raises:
        ConfigurationError: it cannot be opened, is something else, or another run uses it.
    """
    try:
        database = sqlite3.connect(path, timeout=_PATIENCE, check_same_thread=False)
    except (sqlite3.Error, TypeError, ValueError) as error:
        raise ConfigurationError(f"the journal {path!r} cannot be opened: {error}") from error
    try:
        _prepare(database, application, tables)
    except sqlite3.Error as error:
        database.close()
        busy = "another run uses it" if "locked" in str(error) else str(error)
        raise ConfigurationError(f"the journal {path!r} cannot be used: {busy}") from error
    return database


def _prepare(database: sqlite3.Connection, application: int, tables: Sequence[str]) -> None:
    # One run at a time: a second one would send what the first is about to store.
    database.execute("PRAGMA locking_mode = EXCLUSIVE")
    found = {
        name: database.execute(f"PRAGMA {name}").fetchone()[0] for name in ("application_id", "user_version")
    }
    used = database.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]
    if used and found != {"application_id": application, "user_version": _SCHEMA}:
        raise sqlite3.DatabaseError("it is the database of something else")
    database.execute("PRAGMA journal_mode = WAL")
    # Answers are paid for: they survive a power cut, too.
    database.execute("PRAGMA synchronous = FULL")
    database.execute("BEGIN IMMEDIATE")
    if not used:
        for command in tables:
            database.execute(command)
        database.execute(f"PRAGMA application_id = {application}")
        database.execute(f"PRAGMA user_version = {_SCHEMA}")
    database.commit()
