"""Files of a journal: SQLite, loaded when the first one is opened."""

from typing import TYPE_CHECKING

from ..._on_demand import names_on_demand as _names_on_demand

if TYPE_CHECKING:
    from ._sqlite import connect
else:
    __getattr__, __dir__ = _names_on_demand(globals(), {"_sqlite": ("connect",)})

__all__ = ["connect"]
