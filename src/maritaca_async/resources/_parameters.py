"""From keyword parameters to a JSON body: what chat completions and responses have in common; no I/O."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeAlias

from ..errors import ConfigurationError
from ..types._base import Model
from ..types.shared import RequestOptions

OPTION_NAMES = frozenset(RequestOptions.__annotations__)
"""Names of the options of a call, which are not part of its body."""

_MAX_PAIRS, _MAX_KEY, _MAX_VALUE = 16, 64, 512
_SINGLE = (str, bytes, bytearray, memoryview, Mapping)

Writer: TypeAlias = Callable[[str, Any], Any]
"""Checks a parameter, given its name and value, and gives it its wire form."""


def check_names(params: Iterable[Any]) -> None:
    """See to it that all names are strings, as those of keywords are.

    Raises:
        ConfigurationError: one is not.
    """
    for name in params:
        if not isinstance(name, str):
            raise ConfigurationError(f"names of parameters are strings, not {name!r:.80}")


def refuse_unknown(params: Mapping[str, Any], known: frozenset[str]) -> None:
    """See to it that all parameters are known.

    Raises:
        ConfigurationError: one is not, with the name that it may have been meant to be.
    """
    unknown = params.keys() - known
    if not unknown:
        return
    check_names(unknown)
    name = min(unknown)
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


def request_name(value: Any) -> str:
    """The `custom_id` of a request.

    Raises:
        ConfigurationError: no text, an empty one, or one that no file can hold.
    """
    name = text("custom_id", value)
    try:
        name.encode()
    except UnicodeEncodeError:
        raise ConfigurationError(
            f"custom_id must be a string that UTF-8 can write, and {name!r:.80} has half of a character (a lone "
            "surrogate)"
        ) from None
    return name


def metadata(_name: str, value: Any) -> Any:
    """Notes of the caller's own, within the documented limits (contract section 8).

    Raises:
        ConfigurationError: no mapping of texts, or one that is too large.
    """
    if not isinstance(value, Mapping):
        raise ConfigurationError(f"metadata must be a mapping of texts, not {type(value).__name__}")
    if len(value) > _MAX_PAIRS:
        raise ConfigurationError(f"metadata takes at most {_MAX_PAIRS} pairs, not {len(value)}")
    for key, text in value.items():
        if not isinstance(key, str) or not isinstance(text, str):
            raise ConfigurationError(f"metadata: {key!r:.80} and its value must be strings, not {text!r:.80}")
        if len(key) > _MAX_KEY:
            raise ConfigurationError(f"metadata: a key has at most {_MAX_KEY} characters, not {len(key)}")
        if len(text) > _MAX_VALUE:
            raise ConfigurationError(
                f"metadata: the value of {key!r} has {len(text)} characters, and {_MAX_VALUE} are the most"
            )
    return value


def text(name: str, value: Any) -> str:
    """A text that says something.

    Raises:
        ConfigurationError: it is none, or empty.
    """
    if not isinstance(value, str) or not value:
        raise ConfigurationError(f"{name} must be a string that is not empty, not {value!r:.80}")
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
        ConfigurationError: a text, bytes, a mapping, or nothing that can be iterated over.
    """
    if not is_list(value):
        raise ConfigurationError(f"{name} must be a list, not {type(value).__name__}")
    return list(value)


def is_list(value: Any) -> bool:
    """Whether a value is read as a list: anything to iterate over but texts, bytes and mappings."""
    # Nearly all are lists, and to ask an abstract class costs as much as everything else in a small request.
    return isinstance(value, list) or (isinstance(value, Iterable) and not isinstance(value, _SINGLE))


def content_part(part: Any) -> Any:
    """A part of a message; one that came with an answer takes its wire form."""
    return part.model_dump(mode="json", exclude_none=True) if isinstance(part, Model) else part


def whole_number(name: str, value: Any) -> int:
    """A whole number of at least 1.

    Raises:
        ConfigurationError: it is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise ConfigurationError(f"{name} must be a whole number of at least 1, not {value!r}")
    return value


def numbers(ranges: Mapping[str, tuple[float, float]]) -> dict[str, Writer]:
    """Writers of numbers that have to lie within limits.

    Args:
        ranges: Per parameter its lowest and its highest value.
    """

    def write(name: str, value: Any) -> Any:
        low, high = ranges[name]
        if not isinstance(value, int | float) or isinstance(value, bool) or not low <= value <= high:
            raise ConfigurationError(f"{name} must be a number from {low:g} to {high:g}, not {value!r}")
        return value

    return dict.fromkeys(ranges, write)
