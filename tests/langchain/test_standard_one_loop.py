"""LangChain's standard integration tests once more, all asynchronous ones on one event loop.

In the usual run each test has a loop of its own, so that no connection lives longer than a test.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

SUITE = Path(__file__).parent / "test_standard_integration.py"
ONE_LOOP = [
    argument
    for option in ("asyncio_default_test_loop_scope", "asyncio_default_fixture_loop_scope")
    for argument in ("-o", f"{option}=session")
]


@pytest.mark.timeout(120)
def test_standard_suite_passes_on_one_loop_without_a_warning() -> None:
    command = [sys.executable, "-X", "dev", "-m", "pytest", str(SUITE), "-q", "-n0", "-W", "error", *ONE_LOOP]
    # The plugins take a child for a worker of this run's if it inherits what pytest tells its own workers.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    run = subprocess.run(
        command, capture_output=True, text=True, cwd=SUITE.parents[2], env=environment, check=False
    )
    assert run.returncode == 0, run.stdout[-3000:] + run.stderr[-3000:]
    assert re.fullmatch(r"\d+ passed, 12 skipped in .*", run.stdout.strip().splitlines()[-1])
