"""From keyword parameters to a JSON body: what chat completions and responses have in common; no I/O."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from ..errors import ConfigurationError
from ..types._base import Model
from ..types.shared import RequestOptions

OPTION_NAMES = frozenset(RequestOptions.__annotations__)
"""Names of the options of a call, which are not part of its body."""

Writer: TypeAlias = Callable[[str, Any], Any]
"""Checks a parameter, given its name and value, and gives it its wire form."""


def refuse_unknown(params: Mapping[str, Any], known: frozenset[str]) -> None:
    """See to it that all parameters are known.

    Raises:
        ConfigurationError: one is not, with the name that it may have been meant to be.
    """
    if params.keys() <= known:
        return
    name = min(params.keys() - known)
    close = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}? " if close else ""
    raise ConfigurationError(
        f"unknown parameter {name!r}: {hint}A parameter this library does not know goes into extra_body={{...}}"
    )


def written(
    params: Mapping[str, Any], writers: Mapping[str, Writer], known: frozenset[str]
) -> dict[str, Any]:
    """The JSON body: what the caller set and nothing else; without a writer, a value goes out as it is.

    Raises:
        ConfigurationError: naming the parameter and what it takes.
    """
    # Before anything is found missing: it may be there, misspelt.
    refuse_unknown(params, known)
    body: dict[str, Any] = {}
    for name, value in params.items():
        if name not in OPTION_NAMES:
            write = writers.get(name)
            body[name] = value if write is None or value is None else write(name, value)
    if not body.get("model"):
        raise ConfigurationError("model is missing: give the name of a model such as 'sabia-4'")
    return body


def model_name(_name: str, value: Any) -> str:
    """The name of a model.

    Raises:
        ConfigurationError: it is no text.
    """
    if not isinstance(value, str):
        raise ConfigurationError(f"model must be the name of a model such as 'sabia-4', not {value!r}")
    return value


def stop_texts(name: str, value: Any) -> list[Any]:
    """The texts that end an answer; a single one becomes a list.

    Raises:
        ConfigurationError: no text and no list.
    """
    return [value] if isinstance(value, str) else as_list(name, value)


def as_list(name: str, value: Any) -> list[Any]:
    """What an iterable brings, as a list.

    Raises:
        ConfigurationError: a text, a mapping, or nothing that can be iterated over.
    """
    if isinstance(value, str | Mapping) or not isinstance(value, Iterable):
        raise ConfigurationError(f"{name} must be a list, not {type(value).__name__}")
    return list(value)


def content_part(part: Any) -> Any:
    """A part of a message; one that came with an answer takes its wire form."""
    return part.model_dump(mode="json", exclude_none=True) if isinstance(part, Model) else part


def numbers(ranges: Mapping[str, tuple[float, float]]) -> dict[str, Writer]:
    """Writers of numbers that have to lie within limits.

    Args:
        ranges: Per parameter its lowest and its highest value; `math.inf` where there is no highest.
    """

    def write(name: str, value: Any) -> Any:
        low, high = ranges[name]
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            limits = f"from {low:g} to {high:g}" if high < math.inf else f"of at least {low:g}"
            raise ConfigurationError(f"{name} must be a number {limits}, not {value!r}")
        return value

    return dict.fromkeys(ranges, write)
