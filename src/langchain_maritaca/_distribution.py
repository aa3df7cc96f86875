"""Notices the distribution `langchain-maritaca`, which has an import package of this name, too."""

from __future__ import annotations

import warnings
from importlib.metadata import distributions
from pathlib import Path

_OTHER = "langchain-maritaca"


def check_distributions() -> None:
    """Say what to uninstall if the other distribution is installed, too.

    In the same directory its files and ours have overwritten each other, so nothing here can be relied
    on. In another one, such as the system's below a virtual environment, ours are whole and merely hide it.

    Raises:
        ImportError: it is installed in the directory that holds this package.
    """
    for other in distributions(name=_OTHER):
        if other.read_text("METADATA") is None:  # what an interrupted removal left
            continue
        place = Path(str(other.locate_file("")))
        found = f"{_OTHER} {other.version} is installed beside maritaca-async, and both have a package langchain_maritaca"
        if place.resolve() == Path(__file__).parents[1].resolve():
            raise ImportError(
                f"{found}, so their files have overwritten each other: run `pip uninstall {_OTHER}` and "
                "then `pip install --force-reinstall --no-deps maritaca-async`",
                name="langchain_maritaca",
            )
        warnings.warn(
            f"{found}; it is in {place}, and which of the two an import finds depends on sys.path: "
            f"run `pip uninstall {_OTHER}`",
            stacklevel=3,
        )
