"""A file that appears under its name only when it is complete."""

from __future__ import annotations

import os
import secrets
import threading
from pathlib import Path
from typing import BinaryIO

from ..errors import ConfigurationError


class PartFile:
    """Written beside its place and moved there at the end. Every method blocks; for worker threads."""

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Choose the place; nothing is written yet.

        Raises:
            ConfigurationError: `path` names no file.
        """
        if not isinstance(path, str | os.PathLike) or not Path(path).name:
            raise ConfigurationError(f"path must name the file to write, not {path!r}")
        self._target = Path(path)
        self._part = self._target.with_name(f".{self._target.name[:200]}.{secrets.token_hex(4)}.part")
        self._file: BinaryIO | None = None
        self._discarded = False
        # A cancelled writer may still be in its thread when the file is discarded.
        self._lock = threading.Lock()

    def write(self, data: bytes) -> None:
        """Add to the end.

        Raises:
            OSError: the file cannot be written.
        """
        with self._lock:
            if not self._discarded:
                self._opened().write(data)

    def commit(self) -> None:
        """Give the file its name, in place of one that has it.

        Raises:
            OSError: the file cannot be written.
        """
        with self._lock:
            if not self._discarded:
                self._opened().close()
                self._part.replace(self._target)

    def discard(self) -> None:
        """Leave nothing behind."""
        with self._lock:
            self._discarded = True
            if self._file is not None:
                try:
                    self._file.close()
                finally:
                    self._part.unlink(missing_ok=True)

    def _opened(self) -> BinaryIO:
        if self._file is None:
            self._file = self._part.open("xb")
        return self._file
