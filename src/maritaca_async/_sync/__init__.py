"""The blocking face: the same objects, run on an event loop in another thread.

The areas beside chat completions, and the thread, are loaded when they are first asked for.
"""

from typing import TYPE_CHECKING

from .._on_demand import names_on_demand as _names_on_demand

if TYPE_CHECKING:
    from .batches import Batches
    from .files import Files
    from .loop_thread import LoopThread
    from .responses import Responses
else:
    __getattr__, __dir__ = _names_on_demand(
        globals(),
        {
            "batches": ("Batches",),
            "files": ("Files",),
            "loop_thread": ("LoopThread",),
            "responses": ("Responses",),
        },
    )

__all__ = ["Batches", "Files", "LoopThread", "Responses"]
