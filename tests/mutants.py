"""Documents with fields that are null or missing: every one of them, not those that somebody thought of."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator
from typing import Any

Place = tuple[str | int, ...]
Change = tuple[Place, bool]

SEED = 1784310000


def places(node: Any, before: Place = ()) -> Iterator[Place]:
    """Where each value of a document stands, a container before what is in it."""
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, child in inner:
        yield (*before, key)
        yield from places(child, (*before, key))


def value_at(document: Any, place: Place) -> Any:
    """What stands there."""
    for key in place:
        document = document[key]
    return document


def spoilt(document: Any, place: Place, *, drop: bool) -> Any:
    """The document without one value, or with null in its place; the original stays whole."""
    key, *rest = place
    copied: Any = document.copy()
    if rest:
        copied[key] = spoilt(document[key], tuple(rest), drop=drop)
    elif drop:
        del copied[key]
    else:
        copied[key] = None
    return copied


def mutants(document: Any, size: int, at_most: int | None = None) -> Iterator[Any]:
    """Every document that differs in so many values, each null or missing; or a sample, the same in each run.

    Args:
        document: What to spoil.
        size: How many of its values.
        at_most: Of how many choices of values to take all of its mutants; None for every choice.
    """
    chosen = [way for way in itertools.combinations(places(document), size) if not _nested(way)]
    if at_most is not None and len(chosen) > at_most:
        chosen = random.Random(SEED).sample(chosen, at_most)
    for way in chosen:
        for drops in itertools.product([False, True], repeat=size):
            yield _with_all(document, list(zip(way, drops, strict=True)))


def _nested(way: tuple[Place, ...]) -> bool:
    """Whether one value holds another: then the mutant is one of fewer values."""
    return any(inner[: len(outer)] == outer for outer, inner in itertools.combinations(way, 2))


def _with_all(document: Any, changes: list[Change]) -> Any:
    # From the end, so that what is dropped from a list moves nothing that is still to come.
    for place, drop in reversed(changes):
        document = spoilt(document, place, drop=drop)
    return document


def with_unknown_fields(node: Any) -> Any:
    """The document with a field of the future in each of its objects."""
    if isinstance(node, dict):
        return {**{key: with_unknown_fields(child) for key, child in node.items()}, "campo_novo": UNKNOWN}
    return [with_unknown_fields(child) for child in node] if isinstance(node, list) else node


UNKNOWN: dict[str, Any] = {"x": [1, None, "ç"]}
