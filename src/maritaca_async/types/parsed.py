"""An answer that was read into a type of the caller's."""

from __future__ import annotations

from typing import Generic, TypeVar

from pydantic import PrivateAttr

from ._base import content_of
from .chat import ChatCompletion

T = TypeVar("T")


class ParsedCompletion(ChatCompletion, Generic[T]):
    """A completion whose text was read into a type; see `chat.completions.parse`."""

    _parsed: T = PrivateAttr()
    """Not a field: it is no part of what came over the wire."""

    @property
    def parsed(self) -> T:
        """The answer."""
        return self._parsed


def with_parsed(completion: ChatCompletion, parsed: T) -> ParsedCompletion[T]:
    """The same completion, with what was read out of it.

    Args:
        completion: The completion; its parts are shared, not copied.
        parsed: What its text says.
    """
    made: ParsedCompletion[T] = ParsedCompletion.model_construct(
        completion.model_fields_set, **content_of(completion)
    )
    made._parsed = parsed  # noqa: SLF001 - of this module
    made.choices[0].message.parsed = parsed
    if "http" in vars(completion):
        made.http = completion.http
    return made
