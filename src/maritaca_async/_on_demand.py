"""Names that a package loads when they are first asked for, so that importing it does not wait for them."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def names_on_demand(
    package: dict[str, Any], places: Mapping[str, tuple[str, ...]]
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` of a package (PEP 562).

    Type checkers and readers find the same names imported under `if TYPE_CHECKING:` beside the call.

    Args:
        package: The `globals()` of its `__init__`.
        places: Modules below it, each with the names that it gives to the package.
    """
    root = package["__name__"]
    homes = {name: place for place, names in places.items() for name in names}

    def load(name: str) -> Any:
        if name in places:
            return import_module(f"{root}.{name}")
        if name not in homes:
            raise AttributeError(f"module {root!r} has no attribute {name!r}")
        package[name] = found = getattr(import_module(f"{root}.{homes[name]}"), name)
        return found

    return load, lambda: sorted({*package, *homes, *places})
