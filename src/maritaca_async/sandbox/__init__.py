"""A local server that speaks Maritaca's API: for demos, tests, documentation and benchmarks.

It shares no code with the client, so that it is able to disagree with it.
"""

from __future__ import annotations

from ._faults import Fault
from ._options import SandboxOptions
from ._server import Sandbox
from ._state import RecordedRequest

__all__ = ["Fault", "RecordedRequest", "Sandbox", "SandboxOptions"]
