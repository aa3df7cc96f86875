"""The areas of the API, one module each: path, parameters and answer type of every endpoint.

Chat completions come with the client; the other areas are loaded when they are first asked for.
"""

from typing import TYPE_CHECKING

from .._on_demand import names_on_demand as _names_on_demand

if TYPE_CHECKING:
    from .batches import AsyncBatches
    from .files import AsyncFiles
    from .models import AsyncModels
    from .responses import AsyncResponses
else:
    __getattr__, __dir__ = _names_on_demand(
        globals(),
        {
            "batches": ("AsyncBatches",),
            "files": ("AsyncFiles",),
            "models": ("AsyncModels",),
            "responses": ("AsyncResponses",),
        },
    )

__all__ = ["AsyncBatches", "AsyncFiles", "AsyncModels", "AsyncResponses"]
