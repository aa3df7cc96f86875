"""A kind of answer described: an answer with every field, and what stands for each that is null or missing."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from mutants import Place
from pydantic import BaseModel

from .documents import Document

Reader = Callable[[bytes], Any]


class _Refused:
    def __repr__(self) -> str:
        return "REFUSED"


REFUSED = _Refused()
"""Stands for a field without which there is no answer."""


@dataclass(frozen=True)
class Kind:
    """A kind of answer."""

    section: int
    """Where the contract has it."""
    document: Document
    """An answer with all fields."""
    read: Reader
    """How the library reads it."""
    unset: dict[str, Any]
    """Each field, with what it is when null or missing."""
    reads: dict[str, Any] = field(default_factory=dict)
    """What fields are read as that are not read as they are written."""
    required: frozenset[str] = frozenset()
    """Fields that may be null but must not be missing."""
    refusal: type[Exception] = ValueError
    """What reading raises for what is no such answer: a call makes its own error of a ValueError."""

    def written(self) -> bytes:
        """The answer on the wire."""
        return json.dumps(self.document).encode()


def place_of(name: str) -> Place:
    """Where a field of this spelling stands: `a[].b` is b of the first of a, `a[2].b` of its third."""
    steps = re.findall(r"\w+|\[\d*\]", name)
    return tuple(int(step[1:-1] or 0) if step[0] == "[" else step for step in steps)


def typed(value: Any, place: Place) -> Any:
    """What stands there, every name on the way being a declared field."""
    for step in place:
        if isinstance(step, str):
            assert step in type(value).model_fields, f"{type(value).__name__}.{step} is not declared"
            value = getattr(value, step)
        else:
            value = value[step]
    return value


def plain(value: Any) -> Any:
    """A value as JSON has it."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.model_dump(mode="json", exclude_unset=True) if isinstance(value, BaseModel) else value
