"""JSON Schemas of everything that LangChain takes for a tool or a schema; no I/O.

LangChain writes out every reference, and leaves nothing but `{}` where a class refers to itself. Such a
class keeps its definitions here. Of a TypedDict it knows neither keys that may be missing nor pydantic's
`Field`, so those are read here.
"""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, Final

from langchain_core import tools  # loads its classes when they are first asked for
from langchain_core.utils.function_calling import convert_to_json_schema
from langchain_core.utils.json_schema import dereference_refs
from langchain_core.utils.pydantic import is_basemodel_subclass
from pydantic import BaseModel, TypeAdapter
from pydantic.json_schema import GenerateJsonSchema
from typing_extensions import is_typeddict

from maritaca_async.schemas import Schema, closed_schema

from ._answer_checks import referenced
from ._errors import ChatMaritacaConfigurationError
from ._typed_dicts import readable_typed_dict

if TYPE_CHECKING:
    from collections.abc import Iterator

_DEFINITIONS: Final = ("$defs", "definitions")  # pydantic 2 and 1
# Dictionaries with one of these are LangChain's business, even where they have a title.
_TOOL_KEYS: Final = frozenset({"name", "toolSpec", "function"})


def is_model(form: Any) -> bool:
    """Whether something is a pydantic class, of either version."""
    return isinstance(form, type) and is_basemodel_subclass(form)


class _WithoutFieldTitles(GenerateJsonSchema):
    """They say nothing that the names of the fields do not say."""

    def field_title_should_be_set(self, schema: Any) -> bool:  # noqa: ARG002 - the base class names it
        return False


def json_schema(form: Any, *, strict: bool | None = None) -> Schema:
    """The JSON Schema of a class, a tool, a function or a dictionary, its name under `title`.

    Args:
        form: What to describe.
        strict: True: objects take no other properties than those they name.

    Raises:
        ChatMaritacaConfigurationError: nothing a JSON Schema can be made of.
    """
    try:
        found = _own_schema(form)
        if found is None:
            return convert_to_json_schema(form, strict=strict)
        return closed_schema(found) if strict else found
    except Exception as error:
        raise unconvertible("schema", form, error) from error


def without_typed_dict(form: Any) -> Any:
    """A tool as it was given, but the JSON Schema of a TypedDict in its place."""
    return _with_root(_schema_by_pydantic(readable_typed_dict(form))) if is_typeddict(form) else form


def recursive_parameters(form: Any, *, strict: bool | None = None) -> Schema | None:
    """The arguments of a tool that refer to themselves; None for every other tool."""
    schema = _arguments_schema(form)
    if schema is None or not _is_recursive(schema):
        return None
    whole = _with_root(schema)
    parameters = {key: value for key, value in whole.items() if key not in ("title", "description")}
    return closed_schema(parameters) if strict else parameters


def unconvertible(what: str, form: Any, error: Exception) -> ChatMaritacaConfigurationError:
    """The error for a tool or schema that nothing can be made of."""
    if isinstance(form, dict) and "properties" in form and "title" not in form:
        return ChatMaritacaConfigurationError(
            f"a {what} given as JSON Schema needs a 'title', which is its name: {form!r:.200}"
        )
    name = getattr(form, "__name__", None) or f"{form!r:.200}"
    return ChatMaritacaConfigurationError(f"no {what} can be made of {name}: {error!s:.500}")


def _own_schema(form: Any) -> Schema | None:
    """The schema of a form that LangChain would not get right, None for the others."""
    if is_typeddict(form):
        schema = _schema_by_pydantic(readable_typed_dict(form))
    elif isinstance(form, type) and dataclasses.is_dataclass(form):
        schema = {"title": form.__name__, **_raw_schema(form)}
    elif is_model(form):
        schema = _raw_schema(form)
        if not _is_recursive(schema):
            return None
    elif isinstance(form, dict) and "title" in form and not _TOOL_KEYS & form.keys():
        # LangChain takes a schema whose root has no properties for a function without arguments.
        return dict(form) if "properties" not in form else None
    else:
        return None
    return _with_root(schema) if _is_recursive(schema) else _without_definitions(dereference_refs(schema))


def _arguments_schema(form: Any) -> Schema | None:
    if isinstance(form, tools.BaseTool):
        form = form.tool_call_schema
        if isinstance(form, dict):
            return form
    elif not isinstance(form, type) and callable(form):
        form = tools.create_schema_from_function(
            getattr(form, "__name__", ""),
            form,
            filter_args=(),
            parse_docstring=True,
            include_injected=False,
        )
    return _raw_schema(form) if is_model(form) else None


def _raw_schema(form: Any) -> Schema:
    if dataclasses.is_dataclass(form):
        return _schema_by_pydantic(form)
    schema: Schema = form.model_json_schema() if issubclass(form, BaseModel) else form.schema()
    return schema


def _schema_by_pydantic(form: Any) -> Schema:
    adapter: TypeAdapter[Any] = TypeAdapter(form)
    return adapter.json_schema(schema_generator=_WithoutFieldTitles)


def _is_recursive(schema: Schema) -> bool:
    reached = {name: set(_references(referenced(name, schema))) for name in set(_references(schema))}
    for _ in reached:
        for name, others in reached.items():
            reached[name] = others.union(*(reached.get(other, set()) for other in others))
    return any(name in others for name, others in reached.items())


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(reference := value.get("$ref"), str):
            yield reference
        for part in value.values():
            yield from _references(part)
    elif isinstance(value, list):
        for part in value:
            yield from _references(part)


def _with_root(schema: Schema) -> Schema:
    """The same with its root written out, for a root is expected to name its properties."""
    if "$ref" not in schema:
        return schema
    root = referenced(schema["$ref"], schema)
    return {**root, **{key: value for key, value in schema.items() if key != "$ref"}}


def _without_definitions(schema: Schema) -> Schema:
    return {key: value for key, value in schema.items() if key not in _DEFINITIONS}
