"""TypedDicts in a form that pydantic reads; no I/O.

Before Python 3.12 pydantic refuses those of `typing`, and nowhere does it know how LangChain annotates fields.
"""

from __future__ import annotations

from types import UnionType
from typing import Annotated, Any, Final, Literal, Union, get_args, get_origin, get_type_hints

from pydantic import Field
from typing_extensions import TypedDict, is_typeddict

# Type checkers want the fields of a TypedDict written out.
_new_typed_dict: Final[Any] = TypedDict


def readable_typed_dict(kind: Any) -> Any:
    """The same TypedDict for pydantic, along with every other one that it mentions."""
    return _twin(kind, {})


def _twin(kind: Any, made: dict[Any, Any]) -> Any:
    if is_typeddict(kind):
        return made[kind] if kind in made else _typed_dict_twin(kind, made)
    origin, arguments = get_origin(kind), get_args(kind)
    if not arguments or origin is Literal:
        return kind
    if origin is Annotated:
        inner, *metadata = arguments
        twins = [_twin(inner, made), *_in_words_of_pydantic(metadata)]
    else:
        twins = [_twin(argument, made) for argument in arguments]
    form: Any = Union if origin is UnionType else origin
    return form[tuple(twins) if len(twins) > 1 else twins[0]]


def _typed_dict_twin(kind: Any, made: dict[Any, Any]) -> Any:
    # Known before its fields, for they may be of its own kind.
    made[kind] = twin = _new_typed_dict(kind.__name__, {})
    hints = get_type_hints(kind, include_extras=True)
    twin.__doc__, twin.__module__ = kind.__doc__, kind.__module__
    twin.__annotations__ = {name: _twin(hint, made) for name, hint in hints.items()}
    twin.__required_keys__ = {name for name in kind.__required_keys__ if not _has_default(hints[name])}
    return twin


def _in_words_of_pydantic(metadata: list[Any]) -> list[Any]:
    if not _is_langchains(metadata):
        return metadata
    default, description = metadata
    extra = None if default is ... else {"default": default}
    return [Field(description=description, json_schema_extra=extra)]


def _has_default(hint: Any) -> bool:
    metadata = list(getattr(hint, "__metadata__", ()))
    return _is_langchains(metadata) and metadata[0] is not ...


def _is_langchains(metadata: list[Any]) -> bool:
    """Whether a field is annotated as LangChain has it: `Annotated[type, default, description]`."""
    return len(metadata) == 2 and isinstance(metadata[1], str)
