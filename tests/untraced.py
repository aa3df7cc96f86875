"""Programs that measure themselves run in a process of their own, and without coverage, which costs time and memory."""

from __future__ import annotations

import os


def environment() -> dict[str, str]:
    """That of the tests without what has coverage measure child processes."""
    return {
        name: value for name, value in os.environ.items() if not name.startswith(("COVERAGE_", "COV_CORE_"))
    }
